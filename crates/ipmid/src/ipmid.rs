//! What every handler is given.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use bmc_daemon::{Channel, ChannelTable};
use ipmi_wire::{
    CompletionCode,
    command::{app::DeviceId, app_channel::ChannelNumber},
};

use crate::{
    commands::PartialRecord, config::Config, dispatch::Caller, guid::Guids, identify::Identify,
    platform::Platform, reservation::Reservations, sensors::EventEnables,
};

/// The controller's identity, its channels, and the board behind it.
pub struct Ipmid {
    pub(crate) device_id: DeviceId,
    pub(crate) guids: Guids,
    pub(crate) channels: Arc<ChannelTable>,
    /// The board.
    pub(crate) platform: Platform,
    pub(crate) kept: Arc<Kept>,
}

/// What outlives a restart of the bus.
#[derive(Debug, Default)]
pub struct Kept {
    pub(crate) identify: Identify,
    pub(crate) reservations: Reservations,
    pub(crate) event_enables: EventEnables,
    /// The log record that a client adds part by part.
    partial_record: Mutex<Option<PartialRecord>>,
    /// The channel of the last Chassis Control, for Get System Restart Cause; 0 before the first.
    control_channel: AtomicU8,
}

impl Kept {
    /// The record that is being added part by part, which is then nobody's.
    pub(crate) fn take_partial_record(&self) -> PartialRecord {
        self.partial_record.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    pub(crate) fn keep_partial_record(&self, record: PartialRecord) {
        *self.partial_record.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
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
        Self { device_id: config.device.device_id(), guids, channels, platform, kept }
    }

    /// The channel that a request names.
    pub(crate) fn channel(&self, number: ChannelNumber, caller: &Caller) -> Result<&Channel, CompletionCode> {
        let number = number.resolve(caller.channel);
        self.channels.by_number(number).ok_or(CompletionCode::INVALID_DATA_FIELD)
    }
}
