//! Which readings are worth a signal: 300 sensors at one read a second must not be 300 signals a second.

/// The share of the range that a value must move by until it is published again (dbus-sensors' figure).
const SHARE: f64 = 0.0001;

/// Lets through what differs from what was last let through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    step: f64,
    published: f64,
}

impl Filter {
    /// A filter for a sensor whose range is `width` wide. Nothing is published yet, which is NaN.
    pub(crate) fn new(width: f64) -> Self {
        Self { step: width * SHARE, published: f64::NAN }
    }

    /// Whether `value` is to be published; where it is, it counts as published.
    pub(crate) fn admit(&mut self, value: f64) -> bool {
        let moved = (value - self.published).abs() > self.step;
        let admitted = moved || value.is_nan() != self.published.is_nan();
        if admitted {
            self.published = value;
        }
        admitted
    }

    /// Counts `value` as published, which something else made known.
    pub(crate) fn force(&mut self, value: f64) {
        self.published = value;
    }

    /// What the bus knows.
    #[cfg(test)]
    pub(crate) fn published(&self) -> f64 {
        self.published
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_published_when_it_has_moved_enough_or_crosses_nan() {
        let mut filter = Filter::new(100.0);
        assert!(!filter.admit(f64::NAN), "nothing was published and there is nothing yet");
        assert!(filter.admit(20.0));
        assert!(!filter.admit(20.009));
        assert!(filter.admit(20.02));
        assert!(filter.admit(f64::NAN));
        assert!(!filter.admit(f64::NAN));
        assert!(filter.admit(20.0));
    }

    proptest! {
        #[test]
        fn the_bus_is_never_further_off_than_the_step(values in prop::collection::vec(prop::option::of(-50.0..150.0f64), 1..200)) {
            let mut filter = Filter::new(200.0);
            for value in values {
                let value = value.unwrap_or(f64::NAN);
                filter.admit(value);
                let known = filter.published();
                prop_assert!(value.is_nan() == known.is_nan());
                prop_assert!(value.is_nan() || (value - known).abs() <= 0.02 + 1e-12);
            }
        }

        #[test]
        fn a_creeping_value_is_published_at_most_once_per_step(step in 0.0001..0.01f64) {
            let mut filter = Filter::new(100.0);
            filter.admit(0.0);
            let published = (1..=1000).filter(|n| filter.admit(f64::from(*n) * step)).count();
            #[allow(clippy::cast_precision_loss)]
            let published = published as f64;
            prop_assert!(published <= 1000.0 * step / 0.01 + 1.0);
        }
    }
}
