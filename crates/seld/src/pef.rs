//! Platform event filtering (v2.0§17): events that reach the log are held against the filters, and what these ask for is done.
//!
//! An event is dealt with once. Its record's ID is on the medium before anything is done about it, and records after that ID are held
//! against the filters when seld starts again, so that a crash neither loses an action nor repeats one.

mod actions;
mod alerts;
mod configuration;
mod decision;
mod service;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bmc_daemon::{ChannelMedium, ChannelTable, StateFile};
use ipmi_wire::{
    codec::Decode as _,
    command::pef::PostponeTimer,
    pef::{PefParameter, control},
    record::sel::{SelBody, SelRecord, SystemEvent},
};
use tokio::{
    sync::{Mutex as Turn, Notify, broadcast},
    time::Instant,
};
use zbus::Connection;

use crate::log::{Log, News};
pub(crate) use configuration::Kept;
use configuration::{Configuration, Refusal};
use decision::Decision;
pub(crate) use service::EventFilter;

/// Events that wait while the postpone timer runs; more than these have the oldest dealt with at once.
const WAITING: usize = 1024;

/// Platform event filtering. It outlives a connection.
pub(crate) struct Pef {
    log: Arc<Log>,
    channels: ChannelTable,
    file: StateFile<Kept>,
    state: Mutex<State>,
    /// The postpone timer was set, or events need not wait for it any more.
    changed: Notify,
    /// One connection at a time takes from the stream.
    news: Turn<broadcast::Receiver<News>>,
    alerts: alerts::Alerts,
}

/// What changes.
#[derive(Debug)]
struct State {
    configuration: Configuration,
    kept: Kept,
    postponed: Postponed,
    waiting: VecDeque<Waiting>,
    /// The last event that was dealt with had no room in the log.
    last_was_unlogged: bool,
}

/// The postpone timer (v2.0§17.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Postponed {
    No,
    Until(Instant),
    /// Filters find events, and nothing is done about them.
    Disabled,
}

/// Something new in the log.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Its ID; `None` where the log had no room.
    id: Option<u16>,
    event: SystemEvent,
    /// Something may be done about it.
    happened: bool,
}

impl Waiting {
    fn of(id: Option<u16>, record: &[u8; 16], happened: bool) -> Option<Self> {
        match SelRecord::from_bytes(record).map(|record| record.body) {
            Ok(SelBody::Event(event)) => Some(Self { id, event, happened }),
            _ => None,
        }
    }
}

/// Up to where the log was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastProcessed {
    by_software: u16,
    /// 0 where the last event had no room in the log.
    by_bmc: u16,
}

impl Pef {
    /// Filtering of what is new in `log`, as `file` keeps it.
    pub(crate) fn new(log: &Arc<Log>, channels: ChannelTable, file: StateFile<Kept>) -> Arc<Self> {
        let kept = file.load().unwrap_or_else(|error| {
            tracing::error!("event filters are off and as delivered: {error}");
            None
        });
        let mut kept = kept.unwrap_or_default();
        let lan_channel = channels.iter().find(|channel| channel.medium == ChannelMedium::Lan);
        let lan_channel = lan_channel.map_or(0, |channel| channel.number);
        let configuration = Configuration::of(&kept, lan_channel).unwrap_or_else(|error| {
            tracing::error!("event filters are off and as delivered: {}: {error}", file.path().display());
            kept = Kept::default();
            Configuration::delivered(lan_channel)
        });
        let news = log.news();
        let mut state = State {
            configuration,
            kept,
            postponed: Postponed::No,
            waiting: VecDeque::new(),
            last_was_unlogged: false,
        };
        state.catch_up(log);
        Arc::new(Self {
            log: log.clone(),
            channels,
            file,
            state: Mutex::new(state),
            changed: Notify::new(),
            news: Turn::new(news),
            alerts: alerts::Alerts::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deals with events, and sends alerts, until the bus is gone.
    pub(crate) async fn run(&self, connection: &Connection) {
        tokio::select! {
            () = self.follow(connection) => {}
            () = alerts::send_all(self, connection) => {}
        }
    }

    async fn follow(&self, connection: &Connection) {
        let mut news = self.news.lock().await;
        loop {
            while let Some((waiting, decision)) = self.next() {
                if let Some(decision) = decision {
                    actions::act(self, connection, &waiting.event, decision).await;
                }
            }
            let due = match self.state().postponed {
                Postponed::Until(due) => Some(due),
                _ => None,
            };
            tokio::select! {
                heard = news.recv() => self.state().hear(heard),
                () = self.changed.notified() => {}
                () = until(due) => self.state().postponed = Postponed::No,
            }
        }
    }

    /// The next event that need not wait, with what is to be done about it. That it was dealt with is on the medium by then.
    fn next(&self) -> Option<(Waiting, Option<Decision>)> {
        let mut state = self.state();
        let must_wait = matches!(state.postponed, Postponed::Until(_));
        if must_wait && state.waiting.len() <= WAITING {
            return None;
        }
        let waiting = state.waiting.pop_front()?;
        state.last_was_unlogged = waiting.id.is_none();
        state.kept.last_by_bmc = waiting.id.unwrap_or(state.kept.last_by_bmc);
        let is_on = state.configuration.control & control::ENABLE != 0;
        let decision = Decision::of(&state.configuration, &waiting.event).filter(|_| is_on);
        if decision.is_some() {
            // What was not written may be done again after a crash; what is not done may cost the hardware.
            if let Err(error) = self.file.store(&state.kept) {
                tracing::error!("the event filters' place in the log is not kept: {error}");
            }
        }
        let acts = waiting.happened && state.postponed != Postponed::Disabled;
        Some((waiting, decision.filter(|_| acts)))
    }

    /// Changes a parameter, for good.
    fn set(&self, parameter: PefParameter) -> Result<(), SetError> {
        let mut state = self.state();
        let mut configuration = state.configuration.clone();
        configuration.set(parameter)?;
        if configuration != state.configuration {
            let mut kept = state.kept.clone();
            configuration.keep(&mut kept);
            if kept != state.kept {
                self.file.store(&kept)?;
                state.kept = kept;
            }
            state.configuration = configuration;
        }
        Ok(())
    }

    /// Says up to which record somebody has looked at the log. What software has looked at the filters do not see any more.
    fn set_last_processed(&self, by_bmc: bool, id: u16) -> Result<(), SetError> {
        let mut state = self.state();
        let mut kept = state.kept.clone();
        if by_bmc {
            kept.last_by_bmc = id;
        } else {
            kept.last_by_software = id;
        }
        self.file.store(&kept)?;
        state.kept = kept;
        if let Some(place) = state.waiting.iter().position(|waiting| waiting.id == Some(id)) {
            state.waiting.drain(..=place);
        }
        Ok(())
    }

    fn last_processed(&self) -> LastProcessed {
        let state = self.state();
        let by_bmc = if state.last_was_unlogged { 0 } else { state.kept.last_by_bmc };
        LastProcessed { by_software: state.kept.last_by_software, by_bmc }
    }

    /// Sets the postpone timer, unless its value is asked for; how many seconds are left, or what stands for it.
    fn postpone(&self, seconds: u8) -> u8 {
        let mut state = self.state();
        let now = Instant::now();
        state.postponed = match seconds {
            PostponeTimer::ASK => state.postponed,
            PostponeTimer::OFF => Postponed::No,
            PostponeTimer::DISABLED => Postponed::Disabled,
            seconds => Postponed::Until(now + Duration::from_secs(seconds.into())),
        };
        self.changed.notify_one();
        match state.postponed {
            Postponed::No => PostponeTimer::OFF,
            Postponed::Disabled => PostponeTimer::DISABLED,
            Postponed::Until(due) => {
                let left = due.saturating_duration_since(now);
                u8::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u8::MAX)
            }
        }
    }
}

/// Why a parameter was not set.
#[derive(Debug, thiserror::Error)]
enum SetError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Storage(#[from] bmc_daemon::StateError),
}

impl State {
    /// What the log has that was not held against the filters when seld ended.
    fn catch_up(&mut self, log: &Log) {
        if self.configuration.control & control::ENABLE == 0 {
            return;
        }
        let store = log.store();
        let after = self.kept.last_by_bmc.saturating_add(1);
        let missed = store.records().range(after..);
        self.waiting.extend(missed.filter_map(|(id, stored)| Waiting::of(Some(*id), &stored.record, true)));
    }

    fn hear(&mut self, heard: Result<News, broadcast::error::RecvError>) {
        let waiting = match heard {
            Ok(News::Added { id, record, happened }) => Waiting::of(Some(id), &record, happened),
            Ok(News::Unlogged { record }) => Waiting::of(None, &record, true),
            Ok(News::Erased) | Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::error!("{missed} events came too fast to be held against the event filters");
                None
            }
        };
        self.waiting.extend(waiting);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
