//! Sensor devices (v2.0§35). The LUN of the request is a part of a sensor's address.

use super::{
    Access::AtLeast,
    sdr::{ReadRecord, RecordData, Reservation},
};
use crate::{
    CompletionCode,
    Privilege::{Operator, User},
    codec::{Decode, Encode, Reader},
    record::{Conversion, sdr::ThresholdBits},
};

command! {
    /// Get Device SDR Info (v2.0§35.2).
    GetDeviceSdrInfo = SENSOR_EVENT 0x20 "Get Device SDR Info", AtLeast(User),
    DeviceSdrInfoRequest => DeviceSdrInfo
}

command! {
    /// Get Device SDR (v2.0§35.3).
    GetDeviceSdr = SENSOR_EVENT 0x21 "Get Device SDR", AtLeast(User), ReadRecord => RecordData
}

command! {
    /// Reserve Device SDR Repository (v2.0§35.4).
    ReserveDeviceSdrRepository = SENSOR_EVENT 0x22 "Reserve Device SDR Repository", AtLeast(User),
    () => Reservation
}

command! {
    /// Get Sensor Reading Factors (v2.0§35.5).
    GetSensorReadingFactors = SENSOR_EVENT 0x23 "Get Sensor Reading Factors", AtLeast(User),
    ReadingFactorsRequest => ReadingFactors
}

command! {
    /// Set Sensor Hysteresis (v2.0§35.6).
    SetSensorHysteresis = SENSOR_EVENT 0x24 "Set Sensor Hysteresis", AtLeast(Operator), NewHysteresis => ()
}

command! {
    /// Get Sensor Hysteresis (v2.0§35.7).
    GetSensorHysteresis = SENSOR_EVENT 0x25 "Get Sensor Hysteresis", AtLeast(User),
    HysteresisRequest => Hysteresis
}

command! {
    /// Set Sensor Thresholds (v2.0§35.8).
    SetSensorThresholds = SENSOR_EVENT 0x26 "Set Sensor Thresholds", AtLeast(Operator), NewThresholds => ()
}

command! {
    /// Get Sensor Thresholds (v2.0§35.9).
    GetSensorThresholds = SENSOR_EVENT 0x27 "Get Sensor Thresholds", AtLeast(User), SensorNumber => Thresholds
}

command! {
    /// Get Sensor Event Enable (v2.0§35.11).
    GetSensorEventEnable = SENSOR_EVENT 0x29 "Get Sensor Event Enable", AtLeast(User),
    SensorNumber => SensorEvents
}

command! {
    /// Get Sensor Event Status (v2.0§35.13).
    GetSensorEventStatus = SENSOR_EVENT 0x2B "Get Sensor Event Status", AtLeast(User),
    SensorNumber => SensorEvents
}

command! {
    /// Get Sensor Reading (v2.0§35.14).
    GetSensorReading = SENSOR_EVENT 0x2D "Get Sensor Reading", AtLeast(User), SensorNumber => SensorReading
}

command! {
    /// Set Sensor Type (v2.0§35.15).
    SetSensorType = SENSOR_EVENT 0x2E "Set Sensor Type", AtLeast(Operator), NewSensorType => ()
}

command! {
    /// Get Sensor Type (v2.0§35.16).
    GetSensorType = SENSOR_EVENT 0x2F "Get Sensor Type", AtLeast(User), SensorNumber => SensorType
}

command! {
    /// Set Sensor Reading And Event Status (v2.0§35.17).
    SetSensorReading = SENSOR_EVENT 0x30 "Set Sensor Reading And Event Status", AtLeast(Operator),
    NewSensorReading => ()
}

/// Request of [`GetDeviceSdrInfo`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSdrInfoRequest {
    /// Whether to count records; else, and where the byte is missing, sensors of the LUN.
    pub count_records: bool,
}

impl Decode for DeviceSdrInfoRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let operation = if reader.is_empty() { 0 } else { reader.u8()? };
        Ok(Self { count_records: operation & 1 != 0 })
    }
}

impl Encode for DeviceSdrInfoRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.count_records));
    }
}

layout! {
    /// Response of [`GetDeviceSdrInfo`].
    DeviceSdrInfo {
        /// How many sensors or records; 255 is that or more.
        count: u8,
        /// Bit 7: sensors come and go. Bits 0 to 3: LUNs that have sensors.
        flags: u8,
        /// Changes whenever sensors came or went.
        population_change: u32,
    }
}

layout! {
    /// Which sensor, on the LUN of the request.
    SensorNumber {
        /// Number, 0 to FEh.
        number: u8,
    }
}

layout! {
    /// Request of [`GetSensorReadingFactors`].
    ReadingFactorsRequest {
        /// Number of the sensor.
        number: u8,
        /// The raw reading that the factors are for.
        reading: u8,
    }
}

layout! {
    /// Response of [`GetSensorReadingFactors`].
    ReadingFactors {
        /// The next raw reading with other factors; a linear sensor has none and repeats the one asked for.
        next_reading: u8,
        /// The factors.
        conversion: Conversion,
    }
}

/// The mask byte of the hysteresis commands, reserved for the future.
const HYSTERESIS_MASK: u8 = 0xFF;

/// Request of [`GetSensorHysteresis`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HysteresisRequest {
    /// Number of the sensor.
    pub number: u8,
}

impl Decode for HysteresisRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [number, _reserved] = reader.array()?;
        Ok(Self { number })
    }
}

impl Encode for HysteresisRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.number, HYSTERESIS_MASK]);
    }
}

layout! {
    /// Response of [`GetSensorHysteresis`].
    Hysteresis {
        /// Of thresholds that readings rise to, in raw steps.
        positive: u8,
        /// Of thresholds that readings fall to, in raw steps.
        negative: u8,
    }
}

layout! {
    /// Request of [`SetSensorHysteresis`].
    NewHysteresis {
        /// Number of the sensor.
        number: u8,
        /// Reserved, FFh.
        mask: u8,
        /// What to set.
        hysteresis: Hysteresis,
    }
}

layout! {
    /// Thresholds of a sensor; lower non-critical, critical, non-recoverable, then upper.
    Thresholds {
        /// Which of them can be read (response), or are to be set.
        mask: ThresholdBits,
        /// Raw values; what the mask does not name is 0.
        values: [u8; 6],
    }
}

layout! {
    /// Request of [`SetSensorThresholds`].
    NewThresholds {
        /// Number of the sensor.
        number: u8,
        /// What to set.
        thresholds: Thresholds,
    }
}

/// State of a sensor in all responses: events enabled, scanned, reading there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorState(pub u8);

impl SensorState {
    /// Event messages are enabled.
    pub const EVENTS: u8 = 0x80;
    /// The sensor is being scanned.
    pub const SCANNING: u8 = 0x40;
    /// Neither reading nor state can be had.
    pub const UNAVAILABLE: u8 = 0x20;
}

layout! {
    /// Events that are enabled, or asserted now.
    SensorEvents {
        /// [`SensorState`].
        state: u8,
        /// Assertion events, as in a full sensor record.
        assertion: u16,
        /// Deassertion events.
        deassertion: u16,
    }
}

/// Response of [`GetSensorReading`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorReading {
    /// Raw reading; 0 while it is unavailable, and for a discrete sensor.
    pub reading: u8,
    /// [`SensorState`].
    pub state: u8,
    /// What holds.
    pub holds: Holds,
}

/// What holds of a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Which thresholds are reached; the two top bits are reserved and set.
    Thresholds(u8),
    /// States 0 to 14 of a discrete sensor, one bit each.
    States(u16),
}

/// The top bit of the last byte of states is reserved and set.
const RESERVED_STATE: u16 = 0x8000;

impl Encode for SensorReading {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.reading, self.state]);
        match self.holds {
            Holds::Thresholds(thresholds) => out.push(thresholds),
            Holds::States(states) => out.extend((states | RESERVED_STATE).to_le_bytes()),
        }
    }
}

impl Decode for SensorReading {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [reading, state, low] = reader.array()?;
        let holds = if reader.is_empty() {
            Holds::Thresholds(low)
        } else {
            Holds::States(u16::from_le_bytes([low, reader.u8()?]) & !RESERVED_STATE)
        };
        Ok(Self { reading, state, holds })
    }
}

/// [`SetSensorReading`]: reading or status bits of the sensor cannot be set (v2.0§35.17).
pub const NOT_SETTABLE: CompletionCode = CompletionCode(0x80);
/// [`SetSensorReading`]: event data bytes cannot be set (v2.0§35.17).
pub const EVENT_DATA_NOT_SETTABLE: CompletionCode = CompletionCode(0x81);

layout! {
    /// Request of [`SetSensorReading`].
    NewSensorReading {
        /// Number of the sensor.
        number: u8,
        /// What to do, two bits each: event data (7:6), assertion bits (5:4), deassertion bits (3:2), reading (1:0; 1 writes it).
        operation: u8,
        /// The raw reading.
        reading: u8,
        /// Assertion bits, deassertion bits and event data; what is at the end may be missing.
        events: Vec<u8>,
    }
}

layout! {
    /// Request of [`SetSensorType`].
    NewSensorType {
        /// Number of the sensor.
        number: u8,
        /// What it is to be.
        types: SensorType,
    }
}

layout! {
    /// Response of [`GetSensorType`].
    SensorType {
        /// Type (v2.0 table 42-3).
        sensor_type: u8,
        /// Event/reading type, 7 bits.
        event_type: u8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sensor_messages_have_these_bytes() {
        let reading = SensorReading { reading: 25, state: 0xC0, holds: Holds::Thresholds(0xC0) };
        assert_eq!(reading.to_bytes(), [25, 0xC0, 0xC0]);
        let set =
            NewThresholds { number: 7, thresholds: Thresholds { mask: 0x10, values: [0, 0, 0, 0, 90, 0] } };
        assert_eq!(set.to_bytes(), [7, 0x10, 0, 0, 0, 0, 90, 0]);
        let factors = ReadingFactors {
            next_reading: 0,
            conversion: Conversion { m: 2, b: 0, b_exponent: 0, r_exponent: -2, signed: false },
        };
        assert_eq!(factors.to_bytes(), [0, 2, 0, 0, 0, 0, 0xE0]);
        assert_eq!(HysteresisRequest { number: 3 }.to_bytes(), [3, 0xFF]);
        let set = NewSensorType { number: 7, types: SensorType { sensor_type: 1, event_type: 0x6F } };
        assert_eq!(set.to_bytes(), [7, 1, 0x6F]);
        let set = NewSensorReading { number: 7, operation: 0x11, reading: 9, events: vec![1, 0] };
        assert_eq!(set.to_bytes(), [7, 0x11, 9, 1, 0]);
    }

    #[test]
    fn the_operation_of_get_device_sdr_info_may_be_missing() {
        let ask = |bytes: &[u8]| DeviceSdrInfoRequest::from_bytes(bytes).map(|request| request.count_records);
        assert_eq!((ask(&[]), ask(&[0]), ask(&[1])), (Ok(false), Ok(false), Ok(true)));
    }

    reads_back! {
        new_types_come_back: NewSensorType;
        new_readings_come_back: NewSensorReading;
    }

    proptest! {
        #[test]
        fn sensor_messages_come_back(
            number: u8, mask: u8, values: [u8; 6], state: u8, events: (u16, u16), change: u32,
        ) {
            let set = NewThresholds { number, thresholds: Thresholds { mask, values } };
            prop_assert_eq!(NewThresholds::from_bytes(&set.to_bytes()), Ok(set));
            let events = SensorEvents { state, assertion: events.0, deassertion: events.1 };
            prop_assert_eq!(SensorEvents::from_bytes(&events.to_bytes()), Ok(events));
            let info = DeviceSdrInfo { count: number, flags: mask, population_change: change };
            prop_assert_eq!(DeviceSdrInfo::from_bytes(&info.to_bytes()), Ok(info));
            let hysteresis = NewHysteresis {
                number, mask, hysteresis: Hysteresis { positive: values[0], negative: values[1] },
            };
            prop_assert_eq!(NewHysteresis::from_bytes(&hysteresis.to_bytes()), Ok(hysteresis));
        }
    }
}
