//! Platform event filtering (v2.0§17): which events lead to which actions, and the parameters that say so (v2.0 table 30-6).

mod filter;
mod parameter;
mod policy;

pub use filter::{DataFilter, EventFilter};
pub use parameter::{GuidOfTraps, PARAMETER_REVISION, PefParameter, StringKey};
pub use policy::{AlertPolicy, SendWhen};

/// What platform event filtering can do: bits of Get PEF Capabilities, of the action global control, of a filter's actions, and of the
/// event that tells of them (v2.0 table 42-3, type 12h, offset 04h).
pub mod action {
    /// Send an alert.
    pub const ALERT: u8 = 0x01;
    /// Power off.
    pub const POWER_DOWN: u8 = 0x02;
    /// Reset.
    pub const RESET: u8 = 0x04;
    /// Power off and on.
    pub const POWER_CYCLE: u8 = 0x08;
    /// The vendor's.
    pub const OEM: u8 = 0x10;
    /// Interrupt the host (non-maskable).
    pub const DIAGNOSTIC_INTERRUPT: u8 = 0x20;

    /// What changes the host's state, the most important first: of several that are wanted the first alone is done (v2.0§17.6).
    pub const BY_PRIORITY: [u8; 4] = [POWER_DOWN, POWER_CYCLE, RESET, DIAGNOSTIC_INTERRUPT];
}

/// Bits of the PEF control parameter.
pub mod control {
    /// Filtering is on.
    pub const ENABLE: u8 = 0x01;
    /// An action is an event itself.
    pub const EVENTS: u8 = 0x02;
    /// Actions wait after the host was switched on or reset.
    pub const STARTUP_DELAY: u8 = 0x04;
    /// Alerts do.
    pub const ALERT_STARTUP_DELAY: u8 = 0x08;
}

/// What became of an alert that Alert Immediate sent (v2.0§30.7).
pub mod alert_status {
    /// None was sent, or the status was forgotten.
    pub const NONE: u8 = 0x00;
    /// It arrived, as far as that is known.
    pub const DONE: u8 = 0x01;
    /// Nobody acknowledged it.
    pub const NOT_ACKNOWLEDGED: u8 = 0x03;
    /// It is on its way.
    pub const PENDING: u8 = 0xFF;
}

#[cfg(test)]
mod tests;
