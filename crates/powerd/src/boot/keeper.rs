//! The parameters' shell: their clock and their file.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bmc_daemon::{Shutdown, StateError, StateFile};
use tokio::sync::{Notify, broadcast, broadcast::error::RecvError, watch};

use super::options::{BootOptions, Stored};
use crate::{core::sleep_until, notice::Notice};

/// How long a file that could not be written is left alone.
const RETRY: std::time::Duration = std::time::Duration::from_secs(5);

/// The parameters as their objects on the bus and their task share them.
pub(crate) struct Boot {
    /// And what of them is on flash.
    options: Mutex<(BootOptions, Stored)>,
    file: StateFile<Stored>,
    /// A deadline may be another.
    changed: Notify,
    /// Counts changes.
    pub(super) shown: watch::Sender<u64>,
}

impl Boot {
    /// The parameters in the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read, or holds something else.
    pub(crate) fn new(path: PathBuf, boot_id: &str) -> Result<Self, StateError> {
        let file = StateFile::new(path);
        let stored: Stored = file.load()?.unwrap_or_default();
        let options = BootOptions::new(Instant::now(), stored.clone(), boot_id);
        let shown = watch::Sender::new(0);
        Ok(Self { options: Mutex::new((options, stored)), file, changed: Notify::new(), shown })
    }

    fn lock(&self) -> MutexGuard<'_, (BootOptions, Stored)> {
        // A panic of another holder spoils nothing: what is guarded is whole after each statement.
        self.options.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the parameters.
    pub(super) fn look<T>(&self, look: impl FnOnce(&BootOptions) -> T) -> T {
        look(&self.lock().0)
    }

    /// Changes the parameters. What is to be kept is on flash when this returns.
    ///
    /// # Errors
    /// Where it could not be stored; then nothing changed.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut BootOptions, Instant) -> T,
    ) -> Result<T, StateError> {
        let mut guard = self.lock();
        let (options, kept) = &mut *guard;
        let before = options.clone();
        let result = change(options, Instant::now());
        if let Some(stored) = options.settled().filter(|stored| **stored != *kept).cloned() {
            if let Err(error) = self.file.store(&stored) {
                *options = before;
                return Err(error);
            }
            *kept = stored;
        }
        options.saved();
        drop(guard);
        self.changed.notify_one();
        self.shown.send_modify(|count| *count = count.wrapping_add(1));
        Ok(result)
    }
}

/// Lets flags lapse, by time and by what befalls the host, until `stop`.
pub(crate) async fn keep(boot: Arc<Boot>, mut notices: broadcast::Receiver<Notice>, mut stop: Shutdown) {
    loop {
        let due = boot.look(BootOptions::next_timeout);
        let changed = tokio::select! {
            () = stop.requested() => return,
            () = boot.changed.notified() => continue,
            notice = notices.recv() => match notice {
                Ok(notice) => boot.change(|options, now| options.hear(now, notice)),
                Err(RecvError::Lagged(lost)) => {
                    tracing::error!("{lost} notices of the host were lost: boot flags may hold for too long");
                    continue;
                }
                Err(RecvError::Closed) => return,
            },
            () = sleep_until(due) => boot.change(BootOptions::handle_timeout),
        };
        if let Err(error) = changed {
            tracing::error!("boot options: {error}");
            // A deadline that passed is still there: not at once again.
            tokio::time::sleep(RETRY).await;
        }
    }
}
