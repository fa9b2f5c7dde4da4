//! The repository's own commands. The demo's half is a library: the system tests start the same stack.

pub mod bench;
pub mod demo;
pub mod deny;
pub mod guest;
pub mod guest_agent;
pub mod load;
pub mod qemu;
pub mod setup;
pub mod size;
pub mod step;
pub mod test;
pub mod workspace;
pub mod yocto;
