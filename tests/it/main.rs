//! Real clients against the whole stack on a simulated board.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed `unwrap` here is the test failing"
)]

mod console;
mod contract;
mod faults;
mod freeipmi;
mod ipmitool;
mod netipmid;
mod policy;
mod power;
mod restart;
mod sensors;
mod sessions;
mod support;
