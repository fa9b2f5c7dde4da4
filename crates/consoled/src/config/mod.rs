//! Which console this instance serves, and how.
//!
//! Three stages: a file is read as it is written (`find.rs`, `obmc.rs`), both kinds give [`Raw`] values with their lines, and
//! [`Raw::check`] makes [`Settings`] that cannot be wrong.

mod find;
mod obmc;
mod values;

pub(crate) use find::find;
pub(crate) use values::Raw;

use std::path::PathBuf;

use bmc_hw::serial::{
    FlowControl,
    lpc::{Route, Vuart},
};

use crate::log::LogSettings;

/// The console that an instance serves where nothing else is said; OpenBMC's netipmid looks for this one.
pub(crate) const DEFAULT_ID: &str = "default";

/// Who may connect to the abstract socket, which has no file whose mode would say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AbstractSocket {
    /// There is none.
    Off,
    /// root, and this daemon's own user.
    #[default]
    Root,
    /// Every user of the machine, as obmc-console has it.
    All,
}

/// A console, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The end of the bus name, the path and the abstract socket.
    pub(crate) id: String,
    /// The device file.
    pub(crate) tty: PathBuf,
    /// Bits per second; what the UART has where there is none.
    pub(crate) baud: Option<u32>,
    pub(crate) flow_control: FlowControl,
    /// Bytes of the ring.
    pub(crate) ring_size: usize,
    /// Readers at once.
    pub(crate) readers: usize,
    pub(crate) abstract_socket: AbstractSocket,
    /// A socket with a path, mode 0600.
    pub(crate) socket: Option<PathBuf>,
    /// Where no log is kept, none.
    pub(crate) log: Option<LogSettings>,
    pub(crate) vuart: Vuart,
    pub(crate) routes: Vec<Route>,
    /// What rings the host, where the board can.
    pub(crate) ring_line: Option<RingLine>,
}

/// The GPIO line of the host's ring indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RingLine {
    pub(crate) name: String,
    /// Whether it is high while it rings.
    pub(crate) high: bool,
}

#[cfg(test)]
mod tests;
