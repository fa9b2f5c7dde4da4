//! Sensors (NetFn 04h). A sensor's address is the LUN of the request and its number.

use std::sync::Arc;

use ipmi_wire::{
    CompletionCode,
    command::sensor::{
        DeviceSdrInfo, DeviceSdrInfoRequest, EVENT_DATA_NOT_SETTABLE, GetDeviceSdr, GetDeviceSdrInfo,
        GetSensorEventEnable, GetSensorEventStatus, GetSensorHysteresis, GetSensorReading,
        GetSensorReadingFactors, GetSensorThresholds, GetSensorType, Holds, Hysteresis, HysteresisRequest,
        NOT_SETTABLE, NewHysteresis, NewSensorReading, NewSensorType, NewThresholds, ReadingFactors,
        ReadingFactorsRequest, ReserveDeviceSdrRepository, SensorEvents, SensorNumber, SensorReading,
        SensorState, SensorType, SetSensorHysteresis, SetSensorReading, SetSensorThresholds, SetSensorType,
        Thresholds,
    },
};

use super::{discrete, sdr};
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, either, later, now},
    platform::PlatformError,
    sensors::{self, Address, Discrete, Sensor, Status, Threshold},
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetDeviceSdrInfo, device_sdr_info).on_any_lun(),
    now!(GetDeviceSdr, sdr::read_device).on_any_lun(),
    now!(ReserveDeviceSdrRepository, sdr::reserve).on_any_lun(),
    now!(GetSensorReadingFactors, reading_factors).on_any_lun(),
    later!(SetSensorHysteresis, set_hysteresis).on_any_lun(),
    now!(GetSensorHysteresis, hysteresis).on_any_lun(),
    later!(SetSensorThresholds, set_thresholds).on_any_lun(),
    now!(GetSensorThresholds, thresholds).on_any_lun(),
    now!(GetSensorEventEnable, event_enable).on_any_lun(),
    either!(GetSensorEventStatus, event_status, discrete::event_status).on_any_lun(),
    either!(GetSensorReading, reading, discrete::reading).on_any_lun(),
    now!(SetSensorType, set_sensor_type).on_any_lun(),
    now!(GetSensorType, sensor_type).on_any_lun(),
    later!(SetSensorReading, set_reading).on_any_lun(),
];

/// Sensors come and go while ipmid runs.
const DYNAMIC_POPULATION: u8 = 0x80;
/// The two top bits of a reading's thresholds are reserved and set (v2.0§35.14).
const RESERVED_THRESHOLDS: u8 = 0xC0;
/// All bits that a threshold mask may have.
const ALL_THRESHOLDS: u8 = 0x3F;

/// The sensor of this number with an analog reading.
fn find(ipmid: &Ipmid, caller: &Caller, number: u8) -> Result<Arc<Sensor>, CompletionCode> {
    match find_any(ipmid, caller, number)? {
        Found::Analog(sensor) => Ok(sensor),
        Found::Discrete(_) => Err(CompletionCode::ILLEGAL_FOR_SENSOR),
    }
}

/// A sensor of either kind.
pub(super) enum Found {
    Analog(Arc<Sensor>),
    Discrete(Arc<Discrete>),
}

impl Found {
    pub(super) fn address(&self) -> Address {
        match self {
            Self::Analog(sensor) => sensor.address,
            Self::Discrete(discrete) => discrete.address,
        }
    }

    /// Its object.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Analog(sensor) => &sensor.path,
            Self::Discrete(discrete) => &discrete.path,
        }
    }
}

/// The sensor of this number.
pub(super) fn find_any(ipmid: &Ipmid, caller: &Caller, number: u8) -> Result<Found, CompletionCode> {
    let address = Address { lun: caller.lun.value(), number };
    let snapshot = ipmid.platform.sensors.snapshot();
    let analog = || snapshot.sensor(address).cloned().map(Found::Analog);
    let discrete = || snapshot.discrete(address).cloned().map(Found::Discrete);
    analog().or_else(discrete).ok_or(CompletionCode::NOT_PRESENT)
}

/// For clients that want it; Get Device ID does not announce device SDRs, or clients would list every sensor twice.
fn device_sdr_info(
    ipmid: &Ipmid,
    caller: &Caller,
    request: DeviceSdrInfoRequest,
) -> Result<DeviceSdrInfo, CompletionCode> {
    let snapshot = ipmid.platform.sensors.snapshot();
    snapshot.shown();
    let discrete = || snapshot.all_discrete().iter().map(|discrete| discrete.address);
    let addresses = || snapshot.sensors().iter().map(|sensor| sensor.address).chain(discrete());
    let count = if request.count_records {
        snapshot.device_records().len()
    } else {
        addresses().filter(|address| address.lun == caller.lun.value()).count()
    };
    let luns = addresses().fold(0, |luns, address| luns | 1 << (address.lun & 0x03));
    Ok(DeviceSdrInfo {
        count: u8::try_from(count).unwrap_or(u8::MAX),
        flags: DYNAMIC_POPULATION | luns,
        population_change: snapshot.changes.population,
    })
}

/// The hot path: a look-up and a lock that nobody holds for long. `None` where a provider has to be asked.
fn reading(
    ipmid: &Ipmid,
    caller: &Caller,
    sensor: &SensorNumber,
) -> Option<Result<SensorReading, CompletionCode>> {
    let sensor = match find_any(ipmid, caller, sensor.number) {
        Ok(Found::Analog(sensor)) => sensor,
        Ok(Found::Discrete(_)) => return None,
        Err(code) => return Some(Err(code)),
    };
    let (reading, status) = sensor.read();
    let state = state(&sensor, status);
    let (reading, reached) = match sensor.raw(reading.value) {
        Some(raw) if status.available => (raw, sensor.reached(&reading)),
        _ => (0, 0),
    };
    Some(Ok(SensorReading { reading, state, holds: Holds::Thresholds(RESERVED_THRESHOLDS | reached) }))
}

fn state(sensor: &Sensor, status: Status) -> u8 {
    let flag = |flag, set: bool| if set { flag } else { 0 };
    flag(SensorState::EVENTS, sensor.thresholds_set() != 0)
        | flag(SensorState::SCANNING, status.scanned)
        | flag(SensorState::UNAVAILABLE, !status.available)
}

fn event_enable(
    ipmid: &Ipmid,
    caller: &Caller,
    sensor: SensorNumber,
) -> Result<SensorEvents, CompletionCode> {
    let sensor = match find_any(ipmid, caller, sensor.number)? {
        Found::Analog(sensor) => sensor,
        Found::Discrete(discrete) => return Ok(discrete::event_enable(ipmid, &discrete)),
    };
    let (_, status) = sensor.read();
    let events = Sensor::events(sensor.thresholds_set());
    let enabled = ipmid.kept.event_enables.get(sensor.address);
    let mut state = state(&sensor, status) & !SensorState::UNAVAILABLE;
    if !enabled.messages {
        state &= !SensorState::EVENTS;
    }
    let (assertion, deassertion) = (events & enabled.assertion, events & enabled.deassertion);
    Ok(SensorEvents { state, assertion, deassertion })
}

fn event_status(
    ipmid: &Ipmid,
    caller: &Caller,
    sensor: &SensorNumber,
) -> Option<Result<SensorEvents, CompletionCode>> {
    let sensor = match find_any(ipmid, caller, sensor.number) {
        Ok(Found::Analog(sensor)) => sensor,
        Ok(Found::Discrete(_)) => return None,
        Err(code) => return Some(Err(code)),
    };
    let (reading, status) = sensor.read();
    let reached = if status.available { sensor.reached(&reading) } else { 0 };
    // Events end by themselves, so that no deassertion is ever pending.
    let state = state(&sensor, status);
    Some(Ok(SensorEvents { state, assertion: Sensor::events(reached), deassertion: 0 }))
}

fn sensor_type(ipmid: &Ipmid, caller: &Caller, sensor: SensorNumber) -> Result<SensorType, CompletionCode> {
    let (sensor_type, event_type) = match find_any(ipmid, caller, sensor.number)? {
        Found::Analog(sensor) => sensor.types(),
        Found::Discrete(discrete) => discrete.types(),
    };
    Ok(SensorType { sensor_type, event_type })
}

/// What a sensor is, the board says: only what it is already can be set.
fn set_sensor_type(ipmid: &Ipmid, caller: &Caller, request: NewSensorType) -> Result<(), CompletionCode> {
    let is_same = request.types == sensor_type(ipmid, caller, SensorNumber { number: request.number })?;
    if is_same { Ok(()) } else { Err(CompletionCode::ILLEGAL_FOR_SENSOR) }
}

/// Two bits each of a Set Sensor Reading operation (v2.0§35.17).
const READING_OPERATION: u8 = 0x03;
const STATUS_OPERATIONS: u8 = 0x3C;
const EVENT_DATA_OPERATION: u8 = 0xC0;
const WRITE_READING: u8 = 0x01;

/// The reading of a sensor that its provider lets be written. States and event data follow from the reading.
async fn set_reading(
    ipmid: &Ipmid,
    caller: &Caller,
    request: NewSensorReading,
) -> Result<(), CompletionCode> {
    let sensor = find(ipmid, caller, request.number)?;
    if request.operation & STATUS_OPERATIONS != 0 {
        return Err(NOT_SETTABLE);
    }
    if request.operation & EVENT_DATA_OPERATION != 0 {
        return Err(EVENT_DATA_NOT_SETTABLE);
    }
    match request.operation & READING_OPERATION {
        0 => Ok(()),
        WRITE_READING => {
            let value = sensor.value(request.reading);
            let set = ipmid.platform.sensors.set_reading(&sensor, value).await;
            set.map_err(|error| match error {
                PlatformError::Refused(_) => NOT_SETTABLE,
                other => other.into(),
            })?;
            audit(caller, &sensor, "reading");
            Ok(())
        }
        _ => Err(CompletionCode::INVALID_DATA_FIELD),
    }
}

fn reading_factors(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ReadingFactorsRequest,
) -> Result<ReadingFactors, CompletionCode> {
    let conversion = find(ipmid, caller, request.number)?.conversion();
    Ok(ReadingFactors { next_reading: request.reading, conversion })
}

fn hysteresis(
    ipmid: &Ipmid,
    caller: &Caller,
    request: HysteresisRequest,
) -> Result<Hysteresis, CompletionCode> {
    let sensor = find(ipmid, caller, request.number)?;
    let [positive, negative] = sensor.record.hysteresis;
    match sensor.facts.hysteresis {
        Some(_) => Ok(Hysteresis { positive, negative }),
        None => Err(CompletionCode::ILLEGAL_FOR_SENSOR),
    }
}

async fn set_hysteresis(
    ipmid: &Ipmid,
    caller: &Caller,
    request: NewHysteresis,
) -> Result<(), CompletionCode> {
    let sensor = find(ipmid, caller, request.number)?;
    if sensor.facts.hysteresis.is_none() {
        return Err(CompletionCode::ILLEGAL_FOR_SENSOR);
    }
    let hysteresis = sensors::Hysteresis {
        positive: sensor.difference(request.hysteresis.positive),
        negative: sensor.difference(request.hysteresis.negative),
    };
    ipmid.platform.sensors.set_hysteresis(&sensor, hysteresis).await.map_err(refused_value)?;
    audit(caller, &sensor, "hysteresis");
    Ok(())
}

fn thresholds(ipmid: &Ipmid, caller: &Caller, sensor: SensorNumber) -> Result<Thresholds, CompletionCode> {
    let sensor = find(ipmid, caller, sensor.number)?;
    Ok(Thresholds { mask: sensor.record.readable, values: sensor.record.thresholds })
}

async fn set_thresholds(
    ipmid: &Ipmid,
    caller: &Caller,
    request: NewThresholds,
) -> Result<(), CompletionCode> {
    let sensor = find(ipmid, caller, request.number)?;
    let changes = changes(&sensor, &request.thresholds)?;
    if !changes.is_empty() {
        ipmid.platform.sensors.set_thresholds(&sensor, &changes).await.map_err(refused_value)?;
        audit(caller, &sensor, "thresholds");
    }
    Ok(())
}

/// What a request changes, in an order in which no step puts a threshold on the wrong side of its neighbour.
fn changes(sensor: &Sensor, request: &Thresholds) -> Result<Vec<(Threshold, f64)>, CompletionCode> {
    let settable = sensor.record.settable;
    if settable == 0 {
        return Err(CompletionCode::ILLEGAL_FOR_SENSOR);
    }
    if request.mask & ALL_THRESHOLDS & !settable != 0 {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let mut rising = Vec::new();
    let mut falling = Vec::new();
    let mut result = Vec::new();
    // From the lowest value to the highest.
    for (threshold, old) in [2, 1, 0, 3, 4, 5].into_iter().filter_map(|index| set_threshold(sensor, index)) {
        let raw = request.values.get(threshold.index).copied().unwrap_or_default();
        let changed = request.mask & threshold.bit() != 0 && sensor.raw(old) != Some(raw);
        let new = if changed { sensor.value(raw) } else { old };
        result.push((threshold, new));
        match (changed, new > old) {
            (false, _) => {}
            (true, true) => rising.push((threshold, new)),
            (true, false) => falling.push((threshold, new)),
        }
    }
    if !in_order(&result) {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    Ok(rising.into_iter().rev().chain(falling).collect())
}

fn set_threshold(sensor: &Sensor, index: usize) -> Option<(Threshold, f64)> {
    sensor.facts.set_thresholds().find(|(threshold, _)| threshold.index == index)
}

/// Thresholds of one side may be equal; a lower and an upper one may not, or every reading would be an alarm.
fn in_order(ascending: &[(Threshold, f64)]) -> bool {
    ascending.windows(2).all(|pair| match pair {
        [(a, low), (b, high)] => low < high || (low == high && a.is_upper() == b.is_upper()),
        _ => true,
    })
}

/// A provider that refuses a write refuses the value.
fn refused_value(error: PlatformError) -> CompletionCode {
    match error {
        PlatformError::Refused(_) => CompletionCode::INVALID_DATA_FIELD,
        other => other.into(),
    }
}

fn audit(caller: &Caller, sensor: &Sensor, what: &str) {
    tracing::info!(
        "{what} of {} set over channel {} by user slot {:?}",
        sensor.path,
        caller.channel,
        caller.user_slot
    );
}

#[cfg(test)]
mod tests;
