//! Platform event filtering (v2.0§17): what happens is held against the filters, and what these ask for is done.
//!
//! An event is acted on at most once, and only by the seld that heard of it. What the log holds when seld starts counts as dealt with:
//! an action that comes minutes or months after its event is worse than none. What is still wrong then is an event again, by its alarm.

mod actions;
mod alerts;
mod configuration;
mod decision;
mod recent;
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
    pef::{PefParameter, action, control},
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
use recent::Recent;
pub(crate) use service::EventFilter;

/// Events that wait while the postpone timer runs; more than these have the oldest dealt with at once.
const WAITING: usize = 1024;

/// Platform event filtering. It outlives a connection.
pub(crate) struct Pef {
    log: Arc<Log>,
    /// Where alerts can go; `None` where `channels.toml` is wrong.
    channels: Option<ChannelTable>,
    file: StateFile<Kept>,
    state: Mutex<State>,
    /// The postpone timer was set, or events need not wait for it any more.
    changed: Notify,
    /// One connection at a time takes from the stream.
    news: Turn<broadcast::Receiver<News>>,
    actions: actions::Actions,
    alerts: alerts::Alerts,
}

/// What changes.
#[derive(Debug)]
struct State {
    configuration: Configuration,
    kept: Kept,
    postponed: Postponed,
    waiting: VecDeque<Waiting>,
    /// The last record that system software has looked at since the timer was armed.
    looked_at: Option<u16>,
    /// ID of the last record that was dealt with; 0 where it is not in the log.
    last_by_bmc: u16,
    recent: Recent,
}

/// The postpone timer (v2.0§17.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Postponed {
    No,
    Until(Instant),
    /// Filters find events, and nothing is done about them.
    Disabled,
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Its record's ID; `None` where it is not in the log.
    id: Option<u16>,
    event: SystemEvent,
}

impl Waiting {
    fn of(id: Option<u16>, record: &[u8; 16]) -> Option<Self> {
        match SelRecord::from_bytes(record).map(|record| record.body) {
            Ok(SelBody::Event(event)) => Some(Self { id, event }),
            _ => None,
        }
    }
}

impl Pef {
    /// Filtering of what is new in `log`, as `file` keeps it.
    pub(crate) fn new(log: &Arc<Log>, channels: Option<ChannelTable>, file: StateFile<Kept>) -> Arc<Self> {
        let kept = file.load().unwrap_or_else(|error| {
            tracing::error!("event filters are off and as delivered: {error}");
            None
        });
        let mut kept = kept.unwrap_or_default();
        let lan_channel = channels.as_ref().and_then(|channels| {
            let channel = channels.iter().find(|channel| channel.medium == ChannelMedium::Lan)?;
            Some(channel.number)
        });
        let lan_channel = lan_channel.unwrap_or(0);
        let configuration = Configuration::of(&kept, lan_channel).unwrap_or_else(|error| {
            tracing::error!("event filters are off and as delivered: {}: {error}", file.path().display());
            kept = Kept::default();
            Configuration::delivered(lan_channel)
        });
        let news = log.news();
        let last_by_bmc = log.store().get(0xFFFF).map_or(0, |(id, ..)| id);
        let state = State {
            configuration,
            kept,
            postponed: Postponed::No,
            waiting: VecDeque::new(),
            looked_at: None,
            last_by_bmc,
            recent: Recent::default(),
        };
        Arc::new(Self {
            log: log.clone(),
            channels,
            file,
            state: Mutex::new(state),
            changed: Notify::new(),
            news: Turn::new(news),
            actions: actions::Actions::default(),
            alerts: alerts::Alerts::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deals with events, acts, and sends alerts, until the bus is gone.
    pub(crate) async fn run(&self, connection: &Connection) {
        tokio::select! {
            () = self.follow() => {}
            () = actions::do_all(self, connection) => {}
            () = alerts::send_all(self, connection) => {}
        }
    }

    async fn follow(&self) {
        let mut news = self.news.lock().await;
        loop {
            self.deal_with_all();
            let due = match self.state().postponed {
                Postponed::Until(due) => Some(due),
                _ => None,
            };
            tokio::select! {
                heard = news.recv() => self.state().hear(heard),
                () = self.changed.notified() => {}
                () = until(due) => self.state().end_timer(due),
            }
        }
    }

    /// Deals with what need not wait.
    fn deal_with_all(&self) {
        loop {
            let next = self.state().next();
            let Some((event, decision)) = next else { return };
            if decision.actions() == 0 {
                continue;
            }
            let state = self.state();
            if decision.actions() & action::ALERT != 0 {
                self.alerts.queue(alerts::Alert::of(&state.configuration, &event, &decision));
            }
            let tells = state.configuration.control & control::EVENTS != 0;
            self.actions.queue(actions::Act { event, decision, tells });
        }
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

    /// Says up to which record somebody has looked at the log. What waits for the timer, and software has looked at, the filters do
    /// not see any more.
    fn set_last_processed(&self, by_bmc: bool, id: u16) -> Result<(), SetError> {
        let mut state = self.state();
        if by_bmc {
            state.last_by_bmc = id;
        } else {
            let mut kept = state.kept.clone();
            kept.last_by_software = id;
            self.file.store(&kept)?;
            state.kept = kept;
        }
        if matches!(state.postponed, Postponed::Until(_)) {
            state.looked_at = Some(id);
        }
        Ok(())
    }

    /// IDs of the last records that system software and the BMC looked at.
    fn last_processed(&self) -> (u16, u16) {
        let state = self.state();
        (state.kept.last_by_software, state.last_by_bmc)
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
    /// The next event that a filter in use finds and that need not wait, with what is to be done about it.
    fn next(&mut self) -> Option<(SystemEvent, Decision)> {
        loop {
            let must_wait = matches!(self.postponed, Postponed::Until(_));
            if must_wait && self.waiting.len() <= WAITING {
                return None;
            }
            let Some(Waiting { id, event }) = self.waiting.pop_front() else {
                self.looked_at = None;
                return None;
            };
            self.last_by_bmc = id.unwrap_or(0);
            if !self.is_on() || id.is_some_and(|id| self.was_looked_at(id)) {
                continue;
            }
            let decision = Decision::of(&self.configuration, &event);
            // Of an event that is not in the log nobody knows how often it comes: the sensor may be in a storm, or who reports it try again.
            if let Some(decision) = decision
                && (self.recent.is_new(&event, Instant::now()) || id.is_some())
            {
                return Some((event, decision));
            }
        }
    }

    /// Whether filters do something.
    fn is_on(&self) -> bool {
        self.configuration.control & control::ENABLE != 0 && self.postponed != Postponed::Disabled
    }

    /// IDs go up and start again at the end: the one that was looked at is not far from those that wait.
    fn was_looked_at(&self, id: u16) -> bool {
        self.looked_at.is_some_and(|looked_at| looked_at.wrapping_sub(id) < 0x8000)
    }

    /// The timer that ended at `due` has ended, unless it was set anew.
    fn end_timer(&mut self, due: Option<Instant>) {
        if due.is_some_and(|due| self.postponed == Postponed::Until(due)) {
            self.postponed = Postponed::No;
        }
    }

    fn hear(&mut self, heard: Result<News, broadcast::error::RecvError>) {
        let waiting = match heard {
            Ok(News::Added { id, record, happened: true }) => Waiting::of(Some(id), &record),
            Ok(News::Unlogged { record }) => Waiting::of(None, &record),
            Ok(News::Added { .. } | News::Erased) | Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(_)) if !self.is_on() => None,
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
