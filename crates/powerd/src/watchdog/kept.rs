//! What a powerd that starts again has to know of the timer.
//!
//! A timer that runs goes on: its deadline is kept as time since the kernel started, and one that passed meanwhile is over at once.
//! The file is on a file system in memory (`RuntimeDirectory=` of the unit), as a host feeds its watchdog every few seconds and
//! flash would not bear that; after a restart of the BMC nobody is watched, as nobody knows what the host did meanwhile.

use std::time::{Duration, Instant};

use ipmi_wire::command::watchdog::{ExpirationFlags, PreTimeoutInterrupt, TimeoutAction, TimerUse};
use serde::{Deserialize, Serialize};

use super::machine::{Clock, Settings, Watchdog};

/// An instant on both clocks: ours, and the kernel's time since its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) uptime: Duration,
}

impl Now {
    /// The present.
    pub(super) fn read() -> Self {
        // To a hundredth of a second. Where it cannot be read, a restart of powerd starts the countdown again.
        let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = text.split(' ').next().and_then(|text| text.parse::<f64>().ok());
        let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self { instant: Instant::now(), uptime: uptime.unwrap_or_default() }
    }
}

/// A timer as it is written down; codes are the specification's, times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The BMC's boot: another one's deadline means nothing.
    boot_id: String,
    initialized: bool,
    timer_use: u8,
    action: u8,
    interrupt: u8,
    pre_timeout: u8,
    log: bool,
    interval: u64,
    expired: u8,
    expired_use: u8,
    /// The file of a powerd before an update may be without.
    #[serde(default)]
    expired_action: u8,
    /// What was left, or the deadline as time since the kernel's start.
    running: bool,
    time: u64,
    interrupted: bool,
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Kept {
    /// Writes a timer down.
    pub(super) fn of(timer: &Watchdog, now: Now, boot_id: &str) -> Self {
        let Settings { timer_use, action, interrupt, pre_timeout, log, interval } = timer.settings;
        let code = |timer_use: Option<TimerUse>| timer_use.map_or(0, TimerUse::code);
        let (running, time, interrupted) = match timer.clock {
            Clock::Stopped { left } => (false, left, false),
            Clock::Running { deadline, interrupted } => {
                (true, now.uptime + deadline.saturating_duration_since(now.instant), interrupted)
            }
        };
        Self {
            boot_id: boot_id.to_owned(),
            initialized: timer.initialized,
            timer_use: code(timer_use),
            action: action.code(),
            interrupt: interrupt.code(),
            pre_timeout,
            log,
            interval: milliseconds(interval),
            expired: timer.expired.bits(),
            expired_use: code(timer.expired_use),
            expired_action: timer.expired_action.code(),
            running,
            time: milliseconds(time),
            interrupted,
        }
    }

    /// The timer again; `None` where it is another boot's, or is none that we wrote.
    pub(super) fn timer(&self, now: Now, boot_id: &str) -> Option<Watchdog> {
        if self.boot_id != boot_id {
            return None;
        }
        let settings = Settings {
            timer_use: TimerUse::from_code(self.timer_use),
            action: TimeoutAction::from_code(self.action)?,
            interrupt: PreTimeoutInterrupt::from_code(self.interrupt)?,
            pre_timeout: self.pre_timeout,
            log: self.log,
            interval: Duration::from_millis(self.interval),
        };
        let mut timer = Watchdog::new(Settings::default(), Clock::Stopped { left: Duration::ZERO });
        timer.change(|those| *those = settings).ok()?;
        // Whatever the file says, no countdown is longer than the longest.
        let time = Duration::from_millis(self.time);
        timer.clock = match self.running {
            false => Clock::Stopped { left: time.min(settings.interval) },
            true => {
                let left = time.saturating_sub(now.uptime).min(super::machine::LONGEST);
                Clock::Running { deadline: now.instant + left, interrupted: self.interrupted }
            }
        };
        timer.initialized = self.initialized;
        timer.expired = ExpirationFlags::from_bits(self.expired);
        timer.expired_use = TimerUse::from_code(self.expired_use);
        timer.expired_action = TimeoutAction::from_code(self.expired_action)?;
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use ipmi_wire::command::watchdog::WatchdogSetting;

    use super::*;

    const BOOT: &str = "this one";

    fn running(now: Now) -> Watchdog {
        let mut timer = Watchdog::default();
        let setting = WatchdogSetting {
            timer_use: TimerUse::OsLoad,
            dont_log: true,
            dont_stop: false,
            action: TimeoutAction::PowerCycle,
            interrupt: PreTimeoutInterrupt::Messaging,
            pre_timeout: 5,
            clear: ExpirationFlags::default(),
            countdown: 600,
        };
        timer.set(now.instant, &setting).unwrap();
        timer.reset(now.instant).unwrap();
        timer
    }

    fn now() -> Now {
        Now { instant: Instant::now(), uptime: Duration::from_secs(1000) }
    }

    fn later(now: Now, time: Duration) -> Now {
        // Another process: its instants say nothing of ours.
        Now { instant: Instant::now() + Duration::from_secs(7), uptime: now.uptime + time }
    }

    #[test]
    fn a_timer_that_runs_goes_on_where_it_would_be() {
        let start = now();
        let kept = Kept::of(&running(start), start, BOOT);
        let text = serde_json::to_string(&kept).unwrap();
        let restart = later(start, Duration::from_secs(20));
        let timer = serde_json::from_str::<Kept>(&text).unwrap().timer(restart, BOOT).unwrap();
        let mut expected = running(start).state(start.instant);
        expected.present = 400;
        assert_eq!(timer.state(restart.instant), expected);
    }

    #[test]
    fn a_timer_that_ran_out_meanwhile_is_over_at_once() {
        let start = now();
        let kept = Kept::of(&running(start), start, BOOT);
        let restart = later(start, Duration::from_secs(61));
        let mut timer = kept.timer(restart, BOOT).unwrap();
        assert!(timer.next_timeout().unwrap() <= restart.instant);
        timer.handle_timeout(restart.instant);
        assert!(timer.poll_action().is_some() && !timer.is_running());
    }

    #[test]
    fn what_a_timer_did_at_its_end_is_known_after_a_restart_and_when_it_was_set_again() {
        let start = now();
        let mut timer = running(start);
        timer.handle_timeout(start.instant + Duration::from_secs(60));
        timer.change(|settings| settings.action = TimeoutAction::PowerDown).unwrap();
        let text = serde_json::to_string(&Kept::of(&timer, start, BOOT)).unwrap();
        let timer = serde_json::from_str::<Kept>(&text).unwrap().timer(start, BOOT).unwrap();
        assert_eq!(
            (timer.expired_use, timer.expired_action),
            (Some(TimerUse::OsLoad), TimeoutAction::PowerCycle)
        );
    }

    #[test]
    fn another_boots_timer_and_a_damaged_one_count_for_nothing() {
        let start = now();
        let kept = Kept::of(&running(start), start, BOOT);
        assert!(kept.timer(start, "another").is_none());
        assert!(Kept { action: 9, ..kept.clone() }.timer(start, BOOT).is_none());
        let endless = Kept { time: u64::MAX, ..kept }.timer(start, BOOT).unwrap();
        assert_eq!(endless.left(start.instant), super::super::machine::LONGEST);
    }
}
