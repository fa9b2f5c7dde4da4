//! Events and their receiver (v2.0§29), and what sensors send (v2.0§35.10 to §35.13).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Administrator, Operator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set Event Receiver (v2.0§29.1).
    SetEventReceiver = SENSOR_EVENT 0x00 "Set Event Receiver", AtLeast(Administrator), EventReceiver => ()
}

command! {
    /// Get Event Receiver (v2.0§29.2).
    GetEventReceiver = SENSOR_EVENT 0x01 "Get Event Receiver", AtLeast(User), () => EventReceiver
}

command! {
    /// Platform Event Message (v2.0§29.3).
    PlatformEventMessage = SENSOR_EVENT 0x02 "Platform Event Message", AtLeast(Operator), PlatformEvent => ()
}

command! {
    /// Set Sensor Event Enable (v2.0§35.10).
    SetSensorEventEnable = SENSOR_EVENT 0x28 "Set Sensor Event Enable", AtLeast(Operator), EventEnable => ()
}

command! {
    /// Re-arm Sensor Events (v2.0§35.12).
    RearmSensorEvents = SENSOR_EVENT 0x2A "Re-arm Sensor Events", AtLeast(Operator), Rearm => ()
}

layout! {
    /// Who gets event messages.
    EventReceiver {
        /// Its slave address; FFh is nobody.
        address: u8,
        /// Its LUN, two bits.
        lun: u8,
    }
}

/// An event message as it arrives: over the system interface its generator comes first, elsewhere the header names it
/// (v2.0 figure 29-2). Which of the two it is, the channel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformEvent {
    /// 5 to 8 bytes.
    pub bytes: Vec<u8>,
}

/// An event message, without its generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventMessage {
    /// Revision: 04h since IPMI 1.5, 03h before.
    pub revision: u8,
    /// Type of the sensor.
    pub sensor_type: u8,
    /// Number of the sensor.
    pub sensor: u8,
    /// Bit 7: the event ended. Bits 0 to 6: event/reading type.
    pub direction: u8,
    /// Event data; FFh where the message has none.
    pub data: [u8; 3],
}

/// Revision, sensor type, number, direction, and one event data byte at least.
const SHORTEST: usize = 5;
/// With three event data bytes and the generator.
const LONGEST: usize = 8;

impl Decode for PlatformEvent {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let bytes = reader.rest().to_vec();
        if !(SHORTEST..=LONGEST).contains(&bytes.len()) {
            return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
        }
        Ok(Self { bytes })
    }
}

impl Encode for PlatformEvent {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(&self.bytes);
    }
}

impl PlatformEvent {
    /// The message as it comes over the system interface, with the generator's software ID before it.
    ///
    /// # Errors
    /// The length is wrong for that.
    pub fn from_host(&self) -> Result<(u8, EventMessage), CompletionCode> {
        let (generator, message) =
            self.bytes.split_first().ok_or(CompletionCode::REQUEST_DATA_LENGTH_INVALID)?;
        Ok((*generator, EventMessage::from_bytes(message)?))
    }

    /// The message as it comes over any other channel.
    ///
    /// # Errors
    /// The length is wrong for that.
    pub fn from_elsewhere(&self) -> Result<EventMessage, CompletionCode> {
        EventMessage::from_bytes(&self.bytes)
    }
}

impl Decode for EventMessage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [revision, sensor_type, sensor, direction, first] = reader.array()?;
        let mut byte = || if reader.is_empty() { Ok(crate::record::event::UNSPECIFIED) } else { reader.u8() };
        let data = [first, byte()?, byte()?];
        Ok(Self { revision, sensor_type, sensor, direction, data })
    }
}

impl Encode for EventMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.revision, self.sensor_type, self.sensor, self.direction]);
        out.extend(self.data);
    }
}

/// What to do with single events of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// Leave them.
    Unchanged,
    /// Enable those whose bits are set.
    Enable,
    /// Disable those whose bits are set.
    Disable,
}

/// Request of [`SetSensorEventEnable`]. The masks may be missing, which is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventEnable {
    /// Number of the sensor.
    pub number: u8,
    /// Whether it sends event messages at all.
    pub messages: bool,
    /// Whether it is scanned.
    pub scanning: bool,
    /// What to do with these events.
    pub selected: Selected,
    /// Assertion events.
    pub assertion: u16,
    /// Deassertion events.
    pub deassertion: u16,
}

const MESSAGES: u8 = 0x80;
const SCANNING: u8 = 0x40;

/// A mask whose bytes may be missing from the end.
fn mask(reader: &mut Reader<'_>) -> Result<u16, CompletionCode> {
    let mut byte = || if reader.is_empty() { Ok(0) } else { reader.u8() };
    Ok(u16::from_le_bytes([byte()?, byte()?]))
}

impl Decode for EventEnable {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [number, flags] = reader.array()?;
        let selected = match flags >> 4 & 0x03 {
            0 => Selected::Unchanged,
            1 => Selected::Enable,
            2 => Selected::Disable,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        };
        Ok(Self {
            number,
            messages: flags & MESSAGES != 0,
            scanning: flags & SCANNING != 0,
            selected,
            assertion: mask(reader)?,
            deassertion: mask(reader)?,
        })
    }
}

impl Encode for EventEnable {
    fn encode(&self, out: &mut Vec<u8>) {
        let flag = |flag, set| if set { flag } else { 0 };
        let selected = match self.selected {
            Selected::Unchanged => 0x00,
            Selected::Enable => 0x10,
            Selected::Disable => 0x20,
        };
        out.extend([self.number, flag(MESSAGES, self.messages) | flag(SCANNING, self.scanning) | selected]);
        out.extend(self.assertion.to_le_bytes());
        out.extend(self.deassertion.to_le_bytes());
    }
}

/// Request of [`RearmSensorEvents`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rearm {
    /// Number of the sensor.
    pub number: u8,
    /// These events; `None` is all.
    pub events: Option<(u16, u16)>,
}

const ONLY_SELECTED: u8 = 0x80;

impl Decode for Rearm {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [number, flags] = reader.array()?;
        let masks = (mask(reader)?, mask(reader)?);
        Ok(Self { number, events: (flags & ONLY_SELECTED != 0).then_some(masks) })
    }
}

impl Encode for Rearm {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.number, if self.events.is_some() { ONLY_SELECTED } else { 0 }]);
        let (assertion, deassertion) = self.events.unwrap_or_default();
        out.extend(assertion.to_le_bytes());
        out.extend(deassertion.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_message_from_the_host_begins_with_its_generator() {
        let bytes = [0x41, 0x04, 0x12, 0x01, 0x6F, 0x05, 0xC0];
        let event = PlatformEvent::from_bytes(&bytes).unwrap();
        let message = EventMessage {
            revision: 4,
            sensor_type: 0x12,
            sensor: 1,
            direction: 0x6F,
            data: [5, 0xC0, 0xFF],
        };
        assert_eq!(event.from_host(), Ok((0x41, message)));
        let event = PlatformEvent::from_bytes(&bytes[1..]).unwrap();
        assert_eq!(event.from_elsewhere(), Ok(message));
        assert!(PlatformEvent::from_bytes(&[4; 9]).is_err() && PlatformEvent::from_bytes(&[4; 4]).is_err());
        let long = PlatformEvent::from_bytes(&[4; 8]).unwrap();
        assert_eq!(long.from_elsewhere(), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    }

    #[test]
    fn event_enables_have_these_bytes_and_masks_may_be_missing() {
        let enable = EventEnable {
            number: 7,
            messages: true,
            scanning: true,
            selected: Selected::Disable,
            assertion: 0x0280,
            deassertion: 0,
        };
        assert_eq!(EventEnable::from_bytes(&[7, 0xE0, 0x80, 0x02]), Ok(enable));
        assert_eq!(enable.to_bytes(), [7, 0xE0, 0x80, 0x02, 0, 0]);
        assert_eq!(EventEnable::from_bytes(&[7, 0xF0]), Err(CompletionCode::INVALID_DATA_FIELD));
        assert_eq!(Rearm::from_bytes(&[7, 0]), Ok(Rearm { number: 7, events: None }));
        assert_eq!(Rearm { number: 7, events: Some((1, 2)) }.to_bytes(), [7, 0x80, 1, 0, 2, 0]);
    }

    reads_back! {
        event_receivers_come_back: EventReceiver;
        platform_events_come_back: PlatformEvent;
        event_messages_come_back: EventMessage;
        event_enables_come_back: EventEnable;
        re_armings_come_back: Rearm;
    }
}
