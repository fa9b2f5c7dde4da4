//! What a LAN channel offers, for whoever asks over another channel: its owner answers these itself on its own (NetFn 06h).

use bmc_daemon::{Channel, ChannelMedium};
use ipmi_wire::{
    CompletionCode,
    command::{
        app_channel::ChannelNumber,
        session::{
            ChannelAuthenticationCapabilities, ChannelAuthenticationCapabilitiesRequest, ChannelCipherSuites,
            ChannelCipherSuitesRequest, CloseSession, CloseSessionRequest,
            GetChannelAuthenticationCapabilities, GetChannelCipherSuites,
        },
    },
};

use crate::{
    dispatch::{Caller, Entry, later},
    ipmid::Ipmid,
    platform::lan::LanOffer,
};

pub(crate) const COMMANDS: &[Entry] = &[
    later!(GetChannelAuthenticationCapabilities, get_channel_authentication_capabilities),
    later!(CloseSession, close_session),
    later!(GetChannelCipherSuites, get_channel_cipher_suites),
];

/// The payload types whose cipher suites are told: IPMI and SOL, which share them.
const PAYLOADS: std::ops::RangeInclusive<u8> = 0..=1;

/// The specification's cipher suites (v2.0 table 22-20) that can be on offer: ID, authentication, integrity, confidentiality.
const SUITES: [[u8; 4]; 6] =
    [[1, 1, 0, 0], [2, 1, 1, 0], [3, 1, 1, 1], [15, 3, 0, 0], [16, 3, 4, 0], [17, 3, 4, 1]];

/// A channel without sessions has no capabilities: all zero, as if no session could be opened.
async fn get_channel_authentication_capabilities(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ChannelAuthenticationCapabilitiesRequest,
) -> Result<ChannelAuthenticationCapabilities, CompletionCode> {
    let channel = ipmid.channel(ChannelNumber(request.channel), caller)?;
    let mut capabilities =
        ChannelAuthenticationCapabilities { channel: channel.number, ..Default::default() };
    if channel.medium == ChannelMedium::Lan {
        let table = ipmid.platform.users.table()?;
        let mut users = table.users.iter().filter(|user| user.enabled && user.has_password);
        capabilities.extended = request.extended;
        capabilities.kg_set = ipmid.platform.lan.offer(&channel.name).await?.kg_set;
        capabilities.named_users = users.any(|user| !user.name.is_empty());
        capabilities.v2_0 = request.extended;
    }
    Ok(capabilities)
}

async fn get_channel_cipher_suites(
    ipmid: &Ipmid,
    caller: &Caller,
    request: ChannelCipherSuitesRequest,
) -> Result<ChannelCipherSuites, CompletionCode> {
    let channel = ipmid.channel(ChannelNumber(request.channel), caller)?;
    if !PAYLOADS.contains(&request.payload_type) {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let offer = offer(ipmid, channel).await?;
    let list = if request.by_suite { by_suite(&offer) } else { by_algorithm(&offer) };
    let page = list.chunks(ChannelCipherSuites::PAGE).nth(request.index.into()).unwrap_or_default();
    Ok(ChannelCipherSuites { channel: channel.number, records: page.to_vec() })
}

async fn offer(ipmid: &Ipmid, channel: &Channel) -> Result<LanOffer, CompletionCode> {
    match channel.medium {
        ChannelMedium::Lan => Ok(ipmid.platform.lan.offer(&channel.name).await?),
        _ => Err(CompletionCode::INVALID_DATA_FIELD),
    }
}

/// The suites on offer, with their algorithms.
fn on_offer(offer: &LanOffer) -> impl Iterator<Item = [u8; 4]> + '_ {
    offer.cipher_suites.iter().filter_map(|id| SUITES.into_iter().find(|[suite, ..]| suite == id))
}

/// One record a suite (v2.0 table 22-19).
fn by_suite(offer: &LanOffer) -> Vec<u8> {
    let record = |[id, authentication, integrity, confidentiality]: [u8; 4]| {
        [
            ChannelCipherSuites::STANDARD_SUITE,
            id,
            authentication,
            ChannelCipherSuites::INTEGRITY | integrity,
            ChannelCipherSuites::CONFIDENTIALITY | confidentiality,
        ]
    };
    on_offer(offer).flat_map(record).collect()
}

/// Each algorithm once, of whatever suite.
fn by_algorithm(offer: &LanOffer) -> Vec<u8> {
    let marks = [0, ChannelCipherSuites::INTEGRITY, ChannelCipherSuites::CONFIDENTIALITY];
    let mut algorithms: Vec<u8> = on_offer(offer)
        .flat_map(|[_, a, i, c]| [a, i, c].into_iter().zip(marks).map(|(number, mark)| number | mark))
        .collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    algorithms
}

/// The channel's owner closes the session; a session may also close itself by way of it.
async fn close_session(
    ipmid: &Ipmid,
    _: &Caller,
    request: CloseSessionRequest,
) -> Result<(), CompletionCode> {
    let sessions = &ipmid.platform.sessions;
    let active = sessions.table().await?.active;
    let (found, missing) = match request {
        CloseSessionRequest::Id(id) => {
            (active.iter().find(|session| session.id == id), CloseSession::INVALID_SESSION_ID)
        }
        CloseSessionRequest::Handle(handle) => {
            (active.iter().find(|session| session.handle == handle), CloseSession::INVALID_SESSION_HANDLE)
        }
    };
    Ok(sessions.close(found.ok_or(missing)?).await?)
}
