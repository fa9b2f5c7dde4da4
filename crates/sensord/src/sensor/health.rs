//! From failed reads to `Available` and `Functional`.

/// How many failed reads in a row mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailureLimits {
    /// Until the value is NaN and `Available` false; at least 1.
    pub(crate) unavailable: u32,
    /// Until `Functional` is false; at least `unavailable`.
    pub(crate) broken: u32,
}

/// A sensor's run of failures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Health {
    failures: u32,
    /// A device that hangs is out at once, however many failures are let pass.
    hung: bool,
}

impl Health {
    /// A read went well.
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// A read failed.
    pub(crate) fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A read has not come back within its deadline.
    pub(crate) fn hang(&mut self) {
        self.fail();
        self.hung = true;
    }

    /// Failed reads since the last good one.
    pub(crate) fn failures(self) -> u32 {
        self.failures
    }

    pub(crate) fn available(self, limits: FailureLimits) -> bool {
        !self.hung && self.failures < limits.unavailable
    }

    pub(crate) fn functional(self, limits: FailureLimits) -> bool {
        self.failures < limits.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FailureLimits = FailureLimits { unavailable: 2, broken: 5 };

    fn after(failures: u32) -> Health {
        let mut health = Health::default();
        (0..failures).for_each(|_| health.fail());
        health
    }

    #[test]
    fn failures_first_make_a_sensor_unavailable_then_broken() {
        let states: Vec<_> =
            (0..6).map(|n| (after(n).available(LIMITS), after(n).functional(LIMITS))).collect();
        let expected =
            [(true, true), (true, true), (false, true), (false, true), (false, true), (false, false)];
        assert_eq!(states, expected);
    }

    #[test]
    fn one_good_read_heals() {
        let mut health = after(9);
        health.hang();
        health.succeed();
        assert!(health.available(LIMITS) && health.functional(LIMITS));
    }

    #[test]
    fn a_hanging_read_is_unavailable_at_once() {
        let mut health = Health::default();
        health.hang();
        assert!(!health.available(LIMITS) && health.functional(LIMITS));
    }
}
