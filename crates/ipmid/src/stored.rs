//! A value that outlives the daemon: changed in memory at once, written to flash soon after.
//!
//! Who changes it may be the host, as fast as its interface goes: flash is written once for all changes of [`PAUSE`].

use std::time::Duration;

use bmc_daemon::StateFile;
use serde::Serialize;
use tokio::sync::watch;

/// How long flash rests between two writes.
const PAUSE: Duration = Duration::from_secs(5);

/// A value, whose changes can be followed.
#[derive(Debug, Default)]
pub(crate) struct Stored<T>(watch::Sender<T>);

impl<T: Clone + PartialEq> Stored<T> {
    /// As it was read from its file.
    pub(crate) fn new(value: T) -> Self {
        Self(watch::Sender::new(value))
    }

    /// Looks at the value.
    pub(crate) fn get<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.borrow())
    }

    /// Changes the value; followers hear of it where it is another then. A daemon has one thread: nobody changes it meanwhile.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.get(T::clone);
        let result = change(&mut value);
        self.0.send_if_modified(|current| {
            let is_other = *current != value;
            *current = value;
            is_other
        });
        result
    }

    /// Hears of each change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<T> {
        self.0.subscribe()
    }
}

impl<T: Clone + PartialEq + Serialize> Stored<T> {
    /// Writes each change to `file`, the first at once; never ends.
    pub(crate) async fn keep(&self, file: &StateFile<T>) {
        let mut changes = self.subscribe();
        while changes.changed().await.is_ok() {
            self.write(file);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Writes it now; what cannot be written is said and tried again with the next change.
    pub(crate) fn write(&self, file: &StateFile<T>) {
        let value = self.get(T::clone);
        if let Err(error) = file.store(&value) {
            tracing::error!("cannot keep settings over a restart: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_change_is_written_at_once_and_many_more_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::new(dir.path().join("n.json"));
        let stored = Stored::new(0);
        let work = async {
            for number in 1..=100 {
                stored.change(|value| *value = number);
                tokio::task::yield_now().await;
            }
            assert_eq!(file.load().unwrap(), Some(1));
            tokio::time::sleep(2 * PAUSE).await;
            assert_eq!(file.load().unwrap(), Some(100));
        };
        tokio::select! {
            biased;
            () = stored.keep(&file) => panic!("ended"),
            () = work => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_value_again_is_no_change() {
        let stored = Stored::new(7);
        let changes = stored.subscribe();
        stored.change(|value| *value = 7);
        assert!(!changes.has_changed().unwrap());
    }
}
