//! The host's message services (NetFn 06h): flags, queue and events, and bridging to LAN sessions and IPMBs.

use bmc_daemon::{Channel, ChannelMedium};
use ipmi_wire::{
    CompletionCode, NetFn, Privilege,
    command::{
        app_channel::ChannelNumber,
        host_message::{
            BridgedResponse, BtCapabilities, ChannelReceive, ChannelReceiveRequest, ClearMessageFlags,
            EnableMessageChannelReceive, EventMessage, GetBmcGlobalEnables, GetBtInterfaceCapabilities,
            GetMessage, GetMessageFlags, GetSystemInterfaceCapabilities, GlobalEnables,
            InterfaceCapabilities, InterfaceType, MessageFlags, OutgoingMessage, ReadEventMessageBuffer,
            ReceivedMessage, SendMessage, SetBmcGlobalEnables, Tracking, codes,
        },
    },
    lan_message::LanMessage,
};

use crate::{
    dispatch::{Caller, Entry, Request, later, now},
    host::Asker,
    ipmid::Ipmid,
    platform::{
        ipmb::{IpmbAnswer, IpmbRequest},
        sessions::Session,
    },
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(SetBmcGlobalEnables, set_bmc_global_enables),
    now!(GetBmcGlobalEnables, get_bmc_global_enables),
    now!(ClearMessageFlags, clear_message_flags),
    now!(GetMessageFlags, get_message_flags),
    now!(EnableMessageChannelReceive, enable_message_channel_receive),
    now!(GetMessage, get_message),
    later!(SendMessage, send_message),
    now!(ReadEventMessageBuffer, read_event_message_buffer),
    now!(GetSystemInterfaceCapabilities, get_system_interface_capabilities),
    now!(GetBtInterfaceCapabilities, get_bt_interface_capabilities),
];

/// The event log cannot be switched off: it is the owner's evidence, and the host is not trusted. Nor are there vendor's messages.
fn set_bmc_global_enables(ipmid: &Ipmid, _: &Caller, enables: GlobalEnables) -> Result<(), CompletionCode> {
    let bits = enables.bits;
    if bits & GlobalEnables::NOT_STANDARD != 0 || bits & GlobalEnables::EVENT_LOG == 0 {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    ipmid.kept.host.change(|host| host.global_enables = bits);
    Ok(())
}

fn get_bmc_global_enables(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<GlobalEnables, CompletionCode> {
    Ok(GlobalEnables { bits: ipmid.kept.host.get(|host| host.global_enables) })
}

fn clear_message_flags(ipmid: &Ipmid, _: &Caller, flags: MessageFlags) -> Result<(), CompletionCode> {
    ipmid.kept.messages.clear(flags.bits);
    Ok(())
}

fn get_message_flags(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<MessageFlags, CompletionCode> {
    Ok(MessageFlags { bits: ipmid.kept.messages.flags() })
}

/// IPMBs always bring their responses, since the host asked for them; LAN channels bring requests where the host wants them, which
/// it does not by itself.
fn enable_message_channel_receive(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ChannelReceiveRequest,
) -> Result<ChannelReceive, CompletionCode> {
    let Channel { number, medium, .. } = *ipmid.channel(request.channel, caller)?;
    match (medium, request.enable) {
        (ChannelMedium::Lan, Some(true)) => {
            ipmid.kept.host.change(|host| host.receives.insert(number));
        }
        (ChannelMedium::Lan, Some(false)) => {
            ipmid.kept.host.change(|host| host.receives.remove(&number));
        }
        (ChannelMedium::Ipmb, Some(false))
        | (ChannelMedium::SystemInterface | ChannelMedium::Internal, Some(_)) => {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        (ChannelMedium::Ipmb, Some(true)) | (_, None) => {}
    }
    let enabled = medium == ChannelMedium::Ipmb || receives(ipmid, number);
    Ok(ChannelReceive { channel: ChannelNumber(number), enabled })
}

fn get_message(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<ReceivedMessage, CompletionCode> {
    ipmid.kept.messages.take_message().ok_or(codes::NOTHING_WAITS)
}

fn read_event_message_buffer(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<EventMessage, CompletionCode> {
    let record = ipmid.kept.messages.take_event().ok_or(codes::NOTHING_WAITS)?;
    Ok(EventMessage { record })
}

/// Requests are as long as the longest that IPMI has on any interface; ipmid answers nothing longer.
fn get_system_interface_capabilities(
    _: &Ipmid,
    _: &Caller,
    interface: InterfaceType,
) -> Result<InterfaceCapabilities, CompletionCode> {
    const LONGEST: u8 = 254;
    Ok(match interface {
        // Multi-part with middle parts, packet error codes: what the kernel's ssif_bmc does.
        InterfaceType::Ssif => InterfaceCapabilities::Ssif {
            transactions: 2,
            error_checks: true,
            input: LONGEST,
            output: LONGEST,
        },
        InterfaceType::Kcs | InterfaceType::Smic => InterfaceCapabilities::Registers { input: LONGEST },
    })
}

/// One request at a time, the kernel's bt-bmc has one buffer. The time is what a host waits, a little more than an answer takes at
/// most ([`crate::dispatch::DEADLINE`]).
fn get_bt_interface_capabilities(_: &Ipmid, _: &Caller, (): ()) -> Result<BtCapabilities, CompletionCode> {
    Ok(BtCapabilities { outstanding: 1, input: 63, output: 63, seconds: 5, retries: 1 })
}

async fn send_message(
    ipmid: &Ipmid,
    caller: &Caller,
    outgoing: OutgoingMessage,
) -> Result<BridgedResponse, CompletionCode> {
    let channel = ipmid.channel(outgoing.channel, caller)?;
    match channel.medium {
        ChannelMedium::Ipmb => to_ipmb(ipmid, caller, channel, &outgoing).await,
        ChannelMedium::Lan if caller.medium == ChannelMedium::SystemInterface => {
            to_session(ipmid, channel, &outgoing).await
        }
        _ => Err(CompletionCode::DESTINATION_UNAVAILABLE),
    }
}

/// The host answers a session that asked it, or asks one itself where it wants this channel's messages, for a response comes as one.
///
/// The host speaks for itself alone: a response that nobody waits for, or a request in another's name, could pass for the
/// controller's.
async fn to_session(
    ipmid: &Ipmid,
    channel: &Channel,
    outgoing: &OutgoingMessage,
) -> Result<BridgedResponse, CompletionCode> {
    let (handle, bytes) =
        outgoing.message.split_first().ok_or(CompletionCode::REQUEST_DATA_LENGTH_INVALID)?;
    let message = LanMessage::parse(bytes).map_err(|_| CompletionCode::INVALID_DATA_FIELD)?;
    let is_response = message.net_fn.is_response();
    if is_response && ipmid.kept.messages.answer(channel.number, *handle, &message) {
        return Ok(BridgedResponse { message: Vec::new() });
    }
    let sessions = ipmid.platform.sessions.table().await?.active;
    let is_it = |session: &&Session| (session.channel, session.handle) == (channel.number, *handle);
    let session = sessions.iter().find(is_it).ok_or(codes::INVALID_SESSION_HANDLE)?;
    if is_response || !receives(ipmid, channel.number) {
        return Err(CompletionCode::DESTINATION_UNAVAILABLE);
    }
    if outgoing.tracking == Tracking::Raw || !message.is_from_host() {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let sent = ipmid.platform.sessions.send(session, bytes).await;
    sent.map_err(|error| unreachable(channel, &error))?;
    Ok(BridgedResponse { message: Vec::new() })
}

/// Whether the host wants the messages of a LAN channel.
fn receives(ipmid: &Ipmid, channel: u8) -> bool {
    ipmid.kept.host.get(|host| host.receives.contains(&channel))
}

/// To a device of an IPMB, by whoever owns that channel. The host's response comes into its queue, a session's stands in the answer
/// to its Send Message, where clients look for it.
///
/// The device cannot know who asks, and does what it is told: a session needs to be an administrator's.
async fn to_ipmb(
    ipmid: &Ipmid,
    caller: &Caller,
    channel: &Channel,
    outgoing: &OutgoingMessage,
) -> Result<BridgedResponse, CompletionCode> {
    let is_host = caller.medium == ChannelMedium::SystemInterface;
    if !is_host && caller.privilege < Some(Privilege::Administrator) {
        return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
    }
    if outgoing.authenticate || outgoing.encrypt || outgoing.tracking == Tracking::Raw {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let message = LanMessage::parse(&outgoing.message).map_err(|_| CompletionCode::INVALID_DATA_FIELD)?;
    if message.net_fn.is_response() {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    if is_host && !ipmid.kept.messages.has_room() {
        return Err(CompletionCode::NODE_BUSY);
    }
    let data = ask_device(ipmid, channel, &message).await?;
    let mut response = Vec::new();
    message.response(&data).emit(&mut response);
    if !is_host {
        return Ok(BridgedResponse { message: response });
    }
    // The receiver's address, which is the BMC's, does not stand in the queue.
    let message = response.get(1..).unwrap_or_default().to_vec();
    ipmid.kept.messages.receive(ReceivedMessage { channel: channel.number, privilege: 0, message })?;
    Ok(BridgedResponse { message: Vec::new() })
}

/// The response of a device, completion code first. An address that nobody has is 83h, as on the wire.
async fn ask_device(
    ipmid: &Ipmid,
    channel: &Channel,
    message: &LanMessage<'_>,
) -> Result<Vec<u8>, CompletionCode> {
    let is_it = |device: &&crate::config::IpmbDevice| {
        (device.channel, device.address) == (channel.number, message.to)
    };
    let device = ipmid.ipmb.iter().find(is_it).ok_or(codes::NAK_ON_WRITE)?.device;
    let request = IpmbRequest {
        net_fn: message.net_fn.value(),
        lun: message.to_lun.value(),
        command: message.command,
        data: message.data,
    };
    let answer = ipmid.platform.ipmb.send(channel, device, request).await;
    match answer.map_err(|error| unreachable(channel, &error))? {
        IpmbAnswer::Response(data) => Ok(data),
        IpmbAnswer::BusError => Err(codes::BUS_ERROR),
        IpmbAnswer::Busy => Err(CompletionCode::NODE_BUSY),
        IpmbAnswer::Silence => Err(CompletionCode::TIMEOUT),
    }
}

/// Nobody owns the channel: the board has no such bus, or its bridge is not up.
fn unreachable(channel: &Channel, error: &crate::platform::PlatformError) -> CompletionCode {
    tracing::debug!(channel = channel.number, "no bridge to {}: {error}", channel.name);
    CompletionCode::DESTINATION_UNAVAILABLE
}

/// Puts a LAN session's request into the host's queue and waits for the host's answer, completion code first. A response only
/// stays there.
///
/// # Errors
/// [`CompletionCode::INSUFFICIENT_PRIVILEGE`] below User and before a session; [`CompletionCode::DESTINATION_UNAVAILABLE`] where the
/// host does not want this channel's messages; the queue's own.
pub(crate) async fn ask(
    ipmid: &Ipmid,
    caller: &Caller,
    request: Request<'_>,
) -> Result<Vec<u8>, CompletionCode> {
    if caller.privilege < Some(Privilege::User) {
        return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
    }
    if !receives(ipmid, caller.channel) {
        return Err(CompletionCode::DESTINATION_UNAVAILABLE);
    }
    let net_fn = NetFn::new(request.net_fn).ok_or(CompletionCode::INVALID_COMMAND)?;
    let sessions = ipmid.platform.sessions.table().await?.active;
    let session = sessions.iter().find(|session| Some(session.id) == caller.session_id);
    let session = session.ok_or(CompletionCode::INSUFFICIENT_PRIVILEGE)?;
    if net_fn.is_response() {
        return receive_response(ipmid, session, request.data);
    }
    let asker = Asker { channel: caller.channel, handle: session.handle, privilege: session.privilege };
    ipmid.kept.messages.ask(asker, net_fn, request.command, request.data).await
}

/// Puts a console's response, a whole LAN message, into the host's queue, after the handle of its session (v2.0§22.6, table 22-9).
fn receive_response(ipmid: &Ipmid, session: &Session, bytes: &[u8]) -> Result<Vec<u8>, CompletionCode> {
    let message = LanMessage::parse(bytes).map_err(|_| CompletionCode::INVALID_DATA_FIELD)?;
    if !message.net_fn.is_response() || !message.is_to_host() {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let Session { channel, privilege, handle, .. } = *session;
    let message = [&[handle], bytes].concat();
    ipmid.kept.messages.receive(ReceivedMessage { channel, privilege, message })?;
    Ok(vec![CompletionCode::OK.0])
}
