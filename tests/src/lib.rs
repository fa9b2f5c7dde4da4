//! System tests: real clients against the whole stack, faults, golden bytes, fuzz corpus replay.
//!
//! The library half is what tests share; daemon crates use its [`PrivateBus`] in their own tests too.

pub mod event_log;
mod example_config;
pub mod introspection;
mod private_bus;
mod qmp;
pub mod remote_console;
mod vm_host;

pub use example_config::{example_config, read_example_config};
pub use private_bus::PrivateBus;
pub use qmp::Qmp;
pub use vm_host::VmHost;
