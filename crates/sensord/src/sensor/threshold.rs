//! Alarms: when a value has crossed a threshold, and when it has come back far and long enough.

/// The levels of `xyz.openbmc_project.Sensor.Threshold.*`, by entity-manager's `Severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Level {
    Warning,
    Critical,
    PerformanceLoss,
    SoftShutdown,
    HardShutdown,
}

impl Level {
    /// In the order of `Severity`.
    pub(crate) const ALL: [Self; 5] =
        [Self::Warning, Self::Critical, Self::PerformanceLoss, Self::SoftShutdown, Self::HardShutdown];

    /// The last segment of the interface's name, and what its properties begin with.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Warning => "Warning",
            Self::Critical => "Critical",
            Self::PerformanceLoss => "PerformanceLoss",
            Self::SoftShutdown => "SoftShutdown",
            Self::HardShutdown => "HardShutdown",
        }
    }
}

/// Which side of a threshold is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    /// Above it.
    High,
    /// Below it.
    Low,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::High, Self::Low];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::High => "High",
            Self::Low => "Low",
        }
    }
}

/// One threshold and its alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) side: Side,
    /// In the sensor's unit; NaN where none is set.
    pub(crate) value: f64,
    /// How far a value must come back until the alarm ends, in the sensor's unit, not negative.
    pub(crate) hysteresis: f64,
    asserted: bool,
    /// Samples in a row that speak for the other state of the alarm.
    pending: u32,
}

impl Threshold {
    pub(crate) fn new(side: Side, value: f64, hysteresis: f64) -> Self {
        Self { side, value, hysteresis, asserted: false, pending: 0 }
    }

    /// Whether the alarm is on.
    pub(crate) fn asserted(&self) -> bool {
        self.asserted
    }

    /// Takes a sample; `debounce` of them in a row (at least one) change the alarm. Returns whether this one did.
    ///
    /// A value that could not be read says nothing: the alarm stays and a run of samples is not broken.
    pub(crate) fn sample(&mut self, value: f64, debounce: u32) -> bool {
        if value.is_nan() {
            return false;
        }
        if self.wanted(value) == self.asserted {
            self.pending = 0;
            return false;
        }
        self.pending += 1;
        if self.pending < debounce.max(1) {
            return false;
        }
        self.set(!self.asserted);
        true
    }

    /// Ends the alarm whatever the value; returns whether it was on.
    pub(crate) fn clear(&mut self) -> bool {
        let was = self.asserted;
        self.set(false);
        was
    }

    fn set(&mut self, asserted: bool) {
        self.asserted = asserted;
        self.pending = 0;
    }

    /// The alarm that `value` speaks for. Between the threshold and the end of the hysteresis it is the one there is.
    fn wanted(&self, value: f64) -> bool {
        if self.value.is_nan() {
            return false;
        }
        // How far the value is on the bad side.
        let excess = match self.side {
            Side::High => value - self.value,
            Side::Low => self.value - value,
        };
        excess >= 0.0 || (self.asserted && excess >= -self.hysteresis)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(threshold: &mut Threshold, debounce: u32, values: &[f64]) -> Vec<bool> {
        values
            .iter()
            .map(|value| {
                threshold.sample(*value, debounce);
                threshold.asserted()
            })
            .collect()
    }

    #[test]
    fn a_high_alarm_begins_at_the_threshold_and_ends_below_the_hysteresis() {
        let mut high = Threshold::new(Side::High, 80.0, 2.0);
        assert_eq!(
            run(&mut high, 1, &[79.9, 80.0, 79.0, 78.0, 77.9, 79.9]),
            [false, true, true, true, false, false]
        );
    }

    #[test]
    fn a_low_alarm_is_the_mirror_image() {
        let mut low = Threshold::new(Side::Low, 11.0, 0.5);
        assert_eq!(
            run(&mut low, 1, &[11.1, 11.0, 11.4, 11.5, 11.6, 11.1]),
            [false, true, true, true, false, false]
        );
    }

    #[test]
    fn debounce_wants_samples_in_a_row() {
        let mut high = Threshold::new(Side::High, 80.0, 0.0);
        let values = [81.0, 81.0, 70.0, 81.0, 81.0, 81.0, 70.0, 70.0, 70.0];
        assert_eq!(run(&mut high, 3, &values), [false, false, false, false, false, true, true, true, false]);
    }

    #[test]
    fn a_value_that_could_not_be_read_changes_nothing() {
        let mut high = Threshold::new(Side::High, 80.0, 0.0);
        assert_eq!(run(&mut high, 2, &[81.0, f64::NAN, 81.0, f64::NAN]), [false, false, true, true]);
    }

    #[test]
    fn a_threshold_that_is_not_set_never_alarms_and_one_taken_away_ends_its_alarm() {
        let mut high = Threshold::new(Side::High, f64::NAN, 1.0);
        assert_eq!(run(&mut high, 1, &[1e9]), [false]);
        high.value = 80.0;
        assert_eq!(run(&mut high, 1, &[90.0]), [true]);
        high.value = f64::NAN;
        assert_eq!(run(&mut high, 1, &[90.0]), [false]);
    }

    proptest! {
        #[test]
        fn an_alarm_is_right_outside_the_hysteresis_band(
            values in prop::collection::vec(-20.0..20.0f64, 1..200),
            hysteresis in 0.0..5.0f64,
            high in any::<bool>(),
        ) {
            let side = if high { Side::High } else { Side::Low };
            let mut threshold = Threshold::new(side, 0.0, hysteresis);
            for value in values {
                let before = threshold.asserted();
                let changed = threshold.sample(value, 1);
                let excess = if high { value } else { -value };
                if excess >= 0.0 {
                    prop_assert!(threshold.asserted());
                } else if excess < -hysteresis {
                    prop_assert!(!threshold.asserted());
                } else {
                    prop_assert_eq!(threshold.asserted(), before, "inside the band nothing changes");
                }
                prop_assert_eq!(changed, before != threshold.asserted());
            }
        }

        #[test]
        fn a_change_needs_that_many_samples_that_ask_for_it(
            values in prop::collection::vec(-2.0..2.0f64, 1..300),
            debounce in 1u32..6,
        ) {
            let mut threshold = Threshold::new(Side::High, 0.0, 0.5);
            let mut since_change = 0u32;
            for value in values {
                since_change += 1;
                if threshold.sample(value, debounce) {
                    prop_assert!(since_change >= debounce);
                    since_change = 0;
                }
            }
        }
    }
}
