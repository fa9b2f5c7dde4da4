//! System tests: real clients against the whole stack, faults, golden bytes, fuzz corpus replay.
//!
//! The library half is what tests share; daemon crates use its [`PrivateBus`] in their own tests too.

pub mod introspection;
mod private_bus;
mod qmp;

pub use private_bus::PrivateBus;
pub use qmp::Qmp;
