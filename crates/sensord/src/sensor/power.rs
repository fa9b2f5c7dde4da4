//! Sensors of what is off have nothing to say.

/// When a sensor can be read: entity-manager's `PowerState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
pub(crate) enum PowerState {
    /// As long as the BMC runs.
    #[default]
    Always,
    /// While the host runs.
    On,
    /// While the host's firmware or operating system has come up.
    BiosPost,
    /// While the chassis has main power.
    ChassisOn,
}

/// What is known of the host; `None` is not known, because nobody on the bus says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HostPower {
    /// `CurrentHostState` is `Running`.
    pub(crate) running: Option<bool>,
    /// `OperatingSystemState` is not `Inactive`. Where nobody says, `running` stands in.
    pub(crate) posted: Option<bool>,
    /// `CurrentPowerState` is `On`.
    pub(crate) chassis_on: Option<bool>,
}

impl HostPower {
    /// Whether a sensor of `state` can be read. What is not known counts as off: a reading of an unpowered rail is a false alarm,
    /// a missing one says honestly that it is missing.
    pub(crate) fn allows(self, state: PowerState) -> bool {
        let known = match state {
            PowerState::Always => Some(true),
            PowerState::On => self.running,
            PowerState::BiosPost => self.running.map(|running| running && self.posted.unwrap_or(running)),
            PowerState::ChassisOn => self.chassis_on,
        };
        known.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [PowerState; 4] =
        [PowerState::Always, PowerState::On, PowerState::BiosPost, PowerState::ChassisOn];

    fn allowed(running: Option<bool>, posted: Option<bool>, chassis_on: Option<bool>) -> [bool; 4] {
        STATES.map(|state| HostPower { running, posted, chassis_on }.allows(state))
    }

    #[test]
    fn each_power_state_asks_for_its_own_part_of_the_host() {
        assert_eq!(allowed(Some(true), Some(true), Some(true)), [true; 4]);
        assert_eq!(allowed(Some(false), Some(false), Some(true)), [true, false, false, true]);
        assert_eq!(allowed(Some(true), Some(false), Some(true)), [true, true, false, true]);
        assert_eq!(allowed(Some(false), Some(true), Some(false)), [true, false, false, false]);
    }

    #[test]
    fn what_nobody_says_counts_as_off() {
        assert_eq!(allowed(None, None, None), [true, false, false, false]);
        assert_eq!(allowed(Some(true), None, None), [true, true, true, false]);
    }
}
