//! Who sends a request.

use bmc_daemon::ChannelMedium;
use ipmi_wire::{Lun, Privilege};

/// The sender of a request, as the owner of its channel vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The channel it came over.
    pub channel: u8,
    /// What carries that channel.
    pub medium: ChannelMedium,
    /// What the sender may do; `None` before a session.
    pub privilege: Option<Privilege>,
    /// The user's slot; `None` on channels without sessions and before a session.
    pub user_slot: Option<u8>,
    /// The managed system's session ID; `None` as for `user_slot`.
    pub session_id: Option<u32>,
    /// The logical unit that the request is for. Sensor commands use it as a part of the sensor's address.
    pub lun: Lun,
}

impl Caller {
    /// A sender on a channel without sessions: it has every right, as OpenBMC gives it (the host's BIOS configures the BMC).
    pub fn without_session(channel: u8, medium: ChannelMedium) -> Self {
        Self {
            channel,
            medium,
            privilege: Some(Privilege::Administrator),
            user_slot: None,
            session_id: None,
            lun: Lun::BMC,
        }
    }
}
