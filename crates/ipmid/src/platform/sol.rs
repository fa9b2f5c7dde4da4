//! Serial over LAN: its configuration, and which instances are active.

pub use bmc_dbus::sessions::ListedPayload;
use ipmi_wire::command::sol_configuration::SolParameter;

use super::Pending;

/// The seam to the owners of the LAN channels.
pub trait Sol: Send + Sync {
    /// The configuration of the channel `name`.
    fn configuration<'a>(&'a self, name: &'a str) -> Pending<'a, Configuration>;
    /// Sets one parameter of the channel `name`, of those that can be written.
    fn set<'a>(&'a self, name: &'a str, parameter: SolParameter) -> Pending<'a, ()>;
    /// The payloads that are active on the channel `name`.
    fn payloads<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<ListedPayload>>;
    /// Ends a payload on the channel `name`, whatever session it is of.
    fn deactivate<'a>(&'a self, name: &'a str, payload_type: u8, instance: u8) -> Pending<'a, ()>;
}

/// The configuration of Serial over LAN on one channel, in the units of IPMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Whether a change is going on.
    pub in_progress: bool,
    /// Whether it can be activated.
    pub enable: bool,
    /// Whether it must be encrypted.
    pub force_encryption: bool,
    /// Whether it must be authenticated.
    pub force_authentication: bool,
    /// The privilege that it takes, 2 to 5.
    pub privilege: u8,
    /// Steps of 5 ms, from 1.
    pub accumulate_interval: u8,
    /// Characters, from 1.
    pub threshold: u8,
    /// 0 to 7.
    pub retry_count: u8,
    /// Steps of 10 ms.
    pub retry_interval: u8,
    /// Bits a second from the next start on; 0 is the console's own.
    pub bit_rate: u64,
    /// Bits a second until then; 0 is the console's own.
    pub volatile_bit_rate: u64,
    /// How many consoles there are, each of which is an instance.
    pub consoles: usize,
    /// The UDP port.
    pub port: u16,
}

impl Default for Configuration {
    /// OpenBMC's defaults, where they are told at all.
    fn default() -> Self {
        Self {
            in_progress: false,
            enable: true,
            force_encryption: true,
            force_authentication: true,
            privilege: 4,
            accumulate_interval: 20,
            threshold: 1,
            retry_count: 7,
            retry_interval: 100,
            bit_rate: 0,
            volatile_bit_rate: 0,
            consoles: 1,
            port: ipmi_wire::rmcp::PORT,
        }
    }
}
