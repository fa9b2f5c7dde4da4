//! System tests: real clients against the whole stack, faults, golden bytes, fuzz corpus replay.
//!
//! The library half is what tests share; daemon crates use its [`PrivateBus`] in their own tests too.

mod agent;
mod client;
pub mod event_log;
mod eventually;
mod example_config;
pub mod introspection;
mod kcs_host;
mod private_bus;
mod qmp;
mod qtest;
pub mod remote_console;
mod terminal;
mod vm_bridge;
mod vm_host;

pub use agent::Agent;
pub use client::{Answer, Ipmitool};
pub use eventually::eventually;
pub use example_config::{example_config, read_example_config};
pub use kcs_host::KcsHost;
pub use private_bus::PrivateBus;
pub use qmp::Qmp;
pub use qtest::Qtest;
pub use terminal::Terminal;
pub use vm_bridge::VmBridge;
pub use vm_host::VmHost;
