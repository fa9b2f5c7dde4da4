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

/// What one round gave for a cell: one figure, or several of a kind, such as percentiles.
type Figures = Vec<f64>;

/// One line; each cell has figures for each round.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    unit: &'static str,
    cells: Vec<(Column, Vec<Figures>)>,
}

/// All lines in the order they were first measured.
#[derive(Debug, Default, Serialize)]
pub(super) struct Table(Vec<Row>);

impl Table {
    /// Takes down `value` of this round.
    pub(super) fn add(&mut self, column: Column, what: &str, unit: &'static str, value: f64) {
        self.add_all(column, what, unit, vec![value]);
    }

    /// Takes down `figures` of this round, which share a cell.
    pub(super) fn add_all(&mut self, column: Column, what: &str, unit: &'static str, figures: Figures) {
        let index = self.0.iter().position(|row| row.what == what).unwrap_or_else(|| {
            self.0.push(Row { what: what.to_owned(), unit, cells: Vec::new() });
            self.0.len() - 1
        });
        let Some(row) = self.0.get_mut(index) else { return };
        match row.cells.iter_mut().find(|(its, _)| *its == column) {
            Some((_, rounds)) => rounds.push(figures),
            None => row.cells.push((column, vec![figures])),
        }
    }

    /// For people: medians.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{:<68}", "");
        // Writing to a string does not fail.
        for column in COLUMNS {
            let _ = write!(text, " {:>28}", column.title());
        }
        text.push('\n');
        for row in &self.0 {
            let _ = write!(text, "{:<68}", format!("{} [{}]", row.what, row.unit));
            for column in COLUMNS {
                let _ = write!(text, " {:>28}", row.medians(column).unwrap_or("-".to_owned()));
            }
            text.push('\n');
        }
        text
    }
}

impl Row {
    /// The median of each figure.
    fn medians(&self, column: Column) -> Option<String> {
        let (_, rounds) = self.cells.iter().find(|(its, _)| *its == column)?;
        let median = |place: usize| {
            let mut values: Vec<f64> =
                rounds.iter().filter_map(|figures| figures.get(place).copied()).collect();
            values.sort_unstable_by(f64::total_cmp);
            values.get(values.len() / 2).copied().map(shown)
        };
        Some((0..rounds.first()?.len()).filter_map(median).collect::<Vec<_>>().join(" / "))
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
        for value in [3.0, 9.0, 4.0] {
            table.add_all(Column::Ferrite3, "tail", "us", vec![value, 100.0 * value]);
        }
        let text = table.text();
        let words = |line| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(1), ["command", "[us]", "90.0", "-", "5.00"]);
        assert_eq!(words(2), ["tail", "[us]", "-", "4.00", "/", "400", "-"]);
    }
}
