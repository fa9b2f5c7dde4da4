//! What ipmid needs of the board, as small traits: D-Bus behind one side, table-driven fakes of the tests behind the other.

pub mod alerts;
pub mod boot;
pub mod dbus;
pub mod event_filter;
pub mod event_log;
pub mod host;
pub mod i2c;
pub mod inventory;
pub mod ipmb;
pub mod lan;
pub mod power;
pub mod sensors;
pub mod sessions;
pub mod sol;
pub mod users;
pub mod watchdog;

use std::{future::Future, pin::Pin, sync::Arc};

use ipmi_wire::CompletionCode;

/// What an action of a provider comes to. Readings have no future: they come from snapshots that signals keep.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, PlatformError>> + Send + 'a>>;

/// Why a provider did not give what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// No daemon on the bus provides it now.
    #[error("{0} is not on the bus")]
    Absent(&'static str),
    /// What is asked for does not exist there (a slot, a sensor, a record).
    #[error("no such object")]
    NotPresent,
    /// The provider refuses: not now, not this value.
    #[error("refused: {0}")]
    Refused(String),
    /// This is no value for it.
    #[error("wrong value: {0}")]
    Invalid(String),
    /// It can only be read.
    #[error("write-protected")]
    WriteProtected,
    /// Somebody else uses it now.
    #[error("busy")]
    Busy,
    /// It has no room for more.
    #[error("full")]
    Full,
    /// Anything else that went wrong on the way.
    #[error("{0}")]
    Failed(String),
}

/// The completion code for each, in one place.
impl From<PlatformError> for CompletionCode {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Absent(_) => Self::RESPONSE_NOT_PROVIDED,
            PlatformError::NotPresent => Self::NOT_PRESENT,
            PlatformError::Refused(_) | PlatformError::WriteProtected => Self::NOT_SUPPORTED_IN_STATE,
            PlatformError::Invalid(_) => Self::INVALID_DATA_FIELD,
            PlatformError::Busy => Self::NODE_BUSY,
            PlatformError::Full => Self::OUT_OF_SPACE,
            PlatformError::Failed(_) => Self::UNSPECIFIED,
        }
    }
}

/// All providers, each behind its own trait.
pub struct Platform {
    /// Power and identify.
    pub power: Arc<dyn power::Power>,
    /// System boot options.
    pub boot_options: Arc<dyn boot::BootOptions>,
    /// The host's watchdog timer.
    pub watchdog: Arc<dyn watchdog::Watchdog>,
    /// The user table.
    pub users: Arc<dyn users::Users>,
    /// Interfaces and LAN channels.
    pub lan: Arc<dyn lan::Lan>,
    /// Sessions of all channels.
    pub sessions: Arc<dyn sessions::Sessions>,
    /// Alerts over LAN channels.
    pub alerts: Arc<dyn alerts::Alerts>,
    /// Platform event filtering.
    pub event_filter: Arc<dyn event_filter::EventFilter>,
    /// Serial over LAN.
    pub sol: Arc<dyn sol::Sol>,
    /// Sensors.
    pub sensors: Arc<dyn sensors::Sensors>,
    /// The system event log.
    pub event_log: Arc<dyn event_log::EventLog>,
    /// FRU inventory areas.
    pub inventory: Arc<dyn inventory::Inventory>,
    /// The host's state as others know it.
    pub host: Arc<dyn host::Host>,
    /// Controllers on IPMBs.
    pub ipmb: Arc<dyn ipmb::Ipmb>,
    /// Devices on the controller's I2C buses.
    pub i2c: i2c::Transfers,
}

#[cfg(test)]
pub(crate) mod fake;
