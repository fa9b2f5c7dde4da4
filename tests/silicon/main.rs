//! On the emulated AST2600: real kernel drivers, systemd, a client outside, and a host at its registers.
//!
//! `cargo xtask qemu test` boots the board and tells of it in `FERRITE_BOARD`. All tests are on the one board, one after the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed unwrap is the test failing"
)]

mod board;
mod console;
mod faults;
mod fru;
mod host;
mod lan;
mod power;
mod report;
mod sensors;
mod units;
