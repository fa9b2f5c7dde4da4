//! The direct line: `execute` on a Unix socket between a channel's owner and ipmid, without a bus daemon that copies every
//! message twice.
//!
//! The owner asks ipmid for the socket over the bus (`org.ferrite.Ipmi.DirectLine.Connect`). On it go plain D-Bus messages, the
//! same `execute` as on the bus, answered in any order and matched by serial. Both ends handle raw messages: no connection
//! object, no broadcast of what arrives, no task per call.

mod client;
mod frames;
mod server;

pub use client::{DirectLine, ExecuteError};
pub use server::serve;

/// Calls that one line has in flight at once: the client refuses more, the server reads no further.
const IN_FLIGHT: usize = 256;

#[cfg(test)]
mod tests;
