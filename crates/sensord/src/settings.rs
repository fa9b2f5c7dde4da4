//! `sensord.toml`.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::sensor::{Policy, health::FailureLimits, history::Depth};

/// The file as README.md describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    pub(crate) board: PathBuf,
    pub(crate) sysfs: PathBuf,
    /// Where lines are: `cdev` or `unix:PATH`.
    pub(crate) gpio: String,
    poll_ms: u64,
    bus_deadline_ms: u64,
    failures_until_unavailable: u32,
    failures_until_broken: u32,
    debounce: u32,
    settle_ms: u64,
    history: Depth,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            board: "board.json".into(),
            sysfs: "/sys".into(),
            gpio: "cdev".to_owned(),
            poll_ms: 1000,
            bus_deadline_ms: 2000,
            failures_until_unavailable: 1,
            failures_until_broken: 5,
            debounce: 1,
            settle_ms: 5000,
            history: Depth::default(),
        }
    }
}

impl Settings {
    /// The poll period of records that give none.
    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    /// How long a bus may go without a read that comes back.
    pub(crate) fn bus_deadline(&self) -> Duration {
        Duration::from_millis(self.bus_deadline_ms)
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            failures: FailureLimits {
                unavailable: self.failures_until_unavailable,
                broken: self.failures_until_broken,
            },
            debounce: self.debounce,
            settle: Duration::from_millis(self.settle_ms),
            history: self.history,
        }
    }

    /// Holds the numbers against their ranges, which the file's syntax does not.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let deepest = self.history.readings.max(self.history.minutes).max(self.history.hours);
        let rules = [
            ((50..=3_600_000).contains(&self.poll_ms), "poll_ms: not within 50 to 3600000"),
            ((100..=600_000).contains(&self.bus_deadline_ms), "bus_deadline_ms: not within 100 to 600000"),
            (self.failures_until_unavailable >= 1, "failures_until_unavailable: less than 1"),
            (
                self.failures_until_broken >= self.failures_until_unavailable,
                "failures_until_broken: less than failures_until_unavailable",
            ),
            ((1..=100).contains(&self.debounce), "debounce: not within 1 to 100"),
            (self.settle_ms <= 600_000, "settle_ms: more than 600000"),
            (deepest <= 10_000, "history: more than 10000"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, broken)) => anyhow::bail!("sensord.toml: {broken}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_names_every_key_with_its_default() {
        let example: Settings = system_tests::read_example_config("sensord");
        assert_eq!(format!("{example:?}"), format!("{:?}", Settings::default()));
    }
}
