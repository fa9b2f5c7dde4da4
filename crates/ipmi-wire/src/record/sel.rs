//! The 16 bytes of a system event log record (v2.0§32).

use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
};

/// How long every record is.
pub const LENGTH: usize = 16;

/// A record of the system event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelRecord {
    /// Record ID, 1 to FFFEh; the log gives it.
    pub id: u16,
    /// What is in it.
    pub body: SelBody,
}

/// What a record holds, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelBody {
    /// Type 02h: an event of a sensor.
    Event(SystemEvent),
    /// Types C0h to DFh: the vendor's, with a time.
    OemTimed {
        /// The type.
        record_type: u8,
        /// Seconds since 1970.
        timestamp: u32,
        /// IANA number of the vendor, 24 bits.
        manufacturer: u32,
        /// The vendor's.
        data: [u8; 6],
    },
    /// Types E0h to FFh: the vendor's, without a time. Types that the specification reserves are kept as such too.
    Other {
        /// The type.
        record_type: u8,
        /// All that follows it.
        data: [u8; 13],
    },
}

/// An event of a sensor (v2.0§32.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemEvent {
    /// Seconds since 1970.
    pub timestamp: u32,
    /// Who saw it: slave address or software ID, then channel and LUN.
    pub generator: [u8; 2],
    /// Revision of the event message format; 04h is IPMI 1.5 and later.
    pub revision: u8,
    /// Type of the sensor (v2.0 table 42-3).
    pub sensor_type: u8,
    /// Number of the sensor.
    pub sensor: u8,
    /// Whether the event ended.
    pub deasserted: bool,
    /// Event/reading type, 7 bits (v2.0 table 42-1).
    pub event_type: u8,
    /// Offset and what the event type adds.
    pub data: [u8; 3],
}

const SYSTEM_EVENT: u8 = 0x02;

impl Encode for SelRecord {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.id.to_le_bytes());
        match self.body {
            SelBody::Event(event) => {
                out.push(SYSTEM_EVENT);
                out.extend(event.timestamp.to_le_bytes());
                out.extend(event.generator);
                let direction = u8::from(event.deasserted) << 7 | event.event_type & 0x7F;
                out.extend([event.revision, event.sensor_type, event.sensor, direction]);
                out.extend(event.data);
            }
            SelBody::OemTimed { record_type, timestamp, manufacturer, data } => {
                out.push(record_type);
                out.extend(timestamp.to_le_bytes());
                out.extend(manufacturer.to_le_bytes().into_iter().take(3));
                out.extend(data);
            }
            SelBody::Other { record_type, data } => {
                out.push(record_type);
                out.extend(data);
            }
        }
    }
}

impl Decode for SelRecord {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let id = reader.u16()?;
        let body = match reader.u8()? {
            SYSTEM_EVENT => SelBody::Event(SystemEvent::decode(reader)?),
            record_type @ 0xC0..=0xDF => SelBody::OemTimed {
                record_type,
                timestamp: reader.u32()?,
                manufacturer: reader.u24()?,
                data: reader.array()?,
            },
            record_type => SelBody::Other { record_type, data: reader.array()? },
        };
        Ok(Self { id, body })
    }
}

impl SystemEvent {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let timestamp = reader.u32()?;
        let generator = reader.array()?;
        let [revision, sensor_type, sensor, direction] = reader.array()?;
        Ok(Self {
            timestamp,
            generator,
            revision,
            sensor_type,
            sensor,
            deasserted: direction & 0x80 != 0,
            event_type: direction & 0x7F,
            data: reader.array()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_upper_critical_event_has_these_bytes() {
        let record = SelRecord {
            id: 0x0102,
            body: SelBody::Event(SystemEvent {
                timestamp: 0x6123_4567,
                generator: [0x20, 0x00],
                revision: 0x04,
                sensor_type: 0x01,
                sensor: 0x30,
                deasserted: true,
                event_type: 0x01,
                data: [0x59, 0x64, 0x5F],
            }),
        };
        let bytes = [2, 1, 2, 0x67, 0x45, 0x23, 0x61, 0x20, 0, 4, 1, 0x30, 0x81, 0x59, 0x64, 0x5F];
        assert_eq!(record.to_bytes(), bytes);
        assert_eq!(SelRecord::from_bytes(&bytes), Ok(record));
    }

    proptest! {
        #[test]
        fn any_sixteen_bytes_are_a_record_and_come_back(bytes: [u8; LENGTH]) {
            prop_assert_eq!(SelRecord::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        }
    }
}
