//! Full sensor records.

use super::{Conversion, Entity, RecordBody, decode_name, encode_name};
use crate::{
    CompletionCode,
    codec::{Decode as _, Encode as _, Reader},
};

/// Thresholds, one bit each, in the order of every command and mask: lower non-critical is bit 0, lower critical 1, lower
/// non-recoverable 2, upper non-critical 3, upper critical 4, upper non-recoverable 5.
pub type ThresholdBits = u8;

/// A full sensor record of a sensor with thresholds or without any (v2.0§43.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullSensor {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Address of the controller that owns the sensor.
    pub owner: u8,
    /// Its LUN, 0 to 3.
    pub lun: u8,
    /// Number of the sensor, 0 to FEh.
    pub number: u8,
    /// What it measures.
    pub entity: Entity,
    /// Initialization byte: bit 0 scanning, bit 1 events are on after power-up.
    pub initialization: u8,
    /// Capabilities byte: re-arm, hysteresis, thresholds, event control.
    pub capabilities: u8,
    /// Type of the sensor (v2.0 table 42-3).
    pub sensor_type: u8,
    /// Event/reading type; 01h is threshold.
    pub event_type: u8,
    /// Assertion events and which lower comparisons the reading gives.
    pub assertion_mask: u16,
    /// Deassertion events and which upper comparisons the reading gives.
    pub deassertion_mask: u16,
    /// Which thresholds can be read.
    pub readable: ThresholdBits,
    /// Which thresholds can be set.
    pub settable: ThresholdBits,
    /// Unit.
    pub unit: SensorUnit,
    /// How raw bytes stand for values.
    pub conversion: Conversion,
    /// Bit 0 nominal reading, bit 1 normal maximum, bit 2 normal minimum are specified.
    pub characteristics: u8,
    /// Nominal reading, normal maximum, normal minimum, maximum, minimum; raw.
    pub range: [u8; 5],
    /// Thresholds in the order of [`ThresholdBits`], raw. The record has them the other way round, the highest first.
    pub thresholds: [u8; 6],
    /// Positive and negative hysteresis in raw steps.
    pub hysteresis: [u8; 2],
    /// The name, at most [`NAME_MAX`] bytes of Latin-1 (ASCII here).
    pub name: String,
}

/// What a value is counted in (v2.0§43.1, bytes 21 to 23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SensorUnit {
    /// Unit (v2.0 table 43-15).
    pub base: u8,
    /// Second unit.
    pub modifier: u8,
    /// 0 none, 1 base / modifier, 2 base * modifier.
    pub modifier_use: u8,
    /// 0 none, else per µs, ms, s, minute, hour, day.
    pub rate: u8,
    /// Whether it is a percentage.
    pub percent: bool,
}

impl SensorUnit {
    /// The three unit bytes, without the bits for the format of a reading.
    pub(super) fn to_bytes(self) -> [u8; 3] {
        let first = (self.rate & 7) << 3 | (self.modifier_use & 3) << 1 | u8::from(self.percent);
        [first, self.base, self.modifier]
    }

    pub(super) fn from_bytes([first, base, modifier]: [u8; 3]) -> Self {
        Self { base, modifier, modifier_use: first >> 1 & 3, rate: first >> 3 & 7, percent: first & 1 != 0 }
    }
}

impl RecordBody for FullSensor {
    const TYPE: u8 = 0x01;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.owner, self.lun & 0x03, self.number, self.entity.id, self.entity.instance]);
        out.extend([self.initialization, self.capabilities, self.sensor_type, self.event_type]);
        out.extend(self.assertion_mask.to_le_bytes());
        out.extend(self.deassertion_mask.to_le_bytes());
        out.extend([self.readable & 0x3F, self.settable & 0x3F]);
        let [units, base, modifier] = self.unit.to_bytes();
        // Linearization 0: linear.
        out.extend([u8::from(self.conversion.signed) << 7 | units, base, modifier, 0]);
        self.conversion.encode(out);
        out.push(self.characteristics & 0x07);
        out.extend(self.range);
        let [lnc, lc, lnr, unc, uc, unr] = self.thresholds;
        out.extend([unr, uc, unc, lnr, lc, lnc]);
        out.extend(self.hysteresis);
        // Two reserved bytes and the vendor's.
        out.extend([0, 0, 0]);
        encode_name(&self.name, out);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [owner, lun, number, id, instance] = reader.array()?;
        let [initialization, capabilities, sensor_type, event_type] = reader.array()?;
        let (assertion_mask, deassertion_mask) = (reader.u16()?, reader.u16()?);
        let [readable, settable, units, base, modifier, _linearization] = reader.array()?;
        let conversion = Conversion { signed: units & 0xC0 == 0x80, ..Conversion::decode(reader)? };
        let characteristics = reader.u8()? & 0x07;
        let range = reader.array()?;
        let [unr, uc, unc, lnr, lc, lnc] = reader.array()?;
        let hysteresis = reader.array()?;
        reader.take(3)?;
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
            readable: readable & 0x3F,
            settable: settable & 0x3F,
            unit: SensorUnit::from_bytes([units, base, modifier]),
            conversion,
            characteristics,
            range,
            thresholds: [lnc, lc, lnr, unc, uc, unr],
            hysteresis,
            name: decode_name(reader)?,
        })
    }
}
