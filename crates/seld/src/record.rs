//! Events as records (v2.0§32.1). Which number an object has comes from ipmid; what its states are called in the log stands here.

use bmc_dbus::sensor_numbers::NumberedSensor;
use ipmi_wire::{
    codec::Encode as _,
    record::{
        Conversion,
        event::{
            BMC_GENERATOR, MESSAGE_REVISION, SENSOR_SPECIFIC, THRESHOLD, UNKNOWN_SENSOR, UNSPECIFIED, number,
            sensor_type,
        },
        sel::{SelBody, SelRecord, SystemEvent},
    },
};

use crate::{clock::Step, store::NewRecord};

/// What happened to an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// A reading crossed a threshold.
    Threshold {
        /// Its place in the order of v2.0§35.8: lower non-critical, critical, non-recoverable, then upper.
        index: u8,
        /// Whether the alarm began; else it ended.
        asserted: bool,
        /// The reading in its unit on D-Bus; NaN where it is not known.
        value: f64,
    },
    /// A state of a discrete sensor (v2.0 table 42-3).
    State {
        /// The sensor's type.
        sensor_type: u8,
        /// Which state.
        offset: u8,
        /// Whether it began; else it ended.
        asserted: bool,
    },
    /// A login or a session (v2.0 table 42-3, type 2Ah).
    Session {
        /// What happened.
        offset: u8,
        /// The user's slot; 0 where it is not known.
        user: u8,
        /// The cause of a deactivation (bits 5:4), and the channel.
        place: u8,
    },
}

/// What happened, to which object, when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Happening {
    /// The object.
    pub(crate) path: String,
    /// What happened.
    pub(crate) what: What,
    /// When, in the log's time.
    pub(crate) at: u32,
}

/// Event data 1: bytes 2 and 3 are what the sensor's type defines (v2.0 table 29-6).
const BOTH_BYTES_SPECIFIC: u8 = 0xF0;

/// The event's offset within its type: a lower threshold is crossed going low, an upper one going high (v2.0 table 42-2).
fn offset(index: u8) -> u8 {
    2 * index + u8::from(index >= 3)
}

impl Happening {
    /// The record; `None` where the sensor is set not to log this. Without the sensor the number is FFh, and the path alone tells it.
    pub(crate) fn record(&self, sensor: Option<&NumberedSensor>) -> Option<NewRecord> {
        let (event, event_type, asserted) = match self.what {
            What::Threshold { index, asserted, .. } => (offset(index), THRESHOLD, asserted),
            What::State { offset, asserted, .. } => (offset, SENSOR_SPECIFIC, asserted),
            What::Session { offset, .. } => (offset, SENSOR_SPECIFIC, true),
        };
        let enabled = sensor.is_none_or(|sensor| {
            let mask = if asserted { sensor.assertions } else { sensor.deassertions };
            mask & 1_u16.checked_shl(event.into()).unwrap_or(0) != 0
        });
        let kind = match (sensor, &self.what) {
            (_, What::State { sensor_type, .. }) => *sensor_type,
            (_, What::Session { .. }) => sensor_type::SESSION_AUDIT,
            (Some(sensor), _) => sensor.sensor_type,
            (None, _) => 0,
        };
        let data = match self.what {
            What::Threshold { index, value, .. } => threshold_data(index, value, sensor),
            What::State { offset, .. } => [offset, UNSPECIFIED, UNSPECIFIED],
            What::Session { offset, user, place } => [BOTH_BYTES_SPECIFIC | offset, user, place],
        };
        enabled.then(|| system_event(&self.path, self.at, sensor, kind, (event_type, asserted), data))
    }
}

/// Offset, then the raw bytes of reading and threshold as far as they are known (v2.0 table 29-6).
fn threshold_data(index: u8, value: f64, sensor: Option<&NumberedSensor>) -> [u8; 3] {
    const READING: u8 = 0x40;
    const LIMIT: u8 = 0x10;
    let reading = sensor.and_then(|sensor| raw(sensor, value));
    let limit = sensor.and_then(|sensor| sensor.thresholds.get(usize::from(index)).copied());
    let flags = reading.map_or(0, |_| READING) | limit.map_or(0, |_| LIMIT);
    [flags | offset(index), reading.unwrap_or(UNSPECIFIED), limit.unwrap_or(UNSPECIFIED)]
}

/// The raw byte of a value on D-Bus, as the sensor's record has it.
fn raw(sensor: &NumberedSensor, value: f64) -> Option<u8> {
    let factors = sensor.factors;
    let conversion = Conversion {
        m: factors.m,
        b: factors.b,
        b_exponent: i8::try_from(factors.b_exponent).ok()?,
        r_exponent: i8::try_from(factors.r_exponent).ok()?,
        signed: factors.signed,
    };
    conversion.raw(value * sensor.scale)
}

fn system_event(
    path: &str,
    at: u32,
    sensor: Option<&NumberedSensor>,
    kind: u8,
    (event_type, asserted): (u8, bool),
    data: [u8; 3],
) -> NewRecord {
    let event = SystemEvent {
        timestamp: at,
        generator: [BMC_GENERATOR, sensor.map_or(0, |sensor| sensor.lun & 0x03)],
        revision: MESSAGE_REVISION,
        sensor_type: kind,
        sensor: sensor.map_or(UNKNOWN_SENSOR, |sensor| sensor.number),
        deasserted: !asserted,
        event_type,
        data,
    };
    NewRecord { bytes: bytes_of(event), at, path: path.to_owned() }
}

/// What the log says of itself (v2.0 table 42-3, type 10h).
pub(crate) fn of_the_log(data: [u8; 3], at: u32) -> NewRecord {
    of_the_bmc(sensor_type::EVENT_LOGGING, number::EVENT_LOGGING, bmc_dbus::names::sel::SELF_PATH, data, at)
}

/// An event of a sensor that the BMC always has: its number is ipmid's for `path`, and the log does not wait for ipmid.
fn of_the_bmc(sensor_type: u8, sensor: u8, path: &str, data: [u8; 3], at: u32) -> NewRecord {
    let event = SystemEvent {
        timestamp: at,
        generator: [BMC_GENERATOR, 0],
        revision: MESSAGE_REVISION,
        sensor_type,
        sensor,
        deasserted: false,
        event_type: SENSOR_SPECIFIC,
        data,
    };
    NewRecord { bytes: bytes_of(event), at, path: path.to_owned() }
}

fn bytes_of(event: SystemEvent) -> [u8; 16] {
    let bytes = SelRecord { id: 0, body: SelBody::Event(event) }.to_bytes();
    bytes.try_into().unwrap_or([0; 16])
}

/// What a daemon adds through phosphor-sel-logger's interface: the sensor is what ipmid says that `path` is.
pub(crate) fn added_by_daemon(
    path: &str,
    at: u32,
    sensor: Option<&NumberedSensor>,
    data: [u8; 3],
    asserted: bool,
    generator: u16,
) -> NewRecord {
    let event_type = sensor.map_or(0, |sensor| sensor.event_type);
    let kind = sensor.map_or(0, |sensor| sensor.sensor_type);
    let mut record = system_event(path, at, sensor, kind, (event_type, asserted), data);
    let [low, high] = generator.to_le_bytes();
    // The LUN of a sensor is ipmid's knowledge; a caller that gives one of its own is believed.
    record.bytes[7] = low;
    record.bytes[8] |= high;
    record
}

/// Where the log's clock is, as an object: ipmid has a number for it.
pub(crate) const CLOCK_PATH: &str = "/xyz/openbmc_project/Logging/IPMI";

/// A system event (v2.0 table 42-3, type 12h) with an extension of its own in byte 2.
fn system(offset: u8, extension: u8, at: u32) -> NewRecord {
    const EXTENSION: u8 = 0xC0;
    let data = [EXTENSION | offset, extension, UNSPECIFIED];
    of_the_bmc(sensor_type::SYSTEM_EVENT, number::SYSTEM_EVENT, CLOCK_PATH, data, at)
}

/// "Timestamp clock synchronisation" (offset 05h): the first of the pair at the old time, the second at the new one. What was logged
/// before the clock was set can be placed by them.
pub(crate) fn clock_set(step: Step) -> [NewRecord; 2] {
    const SECOND: u8 = 0x80;
    [system(0x05, 0, step.before), system(0x05, SECOND, step.after)]
}

/// "PEF action" (offset 04h): what the event filters did, bits as in [`ipmi_wire::pef::action`].
pub(crate) fn filters_acted(actions: u8, at: u32) -> NewRecord {
    system(0x04, actions, at)
}

#[cfg(test)]
mod tests {
    use bmc_dbus::sensor_numbers::Factors;

    use super::*;

    fn temperature() -> NumberedSensor {
        NumberedSensor {
            lun: 1,
            number: 0x30,
            sensor_type: 1,
            event_type: 1,
            factors: Factors { m: 1, b: 0, b_exponent: 0, r_exponent: 0, signed: false },
            scale: 1.0,
            thresholds: vec![0, 0, 0, 90, 95, 100],
            assertions: 0x0FFF,
            deassertions: 1 << 9,
        }
    }

    fn crossing(index: u8, asserted: bool, value: f64) -> Happening {
        let what = What::Threshold { index, asserted, value };
        Happening { path: "/t/CPU".into(), what, at: 0x0403_0201 }
    }

    #[test]
    fn a_crossing_tells_reading_and_threshold_as_the_sensors_record_has_them() {
        let record = crossing(4, true, 96.7).record(Some(&temperature())).unwrap();
        let expected = [0, 0, 2, 1, 2, 3, 4, 0x20, 1, 4, 1, 0x30, 0x01, 0x59, 97, 95];
        assert_eq!((record.bytes, record.path.as_str(), record.at), (expected, "/t/CPU", 0x0403_0201));
        let ended = crossing(4, false, f64::NAN).record(Some(&temperature())).unwrap();
        assert_eq!(ended.bytes[12..], [0x81, 0x19, 0xFF, 95]);
    }

    #[test]
    fn an_event_that_is_not_enabled_is_not_logged() {
        assert!(crossing(0, true, 1.0).record(Some(&temperature())).is_some());
        assert_eq!(crossing(0, false, 1.0).record(Some(&temperature())), None);
    }

    #[test]
    fn without_ipmid_what_is_known_is_logged() {
        let record = crossing(2, true, 1.0).record(None).unwrap();
        assert_eq!(record.bytes[7..], [0x20, 0, 4, 0, 0xFF, 0x01, 0x04, 0xFF, 0xFF]);
        let state = What::State { sensor_type: 9, offset: 4, asserted: true };
        let record = Happening { path: "/c".into(), what: state, at: 1 }.record(None).unwrap();
        assert_eq!(record.bytes[7..], [0x20, 0, 4, 9, 0xFF, 0x6F, 4, 0xFF, 0xFF]);
    }

    #[test]
    fn a_session_event_tells_user_and_channel() {
        let what = What::Session { offset: 3, user: 2, place: 0x21 };
        let record = Happening { path: "/s".into(), what, at: 1 }.record(None).unwrap();
        assert_eq!(record.bytes[7..], [0x20, 0, 4, 0x2A, 0xFF, 0x6F, 0xF3, 2, 0x21]);
    }

    #[test]
    fn a_daemons_event_is_the_sensors() {
        let record = added_by_daemon("/t/CPU", 1, Some(&temperature()), [0x57, 2, 0xFF], false, 0x20);
        assert_eq!(record.bytes[7..], [0x20, 1, 4, 1, 0x30, 0x81, 0x57, 2, 0xFF]);
        let unknown = added_by_daemon("/x", 1, None, [1, 2, 0xFF], true, 0x1041);
        assert_eq!(unknown.bytes[7..], [0x41, 0x10, 4, 0, 0xFF, 0, 1, 2, 0xFF]);
    }

    #[test]
    fn a_set_clock_is_a_pair_of_records() {
        let pair = clock_set(Step { before: 90, after: 0x6000_0000 });
        assert_eq!(pair.each_ref().map(|record| record.at), [90, 0x6000_0000]);
        assert_eq!(pair.map(|record| record.bytes[13..].to_vec()), [[0xC5, 0, 0xFF], [0xC5, 0x80, 0xFF]]);
    }
}
