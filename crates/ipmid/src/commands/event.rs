//! Events, their receiver, and which of them sensors send (NetFn 04h).

use bmc_daemon::ChannelMedium;
use ipmi_wire::{
    CompletionCode,
    codec::Encode as _,
    command::event::{
        EventEnable, EventMessage, EventReceiver, GetEventReceiver, PlatformEvent, PlatformEventMessage,
        Rearm, RearmSensorEvents, Selected, SetEventReceiver, SetSensorEventEnable,
    },
    record::{
        event::BMC_GENERATOR,
        sel::{LENGTH, SelBody, SelRecord, SystemEvent},
    },
};

use super::sensor::{Found, find_any};
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later, now},
    platform::event_log::Setting,
    sensors::Enabled,
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(SetEventReceiver, set_receiver),
    later!(GetEventReceiver, receiver),
    later!(PlatformEventMessage, platform_event),
    now!(SetSensorEventEnable, enable).on_any_lun(),
    later!(RearmSensorEvents, rearm).on_any_lun(),
];

/// The receiver's address that stands for none: no events are sent.
const NOBODY: u8 = 0xFF;
/// All events of a sensor.
const ALL: u16 = u16::MAX;

/// The BMC is the event receiver of its own sensors, or nobody is: there is no other controller to send them to. A new receiver hears
/// of everything that is on (v2.0§29.1).
async fn set_receiver(ipmid: &Ipmid, _: &Caller, receiver: EventReceiver) -> Result<(), CompletionCode> {
    let receives = match (receiver.address, receiver.lun & 0x03) {
        (BMC_GENERATOR, 0) => true,
        (NOBODY, _) => false,
        _ => return Err(CompletionCode::INVALID_DATA_FIELD),
    };
    let log = &ipmid.platform.event_log;
    log.set(Setting::ReceivesEvents, receives.into()).await?;
    if receives {
        log.rearm("", ALL).await?;
    }
    Ok(())
}

async fn receiver(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<EventReceiver, CompletionCode> {
    let receives = ipmid.platform.event_log.setting(Setting::ReceivesEvents).await? != 0;
    Ok(EventReceiver { address: if receives { BMC_GENERATOR } else { NOBODY }, lun: 0 })
}

/// The software ID of remote consoles (v2.0 table 5-4). A LAN message's own requester address stays with the session layer, and clients
/// send this one.
const REMOTE_CONSOLE: u8 = 0x81;
/// What a generator that is software has set in its first byte.
const SOFTWARE: u8 = 0x01;
/// Revisions that there are: IPMI 1.0, and since 1.5.
const REVISIONS: [u8; 2] = [0x03, 0x04];

/// Who sent an event message (v2.0§32.1, generator ID), and the message.
fn generator(caller: &Caller, event: &PlatformEvent) -> Result<([u8; 2], EventMessage), CompletionCode> {
    if caller.medium == ChannelMedium::SystemInterface {
        // Channel 0 stands for the system interface.
        let (software, message) = event.from_host()?;
        return Ok(([software | SOFTWARE, 0], message));
    }
    Ok(([REMOTE_CONSOLE, caller.channel << 4], event.from_elsewhere()?))
}

async fn platform_event(ipmid: &Ipmid, caller: &Caller, event: PlatformEvent) -> Result<(), CompletionCode> {
    let (generator, message) = generator(caller, &event)?;
    if !REVISIONS.contains(&message.revision) {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let event = SystemEvent {
        // seld sets it.
        timestamp: 0,
        generator,
        revision: message.revision,
        sensor_type: message.sensor_type,
        sensor: message.sensor,
        deasserted: message.direction & 0x80 != 0,
        event_type: message.direction & 0x7F,
        data: message.data,
    };
    let record: Vec<u8> = SelRecord { id: 0, body: SelBody::Event(event) }.to_bytes();
    let record = <[u8; LENGTH]>::try_from(record).map_err(|_| CompletionCode::UNSPECIFIED)?;
    Ok(ipmid.platform.event_log.report(record).await?)
}

/// Scanning cannot be switched off: sensord reads for others too. Nor can what the event log says of itself.
fn enable(ipmid: &Ipmid, caller: &Caller, request: EventEnable) -> Result<(), CompletionCode> {
    let sensor = find_any(ipmid, caller, request.number)?;
    if matches!(&sensor, Found::Discrete(discrete) if discrete.is_the_log()) {
        return Err(CompletionCode::ILLEGAL_FOR_SENSOR);
    }
    if !request.scanning {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let mut enabled =
        Enabled { messages: request.messages, ..ipmid.kept.event_enables.get(sensor.address()) };
    match request.selected {
        Selected::Unchanged => {}
        Selected::Enable => {
            enabled.assertion |= request.assertion;
            enabled.deassertion |= request.deassertion;
        }
        Selected::Disable => {
            enabled.assertion &= !request.assertion;
            enabled.deassertion &= !request.deassertion;
        }
    }
    ipmid.kept.event_enables.set(sensor.address(), enabled);
    tracing::info!(
        "events of {} set over channel {} by user slot {:?}",
        sensor.path(),
        caller.channel,
        caller.user_slot
    );
    Ok(())
}

/// What is asserted now is logged again; that something ended is no state that could be pending.
async fn rearm(ipmid: &Ipmid, caller: &Caller, request: Rearm) -> Result<(), CompletionCode> {
    let sensor = find_any(ipmid, caller, request.number)?;
    let assertion = request.events.map_or(ALL, |(assertion, _)| assertion);
    Ok(ipmid.platform.event_log.rearm(sensor.path(), assertion).await?)
}

#[cfg(test)]
mod tests;
