//! Real clients against the whole stack on a simulated board.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed `unwrap` here is the test failing"
)]

mod alerts;
mod boot;
mod console;
mod contract;
mod discrete;
mod faults;
mod freeipmi;
mod fru;
mod host;
mod host_interface;
mod host_messages;
mod ipmitool;
mod netipmid;
mod policy;
mod power;
mod restart;
mod sdr;
mod sel;
mod sel_clients;
mod sensors;
mod sessions;
mod sol;
mod sol_clients;
mod sol_faults;
mod sol_network;
mod support;
mod watchdog;
