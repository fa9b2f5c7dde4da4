use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A timer with a virtual clock.
struct Story {
    now: Instant,
    timer: Watchdog,
    /// What it did, each with the time since the start.
    done: Vec<(Duration, Action)>,
    start: Instant,
}

/// Ten seconds, then a reset; nothing before.
fn setting() -> WatchdogSetting {
    WatchdogSetting {
        timer_use: TimerUse::SmsOs,
        dont_log: false,
        dont_stop: false,
        action: TimeoutAction::HardReset,
        interrupt: PreTimeoutInterrupt::None,
        pre_timeout: 0,
        clear: ExpirationFlags::default(),
        countdown: 100,
    }
}

fn with_nmi() -> WatchdogSetting {
    WatchdogSetting { interrupt: PreTimeoutInterrupt::Nmi, pre_timeout: 3, ..setting() }
}

impl Story {
    fn new() -> Self {
        let start = Instant::now();
        Self { now: start, timer: Watchdog::default(), done: Vec::new(), start }
    }

    fn running(setting: &WatchdogSetting) -> Self {
        let mut story = Self::new();
        story.set(setting);
        story.timer.reset(story.now).unwrap();
        story
    }

    fn set(&mut self, setting: &WatchdogSetting) {
        self.timer.set(self.now, setting).unwrap();
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.timer.next_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.timer.handle_timeout(self.now);
            while let Some(action) = self.timer.poll_action() {
                self.done.push((self.now - self.start, action));
            }
        }
        self.now = end;
    }

    fn state(&self) -> WatchdogState {
        self.timer.state(self.now)
    }

    fn expired_at(&self) -> Vec<Duration> {
        let ends = self.done.iter().filter(|(_, action)| matches!(action, Action::Expire(_)));
        ends.map(|(at, _)| *at).collect()
    }
}

#[test]
fn a_countdown_of_a_hundred_counts_ends_after_ten_seconds_to_the_millisecond() {
    let mut story = Story::running(&setting());
    story.pass(Duration::from_millis(9_999));
    assert_eq!(story.done, []);
    story.pass(Duration::from_millis(1));
    assert_eq!(story.expired_at(), [10 * SECOND]);
    let state = story.state();
    assert_eq!((state.running, state.present, state.initial, state.expired.bits()), (false, 0, 100, 0x10));
}

#[test]
fn a_reset_before_any_set_is_refused_and_nothing_runs() {
    let mut story = Story::new();
    assert_eq!(story.timer.reset(story.now), Err(Refused::NotInitialized));
    assert!(!story.state().running);
}

#[test]
fn the_present_countdown_is_the_initial_one_right_after_set_and_after_reset() {
    let mut story = Story::new();
    story.set(&setting());
    assert_eq!((story.state().initial, story.state().present), (100, 100));
    story.timer.reset(story.now).unwrap();
    assert_eq!(story.state().present, 100);
    story.pass(Duration::from_millis(4_250));
    assert_eq!(story.state().present, 58, "57.5 counts are left");
    story.timer.reset(story.now).unwrap();
    assert_eq!(story.state().present, 100);
}

#[test]
fn set_stops_the_timer_unless_it_says_not_to() {
    let mut story = Story::running(&setting());
    story.pass(SECOND);
    story.set(&WatchdogSetting { dont_stop: true, countdown: 20, ..setting() });
    assert_eq!((story.state().running, story.state().present), (true, 20));
    story.set(&setting());
    assert_eq!((story.state().running, story.state().present), (false, 100));
    story.set(&WatchdogSetting { dont_stop: true, ..setting() });
    assert!(!story.state().running, "a timer that is stopped stays so");
    story.pass(60 * SECOND);
    assert_eq!(story.done, []);
}

#[test]
fn the_interrupt_comes_its_interval_before_the_end() {
    let mut story = Story::running(&with_nmi());
    story.pass(20 * SECOND);
    let kinds: Vec<_> = story
        .done
        .iter()
        .map(|(at, action)| (at.as_secs(), matches!(action, Action::Interrupt(_))))
        .collect();
    assert_eq!(kinds, [(7, true), (10, false)]);
}

#[test]
fn an_interval_of_no_length_interrupts_at_the_end() {
    let mut story = Story::running(&WatchdogSetting { pre_timeout: 0, ..with_nmi() });
    story.pass(20 * SECOND);
    let times: Vec<_> = story.done.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(times, [10, 10]);
    assert!(matches!(story.done[0].1, Action::Interrupt(_)));
}

#[test]
fn past_the_interrupt_only_a_new_setting_keeps_the_timer_from_its_end() {
    let mut story = Story::running(&with_nmi());
    story.pass(8 * SECOND);
    assert_eq!(story.timer.reset(story.now), Err(Refused::PreTimeoutReached));
    story.set(&WatchdogSetting { dont_stop: true, ..with_nmi() });
    story.timer.reset(story.now).unwrap();
    story.pass(9 * SECOND);
    assert_eq!(story.expired_at(), []);
    assert_eq!(story.done.len(), 2, "interrupted a second time");
}

#[test]
fn an_interval_longer_than_the_countdown_is_refused_and_the_timer_runs_on() {
    let mut story = Story::running(&setting());
    let long = WatchdogSetting { pre_timeout: 11, ..with_nmi() };
    assert!(matches!(story.timer.set(story.now, &long), Err(Refused::PreTimeoutTooLong { .. })));
    assert!(story.state().running);
    story.set(&WatchdogSetting { pre_timeout: 10, ..with_nmi() });
}

#[test]
fn expiration_flags_stay_until_they_are_cleared_one_by_one() {
    let mut story = Story::new();
    for timer_use in [TimerUse::BiosFrb2, TimerUse::OsLoad] {
        story.set(&WatchdogSetting { timer_use, ..setting() });
        story.timer.reset(story.now).unwrap();
        story.pass(10 * SECOND);
    }
    assert_eq!(story.state().expired.bits(), 0b1010);
    story.set(&WatchdogSetting { clear: ExpirationFlags::from_bits(0b0010), ..setting() });
    assert_eq!(story.state().expired.bits(), 0b1000);
}

#[test]
fn an_expiration_that_is_not_logged_leaves_the_next_one_to_be() {
    let mut story = Story::running(&WatchdogSetting { dont_log: true, ..setting() });
    assert!(story.state().dont_log);
    story.pass(10 * SECOND);
    assert!(!story.state().dont_log);
    story.timer.reset(story.now).unwrap();
    story.pass(10 * SECOND);
    let logged: Vec<_> =
        story.done.iter().map(|(_, action)| matches!(action, Action::Expire(it) if it.log)).collect();
    assert_eq!(logged, [false, true]);
}

#[test]
fn a_host_that_is_reset_or_off_is_no_longer_watched() {
    let mut story = Story::running(&setting());
    story.pass(4 * SECOND);
    story.timer.stop(story.now);
    story.pass(60 * SECOND);
    assert_eq!((story.done.len(), story.state().running, story.state().present), (0, false, 60));
}

#[test]
fn a_countdown_of_nothing_ends_with_the_reset() {
    let mut story = Story::running(&WatchdogSetting { countdown: 0, ..setting() });
    story.pass(Duration::ZERO);
    assert_eq!(story.expired_at(), [Duration::ZERO]);
}

#[test]
fn openbmcs_switch_starts_from_the_start_and_its_writes_do_not_touch_what_runs() {
    let mut story = Story::new();
    story.timer.change(|settings| settings.interval = 5 * SECOND).unwrap();
    story.timer.enable(story.now, true);
    story.pass(2 * SECOND);
    story.timer.change(|settings| settings.interval = 50 * SECOND).unwrap();
    story.timer.enable(story.now, true);
    assert_eq!(story.timer.left(story.now), 3 * SECOND);
    story.timer.set_left(story.now, 4 * SECOND).unwrap();
    assert_eq!(story.timer.left(story.now), 4 * SECOND);
    story.timer.enable(story.now, false);
    story.pass(60 * SECOND);
    assert_eq!(story.done, []);
    assert!(story.timer.change(|settings| settings.interval = LONGEST + SECOND).is_err());
}

proptest! {
    /// However it is set, started and stopped: one end per start at most, never early, and no end without a start.
    #[test]
    fn every_end_is_a_whole_countdown_after_a_start(
        steps in prop::collection::vec((0_u8..4, 0_u64..300), 1..40),
        countdown in 0_u16..200,
    ) {
        let mut story = Story::new();
        let mut started: Option<Duration> = None;
        for (step, counts) in steps {
            match step {
                0 => { story.set(&WatchdogSetting { countdown, ..setting() }); started = None; }
                1 if story.timer.reset(story.now).is_ok() => started = Some(story.now - story.start),
                2 => { story.timer.stop(story.now); started = None; }
                _ => {}
            }
            story.pass(Duration::from_millis(100 * counts));
            let ends = story.expired_at();
            match (started, &ends[..]) {
                (_, []) => {}
                (Some(at), [end]) => { prop_assert_eq!(*end, at + COUNT * u32::from(countdown)); started = None; }
                other => prop_assert!(false, "{:?}", other),
            }
            story.done.clear();
        }
    }
}
