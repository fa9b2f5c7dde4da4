//! The simulated board: an hwmon tree, GPIO lines and a host, described by a TOML file.
//!
//! [`Board`] is the physics and knows no clock, file or socket: [`Board::step`] moves it on. Around it stand [`Tree`], which shows the
//! sensors as the kernel's hwmon would, and [`serve`], which adds the two sockets. [`control`] is the client of the control socket.
//! [`i2c`] is for daemons' tests alone: the kernel has no bus that a process could present to another.

mod board;
mod config;
pub mod control;
mod eeprom;
mod host;
pub mod i2c;
mod lines;
mod machine;
mod noise;
mod power_supply;
mod sensor;
mod serial_console;
mod serve;
mod tree;

pub use board::{Board, BoardState, SupplyState};
pub use config::{BoardConfig, ConfigError};
pub use control::{Button, Fault, Request};
pub use host::{Host, HostConfig, HostPhase, Wire};
pub use lines::{Line, Lines};
pub use sensor::SensorState;
pub use serial_console::{ConsoleConfig, SerialConsole, burst, screen};
pub use serve::serve;
pub use tree::Tree;
