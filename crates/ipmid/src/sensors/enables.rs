//! Which events clients switched off (v2.0§35.10). They are on again after a restart, as the specification has it for a reset.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::Address;

/// What is enabled of a sensor's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enabled {
    /// Whether it sends events at all.
    pub(crate) messages: bool,
    /// Assertion events.
    pub(crate) assertion: u16,
    /// Deassertion events.
    pub(crate) deassertion: u16,
}

impl Enabled {
    const ALL: Self = Self { messages: true, assertion: u16::MAX, deassertion: u16::MAX };

    /// The assertion and deassertion events that are sent.
    pub(crate) fn masks(self) -> (u16, u16) {
        if self.messages { (self.assertion, self.deassertion) } else { (0, 0) }
    }
}

/// The sensors of which not all is enabled.
#[derive(Debug)]
pub(crate) struct EventEnables {
    changed: Mutex<HashMap<Address, Enabled>>,
    generation: watch::Sender<u32>,
}

impl Default for EventEnables {
    fn default() -> Self {
        Self { changed: Mutex::default(), generation: watch::Sender::new(0) }
    }
}

impl EventEnables {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Enabled>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is enabled of a sensor.
    pub(crate) fn get(&self, address: Address) -> Enabled {
        self.lock().get(&address).copied().unwrap_or(Enabled::ALL)
    }

    /// Enables just this.
    pub(crate) fn set(&self, address: Address, enabled: Enabled) {
        if enabled == Enabled::ALL {
            self.lock().remove(&address);
        } else {
            self.lock().insert(address, enabled);
        }
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// Enables everything again.
    pub(crate) fn reset(&self) {
        self.lock().clear();
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }

    /// Changes with every change.
    pub(crate) fn generation(&self) -> watch::Receiver<u32> {
        self.generation.subscribe()
    }
}
