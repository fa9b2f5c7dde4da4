//! A sensor as a value: samples and instants in, changes out. No clock, no file, no bus.

pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod power;
pub(crate) mod publish;
pub(crate) mod quantity;
pub(crate) mod threshold;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use health::{FailureLimits, Health};
use history::{Depth, History};
use publish::Filter;
use quantity::{Range, Scale};
use threshold::{Level, Side, Threshold};

/// How samples are judged; the same for every sensor of the daemon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) failures: FailureLimits,
    /// Samples in a row that change an alarm.
    pub(crate) debounce: u32,
    /// How long after its power came a sensor raises no alarm: fans spin up, rails ramp.
    pub(crate) settle: Duration,
    pub(crate) history: Depth,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sample {
    /// hwmon's number.
    Raw(i64),
    /// The read failed.
    Failed,
    /// The bus' deadline has passed and the read is not back.
    Hung,
}

/// When a sample was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// For the age.
    pub(crate) at: Instant,
    /// For the history, ms since the epoch.
    pub(crate) wall_ms: u64,
}

/// What a sample changed and the bus must hear.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) value: Option<f64>,
    pub(crate) available: Option<bool>,
    pub(crate) functional: Option<bool>,
    pub(crate) alarms: Vec<AlarmChange>,
}

/// An alarm that began or ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AlarmChange {
    pub(crate) level: Level,
    pub(crate) side: Side,
    pub(crate) asserted: bool,
    /// The value that did it; NaN where the power went.
    pub(crate) value: f64,
}

/// Both thresholds of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LevelThresholds {
    pub(crate) level: Level,
    pub(crate) high: Threshold,
    pub(crate) low: Threshold,
}

/// A sensor's state.
#[derive(Debug)]
pub(crate) struct Sensor {
    scale: Scale,
    policy: Policy,
    levels: Vec<LevelThresholds>,
    value: f64,
    last_good: Option<Instant>,
    powered: bool,
    settled_at: Option<Instant>,
    overridden: Option<f64>,
    health: Health,
    filter: Filter,
    history: History,
    published: (bool, bool),
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl LevelThresholds {
    /// A level without thresholds, with `hysteresis` for those that may be set later.
    pub(crate) fn new(level: Level, hysteresis: f64) -> Self {
        let side = |side| Threshold::new(side, f64::NAN, hysteresis);
        Self { level, high: side(Side::High), low: side(Side::Low) }
    }

    pub(crate) fn side(&self, side: Side) -> &Threshold {
        match side {
            Side::High => &self.high,
            Side::Low => &self.low,
        }
    }

    pub(crate) fn side_mut(&mut self, side: Side) -> &mut Threshold {
        match side {
            Side::High => &mut self.high,
            Side::Low => &mut self.low,
        }
    }
}

impl Sensor {
    /// A sensor that has not been read yet: NaN and unavailable.
    pub(crate) fn new(scale: Scale, range: Range, levels: Vec<LevelThresholds>, policy: Policy) -> Self {
        Self {
            scale,
            policy,
            levels,
            value: f64::NAN,
            last_good: None,
            powered: true,
            settled_at: None,
            overridden: None,
            health: Health::default(),
            filter: Filter::new(range.width()),
            history: History::new(policy.history),
            published: (false, true),
        }
    }

    /// Takes a sample. One that comes after the power went, or while the value is overridden, says nothing.
    pub(crate) fn sample(&mut self, taken: Taken, sample: Sample) -> Changes {
        if !self.powered || self.overridden.is_some() {
            return Changes::default();
        }
        match sample {
            Sample::Raw(raw) => {
                self.health.succeed();
                self.take_value(taken, self.scale.value(raw));
            }
            Sample::Failed => self.health.fail(),
            Sample::Hung => self.health.hang(),
        }
        if !self.health.available(self.policy.failures) {
            self.value = f64::NAN;
        }
        let settled = self.settled_at.is_none_or(|settled_at| taken.at >= settled_at);
        let alarms = match sample {
            Sample::Raw(_) if settled => self.judge(self.policy.debounce),
            Sample::Raw(_) | Sample::Failed | Sample::Hung => Vec::new(),
        };
        self.report(alarms)
    }

    /// The power of what the sensor watches came or went. When it goes the reading is unavailable and every alarm ends.
    pub(crate) fn set_powered(&mut self, now: Instant, powered: bool) -> Changes {
        if powered == self.powered {
            return Changes::default();
        }
        self.powered = powered;
        self.settled_at = powered.then(|| now + self.policy.settle);
        self.health = Health::default();
        // A reading from before the power went says nothing of now; what stands in the place of readings goes on doing so.
        let standing = self.overridden.filter(|_| powered);
        self.value = standing.unwrap_or(f64::NAN);
        self.last_good = standing.map(|_| now);
        let alarms = if powered { Vec::new() } else { self.clear_alarms() };
        self.report(alarms)
    }

    /// Puts `value` in the place of readings; NaN lets readings through again.
    pub(crate) fn set_override(&mut self, taken: Taken, value: f64) -> Changes {
        self.overridden = (!value.is_nan()).then_some(value);
        self.health.succeed();
        self.take_value(taken, value);
        let alarms = self.judge(1);
        self.report(alarms)
    }

    /// Sets one threshold (NaN takes it away) and judges the present value by it at once.
    pub(crate) fn set_threshold(&mut self, level: Level, side: Side, value: f64) -> Changes {
        if let Some(levels) = self.levels.iter_mut().find(|levels| levels.level == level) {
            levels.side_mut(side).value = value;
        }
        let alarms = self.judge(1);
        self.report(alarms)
    }

    /// Sets the hysteresis of all thresholds of one side.
    pub(crate) fn set_hysteresis(&mut self, side: Side, hysteresis: f64) -> Changes {
        for levels in &mut self.levels {
            levels.side_mut(side).hysteresis = hysteresis;
        }
        let alarms = self.judge(1);
        self.report(alarms)
    }

    /// The hysteresis of a side: that of its first threshold that is set, else of its first; 0 without any.
    pub(crate) fn hysteresis(&self, side: Side) -> f64 {
        let mut thresholds = self.levels.iter().map(|levels| levels.side(side));
        let first = thresholds.clone().next();
        thresholds.find(|threshold| !threshold.value.is_nan()).or(first).map_or(0.0, |found| found.hysteresis)
    }

    pub(crate) fn threshold(&self, level: Level, side: Side) -> Option<&Threshold> {
        self.levels.iter().find(|levels| levels.level == level).map(|levels| levels.side(side))
    }

    /// The alarms that are on, worst last.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = (Level, Side)> + '_ {
        self.levels.iter().flat_map(|levels| {
            Side::BOTH
                .into_iter()
                .filter(|side| levels.side(*side).asserted())
                .map(|side| (levels.level, side))
        })
    }

    /// The reading in the sensor's unit, NaN where there is none.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    pub(crate) fn available(&self) -> bool {
        !self.value.is_nan()
    }

    pub(crate) fn functional(&self) -> bool {
        self.health.functional(self.policy.failures)
    }

    pub(crate) fn powered(&self) -> bool {
        self.powered
    }

    /// Failed reads since the last good one.
    pub(crate) fn failures(&self) -> u32 {
        self.health.failures()
    }

    /// How long ago the last good reading was; `None` before the first.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.last_good.map(|at| now.saturating_duration_since(at))
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    fn take_value(&mut self, taken: Taken, value: f64) {
        self.value = value;
        if !value.is_nan() {
            self.last_good = Some(taken.at);
        }
        self.history.push(taken.wall_ms, value);
    }

    /// What the bus does not know yet, which counts as known from now on; an alarm brings the value that explains it.
    fn report(&mut self, alarms: Vec<AlarmChange>) -> Changes {
        let now = (self.available(), self.functional());
        let available = (now.0 != self.published.0).then_some(now.0);
        let functional = (now.1 != self.published.1).then_some(now.1);
        self.published = now;
        let mut admitted = self.filter.admit(self.value);
        if !alarms.is_empty() && !self.value.is_nan() {
            self.filter.force(self.value);
            admitted = true;
        }
        Changes { value: admitted.then_some(self.value), available, functional, alarms }
    }

    fn judge(&mut self, debounce: u32) -> Vec<AlarmChange> {
        let value = self.value;
        self.each_threshold(value, |threshold| threshold.sample(value, debounce))
    }

    fn clear_alarms(&mut self) -> Vec<AlarmChange> {
        self.each_threshold(f64::NAN, Threshold::clear)
    }

    /// Does `action` to each threshold, which says whether that changed its alarm.
    fn each_threshold(
        &mut self,
        value: f64,
        mut action: impl FnMut(&mut Threshold) -> bool,
    ) -> Vec<AlarmChange> {
        let mut changes = Vec::new();
        for levels in &mut self.levels {
            for side in Side::BOTH {
                let threshold = levels.side_mut(side);
                if action(threshold) {
                    let asserted = threshold.asserted();
                    changes.push(AlarmChange { level: levels.level, side, asserted, value });
                }
            }
        }
        changes
    }
}
