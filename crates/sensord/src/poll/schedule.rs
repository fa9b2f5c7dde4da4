//! When each sensor is due. Periods count from one common start, so that sensors of one period are read in one wakeup.

use std::time::{Duration, Instant};

/// The instants at which sensors are due.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    /// Period and next instant, by sensor.
    sensors: Vec<(Duration, Instant)>,
}

impl Schedule {
    /// Every sensor is due at `start`, and then each at its own period, which is not zero.
    pub(super) fn new(start: Instant, periods: impl IntoIterator<Item = Duration>) -> Self {
        Self { start, sensors: periods.into_iter().map(|period| (period, start)).collect() }
    }

    /// When to look again; `None` without sensors.
    pub(super) fn next(&self) -> Option<Instant> {
        self.sensors.iter().map(|(_, next)| *next).min()
    }

    /// The sensors that are due at `now`; their next instants are set, and instants that were missed are left out.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        for (index, (period, next)) in self.sensors.iter_mut().enumerate() {
            if *next > now {
                continue;
            }
            due.push(index);
            let elapsed = now.saturating_duration_since(self.start).as_nanos();
            let periods = elapsed / period.as_nanos().max(1) + 1;
            let nanos = periods.saturating_mul(period.as_nanos());
            *next = self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 2));
        }
        due
    }

    /// Has these be read at once, as when their power came.
    pub(super) fn hasten(&mut self, now: Instant, indices: impl IntoIterator<Item = usize>) {
        for index in indices {
            if let Some((_, next)) = self.sensors.get_mut(index) {
                *next = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn sensors_of_one_period_stay_together_however_late_they_are_served() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, [ms(1000), ms(1000), ms(500)]);
        assert_eq!(schedule.take_due(start + ms(3)), [0, 1, 2]);
        assert_eq!(schedule.next(), Some(start + ms(500)));
        assert_eq!(schedule.take_due(start + ms(507)), [2]);
        assert_eq!(schedule.take_due(start + ms(1000)), [0, 1, 2]);
        schedule.hasten(start + ms(1100), [1]);
        assert_eq!(schedule.take_due(start + ms(1100)), [1]);
        assert_eq!(schedule.take_due(start + ms(2000)), [0, 1, 2]);
    }

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, [ms(100)]);
        schedule.take_due(start);
        assert_eq!(schedule.take_due(start + ms(1050)), [0]);
        assert_eq!(schedule.next(), Some(start + ms(1100)));
    }
}
