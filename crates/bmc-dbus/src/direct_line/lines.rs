//! The ways to ipmid over several bus connections.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::DirectLine;

/// The ways to ipmid: of this bus connection, and of the one before. After a restart of the bus ipmid needs a moment to come back
/// to it, while the socket that both still hold is not of the bus at all.
#[derive(Debug, Default)]
pub struct Lines {
    held: Mutex<Held>,
    /// Another line is there.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Held {
    now: Option<DirectLine>,
    before: Option<DirectLine>,
}

impl Held {
    fn best(&self) -> Option<DirectLine> {
        let before = self.before.as_ref().filter(|line| line.is_direct());
        let now = self.now.as_ref();
        now.filter(|line| line.is_present()).or(before).or(now).cloned()
    }
}

impl Lines {
    /// The way to ipmid, once there has been a bus.
    pub fn best(&self) -> Option<DirectLine> {
        self.lock().best()
    }

    /// Waits until ipmid is there.
    pub async fn present(&self) -> DirectLine {
        let mut changed = self.changed.subscribe();
        loop {
            let Some(line) = self.best() else {
                // The sender is ours.
                let _ = changed.changed().await;
                continue;
            };
            if line.is_present() {
                return line;
            }
            let mut presence = line.presence();
            tokio::select! {
                () = presence.arrived() => {}
                _ = changed.changed() => {}
            }
        }
    }

    /// Takes the line of a new bus connection. The one before serves on as long as it works and ipmid is not on this bus yet.
    pub fn set(&self, line: DirectLine) {
        let mut held = self.lock();
        held.before = held.best().filter(DirectLine::is_direct);
        held.now = Some(line);
        drop(held);
        self.changed.send_replace(());
    }

    /// Hangs up the line of the bus connection before: ipmid has come to this one.
    pub fn drop_before(&self) {
        self.lock().before = None;
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
