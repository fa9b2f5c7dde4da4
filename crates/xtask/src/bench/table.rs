//! What was measured: a line for each thing, a column for each contender.

use std::fmt::Write as _;

use serde::Serialize;

/// Who is measured, and with which cipher suite. `ipmi_sim` knows no suite 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Column {
    Ferrite17,
    Ferrite3,
    IpmiSim3,
}

pub(super) const COLUMNS: [Column; 3] = [Column::Ferrite17, Column::Ferrite3, Column::IpmiSim3];

impl Column {
    pub(super) fn suite(self) -> &'static str {
        match self {
            Self::Ferrite17 => "17",
            Self::Ferrite3 | Self::IpmiSim3 => "3",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Ferrite17 => "Ferrite, suite 17",
            Self::Ferrite3 => "Ferrite, suite 3",
            Self::IpmiSim3 => "ipmi_sim, suite 3",
        }
    }
}

/// One line; each cell has a value for each round.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    unit: &'static str,
    cells: Vec<(Column, Vec<f64>)>,
}

/// All lines in the order they were first measured.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Takes down `value` of this round.
    pub(super) fn add(&mut self, column: Column, what: &str, unit: &'static str, value: f64) {
        let index = self.0.iter().position(|row| row.what == what).unwrap_or_else(|| {
            self.0.push(Row { what: what.to_owned(), unit, cells: Vec::new() });
            self.0.len() - 1
        });
        let Some(row) = self.0.get_mut(index) else { return };
        match row.cells.iter_mut().find(|(its, _)| *its == column) {
            Some((_, rounds)) => rounds.push(value),
            None => row.cells.push((column, vec![value])),
        }
    }

    /// For people: medians.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{:<52}", "");
        // Writing to a string does not fail.
        for column in COLUMNS {
            let _ = write!(text, " {:>18}", column.title());
        }
        text.push('\n');
        for row in &self.0 {
            let _ = write!(text, "{:<52}", format!("{} [{}]", row.what, row.unit));
            for column in COLUMNS {
                let _ = write!(text, " {:>18}", row.median(column).map_or("-".to_owned(), shown));
            }
            text.push('\n');
        }
        text
    }
}

impl Row {
    fn median(&self, column: Column) -> Option<f64> {
        let (_, rounds) = self.cells.iter().find(|(its, _)| *its == column)?;
        let mut rounds = rounds.clone();
        rounds.sort_unstable_by(f64::total_cmp);
        rounds.get(rounds.len() / 2).copied()
    }
}

/// Three digits that mean something.
fn shown(value: f64) -> String {
    let decimals = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_median_of_each_contenders_rounds() {
        let mut table = Table::default();
        for value in [90.0, 300.0, 80.0] {
            table.add(Column::Ferrite17, "command", "us", value);
        }
        table.add(Column::IpmiSim3, "command", "us", 5.0);
        let text = table.text();
        let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["command", "[us]", "90.0", "-", "5.00"]);
    }
}
