//! Sensor data records (v2.0§43): full sensor, FRU device locator, management controller device locator.

use super::Conversion;
use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
};

/// Version of the record format: IPMI 1.5 and 2.0.
pub const VERSION: u8 = 0x51;
/// Record ID, version, type and length: what every record begins with.
pub const HEADER_LENGTH: usize = 5;
/// The longest name, in bytes.
pub const NAME_MAX: usize = 16;
/// The BMC's address on IPMB, the owner of every sensor here.
pub const BMC_ADDRESS: u8 = 0x20;

/// A sensor data record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sdr {
    /// Type 01h.
    FullSensor(Box<FullSensor>),
    /// Type 11h.
    FruLocator(FruLocator),
    /// Type 12h.
    ControllerLocator(ControllerLocator),
}

/// What an entity is and which of its kind (v2.0§39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entity {
    /// Entity ID (v2.0 table 43-13).
    pub id: u8,
    /// Instance, 1 to 5Fh system-wide; 60h and up relative to the controller.
    pub instance: u8,
}

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

/// A FRU device locator for FRU data behind the controller (v2.0§43.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruLocator {
    /// Record ID.
    pub record_id: u16,
    /// FRU device ID, as in Read FRU Data.
    pub fru_id: u8,
    /// What it describes.
    pub entity: Entity,
    /// The name, as in [`FullSensor`].
    pub name: String,
}

/// A management controller device locator (v2.0§43.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerLocator {
    /// Record ID.
    pub record_id: u16,
    /// Its address on IPMB.
    pub address: u8,
    /// Device capabilities, the bits of Get Device ID.
    pub capabilities: u8,
    /// What it is.
    pub entity: Entity,
    /// The name, as in [`FullSensor`].
    pub name: String,
}

const FULL_SENSOR: u8 = 0x01;
const FRU_LOCATOR: u8 = 0x11;
const CONTROLLER_LOCATOR: u8 = 0x12;
/// FRU device type of a logical FRU behind a controller (v2.0 table 43-12).
const FRU_INVENTORY: u8 = 0x10;

impl Sdr {
    /// The record ID.
    pub fn record_id(&self) -> u16 {
        match self {
            Self::FullSensor(record) => record.record_id,
            Self::FruLocator(record) => record.record_id,
            Self::ControllerLocator(record) => record.record_id,
        }
    }
}

impl Encode for Sdr {
    fn encode(&self, out: &mut Vec<u8>) {
        let (record_type, body) = match self {
            Self::FullSensor(record) => (FULL_SENSOR, record.body()),
            Self::FruLocator(record) => (FRU_LOCATOR, record.body()),
            Self::ControllerLocator(record) => (CONTROLLER_LOCATOR, record.body()),
        };
        out.extend(self.record_id().to_le_bytes());
        // The longest body has 59 bytes.
        out.extend([VERSION, record_type, u8::try_from(body.len()).unwrap_or(u8::MAX)]);
        out.extend(body);
    }
}

impl Decode for Sdr {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let record_id = reader.u16()?;
        let [_version, record_type, length] = reader.array()?;
        let mut body = Reader::new(reader.take(usize::from(length))?);
        let record = match record_type {
            FULL_SENSOR => Self::FullSensor(Box::new(FullSensor::from_body(record_id, &mut body)?)),
            FRU_LOCATOR => Self::FruLocator(FruLocator::from_body(record_id, &mut body)?),
            CONTROLLER_LOCATOR => {
                Self::ControllerLocator(ControllerLocator::from_body(record_id, &mut body)?)
            }
            _ => return Err(CompletionCode::ILLEGAL_FOR_SENSOR),
        };
        body.finish()?;
        Ok(record)
    }
}

impl FullSensor {
    fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(59);
        out.extend([self.owner, self.lun & 0x03, self.number, self.entity.id, self.entity.instance]);
        out.extend([self.initialization, self.capabilities, self.sensor_type, self.event_type]);
        out.extend(self.assertion_mask.to_le_bytes());
        out.extend(self.deassertion_mask.to_le_bytes());
        out.extend([self.readable & 0x3F, self.settable & 0x3F]);
        let format = u8::from(self.conversion.signed) << 7;
        let unit = self.unit;
        out.push(format | (unit.rate & 7) << 3 | (unit.modifier_use & 3) << 1 | u8::from(unit.percent));
        // Linearization 0: linear.
        out.extend([unit.base, unit.modifier, 0]);
        self.conversion.encode(&mut out);
        out.push(self.characteristics & 0x07);
        out.extend(self.range);
        let [lnc, lc, lnr, unc, uc, unr] = self.thresholds;
        out.extend([unr, uc, unc, lnr, lc, lnc]);
        out.extend(self.hysteresis);
        // Two reserved bytes and the vendor's.
        out.extend([0, 0, 0]);
        encode_name(&self.name, &mut out);
        out
    }

    fn from_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [owner, lun, number, id, instance] = reader.array()?;
        let [initialization, capabilities, sensor_type, event_type] = reader.array()?;
        let (assertion_mask, deassertion_mask) = (reader.u16()?, reader.u16()?);
        let [readable, settable, units, base, modifier, _linearization] = reader.array()?;
        let conversion = Conversion { signed: units & 0xC0 == 0x80, ..Conversion::decode(reader)? };
        let characteristics = reader.u8()?;
        let range = reader.array()?;
        let [unr, uc, unc, lnr, lc, lnc] = reader.array()?;
        let hysteresis = reader.array()?;
        reader.take(3)?;
        let percent = units & 1 != 0;
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
            readable,
            settable,
            unit: SensorUnit { base, modifier, modifier_use: units >> 1 & 3, rate: units >> 3 & 7, percent },
            conversion,
            characteristics,
            range,
            thresholds: [lnc, lc, lnr, unc, uc, unr],
            hysteresis,
            name: decode_name(reader)?,
        })
    }
}

impl FruLocator {
    fn body(&self) -> Vec<u8> {
        // A logical FRU (bit 7) on LUN 0, no private bus, channel 0, a reserved byte.
        let mut out = vec![BMC_ADDRESS, self.fru_id, 0x80, 0, 0, FRU_INVENTORY, 0];
        out.extend([self.entity.id, self.entity.instance, 0]);
        encode_name(&self.name, &mut out);
        out
    }

    fn from_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [_address, fru_id, _access, _channel, _reserved, _type, _modifier] = reader.array()?;
        let [id, instance, _oem] = reader.array()?;
        Ok(Self { record_id, fru_id, entity: Entity { id, instance }, name: decode_name(reader)? })
    }
}

impl ControllerLocator {
    fn body(&self) -> Vec<u8> {
        // Channel 0 and no initialization wanted; three reserved bytes.
        let mut out = vec![self.address, 0, 0, self.capabilities, 0, 0, 0];
        out.extend([self.entity.id, self.entity.instance, 0]);
        encode_name(&self.name, &mut out);
        out
    }

    fn from_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [address, _channel, _initialization, capabilities] = reader.array()?;
        let [_, _, _, id, instance, _oem] = reader.array()?;
        let entity = Entity { id, instance };
        Ok(Self { record_id, address, capabilities, entity, name: decode_name(reader)? })
    }
}

/// Type/length byte for 8-bit ASCII (v2.0§43.15), then the bytes. One byte alone is not allowed and gets a blank.
fn encode_name(name: &str, out: &mut Vec<u8>) {
    let mut bytes: Vec<u8> = name
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { u8::try_from(c).unwrap_or(b'?') } else { b'?' })
        .take(NAME_MAX)
        .collect();
    if bytes.len() == 1 {
        bytes.push(b' ');
    }
    out.push(0xC0 | u8::try_from(bytes.len()).unwrap_or(0));
    out.extend(bytes);
}

fn decode_name(reader: &mut Reader<'_>) -> Result<String, CompletionCode> {
    let length = usize::from(reader.u8()? & 0x1F);
    Ok(reader.take(length)?.iter().copied().map(char::from).collect())
}

#[cfg(test)]
mod tests;
