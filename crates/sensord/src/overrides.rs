//! Thresholds and hysteresis that were set over D-Bus and outlive restarts.
//!
//! A write to flash happens only when somebody sets one: nothing is written in normal running.

use std::collections::BTreeMap;

use bmc_daemon::{StateError, StateFile};
use tokio::sync::Mutex;

use crate::sensor::{
    Sensor,
    threshold::{Level, Side},
};

/// By sensor (`temperature/CPU1`), then by setting (`CriticalHigh`, `HysteresisLow`). `None` is a threshold that was taken away.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, Option<f64>>>;

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Threshold(Level, Side),
    Hysteresis(Side),
}

impl Setting {
    /// What it is called in the file.
    pub(crate) fn key(self) -> String {
        match self {
            Self::Threshold(level, side) => format!("{}{}", level.name(), side.name()),
            Self::Hysteresis(side) => format!("Hysteresis{}", side.name()),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let thresholds =
            Level::ALL.into_iter().flat_map(|level| Side::BOTH.map(|side| Self::Threshold(level, side)));
        thresholds.chain(Side::BOTH.map(Self::Hysteresis))
    }
}

/// The file and what is in it.
#[derive(Debug)]
pub(crate) struct Overrides {
    table: Mutex<Table>,
    path: std::path::PathBuf,
}

/// What was set for one sensor.
#[derive(Debug)]
pub(crate) struct Kept(BTreeMap<String, Option<f64>>);

impl Kept {
    /// Puts it in force. A level that the board no longer has is passed over.
    pub(crate) fn apply(&self, sensor: &mut Sensor) {
        for setting in Setting::all() {
            match (setting, self.0.get(&setting.key())) {
                (_, None) => {}
                (Setting::Threshold(level, side), Some(value)) => {
                    sensor.set_threshold(level, side, value.unwrap_or(f64::NAN));
                }
                (Setting::Hysteresis(side), Some(value)) => {
                    sensor.set_hysteresis(side, value.unwrap_or_default());
                }
            }
        }
    }
}

impl Overrides {
    /// Reads the file; a file that cannot be read is an error, because the alarms an operator set would be gone in silence.
    pub(crate) fn load(file: &StateFile<Table>) -> Result<Self, StateError> {
        let table = file.load()?.unwrap_or_default();
        Ok(Self { table: Mutex::new(table), path: file.path().to_owned() })
    }

    /// What was set for the sensor called `key`.
    pub(crate) async fn of(&self, key: &str) -> Kept {
        Kept(self.table.lock().await.get(key).cloned().unwrap_or_default())
    }

    /// Keeps `value` for `sensor`; it is on the medium when this returns.
    pub(crate) async fn keep(&self, key: &str, setting: Setting, value: f64) -> anyhow::Result<()> {
        let mut table = self.table.lock().await;
        let mut next = table.clone();
        next.entry(key.to_owned()).or_default().insert(setting.key(), (!value.is_nan()).then_some(value));
        let file = StateFile::<Table>::new(self.path.clone());
        // Syncing takes as long as flash takes; the readings go on meanwhile.
        *table = tokio::task::spawn_blocking(move || file.store(&next).map(|()| next)).await??;
        Ok(())
    }
}
