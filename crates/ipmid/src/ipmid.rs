//! What every handler is given.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use bmc_daemon::{Channel, ChannelTable};
use ipmi_wire::{
    CompletionCode,
    command::{app::DeviceId, app_channel::ChannelNumber},
};

use crate::{
    config::{Config, I2cDevice, IpmbDevice},
    dispatch::{Caller, Entry},
    guid::Guids,
    host::{HostMessages, HostSettings},
    identify::Identify,
    partial_record::Assembly,
    platform::Platform,
    reservation::Reservations,
    restriction::{HostState, Restrictions},
    sensors::EventEnables,
    stored::Stored,
    update_mode::UpdateMode,
};

/// The controller's identity, its channels, and the board behind it.
pub struct Ipmid {
    pub(crate) device_id: DeviceId,
    pub(crate) guids: Guids,
    pub(crate) channels: Arc<ChannelTable>,
    /// Where Send Message reaches.
    pub(crate) ipmb: Vec<IpmbDevice>,
    /// Where Master Write-Read reaches.
    pub(crate) i2c: Vec<I2cDevice>,
    /// The board.
    pub(crate) platform: Platform,
    pub(crate) kept: Arc<Kept>,
}

/// What outlives a restart of the bus.
#[derive(Debug, Default)]
pub struct Kept {
    pub(crate) identify: Identify,
    pub(crate) reservations: Reservations,
    /// Who has the SDR repository to itself.
    pub(crate) update_mode: UpdateMode,
    /// What waits for the host.
    pub(crate) messages: HostMessages,
    /// What the host set.
    pub(crate) host: Stored<HostSettings>,
    /// What channels may send.
    pub(crate) restrictions: Stored<Restrictions>,
    pub(crate) event_enables: EventEnables,
    /// The log record that a client adds part by part.
    pub(crate) partial_event: Assembly,
    /// The sensor data record that a client adds part by part.
    pub(crate) partial_sdr: Assembly,
    /// The channel of the last Chassis Control, for Get System Restart Cause; 0 before the first.
    control_channel: AtomicU8,
    /// Held by who changes a LAN channel's parameters: the channels on which a change is going on.
    pub(crate) lan_changes: tokio::sync::Mutex<BTreeSet<u8>>,
    /// Held by who changes the configuration of Serial over LAN.
    pub(crate) sol_changes: tokio::sync::Mutex<()>,
}

impl Kept {
    /// With what was stored of an earlier run.
    pub(crate) fn new(host: HostSettings, restrictions: Restrictions) -> Self {
        let (host, restrictions) = (Stored::new(host), Stored::new(restrictions));
        Self { host, restrictions, ..Self::default() }
    }

    /// The host was reset or lost its power: nothing waits for the software that ran on it.
    pub(crate) fn host_was_reset(&self) {
        self.messages.clear(u8::MAX);
        self.host.change(HostSettings::host_was_reset);
    }

    pub(crate) fn control_channel(&self) -> u8 {
        self.control_channel.load(Ordering::Relaxed)
    }

    pub(crate) fn set_control_channel(&self, channel: u8) {
        self.control_channel.store(channel, Ordering::Relaxed);
    }
}

impl Ipmid {
    /// A controller with this identity on `platform`.
    pub fn new(
        config: &Config,
        guids: Guids,
        channels: Arc<ChannelTable>,
        platform: Platform,
        kept: Arc<Kept>,
    ) -> Self {
        let (ipmb, i2c) = (config.ipmb.clone(), config.i2c.clone());
        Self { device_id: config.device.device_id(), guids, channels, ipmb, i2c, platform, kept }
    }

    /// Whether `caller` may have `entry` run with `data`.
    ///
    /// # Errors
    /// As [`Restrictions::admit`].
    pub(crate) fn admit(&self, caller: &Caller, entry: &Entry, data: &[u8]) -> Result<(), CompletionCode> {
        self.kept.restrictions.get(|restrictions| {
            let host_state = || HostState {
                mode: self.platform.host.mode().unwrap_or(restrictions.mode),
                booted: self.platform.host.booted(),
            };
            restrictions.admit(caller, entry, data, host_state)
        })
    }

    /// The channel that a request names.
    pub(crate) fn channel(&self, number: ChannelNumber, caller: &Caller) -> Result<&Channel, CompletionCode> {
        let number = number.resolve(caller.channel);
        self.channels.by_number(number).ok_or(CompletionCode::INVALID_DATA_FIELD)
    }
}
