//! The direct line: `execute` on a Unix socket between a channel's owner and ipmid, without a bus daemon that copies every
//! message twice.
//!
//! The owner asks ipmid for the socket over the bus (`org.ferrite.Ipmi.DirectLine.Connect`). On it go plain D-Bus messages, the
//! same `execute` as on the bus, answered in any order and matched by serial. Both ends handle raw messages: no connection
//! object, no broadcast of what arrives, no task per call.

mod client;
mod frames;
mod lines;
mod server;
mod wire;

use std::{io, os::unix::net::UnixStream};

use tokio::io::{Interest, unix::AsyncFd};

pub use client::{DirectLine, ExecuteError};
pub use lines::Lines;
pub use server::serve;

/// Calls that one line has in flight at once: the client refuses more, the server reads no further. Their messages fit the
/// socket's buffer.
const IN_FLIGHT: usize = 128;

/// One end of a line. Watched for input alone: otherwise each answer that the peer takes wakes who sent it.
type Stream = AsyncFd<UnixStream>;

fn watch_for_input(stream: UnixStream) -> io::Result<Stream> {
    stream.set_nonblocking(true)?;
    #[allow(
        deprecated,
        reason = "its successor is unsafe, for types that may change their descriptor; this one does not"
    )]
    AsyncFd::with_interest(stream, Interest::READABLE)
}

#[cfg(test)]
mod tests;
