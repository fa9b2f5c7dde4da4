//! Payloads beside IPMI messages (NetFn 06h). A LAN session's own activations are answered by the channel's owner.

use bmc_daemon::{Channel, ChannelMedium};
use bmc_dbus::users::payloads_on;
use ipmi_wire::{
    CompletionCode,
    command::{
        app_channel::ChannelNumber,
        payload::{DeactivatePayload, DeactivatePayloadRequest, PayloadInstance},
        payload_access::{
            ChannelPayload, ChannelPayloads, GetChannelOemPayloadInfo, GetChannelPayloadSupport,
            GetChannelPayloadVersion, GetPayloadActivationStatus, GetPayloadInstanceInfo,
            GetUserPayloadAccess, OemPayloadInfo, OemPayloadQuery, PayloadAccess, PayloadAccessChange,
            PayloadAccessQuery, PayloadActivationStatus, PayloadInstanceInfo, PayloadNumber, PayloadVersion,
            SetUserPayloadAccess,
        },
    },
    rmcp_plus::PayloadType,
};

use super::{sol::lan_channel, user};
use crate::{
    dispatch::{Caller, Entry, later, now},
    ipmid::Ipmid,
    platform::{PlatformError, sol::ListedPayload},
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(DeactivatePayload, deactivate_payload),
    later!(GetPayloadActivationStatus, get_payload_activation_status),
    later!(GetPayloadInstanceInfo, get_payload_instance_info),
    later!(SetUserPayloadAccess, set_user_payload_access),
    now!(GetUserPayloadAccess, get_user_payload_access),
    now!(GetChannelPayloadSupport, get_channel_payload_support),
    now!(GetChannelPayloadVersion, get_channel_payload_version),
    now!(GetChannelOemPayloadInfo, get_channel_oem_payload_info),
];

/// IPMI messages and Serial over LAN.
const STANDARD: [PayloadType; 2] = [PayloadType::IPMI, PayloadType::SOL];

/// RMCP+ Open Session and RAKP.
const SESSION_SETUP: [PayloadType; 6] = [
    PayloadType::OPEN_SESSION_REQUEST,
    PayloadType::OPEN_SESSION_RESPONSE,
    PayloadType::RAKP_1,
    PayloadType::RAKP_2,
    PayloadType::RAKP_3,
    PayloadType::RAKP_4,
];

/// The most instances that the response has room for.
const MOST_INSTANCES: usize = 15;

/// The channels whose payloads a request is about: the session's own, or all of them for whoever has none.
fn channels<'a>(ipmid: &'a Ipmid, caller: &Caller) -> impl Iterator<Item = &'a Channel> {
    let own = (caller.medium == ChannelMedium::Lan).then_some(caller.channel);
    let lan = ipmid.channels.iter().filter(|channel| channel.medium == ChannelMedium::Lan);
    lan.filter(move |channel| own.is_none_or(|own| channel.number == own))
}

/// The active payloads of one type, with the channel that each is on. A channel that nobody serves has none.
async fn active<'a>(
    ipmid: &'a Ipmid,
    caller: &Caller,
    payload_type: PayloadType,
) -> Result<Vec<(&'a Channel, ListedPayload)>, CompletionCode> {
    let mut active = Vec::new();
    for channel in channels(ipmid, caller) {
        let listed = match ipmid.platform.sol.payloads(&channel.name).await {
            Err(PlatformError::Absent(_)) => continue,
            listed => listed?,
        };
        let wanted = listed.into_iter().filter(|payload| payload.payload_type == payload_type.value());
        active.extend(wanted.map(|payload| (channel, payload)));
    }
    Ok(active)
}

/// How many instances there can be: one for each console.
async fn capacity(ipmid: &Ipmid, caller: &Caller) -> Result<u8, CompletionCode> {
    let mut most = 0;
    for channel in channels(ipmid, caller) {
        match ipmid.platform.sol.configuration(&channel.name).await {
            Err(PlatformError::Absent(_)) => {}
            configuration => most = most.max(configuration?.consoles),
        }
    }
    Ok(u8::try_from(most.clamp(1, MOST_INSTANCES)).unwrap_or(1))
}

/// Only Serial over LAN is activated at all.
fn only_sol(payload_type: PayloadType) -> Result<(), CompletionCode> {
    if payload_type == PayloadType::SOL { Ok(()) } else { Err(CompletionCode::INVALID_DATA_FIELD) }
}

async fn get_payload_activation_status(
    ipmid: &Ipmid,
    caller: &Caller,
    PayloadNumber(payload_type): PayloadNumber,
) -> Result<PayloadActivationStatus, CompletionCode> {
    only_sol(payload_type)?;
    let active = active(ipmid, caller, payload_type).await?;
    let bits = active.iter().filter_map(|(_, payload)| 1_u16.checked_shl(u32::from(payload.instance) - 1));
    Ok(PayloadActivationStatus {
        capacity: capacity(ipmid, caller).await?,
        active: bits.fold(0, |all, bit| all | bit),
    })
}

async fn get_payload_instance_info(
    ipmid: &Ipmid,
    caller: &Caller,
    PayloadInstance { payload_type, instance }: PayloadInstance,
) -> Result<PayloadInstanceInfo, CompletionCode> {
    only_sol(payload_type)?;
    if instance > capacity(ipmid, caller).await? {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let active = active(ipmid, caller, payload_type).await?;
    let found = active.iter().find(|(_, payload)| payload.instance == instance);
    Ok(PayloadInstanceInfo {
        session_id: found.map_or(0, |(_, payload)| payload.session_id),
        // Each console is an instance, so that the serial port has its number.
        specific: [instance, 0, 0, 0, 0, 0, 0, 0],
    })
}

/// From the host, or whoever else has no session of its own to end: wherever the instance is active.
async fn deactivate_payload(
    ipmid: &Ipmid,
    caller: &Caller,
    DeactivatePayloadRequest { payload, .. }: DeactivatePayloadRequest,
) -> Result<(), CompletionCode> {
    only_sol(payload.payload_type)?;
    let active = active(ipmid, caller, payload.payload_type).await?;
    let mut ended = false;
    for (channel, listed) in active.iter().filter(|(_, listed)| listed.instance == payload.instance) {
        ipmid.platform.sol.deactivate(&channel.name, listed.payload_type, listed.instance).await?;
        ended = true;
    }
    if ended { Ok(()) } else { Err(DeactivatePayload::ALREADY_DEACTIVATED) }
}

async fn set_user_payload_access(
    ipmid: &Ipmid,
    caller: &Caller,
    change: PayloadAccessChange,
) -> Result<(), CompletionCode> {
    let channel = lan_channel(ipmid, change.channel, caller)?;
    // Reserved bits, and payloads that there are none of.
    if change.payloads.bits() & !PayloadAccess::SOL.bits() != 0 {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let users = &ipmid.platform.users;
    let slot = user::find(&*users.table()?, change.user)?.ok_or(CompletionCode::INVALID_DATA_FIELD)?.slot;
    Ok(users.set_payloads(slot, channel.number, change.payloads.bits(), change.allow).await?)
}

/// An empty slot, and the null user, may activate nothing.
fn get_user_payload_access(
    ipmid: &Ipmid,
    caller: &Caller,
    query: PayloadAccessQuery,
) -> Result<PayloadAccess, CompletionCode> {
    let channel = lan_channel(ipmid, query.channel, caller)?;
    let table = ipmid.platform.users.table()?;
    let user = user::find(&table, query.user)?.filter(|user| !user.name.is_empty());
    let bits = user.map_or(0, |user| payloads_on(&user.payloads, channel.number));
    Ok(PayloadAccess::from_bits(bits))
}

fn get_channel_payload_support(
    ipmid: &Ipmid,
    caller: &Caller,
    number: ChannelNumber,
) -> Result<ChannelPayloads, CompletionCode> {
    lan_channel(ipmid, number, caller)?;
    let mask = |types: &[PayloadType]| types.iter().fold(0, |all, kind| all | 1_u16 << (kind.value() & 0x0F));
    Ok(ChannelPayloads {
        standard: mask(&STANDARD),
        session_setup: mask(&SESSION_SETUP),
        oem: 0,
        reserved: 0,
    })
}

fn get_channel_payload_version(
    ipmid: &Ipmid,
    caller: &Caller,
    query: ChannelPayload,
) -> Result<PayloadVersion, CompletionCode> {
    lan_channel(ipmid, query.channel, caller)?;
    let available = STANDARD.iter().chain(&SESSION_SETUP).any(|kind| *kind == query.payload.0);
    if available { Ok(PayloadVersion::V1_0) } else { Err(GetChannelPayloadVersion::NOT_AVAILABLE) }
}

/// No OEM payload is served here.
fn get_channel_oem_payload_info(
    ipmid: &Ipmid,
    caller: &Caller,
    query: OemPayloadQuery,
) -> Result<OemPayloadInfo, CompletionCode> {
    lan_channel(ipmid, query.channel, caller)?;
    Err(GetChannelOemPayloadInfo::NOT_SUPPORTED)
}

#[cfg(test)]
mod tests;
