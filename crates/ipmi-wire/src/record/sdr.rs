//! Sensor data records (v2.0§43): all record types, to bytes and back.
//!
//! What is read is checked: version, lengths ([`MAX_LENGTH`] at most), and that every field is there. Reserved bits are dropped, and names come out of any of
//! their codings and go in as 8-bit ASCII.

mod association;
mod compact;
mod controller;
mod locator;
mod name;
mod sensor;

use super::Conversion;
use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
};

pub use association::{Association, Contained, DeviceEntity, DeviceRelativeAssociation, EntityAssociation};
pub use compact::{CompactSensor, EventOnly, Sharing};
pub use controller::{ChannelInfo, ControllerConfirmation, Oem};
pub use locator::{ControllerLocator, FruLocator, GenericLocator};
pub use sensor::{FullSensor, SensorUnit, ThresholdBits};

use name::{decode_name, encode_name};

/// Version of the record format: IPMI 1.5 and 2.0.
pub const VERSION: u8 = 0x51;
/// Record ID, version, type and length: what every record begins with.
pub const HEADER_LENGTH: usize = 5;
/// The longest record, header and all: what the largest standard record with the longest name comes to.
pub const MAX_LENGTH: usize = 64;
/// The longest name, in bytes.
pub const NAME_MAX: usize = 16;
/// The BMC's address on IPMB, the owner of every sensor here.
pub const BMC_ADDRESS: u8 = 0x20;

/// What an entity is and which of its kind (v2.0§39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entity {
    /// Entity ID (v2.0 table 43-13).
    pub id: u8,
    /// Instance, 1 to 5Fh system-wide; 60h and up relative to the controller. Bit 7 says that it is a logical entity.
    pub instance: u8,
}

/// What stands in a record after its header.
trait RecordBody: Sized {
    /// The record's type.
    const TYPE: u8;
    /// The record ID, which stands in the header.
    fn record_id(&self) -> u16;
    /// Appends the body.
    fn encode_body(&self, out: &mut Vec<u8>);
    /// Reads the body, without looking at what may follow it.
    fn decode_body(record_id: u16, reader: &mut Reader<'_>) -> Result<Self, CompletionCode>;
}

/// The enum of all records from their types.
macro_rules! record_types {
    ($($(#[$doc:meta])* $name:ident($content:ty),)+) => {
        /// A sensor data record.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Sdr {
            $($(#[$doc])* $name($content),)+
        }

        impl Sdr {
            /// The record ID, 1 to FFFEh where the record stands in a repository.
            pub fn record_id(&self) -> u16 {
                match self { $(Self::$name(record) => record.record_id(),)+ }
            }

            /// The record type (v2.0§43).
            pub fn record_type(&self) -> u8 {
                match self { $(Self::$name(_) => <$name as RecordBody>::TYPE,)+ }
            }

            fn encode_body(&self, out: &mut Vec<u8>) {
                match self { $(Self::$name(record) => record.encode_body(out),)+ }
            }

            fn decode_body(
                record_type: u8, record_id: u16, reader: &mut Reader<'_>,
            ) -> Result<Self, CompletionCode> {
                match record_type {
                    $(<$name as RecordBody>::TYPE => Ok(Self::$name(<$name>::decode_body(record_id, reader)?.into())),)+
                    _ => Err(CompletionCode::ILLEGAL_FOR_SENSOR),
                }
            }
        }
    };
}

record_types! {
    /// Type 01h.
    FullSensor(Box<FullSensor>),
    /// Type 02h.
    CompactSensor(CompactSensor),
    /// Type 03h.
    EventOnly(EventOnly),
    /// Type 08h.
    EntityAssociation(EntityAssociation),
    /// Type 09h.
    DeviceRelativeAssociation(DeviceRelativeAssociation),
    /// Type 10h.
    GenericLocator(GenericLocator),
    /// Type 11h.
    FruLocator(FruLocator),
    /// Type 12h.
    ControllerLocator(ControllerLocator),
    /// Type 13h.
    ControllerConfirmation(ControllerConfirmation),
    /// Type 14h.
    ChannelInfo(ChannelInfo),
    /// Type C0h.
    Oem(Oem),
}

impl Encode for Sdr {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(MAX_LENGTH);
        self.encode_body(&mut body);
        out.extend(self.record_id().to_le_bytes());
        // The longest body has 59 bytes.
        out.extend([VERSION, self.record_type(), u8::try_from(body.len()).unwrap_or(u8::MAX)]);
        out.extend(body);
    }
}

impl Decode for Sdr {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let record_id = reader.u16()?;
        let [version, record_type, length] = reader.array()?;
        if version != VERSION {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        if usize::from(length) > MAX_LENGTH - HEADER_LENGTH {
            return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
        }
        let mut body = Reader::new(reader.take(usize::from(length))?);
        let record = Self::decode_body(record_type, record_id, &mut body)?;
        body.finish()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests;
