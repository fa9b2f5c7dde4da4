//! Where alerts go: kept in a file.

use std::{
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bmc_daemon::{StateError, StateFile};
use ipmi_wire::command::transport::CommunityString;
use serde::{Deserialize, Serialize};

/// Destinations that are kept; beside them is the volatile one, 0.
pub(crate) const DESTINATIONS: u8 = 8;
/// How often an alert can be sent again.
const RETRIES: u8 = 7;

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Destination {
    /// Whether the manager says that it has a trap.
    pub(crate) acknowledged: bool,
    /// Seconds between attempts, less one.
    pub(crate) interval: u8,
    /// Attempts after the first, 0 to 7.
    pub(crate) retries: u8,
    /// Kept; the kernel's routes decide.
    pub(crate) backup_gateway: bool,
    /// 0.0.0.0 is none.
    pub(crate) address: Ipv4Addr,
    /// Kept; the kernel resolves the address.
    pub(crate) mac: [u8; 6],
}

impl Default for Destination {
    fn default() -> Self {
        Self {
            acknowledged: false,
            interval: 3,
            retries: 3,
            backup_gateway: false,
            address: Ipv4Addr::UNSPECIFIED,
            mac: [0; 6],
        }
    }
}

/// What is kept over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) community: String,
    /// From destination 1.
    destinations: Vec<Destination>,
}

impl Default for Kept {
    fn default() -> Self {
        let public = String::from_utf8_lossy(CommunityString::PUBLIC.text()).into_owned();
        Self { community: public, destinations: vec![Destination::default(); DESTINATIONS.into()] }
    }
}

/// Why a value is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no destination {0}, but 0 to {DESTINATIONS}")]
    NoDestination(u8),
    #[error("retries: {0} is not 0 to {RETRIES}")]
    Retries(u8),
    #[error("the community is not up to 18 printable ASCII characters")]
    Community,
    /// Nothing changed.
    #[error(transparent)]
    Storage(#[from] StateError),
}

/// The destinations of a channel, for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Configuration {
    file: StateFile<Kept>,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    kept: Kept,
    /// Destination 0.
    volatile: Destination,
}

impl Configuration {
    /// What `file` keeps, or the defaults where it keeps nothing, or nothing that can be meant.
    pub(crate) fn load(file: StateFile<Kept>) -> Self {
        let kept = file.load().unwrap_or_else(|error| {
            tracing::error!("alerts go nowhere, as delivered: {error}");
            None
        });
        let mut kept = kept.unwrap_or_default();
        if CommunityString::new(kept.community.as_bytes()).is_none() {
            tracing::error!(
                "the community of alerts is as delivered: {}: {}",
                file.path().display(),
                Refused::Community
            );
            kept.community = Kept::default().community;
        }
        kept.destinations.resize_with(DESTINATIONS.into(), Destination::default);
        Self { file, now: Mutex::new(Now { kept, volatile: Destination::default() }) }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn community(&self) -> String {
        self.now().kept.community.clone()
    }

    pub(crate) fn set_community(&self, community: &str) -> Result<(), Refused> {
        CommunityString::new(community.as_bytes()).ok_or(Refused::Community)?;
        let mut now = self.now();
        let kept = Kept { community: community.to_owned(), ..now.kept.clone() };
        self.keep(&mut now, kept)
    }

    pub(crate) fn destination(&self, number: u8) -> Result<Destination, Refused> {
        let now = self.now();
        match usize::from(number).checked_sub(1) {
            None => Ok(now.volatile.clone()),
            Some(place) => now.kept.destinations.get(place).cloned().ok_or(Refused::NoDestination(number)),
        }
    }

    pub(crate) fn set_destination(&self, number: u8, destination: Destination) -> Result<(), Refused> {
        if destination.retries > RETRIES {
            return Err(Refused::Retries(destination.retries));
        }
        let mut now = self.now();
        let Some(place) = usize::from(number).checked_sub(1) else {
            now.volatile = destination;
            return Ok(());
        };
        let mut kept = now.kept.clone();
        *kept.destinations.get_mut(place).ok_or(Refused::NoDestination(number))? = destination;
        self.keep(&mut now, kept)
    }

    fn keep(&self, now: &mut Now, kept: Kept) -> Result<(), Refused> {
        if kept != now.kept {
            self.file.store(&kept)?;
            now.kept = kept;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_kept_but_for_the_volatile_one() {
        let dir = tempfile::tempdir().unwrap();
        let load = || Configuration::load(StateFile::new(dir.path().join("alerts-eth0.json")));
        let there = Destination { address: Ipv4Addr::new(192, 0, 2, 7), ..Destination::default() };
        let configuration = load();
        for number in [0, DESTINATIONS] {
            configuration.set_destination(number, there.clone()).unwrap();
        }
        configuration.set_community("ops").unwrap();
        assert_eq!(configuration.destination(0).unwrap(), there);
        let again = load();
        assert_eq!(again.destination(DESTINATIONS).unwrap(), there);
        assert_eq!(again.destination(0).unwrap(), Destination::default());
        assert_eq!(again.community(), "ops");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alerts.json");
        std::fs::write(&path, "{torn").unwrap();
        let configuration = Configuration::load(StateFile::new(path));
        assert_eq!(configuration.community(), "public");
        assert!(configuration.set_community("a community of 19 b").is_err());
        assert!(configuration.set_community("tab\t").is_err());
        let path = dir.path().join("edited.json");
        std::fs::write(&path, r#"{"community": "nineteen characters"}"#).unwrap();
        assert_eq!(Configuration::load(StateFile::new(path)).community(), "public");
        let often = Destination { retries: 8, ..Destination::default() };
        assert!(configuration.set_destination(1, often).is_err());
        assert!(configuration.set_destination(DESTINATIONS + 1, Destination::default()).is_err());
        assert!(configuration.destination(DESTINATIONS + 1).is_err());
    }
}
