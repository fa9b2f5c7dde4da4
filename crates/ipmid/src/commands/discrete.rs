//! What discrete sensors answer to the sensor commands. The states of items stand in the snapshot; the BMC's own sensors are seldom
//! asked for, and what they show is asked of who has it.

use ipmi_wire::{
    CompletionCode,
    command::sensor::{Holds, SensorEvents, SensorNumber, SensorReading, SensorState},
};

use super::sensor::{Found, find_any};
use crate::{
    Ipmid,
    dispatch::Caller,
    platform::{Platform, PlatformError, event_log::LogInfo, power::PowerStatus},
    sensors::{Discrete, OwnSource, Source},
};

/// States by v2.0 table 42-3: power unit off, soft power control failure, power unit failure.
const POWER_OFF: u16 = 1 << 0x00;
const CONTROL_FAILURE: u16 = 1 << 0x05;
const POWER_FAILURE: u16 = 1 << 0x06;
/// The log full, and almost full.
const LOG_FULL: u16 = 1 << 0x04;
const LOG_ALMOST_FULL: u16 = 1 << 0x05;

fn find(ipmid: &Ipmid, caller: &Caller, number: u8) -> Result<std::sync::Arc<Discrete>, CompletionCode> {
    match find_any(ipmid, caller, number)? {
        Found::Discrete(discrete) => Ok(discrete),
        Found::Analog(_) => Err(CompletionCode::UNSPECIFIED),
    }
}

pub(super) async fn reading(
    ipmid: &Ipmid,
    caller: &Caller,
    sensor: SensorNumber,
) -> Result<SensorReading, CompletionCode> {
    let discrete = find(ipmid, caller, sensor.number)?;
    let states = states(&ipmid.platform, &discrete).await?;
    let state = state(ipmid, &discrete, states);
    Ok(SensorReading { reading: 0, state, holds: Holds::States(states.unwrap_or(0)) })
}

pub(super) async fn event_status(
    ipmid: &Ipmid,
    caller: &Caller,
    sensor: SensorNumber,
) -> Result<SensorEvents, CompletionCode> {
    let discrete = find(ipmid, caller, sensor.number)?;
    let states = states(&ipmid.platform, &discrete).await?;
    // Events end by themselves, so that no deassertion is ever pending.
    let (state, assertion) = (state(ipmid, &discrete, states), states.unwrap_or(0));
    Ok(SensorEvents { state, assertion, deassertion: 0 })
}

pub(super) fn event_enable(ipmid: &Ipmid, discrete: &Discrete) -> SensorEvents {
    let enabled = ipmid.kept.event_enables.get(discrete.address);
    let (assertion, deassertion) =
        (discrete.assertions & enabled.assertion, discrete.deassertions & enabled.deassertion);
    SensorEvents { state: state(ipmid, discrete, Some(0)), assertion, deassertion }
}

fn state(ipmid: &Ipmid, discrete: &Discrete, states: Option<u16>) -> u8 {
    let events = ipmid.kept.event_enables.get(discrete.address).messages;
    SensorState::SCANNING
        | if events { SensorState::EVENTS } else { 0 }
        | if states.is_none() { SensorState::UNAVAILABLE } else { 0 }
}

/// The states now; `None` where nobody tells them.
///
/// # Errors
/// CDh for a sensor that has events and no reading.
async fn states(platform: &Platform, discrete: &Discrete) -> Result<Option<u16>, CompletionCode> {
    let told = match &discrete.source {
        Source::Item(_) => return Ok(discrete.item_states()),
        Source::Own(OwnSource::Nobody) => return Err(CompletionCode::ILLEGAL_FOR_SENSOR),
        Source::Own(OwnSource::Power) => platform.power.status().map(of_power),
        Source::Own(OwnSource::Log) => platform.event_log.info().await.map(of_log),
        Source::Own(OwnSource::Watchdog) => of_watchdog(platform).await,
    };
    Ok(told.ok())
}

fn of_power(power: PowerStatus) -> u16 {
    let states =
        [(!power.on, POWER_OFF), (power.control_fault, CONTROL_FAILURE), (power.fault, POWER_FAILURE)];
    states.into_iter().filter(|(holds, _)| *holds).fold(0, |states, (_, state)| states | state)
}

fn of_log(log: LogInfo) -> u16 {
    let capacity = u64::from(log.records) + u64::from(log.free);
    let almost = u64::from(log.records) * 100 >= capacity * u64::from(bmc_dbus::sel::ALMOST_FULL_PERCENT);
    match (almost, log.free) {
        (_, 0) => LOG_FULL | LOG_ALMOST_FULL,
        (true, _) => LOG_ALMOST_FULL,
        (false, _) => 0,
    }
}

/// What the timer did when it last ended, until its expiration flags are cleared: its states are the codes of its actions.
async fn of_watchdog(platform: &Platform) -> Result<u16, PlatformError> {
    let did = platform.watchdog.expired_action().await?;
    Ok(did.map_or(0, |action| 1 << action.code()))
}

#[cfg(test)]
mod tests;
