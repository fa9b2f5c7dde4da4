//! Which threshold alarms are on. Pure.
//!
//! Providers tell an alarm up to three times, and tell it again when they or seld start anew: what is no change is no event. After a start
//! the log itself says which alarms are on, so that an alarm that came or went meanwhile is logged late, and no other is logged twice.

use std::collections::{BTreeMap, HashMap};

use bmc_dbus::names::sensors as names;
use ipmi_wire::record::event::THRESHOLD;
use zbus::{OwnedVariant, Variant};

use crate::{
    record::What,
    store::{Stored, shortened},
};

/// Properties by interface.
pub(super) type Interfaces = HashMap<String, HashMap<String, OwnedVariant>>;

/// The alarms that IPMI has events for, in the order of v2.0§35.8. OpenBMC's hard shutdown is IPMI's non-recoverable.
const LEVELS: [(&str, &str); 6] = [
    ("Warning", "Low"),
    ("Critical", "Low"),
    ("HardShutdown", "Low"),
    ("Warning", "High"),
    ("Critical", "High"),
    ("HardShutdown", "High"),
];

/// The levels, as their interfaces are named.
pub(super) const INTERFACES: [&str; 3] = ["Warning", "Critical", "HardShutdown"];

/// An alarm that is on, and the reading that it came with.
type On = BTreeMap<(String, u8), f64>;

/// All alarms.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    on: On,
}

/// What a signal of a threshold interface says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    pub(super) index: u8,
    pub(super) asserted: bool,
    pub(super) value: f64,
}

impl Told {
    /// dbus-sensors' `ThresholdAsserted`, whose property is such as `CriticalAlarmHigh`.
    pub(super) fn by_property(property: &str, asserted: bool, value: f64) -> Option<Self> {
        let named = |(level, side): &(&str, &str)| property == format!("{level}Alarm{side}");
        Some(Self { index: place(named)?, asserted, value })
    }

    /// The signals of phosphor-dbus-interfaces, such as `CriticalHighAlarmAsserted`.
    pub(super) fn by_member(member: &str, value: f64) -> Option<Self> {
        let (alarm, asserted) = match member.strip_suffix("AlarmAsserted") {
            Some(alarm) => (alarm, true),
            None => (member.strip_suffix("AlarmDeasserted")?, false),
        };
        let named = |(level, side): &(&str, &str)| alarm == format!("{level}{side}");
        Some(Self { index: place(named)?, asserted, value })
    }
}

fn place(named: impl Fn(&(&str, &str)) -> bool) -> Option<u8> {
    u8::try_from(LEVELS.iter().position(named)?).ok()
}

impl Alarms {
    /// The alarms that are on for all that `records` say.
    pub(super) fn from_log<'a>(records: impl Iterator<Item = &'a Stored>) -> Self {
        let mut on = On::new();
        for Stored { record, path } in records {
            let [_, _, 0x02, _, _, _, _, _, _, _, _, _, event, data, ..] = *record else { continue };
            if event & 0x7F != THRESHOLD || path.is_empty() {
                continue;
            }
            let key = (path.clone(), (data & 0x0F) / 2);
            if event & 0x80 == 0 {
                on.insert(key, f64::NAN);
            } else {
                on.remove(&key);
            }
        }
        Self { on }
    }

    /// An alarm began or ended; `None` where that is known.
    pub(super) fn told(&mut self, path: &str, told: Told) -> Option<(String, What)> {
        let Told { index, asserted, value } = told;
        let key = (shortened(path).to_owned(), index);
        let news =
            if asserted { self.on.insert(key, value).is_none() } else { self.on.remove(&key).is_some() };
        news.then(|| (path.to_owned(), What::Threshold { index, asserted, value }))
    }

    /// A provider has this object with these properties.
    pub(super) fn found(&mut self, path: &str, interfaces: &Interfaces) -> Vec<(String, What)> {
        let value = interfaces.get(names::VALUE).and_then(|value| value.get("Value"));
        let value = match value.map(|value| &**value) {
            Some(Variant::F64(value)) => *value,
            _ => f64::NAN,
        };
        let alarm = |level: &str, side: &str| {
            let properties = interfaces.get(&format!("{}{level}", names::THRESHOLD_PREFIX))?;
            bool::try_from(properties.get(&format!("{level}Alarm{side}"))?).ok()
        };
        let told: Vec<_> = (0..)
            .zip(LEVELS)
            .filter_map(|(index, (level, side))| Some(Told { index, asserted: alarm(level, side)?, value }))
            .collect();
        told.into_iter().filter_map(|told| self.told(path, told)).collect()
    }

    /// What is on at `path`, or anywhere where it is empty, as if it began now; only events whose bit is set.
    pub(super) fn rearm(&self, path: &str, events: u16) -> Vec<(String, What)> {
        let bit = |index: u8| 1_u16 << (2 * index + u8::from(index >= 3));
        let wanted = |(at, index): &(String, u8)| {
            (path.is_empty() || at == shortened(path)) && events & bit(*index) != 0
        };
        let on = self.on.iter().filter(|(key, _)| wanted(key));
        on.map(|((at, index), value)| {
            (at.clone(), What::Threshold { index: *index, asserted: true, value: *value })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/xyz/openbmc_project/sensors/temperature/CPU1";

    fn critical(asserted: bool) -> Told {
        Told::by_property("CriticalAlarmHigh", asserted, 96.0).unwrap()
    }

    #[test]
    fn an_alarm_that_is_told_three_times_is_one_event() {
        let mut alarms = Alarms::default();
        let what = What::Threshold { index: 4, asserted: true, value: 96.0 };
        assert_eq!(alarms.told(PATH, critical(true)), Some((PATH.to_owned(), what)));
        assert_eq!(alarms.told(PATH, Told::by_member("CriticalHighAlarmAsserted", 96.0).unwrap()), None);
        assert!(alarms.told(PATH, Told::by_member("CriticalHighAlarmDeasserted", 90.0).unwrap()).is_some());
        assert_eq!(alarms.told(PATH, critical(false)), None);
        assert_eq!(Told::by_property("PerformanceLossAlarmHigh", true, 1.0), None);
        assert_eq!(Told::by_member("ThresholdAsserted", 1.0), None);
    }

    #[test]
    fn after_a_start_only_what_differs_from_the_log_is_an_event() {
        let stored = |event, data| Stored {
            record: [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 1, event, data, 0, 0],
            path: PATH.to_owned(),
        };
        // Upper critical is on, upper non-critical went off, lower critical was on and then off.
        let records = [stored(0x01, 0x57), stored(0x01, 0x59), stored(0x81, 0x57), stored(0x6F, 0)];
        let mut alarms = Alarms::from_log(records.iter());
        let flags = |flags: &[(&str, bool)]| {
            flags.iter().map(|(name, on)| ((*name).to_owned(), OwnedVariant::from(*on))).collect()
        };
        let interfaces: Interfaces = [
            (names::VALUE.to_owned(), [("Value".to_owned(), OwnedVariant::from(91.5))].into()),
            (
                "xyz.openbmc_project.Sensor.Threshold.Critical".to_owned(),
                flags(&[("CriticalAlarmHigh", false), ("CriticalAlarmLow", false)]),
            ),
            (
                "xyz.openbmc_project.Sensor.Threshold.Warning".to_owned(),
                flags(&[("WarningAlarmHigh", true), ("WarningAlarmLow", false)]),
            ),
        ]
        .into();
        let what = |index, asserted| (PATH.to_owned(), What::Threshold { index, asserted, value: 91.5 });
        assert_eq!(alarms.found(PATH, &interfaces), [what(3, true), what(4, false)]);
        assert!(alarms.found(PATH, &interfaces).is_empty());
    }

    #[test]
    fn re_arming_logs_again_what_is_on_and_wanted() {
        let mut alarms = Alarms::default();
        alarms.told(PATH, critical(true));
        let what = vec![(PATH.to_owned(), What::Threshold { index: 4, asserted: true, value: 96.0 })];
        assert_eq!(alarms.rearm(PATH, 0x0FFF), what);
        assert_eq!(alarms.rearm("", 1 << 9), what);
        assert!(alarms.rearm(PATH, 1 << 7).is_empty() && alarms.rearm("/other", 0x0FFF).is_empty());
    }
}
