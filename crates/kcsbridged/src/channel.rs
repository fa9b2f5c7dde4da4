//! What the driver and the objects on the bus share.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bmc_dbus::direct_line::Lines;
use bmc_hw::host_interface::{HostError, HostInterface, PowerControl};
use tokio::sync::Notify;

use crate::{config::Checked, counters::Counters};

/// One host channel, for as long as the process lives.
pub(crate) struct HostChannel {
    /// The name in `channels.toml`.
    pub(crate) name: String,
    /// One word for the kind of interface.
    pub(crate) backend: &'static str,
    /// Whether powerd's doings go to the virtual machine.
    pub(crate) follow_power: bool,
    /// Whether to own `org.openbmc.HostIpmi`.
    pub(crate) legacy_attention: bool,
    /// What happened.
    pub(crate) counters: Counters,
    /// The ways to ipmid.
    pub(crate) lines: Lines,
    /// The interface was acted on from outside the driver, which has to look.
    pub(crate) acted: Notify,
    /// Something happened that the bus is told of.
    pub(crate) reported: Notify,
    interface: Mutex<Box<dyn HostInterface>>,
    attention: AtomicBool,
    connected: AtomicBool,
    aborted: AtomicBool,
}

impl HostChannel {
    /// Opens the interface.
    pub(crate) fn open(config: &Checked) -> Result<Self, HostError> {
        Ok(Self::new(config, config.backend.open()?))
    }

    pub(crate) fn new(config: &Checked, interface: Box<dyn HostInterface>) -> Self {
        Self {
            name: config.channel.clone(),
            backend: config.backend.name(),
            follow_power: config.follow_power,
            legacy_attention: config.legacy_attention,
            counters: Counters::default(),
            lines: Lines::default(),
            acted: Notify::new(),
            reported: Notify::new(),
            interface: Mutex::new(interface),
            attention: AtomicBool::new(false),
            connected: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
        }
    }

    /// The interface; held for one call, never across an await.
    pub(crate) fn interface(&self) -> MutexGuard<'_, Box<dyn HostInterface>> {
        self.interface.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the host that there is something to fetch, or no longer.
    pub(crate) fn set_attention(&self, on: bool) -> Result<(), HostError> {
        self.interface().set_attention(on)?;
        self.attention.store(on, Ordering::Relaxed);
        self.acted.notify_one();
        Ok(())
    }

    pub(crate) fn attention(&self) -> bool {
        self.attention.load(Ordering::Relaxed)
    }

    /// Has the driver end the transfer under way.
    pub(crate) fn abort(&self) -> Result<(), HostError> {
        match self.interface().force_abort() {
            // The driver ends it with a response instead.
            Ok(()) | Err(HostError::Unsupported(_)) => {}
            Err(error) => return Err(error),
        }
        self.aborted.store(true, Ordering::Relaxed);
        self.acted.notify_one();
        Ok(())
    }

    /// Whether [`HostChannel::abort`] was called since the last look.
    pub(crate) fn take_abort(&self) -> bool {
        self.aborted.swap(false, Ordering::Relaxed)
    }

    /// Acts on the power of the virtual machine.
    pub(crate) fn control(&self, control: PowerControl) -> Result<(), HostError> {
        let result = self.interface().control(control);
        self.acted.notify_one();
        result
    }

    /// Whether a virtual machine is connected.
    pub(crate) fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
        self.reported.notify_one();
    }
}
