//! Locator records: where devices, FRU information and controllers are.

use super::{BMC_ADDRESS, Entity, RecordBody, decode_name, encode_name};
use crate::{CompletionCode, codec::Reader};

/// A generic device locator, for a device without intelligence on a private bus (v2.0§43.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenericLocator {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Address of the controller to go through; 0 for a device on IPMB itself.
    pub access_address: u8,
    /// The device's address, bit 0 the fourth bit of the channel.
    pub slave_address: u8,
    /// Channel (bits 7:5), LUN (4:3) and private bus (2:0).
    pub bus: u8,
    /// How many further addresses the device has, 0 to 7.
    pub address_span: u8,
    /// Device type and its modifier (v2.0 table 43-12).
    pub device_type: [u8; 2],
    /// What it is.
    pub entity: Entity,
    /// The name, as in [`FruLocator`].
    pub name: String,
}

impl RecordBody for GenericLocator {
    const TYPE: u8 = 0x10;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.access_address, self.slave_address, self.bus, self.address_span & 0x07, 0]);
        out.extend(self.device_type);
        out.extend([self.entity.id, self.entity.instance, 0]);
        encode_name(&self.name, out);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [access_address, slave_address, bus, span, _reserved] = reader.array()?;
        let device_type = reader.array()?;
        let [id, instance, _oem] = reader.array()?;
        Ok(Self {
            record_id,
            access_address,
            slave_address,
            bus,
            address_span: span & 0x07,
            device_type,
            entity: Entity { id, instance },
            name: decode_name(reader)?,
        })
    }
}

/// A FRU device locator (v2.0§43.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruLocator {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Address of the controller to go through.
    pub access_address: u8,
    /// FRU device ID, as in Read FRU Data; the device's address where [`FruLocator::access`] says that it is no logical one.
    pub fru_id: u8,
    /// Bit 7 for a logical device, LUN (4:3) and private bus (2:0).
    pub access: u8,
    /// The channel of the controller, 0 to 15.
    pub channel: u8,
    /// Device type and its modifier (v2.0 table 43-12).
    pub device_type: [u8; 2],
    /// What it describes.
    pub entity: Entity,
    /// The name, at most [`NAME_MAX`](super::NAME_MAX) bytes of ASCII.
    pub name: String,
}

/// "A logical device" of [`FruLocator::access`].
const LOGICAL: u8 = 0x80;
/// Device type and modifier of FRU information behind a controller (v2.0 table 43-12).
const FRU_INVENTORY: [u8; 2] = [0x10, 0];

impl FruLocator {
    /// The record of FRU device `fru_id` of the BMC itself.
    pub fn of_the_bmc(record_id: u16, fru_id: u8, entity: Entity, name: String) -> Self {
        Self {
            record_id,
            access_address: BMC_ADDRESS,
            fru_id,
            access: LOGICAL,
            channel: 0,
            device_type: FRU_INVENTORY,
            entity,
            name,
        }
    }
}

impl RecordBody for FruLocator {
    const TYPE: u8 = 0x11;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.access_address, self.fru_id, self.access, self.channel << 4, 0]);
        out.extend(self.device_type);
        out.extend([self.entity.id, self.entity.instance, 0]);
        encode_name(&self.name, out);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [access_address, fru_id, access, channel, _reserved] = reader.array()?;
        let device_type = reader.array()?;
        let [id, instance, _oem] = reader.array()?;
        Ok(Self {
            record_id,
            access_address,
            fru_id,
            access,
            channel: channel >> 4,
            device_type,
            entity: Entity { id, instance },
            name: decode_name(reader)?,
        })
    }
}

/// A management controller device locator (v2.0§43.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerLocator {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Its address on IPMB.
    pub address: u8,
    /// The channel where it is, 0 to 15.
    pub channel: u8,
    /// Power state notification and what the initialization agent is to do with it.
    pub initialization: u8,
    /// Device capabilities, the bits of Get Device ID.
    pub capabilities: u8,
    /// What it is.
    pub entity: Entity,
    /// The name, as in [`FruLocator`].
    pub name: String,
}

impl RecordBody for ControllerLocator {
    const TYPE: u8 = 0x12;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        // Three reserved bytes, and the vendor's after the entity.
        out.extend([self.address, self.channel & 0x0F, self.initialization, self.capabilities, 0, 0, 0]);
        out.extend([self.entity.id, self.entity.instance, 0]);
        encode_name(&self.name, out);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [address, channel, initialization, capabilities] = reader.array()?;
        let [_, _, _, id, instance, _oem] = reader.array()?;
        Ok(Self {
            record_id,
            address,
            channel: channel & 0x0F,
            initialization,
            capabilities,
            entity: Entity { id, instance },
            name: decode_name(reader)?,
        })
    }
}
