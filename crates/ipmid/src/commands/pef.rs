//! Platform event filtering and alerting (NetFn 04h): seld filters, and has the LAN channels' owners send alerts.

use bmc_daemon::ChannelMedium;
use ipmi_wire::{
    CompletionCode,
    codec::Encode as _,
    command::{
        pef::{
            ALERT_IN_PROGRESS, AcknowledgedTrap, AlertImmediate, AlertOperation, AlertReply, AlertRequest,
            ArmPefPostponeTimer, GetLastProcessedEventId, GetPefCapabilities, GetPefConfiguration,
            LastProcessed, NewLastProcessed, PEF_VERSION, PefCapabilities, PefParameterChange,
            PefParameterQuery, PetAcknowledge, PostponeTimer, SetLastProcessedEventId, SetPefConfiguration,
        },
        transport::{PARAMETER_NOT_SUPPORTED, ParameterValue, READ_ONLY, SET_IN_PROGRESS},
    },
    pef::{PARAMETER_REVISION, PefParameter, action},
};

use super::sol::lan_channel;
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later},
    platform::{PlatformError, event_filter::ImmediateAlert},
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(GetPefCapabilities, capabilities),
    later!(ArmPefPostponeTimer, postpone),
    later!(SetPefConfiguration, set_parameter),
    later!(GetPefConfiguration, parameter),
    later!(SetLastProcessedEventId, set_last_processed),
    later!(GetLastProcessedEventId, last_processed),
    later!(AlertImmediate, alert),
    later!(PetAcknowledge, acknowledge),
];

/// What seld does about events: all but the vendor's own.
const ACTIONS: u8 =
    action::ALERT | action::POWER_DOWN | action::RESET | action::POWER_CYCLE | action::DIAGNOSTIC_INTERRUPT;

/// The parameter that has the number of filters.
const FILTER_COUNT: u8 = 5;

async fn capabilities(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<PefCapabilities, CompletionCode> {
    let count = ipmid.platform.event_filter.parameter(FILTER_COUNT, 0, 0).await?;
    let filters = *count.first().ok_or(CompletionCode::UNSPECIFIED)?;
    Ok(PefCapabilities { version: PEF_VERSION, actions: ACTIONS, filters })
}

async fn postpone(
    ipmid: &Ipmid,
    caller: &Caller,
    timer: PostponeTimer,
) -> Result<PostponeTimer, CompletionCode> {
    let seconds = ipmid.platform.event_filter.postpone(timer.seconds).await?;
    if timer.seconds != PostponeTimer::ASK {
        tracing::info!(
            "event filters are postponed (value {:02X}h) over channel {} by user slot {:?}",
            timer.seconds,
            caller.channel,
            caller.user_slot
        );
    }
    Ok(PostponeTimer { seconds })
}

async fn parameter(
    ipmid: &Ipmid,
    _: &Caller,
    query: PefParameterQuery,
) -> Result<ParameterValue, CompletionCode> {
    if !PefParameter::NUMBERS.contains(&query.parameter) {
        return Err(PARAMETER_NOT_SUPPORTED);
    }
    let data = if query.revision_only {
        Vec::new()
    } else {
        ipmid.platform.event_filter.parameter(query.parameter, query.set, query.block).await?
    };
    Ok(ParameterValue { revision: PARAMETER_REVISION, data })
}

async fn set_parameter(
    ipmid: &Ipmid,
    caller: &Caller,
    change: PefParameterChange,
) -> Result<(), CompletionCode> {
    let number = change.parameter & 0x7F;
    if PefParameter::READ_ONLY.contains(&number) {
        return Err(READ_ONLY);
    }
    let parameter = PefParameter::read(number, &change.data)?;
    let set = ipmid.platform.event_filter.set_parameter(number, parameter.to_bytes()).await;
    set.map_err(|error| match error {
        PlatformError::Busy => SET_IN_PROGRESS,
        other => other.into(),
    })?;
    tracing::info!(
        "event filtering: parameter {number} was set over channel {} by user slot {:?}",
        caller.channel,
        caller.user_slot
    );
    Ok(())
}

async fn set_last_processed(
    ipmid: &Ipmid,
    _: &Caller,
    place: NewLastProcessed,
) -> Result<(), CompletionCode> {
    Ok(ipmid.platform.event_filter.set_last_processed(place.is_bmc(), place.id).await?)
}

/// The ID of no record: the log is empty.
const NO_RECORD: u16 = 0xFFFF;
/// The log's last record.
const LAST: u16 = 0xFFFF;

async fn last_processed(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<LastProcessed, CompletionCode> {
    let log = &ipmid.platform.event_log;
    let last_addition = log.info().await?.last_addition;
    let last_record = match log.get(LAST).await {
        Ok(record) => record.id,
        Err(PlatformError::NotPresent) => NO_RECORD,
        Err(error) => return Err(error.into()),
    };
    let (by_software, by_bmc) = ipmid.platform.event_filter.last_processed().await?;
    Ok(LastProcessed { last_addition, last_record, by_software, by_bmc })
}

async fn alert(ipmid: &Ipmid, caller: &Caller, request: AlertRequest) -> Result<AlertReply, CompletionCode> {
    let filter = &ipmid.platform.event_filter;
    match request.operation {
        AlertOperation::Send => {
            let channel = lan_channel(ipmid, request.channel, caller)?.number;
            let event = request.event.map_or_else(Vec::new, |(generator, event)| {
                let mut bytes = vec![generator];
                event.encode(&mut bytes);
                bytes
            });
            let AlertRequest { destination, string, .. } = request;
            let sent = filter.alert(ImmediateAlert { channel, destination, string, event }).await;
            sent.map_err(|error| match error {
                PlatformError::Busy => ALERT_IN_PROGRESS,
                other => other.into(),
            })?;
            Ok(AlertReply { status: Vec::new() })
        }
        AlertOperation::Ask => Ok(AlertReply { status: vec![filter.alert_status().await?] }),
        AlertOperation::Forget => {
            filter.forget_alert_status().await?;
            Ok(AlertReply { status: Vec::new() })
        }
    }
}

/// It comes over the channel that the trap went out on.
async fn acknowledge(ipmid: &Ipmid, caller: &Caller, trap: AcknowledgedTrap) -> Result<(), CompletionCode> {
    let channel = ipmid.channels.by_number(caller.channel);
    let channel = channel.filter(|channel| channel.medium == ChannelMedium::Lan);
    let name = &channel.ok_or(CompletionCode::NOT_SUPPORTED_IN_STATE)?.name;
    Ok(ipmid.platform.alerts.acknowledge(name, trap.sequence, trap.timestamp).await?)
}

#[cfg(test)]
mod tests;
