//! Waiting for a descriptor that is mostly ready when it is used.
//!
//! A descriptor that stays registered wakes its process at each change: at each piece that a UART brings while nobody wants to read
//! yet, and each time the other side of a socket has made room that nobody waits for.

use std::{io, os::fd::BorrowedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Waits until `fd`, which must not block, is ready for `interest`; it is registered for that long alone. A caller tries first, and
/// again afterwards. Two waits at one time want two descriptors of the same file, as epoll has each but once.
///
/// # Errors
/// What the kernel says of a descriptor that nobody can wait for, or that is waited for already.
#[allow(deprecated, reason = "a BorrowedFd keeps its descriptor, and what replaces this function is unsafe")]
pub async fn ready(fd: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
    let registered = AsyncFd::with_interest(fd, interest)?;
    registered.ready(interest).await?.retain_ready();
    Ok(())
}
