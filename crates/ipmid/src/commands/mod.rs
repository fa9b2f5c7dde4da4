//! The handlers, one file per group of commands: from a typed request to a typed response or a completion code.

pub(crate) mod acpi;
pub(crate) mod app;
pub(crate) mod boot;
pub(crate) mod channel;
pub(crate) mod chassis;
mod discrete;
pub(crate) mod event;
pub(crate) mod firewall;
pub(crate) mod fru;
pub(crate) mod host_message;
pub(crate) mod lan;
pub(crate) mod master_write_read;
pub(crate) mod payload;
pub(crate) mod pef;
pub(crate) mod sdr;
pub(crate) mod sel;
pub(crate) mod sensor;
pub(crate) mod session;
pub(crate) mod sol;
pub(crate) mod system_info;
pub(crate) mod user;
pub(crate) mod watchdog;

#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod tests;
