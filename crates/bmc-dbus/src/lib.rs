//! The D-Bus contract: names, paths, proxies, discovery, and the direct line to ipmid.
//!
//! OpenBMC's names wherever OpenBMC has them; what it lacks stands under `org.ferrite`. The XML of every interface is in
//! `dbus-interfaces/`, and a test holds servers and proxies against it.

#[macro_use]
mod structure;

pub mod alerts;
mod aside;
pub mod boot;
pub mod console;
pub mod direct_line;
pub mod discovery;
pub mod discrete;
mod error_reply;
pub mod execute;
pub mod inventory;
pub mod names;
pub mod network;
mod own_name;
pub mod pef;
pub mod power;
pub mod sel;
pub mod sensor_numbers;
pub mod sensors;
mod serve;
pub mod sessions;
pub mod sol;
pub mod users;
pub mod watchdog;

pub use aside::set_aside;
pub use error_reply::{error_reply, is_absence};
pub use own_name::{OwnNameError, own_name};
pub use serve::{Serve, Served};
