//! The figures beside what is wanted of them.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

/// What is wanted of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// For the reader's information.
    None,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) figures: Figures,
    /// As the load client printed them, and use by process.
    pub(super) raw: Vec<Value>,
}

impl Record {
    /// Writes everything to `path`.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub(super) fn save(&self, path: &Path, machine: &Value, loads: &Value) -> anyhow::Result<()> {
        let Self { figures, raw } = self;
        let all = json!({ "machine": machine, "load_average": loads, "figures": figures, "raw": raw });
        fs::write(path, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// One figure, measured once a round.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    what: String,
    unit: &'static str,
    target: Target,
    rounds: Vec<f64>,
}

/// All figures in the order they were first taken.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    /// Takes down `value` for this round.
    pub(super) fn add(&mut self, what: impl Into<String>, unit: &'static str, target: Target, value: f64) {
        let what = what.into();
        match self.0.iter_mut().find(|figure| figure.what == what) {
            Some(figure) => figure.rounds.push(value),
            None => self.0.push(Figure { what, unit, target, rounds: vec![value] }),
        }
    }

    /// A table for people: the median of the rounds, the least and the most, and the target.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:<52} {:>10} {:<10} {:>21}  target\n", "", "median", "", "least to most");
        for figure in &self.0 {
            let mut rounds = figure.rounds.clone();
            rounds.sort_unstable_by(f64::total_cmp);
            let at = |index: usize| rounds.get(index).copied().unwrap_or(f64::NAN);
            let (least, most) = (at(0), at(rounds.len().saturating_sub(1)));
            let range = if rounds.len() > 1 { format!("{least:.1} to {most:.1}") } else { String::new() };
            let Figure { what, unit, target, .. } = figure;
            let median = at(rounds.len() / 2);
            // Writing to a string does not fail.
            let _ = writeln!(text, "{what:<52} {median:>10.1} {unit:<10} {range:>21}  {}", target.shown());
        }
        text
    }
}

impl Target {
    fn shown(self) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
            Self::None => "-".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_the_median_of_the_rounds_beside_the_target() {
        let mut figures = Figures::default();
        for value in [90.0, 300.0, 80.0] {
            figures.add("command", "us", Target::AtMost(120.0), value);
        }
        let table = figures.table();
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["command", "90.0", "us", "80.0", "to", "300.0", "<=", "120"]);
    }
}
