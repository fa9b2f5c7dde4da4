//! Records that describe controllers and channels, and those of vendors.

use super::RecordBody;
use crate::{CompletionCode, codec::Reader};

/// A management controller confirmation record: a controller that was found once (v2.0§43.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerConfirmation {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Its address.
    pub address: u8,
    /// Its device ID.
    pub device_id: u8,
    /// Channel (bits 7:4) and device revision (3:0).
    pub channel_and_revision: u8,
    /// Firmware revision, major and minor, and IPMI version, as in Get Device ID.
    pub versions: [u8; 3],
    /// IANA number of the manufacturer, 24 bits.
    pub manufacturer: [u8; 3],
    /// The manufacturer's number of the product.
    pub product: u16,
    /// Its GUID, as in Get Device GUID; zeros where it has none.
    pub guid: [u8; 16],
}

impl RecordBody for ControllerConfirmation {
    const TYPE: u8 = 0x13;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend([self.address, self.device_id, self.channel_and_revision]);
        out.extend(self.versions);
        out.extend(self.manufacturer);
        out.extend(self.product.to_le_bytes());
        out.extend(self.guid);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [address, device_id, channel_and_revision] = reader.array()?;
        Ok(Self {
            record_id,
            address,
            device_id,
            channel_and_revision,
            versions: reader.array()?,
            manufacturer: reader.array()?,
            product: reader.u16()?,
            guid: reader.array()?,
        })
    }
}

/// A BMC message channel info record, of IPMI 1.0 (v2.0§43.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// Of channels 0 to 7: whether messages go in and out, medium or protocol.
    pub channels: [u8; 8],
    /// Interrupts of the message queue and of the event message buffer.
    pub interrupts: [u8; 2],
}

impl RecordBody for ChannelInfo {
    const TYPE: u8 = 0x14;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend(self.channels);
        out.extend(self.interrupts);
        out.push(0);
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let (channels, interrupts) = (reader.array()?, reader.array()?);
        reader.u8()?;
        Ok(Self { record_id, channels, interrupts })
    }
}

/// A vendor's record (v2.0§43.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oem {
    /// Record ID, 1 to FFFEh.
    pub record_id: u16,
    /// IANA number of the manufacturer, 24 bits.
    pub manufacturer: [u8; 3],
    /// What only the manufacturer knows, at most 56 bytes.
    pub data: Vec<u8>,
}

impl Oem {
    /// The most bytes of [`Oem::data`]: what a record has room for.
    pub const DATA_MAX: usize = super::MAX_LENGTH - super::HEADER_LENGTH - 3;
}

impl RecordBody for Oem {
    const TYPE: u8 = 0xC0;

    fn record_id(&self) -> u16 {
        self.record_id
    }

    fn encode_body(&self, out: &mut Vec<u8>) {
        out.extend(self.manufacturer);
        out.extend(self.data.iter().take(Self::DATA_MAX));
    }

    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { record_id, manufacturer: reader.array()?, data: reader.rest().to_vec() })
    }
}
