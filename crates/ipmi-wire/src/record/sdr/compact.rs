//! Compact sensor records and event-only records: sensors without factors and thresholds.

use super::{Entity, RecordBody, SensorUnit, decode_name, encode_name};
use crate::{CompletionCode, codec::Reader};

/// How many sensors one record stands for, and how they differ (v2.0§43.2, bytes 24 and 25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    /// 0 unspecified, 1 input, 2 output.
    pub direction: u8,
    /// How many sensors, 1 to 15: their numbers follow each other.
    pub count: u8,
    /// Whether the sensors are told apart by a letter after the name, not by a decimal number.
    pub alphabetic: bool,
    /// Whether each sensor is of the next instance of the entity.
    pub instances_follow: bool,
    /// The number, or the letter counted from A, of the first of them, 0 to 127.
    pub first: u8,
}

impl Sharing {
    /// A record of one sensor.
    pub const NONE: Self =
        Self { direction: 0, count: 1, alphabetic: false, instances_follow: false, first: 0 };

    fn to_bytes(self) -> [u8; 2] {
        [
            (self.direction & 3) << 6 | u8::from(self.alphabetic) << 4 | self.count & 0x0F,
            u8::from(self.instances_follow) << 7 | self.first & 0x7F,
        ]
    }

    fn from_bytes([how, first]: [u8; 2]) -> Self {
        Self {
            direction: how >> 6,
            count: how & 0x0F,
            alphabetic: how >> 4 & 3 == 1,
            instances_follow: first & 0x80 != 0,
            first: first & 0x7F,
        }
    }
}

/// A compact sensor record, of discrete sensors (v2.0§43.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactSensor {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Address of the controller that owns the sensor.
    pub owner: u8,
    /// Its LUN, 0 to 3.
    pub lun: u8,
    /// Number of the sensor, 0 to FEh.
    pub number: u8,
    /// What it is of.
    pub entity: Entity,
    /// Initialization byte: bit 0 scanning, bit 1 events are on after power-up.
    pub initialization: u8,
    /// Capabilities byte: re-arm, event control.
    pub capabilities: u8,
    /// Type of the sensor (v2.0 table 42-3).
    pub sensor_type: u8,
    /// Event/reading type.
    pub event_type: u8,
    /// States, one bit each, whose beginning is an event.
    pub assertion_mask: u16,
    /// States whose end is an event.
    pub deassertion_mask: u16,
    /// States that the reading can show.
    pub reading_mask: u16,
    /// Unit; of no meaning for most discrete sensors.
    pub unit: SensorUnit,
    /// How many sensors the record is of.
    pub sharing: Sharing,
    /// Positive and negative hysteresis in raw steps, of sensors with thresholds.
    pub hysteresis: [u8; 2],
    /// The name, at most [`NAME_MAX`](super::NAME_MAX) bytes of ASCII.
    pub name: String,
}

/// "No analog reading", bits 7:6 of the first unit byte.
const NO_ANALOG_READING: u8 = 0xC0;

impl RecordBody for CompactSensor {
    const TYPE: u8 = 0x02;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.owner, self.lun & 0x03, self.number, self.entity.id, self.entity.instance]);
        out.extend([self.initialization, self.capabilities, self.sensor_type, self.event_type]);
        for mask in [self.assertion_mask, self.deassertion_mask, self.reading_mask] {
            out.extend(mask.to_le_bytes());
        }
        let [units, base, modifier] = self.unit.to_bytes();
        out.extend([NO_ANALOG_READING | units, base, modifier]);
        out.extend(self.sharing.to_bytes());
        out.extend(self.hysteresis);
        // Three reserved bytes and the vendor's.
        out.extend([0; 4]);
        encode_name(&self.name, out);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [owner, lun, number, id, instance] = reader.array()?;
        let [initialization, capabilities, sensor_type, event_type] = reader.array()?;
        let (assertion_mask, deassertion_mask, reading_mask) = (reader.u16()?, reader.u16()?, reader.u16()?);
        let unit = SensorUnit::from_bytes(reader.array()?);
        let sharing = Sharing::from_bytes(reader.array()?);
        let hysteresis = reader.array()?;
        reader.take(4)?;
        Ok(Self {
            record_id,
            owner,
            lun: lun & 0x03,
            number,
            entity: Entity { id, instance },
            initialization,
            capabilities,
            sensor_type,
            event_type,
            assertion_mask,
            deassertion_mask,
            reading_mask,
            unit,
            sharing,
            hysteresis,
            name: decode_name(reader)?,
        })
    }
}

/// An event-only record: of a sensor that sends events and cannot be read (v2.0§43.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOnly {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Address of the controller that owns the sensor, or software ID.
    pub owner: u8,
    /// Its LUN, 0 to 3.
    pub lun: u8,
    /// Number of the sensor, 0 to FEh.
    pub number: u8,
    /// What it is of.
    pub entity: Entity,
    /// Type of the sensor (v2.0 table 42-3).
    pub sensor_type: u8,
    /// Event/reading type.
    pub event_type: u8,
    /// How many sensors the record is of.
    pub sharing: Sharing,
    /// The name, as in [`CompactSensor`].
    pub name: String,
}

impl RecordBody for EventOnly {
    const TYPE: u8 = 0x03;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.owner, self.lun & 0x03, self.number, self.entity.id, self.entity.instance]);
        out.extend([self.sensor_type, self.event_type]);
        out.extend(self.sharing.to_bytes());
        // A reserved byte and the vendor's.
        out.extend([0, 0]);
        encode_name(&self.name, out);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [owner, lun, number, id, instance, sensor_type, event_type] = reader.array()?;
        let sharing = Sharing::from_bytes(reader.array()?);
        reader.take(2)?;
        Ok(Self {
            record_id,
            owner,
            lun: lun & 0x03,
            number,
            entity: Entity { id, instance },
            sensor_type,
            event_type,
            sharing,
            name: decode_name(reader)?,
        })
    }
}
