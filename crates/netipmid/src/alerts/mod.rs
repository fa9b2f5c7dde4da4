//! Alerts over this channel: an event goes as a platform event trap to an SNMP manager (v2.0§17.16).

mod configuration;
mod sending;
mod service;

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
};

use rmcp_session::Random as _;
use tokio::sync::oneshot;

use crate::driver::Kernel;

pub(crate) use self::{
    configuration::{Configuration, Kept},
    service::publish,
};

/// The alerts of a channel, for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Alerts {
    pub(crate) configuration: Configuration,
    /// Where managers listen.
    port: u16,
    /// The interface that alerts go out on, where the channel is bound to it.
    device: Option<String>,
    /// The number of the trap that was sent last.
    sequence: AtomicU16,
    /// Those who wait until a manager acknowledges a trap, by its number and time.
    waiting: Mutex<HashMap<(u16, u32), oneshot::Sender<()>>>,
}

impl Alerts {
    pub(crate) fn new(configuration: Configuration, port: u16, device: Option<String>) -> Self {
        // At random: who has not seen a trap cannot acknowledge it.
        let mut first = [0; 2];
        let first = Kernel::new().fill(&mut first).map_or(0, |()| u16::from_le_bytes(first));
        Self { configuration, port, device, sequence: AtomicU16::new(first), waiting: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<(u16, u32), oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for the next trap.
    fn next_sequence(&self) -> u16 {
        self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// A manager acknowledges a trap; whether it was waited for.
    fn acknowledge(&self, sequence: u16, timestamp: u32) -> bool {
        let waiting = self.waiting().remove(&(sequence, timestamp));
        waiting.is_some_and(|waiting| waiting.send(()).is_ok())
    }
}
