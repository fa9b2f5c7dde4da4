//! What is configured of SOL: kept in a file, handed to the endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bmc_daemon::{StateError, StateFile};
use ipmi_wire::Privilege;
use rmcp_session::SolParameters;
use serde::{Deserialize, Serialize};

/// One step of the accumulate interval, and of the retry interval (v2.0 table 26-5).
const ACCUMULATE_STEP: Duration = Duration::from_millis(5);
const RETRY_STEP: Duration = Duration::from_millis(10);

/// What is kept over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    pub(crate) enable: bool,
    pub(crate) force_encryption: bool,
    pub(crate) force_authentication: bool,
    /// 2 to 5.
    pub(crate) privilege: u8,
    /// In steps of 5 ms, not 0.
    pub(crate) accumulate_interval: u8,
    /// Not 0.
    pub(crate) threshold: u8,
    /// 0 to 7.
    pub(crate) retry_count: u8,
    /// In steps of 10 ms.
    pub(crate) retry_interval: u8,
    /// Bits per second; 0 leaves the console's own.
    pub(crate) bit_rate: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            enable: true,
            force_encryption: true,
            force_authentication: true,
            privilege: Privilege::Administrator.into(),
            accumulate_interval: 12,
            threshold: 1,
            retry_count: 7,
            retry_interval: 25,
            bit_rate: 0,
        }
    }
}

/// Why a value is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It is not in its range.
    #[error("{field}: {value} is not {low} to {high}")]
    Range { field: &'static str, value: u8, low: u8, high: u8 },
    /// It could not be written; nothing changed.
    #[error(transparent)]
    Storage(#[from] StateError),
}

impl Kept {
    fn check(&self) -> Result<(), Refused> {
        let ranges = [
            ("Privilege", self.privilege, 2, 5),
            ("AccumulateIntervalMS", self.accumulate_interval, 1, 255),
            ("Threshold", self.threshold, 1, 255),
            ("RetryCount", self.retry_count, 0, 7),
        ];
        match ranges.into_iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((field, value, low, high)) => Err(Refused::Range { field, value, low, high }),
            None => Ok(()),
        }
    }
}

/// The SOL configuration of a channel, for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Configuration {
    file: StateFile<Kept>,
    /// The consoles by instance, from instance 1.
    pub(crate) consoles: Vec<String>,
    pub(crate) port: u16,
    now: Mutex<Now>,
    /// The bit rate is another one.
    pub(crate) rate_changed: tokio::sync::Notify,
}

#[derive(Debug, Clone)]
pub(crate) struct Now {
    pub(crate) kept: Kept,
    /// Set in progress (v2.0 table 26-5, parameter 0).
    pub(crate) progress: u8,
    pub(crate) volatile_rate: u64,
}

impl Configuration {
    /// What `file` keeps, or the defaults where it keeps nothing, or nothing that can be meant.
    pub(crate) fn load(file: StateFile<Kept>, consoles: Vec<String>, port: u16) -> Self {
        let loaded = file.load().map_err(Refused::from);
        let loaded =
            loaded.and_then(|kept| kept.map_or(Ok(Kept::default()), |kept| kept.check().map(|()| kept)));
        let kept = loaded.unwrap_or_else(|error| {
            tracing::error!("SOL has its default configuration: {}: {error}", file.path().display());
            Kept::default()
        });
        let volatile_rate = kept.bit_rate;
        let now = Mutex::new(Now { kept, progress: 0, volatile_rate });
        Self { file, consoles, port, now, rate_changed: tokio::sync::Notify::new() }
    }

    pub(crate) fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is kept.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), Refused> {
        let mut now = self.now();
        let mut kept = now.kept.clone();
        change(&mut kept);
        kept.check()?;
        if kept != now.kept {
            self.file.store(&kept)?;
            now.kept = kept;
        }
        Ok(())
    }

    /// The console of an instance; the endpoint activates none beyond them.
    pub(crate) fn console(&self, instance: u8) -> &str {
        let index = usize::from(instance).saturating_sub(1);
        self.consoles.get(index).map_or("default", String::as_str)
    }

    /// As the endpoint wants it.
    pub(crate) fn parameters(&self) -> SolParameters {
        let kept = self.now().kept.clone();
        SolParameters {
            enabled: kept.enable,
            force_encryption: kept.force_encryption,
            force_authentication: kept.force_authentication,
            privilege: Privilege::from_u8(kept.privilege).unwrap_or(Privilege::Administrator),
            accumulate: ACCUMULATE_STEP * u32::from(kept.accumulate_interval),
            threshold: usize::from(kept.threshold),
            retries: kept.retry_count,
            retry_interval: RETRY_STEP * u32::from(kept.retry_interval),
            instances: u8::try_from(self.consoles.len()).unwrap_or(u8::MAX),
            port: self.port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_kept_and_one_out_of_range_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let load = || {
            let file = StateFile::new(dir.path().join("sol-eth0.json"));
            Configuration::load(file, vec!["default".into()], 623)
        };
        let configuration = load();
        configuration.change(|kept| kept.retry_interval = 3).unwrap();
        assert!(configuration.change(|kept| kept.privilege = 1).is_err());
        assert!(configuration.change(|kept| kept.threshold = 0).is_err());
        assert_eq!(load().parameters().retry_interval, Duration::from_millis(30));
        assert_eq!(load().parameters().privilege, Privilege::Administrator);
    }

    #[test]
    fn the_defaults_are_those_of_the_endpoint() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path().join("sol.json"));
        let configuration = Configuration::load(file, vec!["default".into()], 623);
        assert_eq!(configuration.parameters(), SolParameters::default());
    }

    #[test]
    fn a_file_that_cannot_be_meant_leaves_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sol.json");
        for text in ["{torn", r#"{"privilege": 9}"#] {
            std::fs::write(&path, text).unwrap();
            let configuration =
                Configuration::load(StateFile::new(path.clone()), vec!["default".into()], 623);
            assert_eq!(configuration.now().kept, Kept::default());
        }
    }
}
