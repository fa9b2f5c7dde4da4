//! What the tests share: a running stack, and clients for it.

mod client;
mod console;
mod guest;
mod lossy;
mod process;
mod shell;
mod stack;

pub(crate) use client::{freeipmi, freeipmi_with_sensors};
pub(crate) use console::{attach, attach_at, login};
pub(crate) use guest::Guest;
pub(crate) use lossy::{Faults, Lossy, noise};
pub(crate) use process::{Started, crash, crash_and_restart, start_again, start_as};
pub(crate) use shell::Shell;
pub(crate) use stack::{Running, shared};
pub(crate) use system_tests::{Answer, Ipmitool, Terminal, eventually};
