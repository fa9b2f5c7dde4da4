//! The log's reader: one more reader of the ring, which writes to flash as fast as that goes.
//!
//! Writing blocks, so it happens on a thread of its own, one piece at a time. A medium that stalls holds up the log and nothing else.
//! A piece is worth the thread: what the host prints gathers in the ring, whose copy ([`crate::keep`]) outlives a crash, until it is
//! written.

use std::{
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::task::spawn_blocking;

use crate::{console::Console, log::Log, ring::Place};

/// Written at once.
const PIECE: usize = 16 * 1024;
/// How long less than a piece waits for more. A crash costs nothing meanwhile; what a power cut costs, the kernel's own cache of the
/// medium costs as well, for longer.
const GATHER: Duration = Duration::from_secs(1);

/// Writes everything from `place` on to `log`, for ever. A medium that is full or read-only is told of once.
pub(crate) async fn run(mut log: Log, console: Arc<Console>, mut place: Place) {
    let mut growth = console.growth();
    let mut failed = false;
    // Long before the ring is full.
    let worth = PIECE.min(console.ring().capacity() / 4) as u64;
    loop {
        let from = place.position();
        if growth.wait_for(|end| *end > from).await.is_err() {
            return;
        }
        // Whichever comes first.
        let _ = tokio::time::timeout(GATHER, growth.wait_for(|end| *end >= from.saturating_add(worth))).await;
        let mut piece = Vec::with_capacity(PIECE);
        let lost = console.take(&mut place, PIECE, &mut piece);
        let position = place.position();
        let work = spawn_blocking(move || {
            let result = write(&mut log, lost, &piece);
            (log, result)
        });
        // A thread that panicked took the log with it.
        let Ok((returned, result)) = work.await else { return };
        log = returned;
        match result {
            Ok(()) => {
                failed = false;
                console.logged(position);
            }
            Err(error) if !failed => {
                tracing::error!("cannot write the console's log: {error}; trying on");
                failed = true;
            }
            Err(_) => {}
        }
    }
}

fn write(log: &mut Log, lost: u64, piece: &[u8]) -> io::Result<()> {
    let now = SystemTime::now();
    if lost > 0 {
        log.note(now, &format!("{lost} bytes lost: the log's medium was too slow"))?;
    }
    log.write(now, piece)
}
