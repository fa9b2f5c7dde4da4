//! What every daemon does the same way.
//!
//! A daemon crate exports one [`Daemon`] constant; the `ferrite` executable picks it by name and calls [`main`], which reads the
//! arguments, starts logging, tells systemd about readiness and liveness, turns signals into [`Shutdown`], and runs the daemon
//! on a single-threaded runtime (a BMC has two cores and thirty megabytes: a thread pool per daemon is not free).

mod arguments;
mod bus;
mod channels;
mod config;
mod context;
mod journal;
mod listen;
mod memory;
mod state;
mod task;
mod utc;

pub use arguments::{Arguments, ArgumentsError};
pub use bus::keep_connected;
pub use channels::{Channel, ChannelMedium, ChannelTable};
pub use config::{ConfigError, Located};
pub use context::{Context, Daemon, RunFuture, Shutdown, main};
pub use listen::inherited_datagram_sockets;
pub use state::{StateError, StateFile, replace_file};
pub use task::{Tasks, spawn};
pub use utc::{utc, utc_millis};
