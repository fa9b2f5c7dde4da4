//! DCD and DSR as the host sees them, which a null modem has from our DTR.
//!
//! They are asserted unless somebody holds them down. A hold ends with a descriptor that its holder has, so that none outlives its
//! holder, however that ends; with several holders, the last one's end asserts them. What power the host has is nothing to them: a
//! level that nobody sees does no harm, and is there when the host comes back.

use std::{
    os::{fd::OwnedFd as StdFd, unix::net::UnixStream as StdStream},
    sync::Arc,
};

use tokio::{net::UnixStream, sync::watch};

/// Holders at once. Each costs a socket and a task.
const HOLDERS: u32 = 64;

/// Why nobody more can hold it down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoHold {
    #[error("{HOLDERS} hold the carrier down already, and no more may")]
    TooMany,
    #[error("the kernel has no socket: {0}")]
    Socket(#[from] std::io::Error),
}

/// How many hold it down.
#[derive(Debug, Default)]
pub(crate) struct Carrier(watch::Sender<u32>);

impl Carrier {
    /// Whether it is asserted, and each change of it.
    pub(crate) fn level(&self) -> Level {
        Level(self.0.subscribe())
    }

    /// Holds it down until the descriptor is closed, in whatever process its last copy is.
    pub(crate) fn hold_down(self: &Arc<Self>) -> Result<StdFd, NoHold> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let ours = UnixStream::from_std(ours)?;
        let taken = self.0.send_if_modified(|holders| {
            let free = *holders < HOLDERS;
            *holders += u32::from(free);
            free
        });
        if !taken {
            return Err(NoHold::TooMany);
        }
        let hold = Hold(Arc::clone(self));
        bmc_daemon::spawn(async move {
            // Nothing is to be sent over it: whatever makes it readable ends it.
            let _ = ours.readable().await;
            drop(hold);
        });
        Ok(theirs.into())
    }
}

/// One holder's share; given back when dropped.
struct Hold(Arc<Carrier>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.send_modify(|holders| *holders = holders.saturating_sub(1));
    }
}

/// The level, for who follows it.
pub(crate) struct Level(watch::Receiver<u32>);

impl Level {
    /// Whether it is asserted now.
    pub(crate) fn asserted(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Waits until it may have changed. Safe to cancel.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The carrier is gone, and with it whoever could move it.
            std::future::pending::<()>().await;
        }
    }
}
