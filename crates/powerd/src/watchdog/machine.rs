//! The timer as a pure machine: instants and settings go in, actions come out.
//!
//! What the specification leaves open: a reset or power-off of the host, whoever asked for it, stops the timer; a restart that the
//! host began itself does not, so that an operating system can have its own restart watched. A stopped timer keeps what was left.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ipmi_wire::command::watchdog::{
    ExpirationFlags, PreTimeoutInterrupt, TimeoutAction, TimerUse, WatchdogSetting, WatchdogState,
};

/// What a count of the countdown stands for.
const COUNT: Duration = Duration::from_millis(100);
/// The longest countdown that IPMI can show.
pub(crate) const LONGEST: Duration = Duration::from_millis(100 * u16::MAX as u64);
/// OpenBMC's countdown before anybody sets one.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// What the timer goes by. Countdowns are kept exactly, as D-Bus counts milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What it watches; `None` before anybody said.
    pub(crate) timer_use: Option<TimerUse>,
    /// What happens at the end.
    pub(crate) action: TimeoutAction,
    /// What happens before.
    pub(crate) interrupt: PreTimeoutInterrupt,
    /// How long before, in seconds.
    pub(crate) pre_timeout: u8,
    /// Whether the next expiration is logged. Every expiration sets it (v2.0§27.3).
    pub(crate) log: bool,
    /// Where the countdown begins.
    pub(crate) interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timer_use: None,
            action: TimeoutAction::None,
            interrupt: PreTimeoutInterrupt::None,
            pre_timeout: 0,
            log: true,
            interval: DEFAULT_INTERVAL,
        }
    }
}

/// Where the countdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// It does not count.
    Stopped {
        /// What was left.
        left: Duration,
    },
    /// It counts.
    Running {
        /// Until then.
        deadline: Instant,
        /// The pre-timeout interval was reached, and its interrupt given.
        interrupted: bool,
    },
}

/// What the rest of powerd has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Interrupt the host.
    Interrupt(Expiration),
    /// The countdown ended: act on the host.
    Expire(Expiration),
}

/// What the timer was about as it reached its pre-timeout or its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiration {
    /// What it watched.
    pub(crate) timer_use: Option<TimerUse>,
    /// What happens at the end.
    pub(crate) action: TimeoutAction,
    /// What happens before.
    pub(crate) interrupt: PreTimeoutInterrupt,
    /// Whether it goes into the event log.
    pub(crate) log: bool,
}

impl Expiration {
    /// What it watched, for the journal.
    pub(crate) fn watched(&self) -> String {
        self.timer_use.map_or_else(|| "none".to_owned(), |timer_use| format!("{timer_use:?}"))
    }
}

/// Why the timer did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Reset before any Set (v2.0§27.5).
    #[error("the watchdog was not set yet")]
    NotInitialized,
    /// Once the pre-timeout interval is reached, only Set keeps the timer from its end (v2.0§27.5).
    #[error("the pre-timeout interval has been reached: only a new setting stops the watchdog")]
    PreTimeoutReached,
    /// The interval before the end is longer than the countdown.
    #[error("a pre-timeout interval of {pre_timeout} s is longer than the countdown of {interval:?}")]
    PreTimeoutTooLong {
        /// In seconds.
        pre_timeout: u8,
        /// The countdown.
        interval: Duration,
    },
    /// A countdown longer than [`LONGEST`].
    #[error("a countdown of {0:?} is longer than {LONGEST:?}")]
    TooLong(Duration),
}

/// The timer.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pub(super) settings: Settings,
    pub(super) initialized: bool,
    pub(super) expired: ExpirationFlags,
    /// The use in which it last ran out, as OpenBMC shows it.
    pub(super) expired_use: Option<TimerUse>,
    /// What it did then: the settings may be others since.
    pub(super) expired_action: TimeoutAction,
    pub(super) clock: Clock,
    actions: VecDeque<Action>,
}

impl Default for Watchdog {
    fn default() -> Self {
        let settings = Settings::default();
        Self::new(settings, Clock::Stopped { left: settings.interval })
    }
}

impl Watchdog {
    /// A timer that nobody set.
    pub(super) fn new(settings: Settings, clock: Clock) -> Self {
        Self {
            settings,
            initialized: false,
            expired: ExpirationFlags::default(),
            expired_use: None,
            expired_action: TimeoutAction::None,
            clock,
            actions: VecDeque::new(),
        }
    }

    /// What to do next, until `None`. [`Watchdog::handle_timeout`] adds to it, nothing else.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Watchdog::handle_timeout`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        match self.clock {
            Clock::Stopped { .. } => None,
            Clock::Running { deadline, .. } => Some(self.interrupt_at().unwrap_or(deadline).min(deadline)),
        }
    }

    /// When the host is interrupted, if that is still to come.
    fn interrupt_at(&self) -> Option<Instant> {
        match self.clock {
            Clock::Running { deadline, interrupted: false }
                if self.settings.interrupt != PreTimeoutInterrupt::None =>
            {
                let before = Duration::from_secs(self.settings.pre_timeout.into());
                Some(deadline.checked_sub(before).unwrap_or(deadline))
            }
            _ => None,
        }
    }

    /// Does what is due at `now`.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Clock::Running { deadline, .. } = self.clock else { return };
        if self.interrupt_at().is_some_and(|at| at <= now) {
            self.clock = Clock::Running { deadline, interrupted: true };
            self.actions.push_back(Action::Interrupt(self.expiration()));
        }
        if deadline <= now {
            self.actions.push_back(Action::Expire(self.expiration()));
            self.expire();
        }
    }

    fn expire(&mut self) {
        self.clock = Clock::Stopped { left: Duration::ZERO };
        self.settings.log = true;
        self.expired_use = self.settings.timer_use;
        self.expired_action = self.settings.action;
        if let Some(timer_use) = self.settings.timer_use {
            self.expired = self.expired.with(timer_use);
        }
    }

    fn expiration(&self) -> Expiration {
        let Settings { timer_use, action, interrupt, log, .. } = self.settings;
        Expiration { timer_use, action, interrupt, log }
    }

    /// Set Watchdog Timer (v2.0§27.6).
    ///
    /// # Errors
    /// [`Refused::PreTimeoutTooLong`]; then nothing changed.
    pub(crate) fn set(&mut self, now: Instant, setting: &WatchdogSetting) -> Result<(), Refused> {
        let settings = Settings {
            timer_use: Some(setting.timer_use),
            action: setting.action,
            interrupt: setting.interrupt,
            pre_timeout: setting.pre_timeout,
            log: !setting.dont_log,
            interval: COUNT * u32::from(setting.countdown),
        };
        settings.check()?;
        (self.settings, self.initialized) = (settings, true);
        self.expired = self.expired.without(setting.clear);
        match self.clock {
            Clock::Running { .. } if setting.dont_stop => self.start(now, settings.interval),
            _ => self.clock = Clock::Stopped { left: settings.interval },
        }
        Ok(())
    }

    /// Reset Watchdog Timer (v2.0§27.5): starts the countdown, or starts it again.
    ///
    /// # Errors
    /// [`Refused::NotInitialized`], [`Refused::PreTimeoutReached`].
    pub(crate) fn reset(&mut self, now: Instant) -> Result<(), Refused> {
        match self.clock {
            _ if !self.initialized => Err(Refused::NotInitialized),
            Clock::Running { interrupted: true, .. } => Err(Refused::PreTimeoutReached),
            _ => {
                self.start(now, self.settings.interval);
                Ok(())
            }
        }
    }

    /// Changes settings one by one, as OpenBMC's interface does. A countdown under way is not touched.
    ///
    /// # Errors
    /// Where they do not fit together; then nothing changed.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Settings)) -> Result<(), Refused> {
        let mut settings = self.settings;
        change(&mut settings);
        settings.check()?;
        self.settings = settings;
        Ok(())
    }

    /// Starts the countdown from the start unless it runs, or stops it.
    pub(crate) fn enable(&mut self, now: Instant, enabled: bool) {
        match (enabled, self.clock) {
            (true, Clock::Stopped { .. }) => self.start(now, self.settings.interval),
            (false, _) => self.stop(now),
            (true, Clock::Running { .. }) => {}
        }
    }

    /// Lets a timer that runs go on from `left`.
    ///
    /// # Errors
    /// [`Refused::TooLong`], [`Refused::PreTimeoutReached`].
    pub(crate) fn set_left(&mut self, now: Instant, left: Duration) -> Result<(), Refused> {
        match self.clock {
            _ if left > LONGEST => Err(Refused::TooLong(left)),
            Clock::Running { interrupted: true, .. } => Err(Refused::PreTimeoutReached),
            Clock::Running { .. } => {
                self.start(now, left);
                Ok(())
            }
            Clock::Stopped { .. } => Ok(()),
        }
    }

    /// The host was reset or lost its power: what it was to be watched at is over.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.clock = Clock::Stopped { left: self.left(now) };
    }

    fn start(&mut self, now: Instant, left: Duration) {
        self.clock = Clock::Running { deadline: now + left, interrupted: false };
    }

    /// What is left of the countdown.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        match self.clock {
            Clock::Stopped { left } => left,
            Clock::Running { deadline, .. } => deadline.saturating_duration_since(now),
        }
    }

    /// Whether it counts.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.clock, Clock::Running { .. })
    }

    /// What Get Watchdog Timer tells (v2.0§27.7).
    pub(crate) fn state(&self, now: Instant) -> WatchdogState {
        let Settings { timer_use, action, interrupt, pre_timeout, log, interval } = self.settings;
        WatchdogState {
            timer_use,
            dont_log: !log,
            running: self.is_running(),
            action,
            interrupt,
            pre_timeout,
            expired: self.expired,
            initial: counts(interval),
            present: counts(self.left(now)),
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), Refused> {
        let Self { pre_timeout, interval, .. } = *self;
        if interval > LONGEST {
            return Err(Refused::TooLong(interval));
        }
        if Duration::from_secs(pre_timeout.into()) > interval {
            return Err(Refused::PreTimeoutTooLong { pre_timeout, interval });
        }
        Ok(())
    }
}

/// A count that has begun counts: right after a start the present countdown is the initial one (v2.0§27.7).
fn counts(time: Duration) -> u16 {
    u16::try_from(time.as_millis().div_ceil(COUNT.as_millis())).unwrap_or(u16::MAX)
}
