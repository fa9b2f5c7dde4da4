//! Discrete sensors: those that every BMC has, and the items of the inventory. What each is, and its record.
//!
//! An own sensor's number is fixed. An item's is given out as any sensor's of the board, so that it stays.

use std::{sync::Arc, time::Instant};

use bmc_dbus::{
    discrete::Kind,
    names::{ipmi, power, sel, watchdog},
};
use ipmi_wire::record::{
    event::{SENSOR_SPECIFIC, entity, number, sensor_type},
    sdr::{BMC_ADDRESS, CompactSensor, Entity, EventOnly, Sdr, SensorUnit, Sharing},
};

use super::{
    Address, Record,
    items::ItemCell,
    names::Names,
    record::{AUTO_RE_ARM, EVENTS_ON, SCANNING_ON, record_id},
};

/// A discrete sensor.
#[derive(Debug)]
pub struct Discrete {
    /// The object that its events name.
    pub path: String,
    /// Where it is in IPMI.
    pub address: Address,
    /// Type (v2.0 table 42-3); its states are sensor specific.
    pub sensor_type: u8,
    /// States whose beginning is an event, one bit each.
    pub(crate) assertions: u16,
    /// States whose end is an event.
    pub(crate) deassertions: u16,
    pub(crate) source: Source,
    pub(super) encoded: Record,
}

/// Where its states come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A provider is asked.
    Own(OwnSource),
    /// An item of the inventory, or a detector.
    Item(Arc<ItemCell>),
}

/// Who is asked for the states of one of the BMC's own sensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnSource {
    /// The chassis' power.
    Power,
    /// The host's watchdog timer.
    Watchdog,
    /// How full the event log is.
    Log,
    /// Nobody: it has events and no reading.
    Nobody,
}

/// A sensor of the BMC's own.
struct Own {
    path: &'static str,
    name: &'static str,
    sensor_type: u8,
    number: u8,
    entity: u8,
    assertions: u16,
    deassertions: u16,
    source: OwnSource,
}

/// Offsets as v2.0 table 42-3 has them: for the power unit off, interlock, mains lost, control failure, failure; for the watchdog
/// expired, reset, power down, power cycle, interrupt; for the log cleared, full, almost full.
const OWN: [Own; 9] = [
    own(power::CHASSIS_PATH, "Power Unit", sensor_type::POWER_UNIT, number::POWER_UNIT, entity::POWER_UNIT)
        .with(OwnSource::Power, 0x0079, 0x0001),
    own(
        power::HOST_PATH,
        "System Restart",
        sensor_type::SYSTEM_RESTART,
        number::SYSTEM_RESTART,
        entity::CHASSIS,
    ),
    own(
        "/xyz/openbmc_project/state/os/boot",
        "OS Boot",
        sensor_type::OS_BOOT,
        number::OS_BOOT,
        entity::OPERATING_SYSTEM,
    ),
    own(
        "/xyz/openbmc_project/state/os/stop",
        "OS Stop",
        sensor_type::OS_STOP,
        number::OS_STOP,
        entity::OPERATING_SYSTEM,
    ),
    own(power::BUTTONS_ROOT, "Buttons", sensor_type::BUTTON, number::BUTTON, entity::FRONT_PANEL),
    own(sel::SELF_PATH, "Event Log", sensor_type::EVENT_LOGGING, number::EVENT_LOGGING, entity::CONTROLLER)
        .with(OwnSource::Log, 0x0034, 0),
    own(sel::PATH, "System Event", sensor_type::SYSTEM_EVENT, number::SYSTEM_EVENT, entity::CONTROLLER),
    own(
        ipmi::SESSION_AUDIT_PATH,
        "Session Audit",
        sensor_type::SESSION_AUDIT,
        number::SESSION_AUDIT,
        entity::CONTROLLER,
    ),
    own(watchdog::PATH, "Watchdog", sensor_type::WATCHDOG, number::WATCHDOG, entity::CONTROLLER).with(
        OwnSource::Watchdog,
        0x010F,
        0,
    ),
];

/// Offsets 0 to 14; the bit after them is reserved (v2.0§35.11).
const ALL_STATES: u16 = 0x7FFF;

const fn own(path: &'static str, name: &'static str, sensor_type: u8, number: u8, entity: u8) -> Own {
    Own {
        path,
        name,
        sensor_type,
        number,
        entity,
        assertions: ALL_STATES,
        deassertions: 0,
        source: OwnSource::Nobody,
    }
}

impl Own {
    /// The same with a reading and these events.
    const fn with(self, source: OwnSource, assertions: u16, deassertions: u16) -> Self {
        Self { source, assertions, deassertions, ..self }
    }
}

/// The BMC's own sensors. Their names are taken first, so that they are the same on every board.
pub(super) fn own_sensors(names: &mut Names) -> impl Iterator<Item = Discrete> {
    OWN.into_iter().map(|own| {
        let address = Address { lun: 0, number: own.number };
        let name = names.take(own.name);
        let entity = Entity { id: own.entity, instance: 1 };
        Discrete {
            encoded: Record::new(&match own.source {
                OwnSource::Nobody => event_only(address, own.sensor_type, entity, name),
                _ => compact(address, own.sensor_type, entity, (own.assertions, own.deassertions), name),
            }),
            path: own.path.to_owned(),
            address,
            sensor_type: own.sensor_type,
            assertions: own.assertions,
            deassertions: own.deassertions,
            source: Source::Own(own.source),
        }
    })
}

impl Discrete {
    /// The sensor that an item is.
    pub(super) fn item(
        path: &str,
        address: Address,
        kind: &Kind,
        entity: Option<(u8, u8)>,
        cell: Arc<ItemCell>,
        name: String,
    ) -> Self {
        let (id, instance) = entity.unwrap_or((kind.entity, 1));
        let (entity, states) = (Entity { id, instance }, kind.states());
        Self {
            encoded: Record::new(&compact(address, kind.sensor_type, entity, (states, states), name)),
            path: path.to_owned(),
            address,
            sensor_type: kind.sensor_type,
            assertions: states,
            deassertions: states,
            source: Source::Item(cell),
        }
    }

    /// Sensor type and event/reading type.
    pub fn types(&self) -> (u8, u8) {
        (self.sensor_type, SENSOR_SPECIFIC)
    }

    /// Whether it is an item of the inventory or a detector, as opposed to one of the BMC's own.
    pub(super) fn is_item(&self) -> bool {
        matches!(self.source, Source::Item(_))
    }

    /// Whether its events are the event log's own remarks: they are no events that a sensor sends, and always written.
    pub(crate) fn is_the_log(&self) -> bool {
        matches!(self.source, Source::Own(OwnSource::Log))
    }

    /// The states of an item now; `None` where they cannot be had, and for sensors whose states others have.
    pub fn item_states(&self) -> Option<u16> {
        match &self.source {
            Source::Item(cell) => cell.read(Instant::now()),
            Source::Own(_) => None,
        }
    }
}

fn compact(
    address: Address,
    sensor_type: u8,
    entity: Entity,
    (assertions, deassertions): (u16, u16),
    name: String,
) -> Sdr {
    Sdr::CompactSensor(CompactSensor {
        record_id: record_id(address),
        owner: BMC_ADDRESS,
        lun: address.lun,
        number: address.number,
        entity,
        initialization: SCANNING_ON | EVENTS_ON,
        capabilities: AUTO_RE_ARM,
        sensor_type,
        event_type: SENSOR_SPECIFIC,
        assertion_mask: assertions,
        deassertion_mask: deassertions,
        reading_mask: assertions,
        unit: SensorUnit { base: 0, modifier: 0, modifier_use: 0, rate: 0, percent: false },
        sharing: Sharing::NONE,
        hysteresis: [0, 0],
        name,
    })
}

fn event_only(address: Address, sensor_type: u8, entity: Entity, name: String) -> Sdr {
    Sdr::EventOnly(EventOnly {
        record_id: record_id(address),
        owner: BMC_ADDRESS,
        lun: address.lun,
        number: address.number,
        entity,
        sensor_type,
        event_type: SENSOR_SPECIFIC,
        sharing: Sharing::NONE,
        name,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_name_and_a_number_of_its_own_that_no_board_sensor_gets() {
        let mut names = Names::default();
        let own: Vec<Discrete> = own_sensors(&mut names).collect();
        let numbers: HashSet<u8> = own.iter().map(|own| own.address.number).collect();
        assert_eq!(numbers.len(), own.len());
        assert!(numbers.iter().all(|number| (number::FIRST..0xFF).contains(number)));
        let paths: HashSet<&str> = own.iter().map(|own| own.path.as_str()).collect();
        assert_eq!(paths.len(), own.len());
        assert!(own.iter().all(|own| own.item_states().is_none()));
    }

    #[test]
    fn one_without_a_reading_has_an_event_only_record_and_the_others_compact_ones() {
        let types: Vec<(u8, u8)> =
            own_sensors(&mut Names::default()).map(|own| (own.sensor_type, own.encoded.bytes[3])).collect();
        assert!(types.contains(&(sensor_type::POWER_UNIT, 0x02)));
        assert!(types.contains(&(sensor_type::SESSION_AUDIT, 0x03)));
    }
}
