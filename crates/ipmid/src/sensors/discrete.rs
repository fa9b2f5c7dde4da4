//! The discrete sensors that every BMC has: which object each of them is.

use bmc_dbus::names::{ipmi, power, sel};
use ipmi_wire::record::event::{number, sensor_type};

use super::Address;

/// A discrete sensor of the BMC's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Discrete {
    /// The object that its events name.
    path: &'static str,
    /// Type (v2.0 table 42-3); its states are sensor specific.
    pub(crate) sensor_type: u8,
    number: u8,
}

const DISCRETE: &[Discrete] = &[
    discrete(power::CHASSIS_PATH, sensor_type::POWER_UNIT, number::POWER_UNIT),
    discrete(power::HOST_PATH, sensor_type::SYSTEM_RESTART, number::SYSTEM_RESTART),
    discrete("/xyz/openbmc_project/state/os/boot", sensor_type::OS_BOOT, number::OS_BOOT),
    discrete("/xyz/openbmc_project/state/os/stop", sensor_type::OS_STOP, number::OS_STOP),
    discrete(power::BUTTONS_ROOT, sensor_type::BUTTON, number::BUTTON),
    discrete(sel::PATH, sensor_type::SYSTEM_EVENT, number::SYSTEM_EVENT),
    discrete(ipmi::SESSION_AUDIT_PATH, sensor_type::SESSION_AUDIT, number::SESSION_AUDIT),
    discrete("/xyz/openbmc_project/watchdog/host0", sensor_type::WATCHDOG, number::WATCHDOG),
];

const fn discrete(path: &'static str, sensor_type: u8, number: u8) -> Discrete {
    Discrete { path, sensor_type, number }
}

impl Discrete {
    /// The sensor that `path` is.
    pub(crate) fn at(path: &str) -> Option<Self> {
        DISCRETE.iter().find(|discrete| discrete.path == path).copied()
    }

    /// Where it is in IPMI.
    pub(crate) fn address(self) -> Address {
        Address { lun: 0, number: self.number }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_number_of_its_own_that_no_board_sensor_gets() {
        let numbers: HashSet<u8> = DISCRETE.iter().map(|discrete| discrete.number).collect();
        assert_eq!(numbers.len(), DISCRETE.len());
        assert!(numbers.iter().all(|number| (number::FIRST..0xFF).contains(number)));
        assert_eq!(Discrete::at(power::CHASSIS_PATH).map(|it| it.sensor_type), Some(0x09));
        assert_eq!(Discrete::at("/elsewhere"), None);
    }
}
