//! Channels and their sessions (NetFn 06h).

use std::net::{IpAddr, SocketAddr};

use bmc_daemon::{Channel, ChannelMedium};
use ipmi_wire::{
    CompletionCode, Privilege,
    command::app_channel::{
        AccessMode, AccessSet, ActiveSession, ChannelAccess, ChannelAccessChange, ChannelAccessQuery,
        ChannelInfo, ChannelNumber, GetChannelAccess, GetChannelInfo, GetSessionInfo, IPMI_FORUM,
        SessionInfo, SessionSelector, SetChannelAccess,
    },
};

use crate::{
    dispatch::{Caller, Entry, later, now},
    ipmid::Ipmid,
    platform::sessions::{Session, SessionTable},
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(GetSessionInfo, get_session_info),
    now!(SetChannelAccess, set_channel_access),
    now!(GetChannelAccess, get_channel_access),
    later!(GetChannelInfo, get_channel_info),
];

/// How many session handles there are on the whole controller: six bits, 0 is none.
const MOST_SESSIONS: u8 = 63;

/// "Command not supported for selected channel": there is nothing to set or to tell (v2.0§22.22, §22.23).
const NOT_FOR_THIS_CHANNEL: CompletionCode = CompletionCode(0x82);

/// "Access mode not supported" (v2.0§22.22).
const ACCESS_MODE_NOT_SUPPORTED: CompletionCode = CompletionCode(0x83);

async fn get_session_info(
    ipmid: &Ipmid,
    caller: &Caller,
    wanted: SessionSelector,
) -> Result<SessionInfo, CompletionCode> {
    let SessionTable { possible, active: sessions } = ipmid.platform.sessions.table().await?;
    let found = match wanted {
        SessionSelector::Current => sessions.iter().find(|session| Some(session.id) == caller.session_id),
        SessionSelector::Index(index) if index > MOST_SESSIONS => {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        SessionSelector::Index(index) => sessions.get(usize::from(index).saturating_sub(1)),
        SessionSelector::Handle(handle) => {
            let found = sessions.iter().find(|session| session.handle == handle);
            Some(found.ok_or(CompletionCode::NOT_PRESENT)?)
        }
        SessionSelector::Id(id) => {
            let found = sessions.iter().find(|session| session.id == id);
            Some(found.ok_or(CompletionCode::NOT_PRESENT)?)
        }
    };
    Ok(SessionInfo {
        possible: count(possible),
        active: count(sessions.len()),
        session: found.map(active_session),
    })
}

fn count(sessions: usize) -> u8 {
    u8::try_from(sessions).unwrap_or(MOST_SESSIONS).min(MOST_SESSIONS)
}

/// The response has room for four address bytes: an IPv6 console shows as 0.0.0.0 with its true port.
fn active_session(session: &Session) -> ActiveSession {
    let address = match session.peer.map(|peer| peer.ip().to_canonical()) {
        Some(IpAddr::V4(address)) => address.octets(),
        Some(IpAddr::V6(_)) | None => [0; 4],
    };
    ActiveSession {
        handle: session.handle,
        user: session.user_slot,
        privilege: session.privilege,
        rmcp_plus: true,
        channel: session.channel,
        address,
        mac: session.peer_mac,
        port: session.peer.as_ref().map_or(0, SocketAddr::port),
    }
}

/// The host's channel has a privilege limit that can be set, and is always open. A LAN channel's settings are fixed: it always takes
/// messages, each of them authenticated, and sends alerts.
fn get_channel_access(
    ipmid: &Ipmid,
    caller: &Caller,
    query: ChannelAccessQuery,
) -> Result<ChannelAccess, CompletionCode> {
    let access = |alerting, privilege_limit| ChannelAccess {
        alerting,
        per_message_authentication: true,
        user_level_authentication: true,
        mode: AccessMode::Always,
        privilege_limit,
    };
    match ipmid.channel(query.channel, caller)?.medium {
        ChannelMedium::Lan => Ok(access(true, Privilege::Administrator.into())),
        ChannelMedium::SystemInterface => Ok(access(
            false,
            ipmid.kept.restrictions.get(|all| if query.volatile { all.host_limit } else { all.stored_limit }),
        )),
        ChannelMedium::Ipmb | ChannelMedium::Internal => Err(NOT_FOR_THIS_CHANNEL),
    }
}

/// Limits what the host may do. The host may lower its limits and never raise one.
fn set_channel_access(
    ipmid: &Ipmid,
    caller: &Caller,
    change: ChannelAccessChange,
) -> Result<(), CompletionCode> {
    if ipmid.channel(change.channel, caller)?.medium != ChannelMedium::SystemInterface {
        return Err(NOT_FOR_THIS_CHANNEL);
    }
    if change.access.is_some_and(|(_, access)| access.mode != AccessMode::Always) {
        return Err(ACCESS_MODE_NOT_SUPPORTED);
    }
    let Some((set, limit)) = change.privilege_limit else { return Ok(()) };
    if !(Privilege::User.into()..=Privilege::Administrator.into()).contains(&limit) {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    ipmid.kept.restrictions.change(|all| {
        let current = match set {
            AccessSet::Stored => &mut all.stored_limit,
            AccessSet::Volatile => &mut all.host_limit,
        };
        if caller.medium == ChannelMedium::SystemInterface && limit > *current {
            return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
        }
        *current = limit;
        Ok(())
    })
}

async fn get_channel_info(
    ipmid: &Ipmid,
    caller: &Caller,
    number: ChannelNumber,
) -> Result<ChannelInfo, CompletionCode> {
    let channel = ipmid.channel(number, caller)?;
    let active_sessions = match channel.medium {
        ChannelMedium::Lan => {
            let sessions = ipmid.platform.sessions.table().await?.active;
            count(sessions.iter().filter(|session| session.channel == channel.number).count())
        }
        _ => 0,
    };
    Ok(describe(channel, active_sessions))
}

/// Medium and protocol numbers: v2.0 tables 6-3 and 6-2.
fn describe(channel: &Channel, active_sessions: u8) -> ChannelInfo {
    const NO_SESSIONS: u8 = 0b00;
    const MANY_SESSIONS: u8 = 0b10;
    const NO_INTERRUPT: u8 = 0xFF;
    let (medium, protocol, session_support, auxiliary) = match channel.medium {
        ChannelMedium::Ipmb => (0x01, 0x01, NO_SESSIONS, [0; 2]),
        ChannelMedium::Lan => (0x04, 0x01, MANY_SESSIONS, [0; 2]),
        ChannelMedium::SystemInterface => (0x0C, 0x05, NO_SESSIONS, [NO_INTERRUPT; 2]),
        // OEM values: the specification knows no channel inside the controller.
        ChannelMedium::Internal => (0x60, 0x1C, NO_SESSIONS, [0; 2]),
    };
    ChannelInfo {
        channel: channel.number,
        medium,
        protocol,
        session_support,
        active_sessions,
        vendor: IPMI_FORUM,
        auxiliary,
    }
}
