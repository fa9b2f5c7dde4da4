//! The log's time (v2.0§31.10, §37): the system's clock, unless a client sets another; before either is set, the time since the BMC
//! started, which is below [`FIRST_TIME`] and which clients show as such. Pure: what the kernel's clocks say comes in.

use serde::{Deserialize, Serialize};

/// Times below this count from the start of the BMC, from here on from 1970 (v2.0§37.1).
pub(crate) const FIRST_TIME: u32 = 0x2000_0000;
/// "No time" (v2.0§37.1), which no time may be.
const UNSPECIFIED: u32 = u32::MAX;
/// A clock that moves by less was adjusted, not set.
const STEP: i64 = 5;

/// What the kernel's clocks say, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Since 1970, as far as the system knows.
    pub(crate) realtime: i64,
    /// Since the BMC started, suspended time included.
    pub(crate) uptime: i64,
}

/// What a client set, which holds until the BMC starts again. Then the system's clock is right, or nobody's is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetTime {
    /// Names the start of the BMC since which it holds.
    pub(crate) boot: String,
    /// The log's time at that start.
    pub(crate) at_start: i64,
}

/// The log's time jumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// What it was.
    pub(crate) before: u32,
    /// What it is.
    pub(crate) after: u32,
}

/// The log's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// A system's clock before this was not set.
    earliest: i64,
    /// The log's time at the start of the BMC, as a client set it.
    set: Option<i64>,
    /// The same, as it was when the clock was last looked at.
    last: i64,
}

impl Clock {
    /// A clock that takes the system's time from `earliest` on for set, and that a client set to be `set` at the BMC's start.
    pub(crate) fn new(earliest: u32, set: Option<i64>, now: Reading) -> Self {
        let mut clock = Self { earliest: earliest.into(), set, last: 0 };
        clock.last = clock.at_start(now);
        clock
    }

    /// The log's time at the start of the BMC.
    fn at_start(&self, now: Reading) -> i64 {
        match self.set {
            Some(at_start) => at_start,
            None if now.realtime >= self.earliest => now.realtime - now.uptime,
            None => 0,
        }
    }

    /// The log's time.
    pub(crate) fn time(&self, now: Reading) -> u32 {
        stamp(self.at_start(now) + now.uptime)
    }

    /// Sets the log's time: what to keep of it, and the step where it is one.
    pub(crate) fn set(&mut self, now: Reading, seconds: u32) -> (i64, Option<Step>) {
        let at_start = i64::from(seconds) - now.uptime;
        self.set = Some(at_start);
        (at_start, self.observe(now))
    }

    /// Looks whether the time jumped since it was last looked at: somebody set it, or the system's clock.
    pub(crate) fn observe(&mut self, now: Reading) -> Option<Step> {
        let at_start = self.at_start(now);
        let before = std::mem::replace(&mut self.last, at_start);
        let jumped = (at_start - before).abs() >= STEP;
        jumped.then(|| Step { before: stamp(before + now.uptime), after: stamp(at_start + now.uptime) })
    }
}

fn stamp(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(UNSPECIFIED).min(UNSPECIFIED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(realtime: i64, uptime: i64) -> Reading {
        Reading { realtime, uptime }
    }

    #[test]
    fn before_the_clock_is_set_time_counts_from_the_start_of_the_bmc() {
        let clock = Clock::new(FIRST_TIME, None, at(12, 40));
        assert_eq!(clock.time(at(62, 90)), 90);
        assert_eq!(clock.time(at(-5, 91)), 91);
    }

    #[test]
    fn a_system_clock_that_gets_set_is_one_step_and_no_more() {
        let mut clock = Clock::new(FIRST_TIME, None, at(12, 40));
        assert_eq!(clock.observe(at(72, 100)), None);
        let step = Step { before: 130, after: 1_800_000_000 };
        assert_eq!(clock.observe(at(NOW, 130)), Some(step));
        assert_eq!(clock.observe(at(NOW + 10, 140)), None);
        assert_eq!(clock.observe(at(NOW + 22, 150)), None, "slewed by two seconds");
        assert_eq!(clock.time(at(NOW + 22, 150)), 1_800_000_022);
    }

    #[test]
    fn what_a_client_sets_stands_whatever_the_system_clock_does() {
        let mut clock = Clock::new(FIRST_TIME, None, at(12, 40));
        let (at_start, step) = clock.set(at(22, 50), 1_700_000_000);
        assert_eq!(step, Some(Step { before: 50, after: 1_700_000_000 }));
        assert_eq!(clock.observe(at(NOW, 60)), None);
        assert_eq!(clock.time(at(NOW, 60)), 1_700_000_010);
        let again = Clock::new(FIRST_TIME, Some(at_start), at(NOW, 70));
        assert_eq!(again.time(at(NOW, 70)), 1_700_000_020, "after a restart of seld");
    }

    #[test]
    fn no_time_is_the_one_that_means_none() {
        let mut clock = Clock::new(FIRST_TIME, None, at(NOW, 1));
        clock.set(at(NOW, 1), u32::MAX);
        assert_eq!(clock.time(at(NOW, 1)), u32::MAX - 1);
        assert_eq!(clock.time(at(NOW, 9)), u32::MAX - 1);
        clock.set(at(NOW, 100), 0);
        assert_eq!((clock.time(at(NOW, 100)), clock.time(at(NOW, 50))), (0, 0));
    }
}
