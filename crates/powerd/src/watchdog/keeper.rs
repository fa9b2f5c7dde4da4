//! The timer's shell: its clock, its file, and what it does to the host.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bmc_daemon::{Shutdown, StateFile};
use ipmi_wire::command::watchdog::{PreTimeoutInterrupt, TimeoutAction};
use tokio::sync::{Notify, broadcast, broadcast::error::RecvError, mpsc, oneshot, watch};

use super::{
    event::{Kind, Queue, record},
    kept::{Kept, Now},
    machine::{Action, Expiration, Watchdog},
};
use crate::{
    core::{Ask, Asked, sleep_until},
    machine::Request,
    notice::Notice,
};

/// Signals that may wait for the bus.
const SIGNALS: usize = 16;

/// What happened, for those on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// The pre-timeout interval was reached.
    PreTimeout(Expiration),
    /// The countdown ended.
    Expired(Expiration),
}

/// A lock that a panic of another holder does not spoil: what it guards is whole after each statement.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The timer as its objects on the bus and its task share it.
pub(crate) struct Watch {
    timer: Mutex<Watchdog>,
    file: StateFile<Kept>,
    boot_id: String,
    /// The deadline may be another.
    changed: Notify,
    /// Counts changes of what the bus shows.
    pub(super) shown: watch::Sender<u64>,
    pub(super) signals: broadcast::Sender<Signal>,
    pub(super) queue: Queue,
    /// The last trouble with the file: what stays the same is told once.
    told: Mutex<String>,
}

impl Watch {
    /// The timer as the last powerd of this boot left it, or one that nobody set.
    pub(crate) fn new(path: PathBuf, boot_id: String) -> Self {
        let file = StateFile::new(path);
        // No file is worth a host without powerd.
        let kept: Option<Kept> = file.load().unwrap_or_else(|error| {
            tracing::error!("the watchdog starts anew: {error}");
            None
        });
        let timer = kept.and_then(|kept| kept.timer(Now::read(), &boot_id)).unwrap_or_default();
        if timer.is_running() {
            tracing::info!("the watchdog goes on: {:?} are left", timer.left(Instant::now()));
        }
        Self {
            timer: Mutex::new(timer),
            file,
            boot_id,
            changed: Notify::new(),
            shown: watch::Sender::new(0),
            signals: broadcast::Sender::new(SIGNALS),
            queue: Queue::default(),
            told: Mutex::default(),
        }
    }

    /// Looks at the timer.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Watchdog, Instant) -> T) -> T {
        look(&lock(&self.timer), Instant::now())
    }

    /// Changes the timer, writes it down, and tells its task and the bus.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Watchdog, Instant) -> T) -> T {
        let now = Now::read();
        let mut timer = lock(&self.timer);
        let result = change(&mut timer, now.instant);
        self.store(&Kept::of(&timer, now, &self.boot_id));
        drop(timer);
        self.changed.notify_one();
        self.shown.send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    fn store(&self, kept: &Kept) {
        let trouble = self.file.store(kept).err().map(|error| error.to_string()).unwrap_or_default();
        let mut told = lock(&self.told);
        if !trouble.is_empty() && *told != trouble {
            tracing::error!("the watchdog would not outlive powerd: {trouble}");
        }
        *told = trouble;
    }
}

/// The timer's task.
pub(crate) struct Keeper {
    watch: Arc<Watch>,
    core: mpsc::Sender<Asked>,
    notices: broadcast::Receiver<Notice>,
}

impl Keeper {
    /// A task for `watch` that acts through `core` and hears of the host from `notices`.
    pub(crate) fn new(
        watch: Arc<Watch>,
        core: mpsc::Sender<Asked>,
        notices: broadcast::Receiver<Notice>,
    ) -> Self {
        Self { watch, core, notices }
    }

    /// Runs until `stop`. A timer that runs then goes on with the next powerd.
    pub(crate) async fn run(mut self, mut stop: Shutdown) {
        loop {
            let due = self.watch.look(|timer, _| timer.next_timeout());
            tokio::select! {
                () = stop.requested() => return,
                () = self.watch.changed.notified() => {}
                notice = self.notices.recv() => match notice {
                    Ok(notice) => self.heard(notice),
                    // Some may have been of a reset, and a host must not be reset twice.
                    Err(RecvError::Lagged(_)) => self.heard(Notice::Off),
                    Err(RecvError::Closed) => return,
                },
                () = sleep_until(due) => self.time_out().await,
            }
        }
    }

    fn heard(&self, notice: Notice) {
        let over = matches!(notice, Notice::Reset(_) | Notice::Off);
        if over && self.watch.look(|timer, _| timer.is_running()) {
            tracing::info!("the host was reset or went off: the watchdog stops");
            self.watch.change(Watchdog::stop);
        }
    }

    async fn time_out(&self) {
        let actions = self.watch.change(|timer, now| {
            timer.handle_timeout(now);
            std::iter::from_fn(|| timer.poll_action()).collect::<Vec<_>>()
        });
        for action in actions {
            match action {
                Action::Interrupt(about) => self.interrupt(about).await,
                Action::Expire(about) => self.expire(about).await,
            }
        }
    }

    async fn interrupt(&self, about: Expiration) {
        tracing::warn!("watchdog: pre-timeout, use {}, interrupt {:?}", about.watched(), about.interrupt);
        self.log(Kind::Interrupt, &about);
        let _ = self.watch.signals.send(Signal::PreTimeout(about));
        // The system interface's interrupt is the message flags' business; no board has a line for SMI.
        if about.interrupt == PreTimeoutInterrupt::Nmi {
            self.act(Request::Nmi).await;
        }
    }

    async fn expire(&self, about: Expiration) {
        tracing::error!("watchdog: expired, use {}, action {:?}", about.watched(), about.action);
        self.log(Kind::Expired, &about);
        let _ = self.watch.signals.send(Signal::Expired(about));
        match about.action {
            TimeoutAction::None => {}
            TimeoutAction::HardReset => self.act(Request::Reset).await,
            TimeoutAction::PowerDown => self.act(Request::Off).await,
            TimeoutAction::PowerCycle => self.act(Request::Cycle).await,
        }
    }

    fn log(&self, kind: Kind, about: &Expiration) {
        if about.log {
            self.watch.queue.add(record(kind, about));
        }
    }

    async fn act(&self, request: Request) {
        let (answer, answered) = oneshot::channel();
        // A core that is gone ends powerd.
        let _ = self.core.send((Ask::Watchdog(request), answer)).await;
        if let Ok(Err(refused)) = answered.await {
            tracing::error!("watchdog: {refused}");
        }
    }
}
