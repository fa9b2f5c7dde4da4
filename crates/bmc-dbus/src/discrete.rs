//! Inventory items and detectors as discrete sensors: which property is which state (v2.0 table 42-3).
//!
//! Here alone stands what an object means in IPMI, so that the records that seld writes and the readings that ipmid gives cannot differ.
//! The objects are OpenBMC's, whoever publishes them.

use ipmi_wire::record::event::{entity, sensor_type};

use crate::{
    discovery::{Interfaces, Properties},
    names::{chassis, inventory, sensors},
};

/// Where such objects are: a root and the interface by which their providers are found.
pub const ROOTS: [(&str, &str); 2] =
    [(inventory::ROOT, inventory::ITEM), (chassis::ROOT, chassis::INTRUSION)];

/// Only read, never served: OpenBMC's storage daemons have them.
const ITEM_DRIVE: &str = "xyz.openbmc_project.Inventory.Item.Drive";
const STATE_DRIVE: &str = "xyz.openbmc_project.State.Drive";

/// What a property can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Present,
    Broken,
    InputLost,
    Rebuilding,
    Open,
}

/// Interface, property, and the values that make it true: an enumeration's last word, or a flag.
const FACTS: [(Fact, &str, &str, &[&str]); 5] = [
    (Fact::Present, inventory::ITEM, "Present", &["true"]),
    (Fact::Broken, sensors::OPERATIONAL_STATUS, "Functional", &["false"]),
    (Fact::InputLost, inventory::POWER_SYSTEM_INPUTS, "Status", &["Fault"]),
    (Fact::Rebuilding, STATE_DRIVE, "Rebuilding", &["true"]),
    (Fact::Open, chassis::INTRUSION, "Status", &["HardwareIntrusion", "TamperingDetected"]),
];

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The interface that makes an object one of this kind.
    interface: &'static str,
    /// Sensor type; its states are sensor specific.
    pub sensor_type: u8,
    /// Entity ID (v2.0 table 43-13) of one that does not say what it is.
    pub entity: u8,
    states: &'static [(Fact, u8)],
}

const KINDS: [Kind; 4] = [
    Kind {
        interface: inventory::ITEM_POWER_SUPPLY,
        sensor_type: sensor_type::POWER_SUPPLY,
        entity: entity::POWER_SUPPLY,
        // Presence detected, failure detected, input lost.
        states: &[(Fact::Present, 0x00), (Fact::Broken, 0x01), (Fact::InputLost, 0x03)],
    },
    Kind {
        interface: inventory::ITEM_CPU,
        sensor_type: sensor_type::PROCESSOR,
        entity: entity::PROCESSOR,
        // Presence detected, disabled.
        states: &[(Fact::Present, 0x07), (Fact::Broken, 0x08)],
    },
    Kind {
        interface: ITEM_DRIVE,
        sensor_type: sensor_type::DRIVE_SLOT,
        entity: entity::DRIVE,
        // Presence, fault, rebuild in progress.
        states: &[(Fact::Present, 0x00), (Fact::Broken, 0x01), (Fact::Rebuilding, 0x07)],
    },
    Kind {
        interface: chassis::INTRUSION,
        sensor_type: sensor_type::PHYSICAL_SECURITY,
        entity: entity::CHASSIS,
        // General chassis intrusion.
        states: &[(Fact::Open, 0x00)],
    },
];

impl Kind {
    /// Every state that one can have, one bit for each offset.
    pub fn states(&self) -> u16 {
        self.states.iter().fold(0, |states, (_, offset)| states | bit(*offset))
    }

    /// The state that says that it is there.
    pub fn presence(&self) -> u16 {
        let presence = self.states.iter().find(|(fact, _)| *fact == Fact::Present);
        presence.map_or(0, |(_, offset)| bit(*offset))
    }
}

fn bit(offset: u8) -> u16 {
    1_u16.checked_shl(offset.into()).unwrap_or(0)
}

/// What an object has said so far. Its interfaces may come one by one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Object {
    kind: Option<&'static Kind>,
    told: u8,
    holds: u8,
}

impl Object {
    /// Takes all that is told of an object at once.
    pub fn update_all(&mut self, interfaces: &Interfaces) {
        interfaces.iter().for_each(|(interface, properties)| self.update(interface, properties));
    }

    /// Takes what `properties` of `interface` say.
    pub fn update(&mut self, interface: &str, properties: &Properties) {
        if let Some(kind) = KINDS.iter().find(|kind| kind.interface == interface) {
            self.kind = Some(kind);
        }
        for (fact, of, property, values) in FACTS {
            if of == interface
                && let Some(word) = properties.get(property).and_then(last_word)
            {
                self.told |= fact.bit();
                self.holds &= !fact.bit();
                self.holds |= if values.contains(&word.as_str()) { fact.bit() } else { 0 };
            }
        }
    }

    /// Its interfaces `gone` are no more; whether it still is what it was.
    pub fn remove(&mut self, gone: &[String]) -> bool {
        if self.kind.is_some_and(|kind| gone.iter().any(|gone| gone == kind.interface)) {
            *self = Self::default();
        }
        for (fact, of, ..) in FACTS {
            if gone.iter().any(|gone| gone == of) {
                self.told &= !fact.bit();
                self.holds &= !fact.bit();
            }
        }
        self.kind.is_some()
    }

    /// Whether it is of no kind and has told no fact: nothing that would become a discrete sensor's.
    pub fn is_nothing(&self) -> bool {
        self.kind.is_none() && self.told == 0
    }

    /// What it is; `None` where it is no discrete sensor.
    pub fn kind(&self) -> Option<&'static Kind> {
        self.kind
    }

    /// The states that something was said of.
    pub fn told(&self) -> u16 {
        let states = self.kind.map_or(&[][..], |kind| kind.states).iter();
        let told = states.filter(|(fact, _)| self.told & fact.bit() != 0);
        told.fold(0, |told, (_, offset)| told | bit(*offset))
    }

    /// The states that it is in, one bit for each offset. What is not there has none.
    pub fn states(&self) -> u16 {
        let Some(kind) = self.kind else { return 0 };
        let absent = self.told & !self.holds & Fact::Present.bit() != 0;
        let on = kind.states.iter().filter(|(fact, _)| !absent && self.holds & fact.bit() != 0);
        on.fold(0, |states, (_, offset)| states | bit(*offset))
    }
}

impl Fact {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The last word of an enumeration, or a flag as text.
pub fn last_word(value: &zbus::OwnedVariant) -> Option<String> {
    if let Ok(flag) = bool::try_from(value) {
        return Some(flag.to_string());
    }
    let text = <&str>::try_from(value).ok()?;
    Some(text.rsplit('.').next().unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(interface: &str, property: &str, value: impl Into<zbus::OwnedVariant>) -> Interfaces {
        [(interface.to_owned(), [(property.to_owned(), value.into())].into())].into()
    }

    fn text(value: &str) -> zbus::OwnedVariant {
        zbus::Variant::from(value).try_into().unwrap()
    }

    #[test]
    fn a_supply_that_is_pulled_has_no_state_and_one_that_fails_two() {
        let mut supply = Object::default();
        supply.update_all(&says(inventory::ITEM, "Present", true));
        assert_eq!(supply.kind(), None, "an item of any kind");
        supply.update(inventory::ITEM_POWER_SUPPLY, &Properties::new());
        let kind = supply.kind().unwrap();
        assert_eq!((kind.sensor_type, kind.states(), kind.presence()), (0x08, 0x000B, 0x0001));
        assert_eq!((supply.states(), supply.told()), (0x0001, 0x0001));
        supply.update_all(&says(sensors::OPERATIONAL_STATUS, "Functional", false));
        assert_eq!(supply.states(), 0x0003);
        let fault = text("xyz.openbmc_project.State.Decorator.PowerSystemInputs.Status.Fault");
        supply.update_all(&says(inventory::POWER_SYSTEM_INPUTS, "Status", fault));
        assert_eq!(supply.states(), 0x000B);
        supply.update_all(&says(inventory::ITEM, "Present", false));
        assert_eq!(supply.states(), 0);
    }

    #[test]
    fn a_detector_is_open_by_the_long_name_and_by_the_short_one() {
        for (word, states) in [("HardwareIntrusion", 1), ("Normal", 0), ("TamperingDetected", 1)] {
            for word in [word.to_owned(), format!("xyz.openbmc_project.Chassis.Intrusion.Status.{word}")] {
                let mut detector = Object::default();
                detector.update_all(&says(chassis::INTRUSION, "Status", text(&word)));
                assert_eq!((detector.kind().unwrap().sensor_type, detector.states()), (0x05, states));
            }
        }
    }

    #[test]
    fn an_object_without_its_interface_is_nothing() {
        let mut drive = Object::default();
        drive.update(ITEM_DRIVE, &Properties::new());
        drive.update_all(&says(STATE_DRIVE, "Rebuilding", true));
        assert_eq!(drive.states(), 0x0080);
        assert!(drive.remove(&[STATE_DRIVE.to_owned()]));
        assert_eq!(drive.states(), 0);
        assert!(!drive.is_nothing());
        assert!(!drive.remove(&[ITEM_DRIVE.to_owned()]));
        assert!(drive.is_nothing());
        drive.update_all(&says(inventory::ITEM, "Present", true));
        assert!(!drive.is_nothing(), "its kind may come");
    }
}
