//! The commands that the endpoint answers itself: those about sessions only.

use std::time::Instant;

use ipmi_wire::{
    CompletionCode, NetFn, Privilege,
    codec::{Decode, Encode},
    command::{
        Command,
        payload::{ActivatePayload, DeactivatePayload, SuspendResumePayloadEncryption},
        session::{
            ChannelAuthenticationCapabilities, ChannelCipherSuites, CloseSession, CloseSessionRequest,
            GetChannelAuthenticationCapabilities, GetChannelCipherSuites, SessionPrivilegeLevel,
            SetSessionPrivilegeLevel, THIS_CHANNEL,
        },
    },
    lan_message::{self, LanMessage},
    rmcp_plus::PayloadType,
};

use crate::{CipherSuite, CloseReason, Discard, SessionRef, endpoint::Endpoint};

/// What a local command leads to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Completion code and data.
    pub(crate) reply: Vec<u8>,
    /// A session to end once the answer is on its way.
    pub(crate) close: Option<(u32, CloseReason)>,
}

/// Reads a LAN message that must be a request to the BMC.
pub(crate) fn request(bytes: &[u8]) -> Result<LanMessage<'_>, Discard> {
    let message = LanMessage::parse(bytes)?;
    if message.to != lan_message::BMC || message.net_fn.is_response() {
        return Err(Discard::NotForUs);
    }
    Ok(message)
}

impl Endpoint {
    /// Executes a command that concerns sessions; `None` for any other, and for what a user asks of another channel.
    pub(crate) fn answer_locally(
        &mut self,
        now: Instant,
        message: &LanMessage<'_>,
        session: Option<SessionRef>,
    ) -> Option<Outcome> {
        if message.net_fn != NetFn::APP || message.to_lun != ipmi_wire::Lun::BMC {
            return None;
        }
        if session.is_some() && self.asks_another_channel(message) {
            return None;
        }
        let mut close = None;
        let result = match message.command {
            GetChannelAuthenticationCapabilities::CMD => self.authentication_capabilities(message.data),
            GetChannelCipherSuites::CMD => self.cipher_suites(message.data),
            SetSessionPrivilegeLevel::CMD => self.set_privilege(message.data, session),
            CloseSession::CMD => self.session_to_close(message.data, session).map(|ends| {
                close = Some(ends);
                Vec::new()
            }),
            ActivatePayload::CMD => self.activate_payload(now, message.data, session),
            DeactivatePayload::CMD => self.deactivate_payload(message.data, session),
            SuspendResumePayloadEncryption::CMD => self.payload_encryption(message.data, session),
            _ => return None,
        };
        let reply = match result {
            Ok(data) => [&[CompletionCode::OK.0], data.as_slice()].concat(),
            Err(code) => vec![code.0],
        };
        Some(Outcome { reply, close })
    }

    /// Whether the command is about a channel, and not about this one.
    fn asks_another_channel(&self, message: &LanMessage<'_>) -> bool {
        const CHANNEL: u8 = 0x0F;
        let about_a_channel = [GetChannelAuthenticationCapabilities::CMD, GetChannelCipherSuites::CMD]
            .contains(&message.command);
        let channel = message.data.first().map_or(THIS_CHANNEL, |first| first & CHANNEL);
        about_a_channel && self.this_channel(channel).is_err()
    }

    /// This channel's number, where `channel` means it.
    fn this_channel(&self, channel: u8) -> Result<u8, CompletionCode> {
        match channel {
            THIS_CHANNEL => Ok(self.settings.channel),
            channel if channel == self.settings.channel => Ok(channel),
            _ => Err(CompletionCode::INVALID_DATA_FIELD),
        }
    }

    fn authentication_capabilities(&self, data: &[u8]) -> Result<Vec<u8>, CompletionCode> {
        let request = <GetChannelAuthenticationCapabilities as Command>::Request::from_bytes(data)?;
        let channel = self.this_channel(request.channel)?;
        Privilege::from_u8(request.privilege).ok_or(CompletionCode::INVALID_DATA_FIELD)?;
        let mut with_access = self.users.iter().filter(|user| user.enabled && user.max_privilege.is_some());
        let capabilities = ChannelAuthenticationCapabilities {
            channel,
            extended: request.extended,
            kg_set: self.kg.is_some(),
            named_users: with_access.clone().any(|user| !user.name.is_empty()),
            unnamed_users: with_access.any(|user| user.name.is_empty()),
            v2_0: request.extended,
            ..ChannelAuthenticationCapabilities::default()
        };
        Ok(capabilities.to_bytes())
    }

    fn cipher_suites(&self, data: &[u8]) -> Result<Vec<u8>, CompletionCode> {
        let request = <GetChannelCipherSuites as Command>::Request::from_bytes(data)?;
        let channel = self.this_channel(request.channel)?;
        let known = [PayloadType::IPMI, PayloadType::SOL].map(PayloadType::value);
        if !known.contains(&request.payload_type) {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        let list = if request.by_suite { self.suite_records() } else { self.algorithms() };
        let start = usize::from(request.index) * ChannelCipherSuites::PAGE;
        let records = list.into_iter().skip(start).take(ChannelCipherSuites::PAGE).collect();
        Ok(ChannelCipherSuites { channel, records }.to_bytes())
    }

    fn suite_records(&self) -> Vec<u8> {
        let record = |suite: &CipherSuite| {
            let [authentication, integrity, confidentiality] = marked_algorithms(*suite);
            [ChannelCipherSuites::STANDARD_SUITE, suite.id(), authentication, integrity, confidentiality]
        };
        self.settings.suites.iter().flat_map(record).collect()
    }

    fn algorithms(&self) -> Vec<u8> {
        let mut list: Vec<u8> =
            self.settings.suites.iter().flat_map(|suite| marked_algorithms(*suite)).collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    fn set_privilege(&mut self, data: &[u8], session: Option<SessionRef>) -> Result<Vec<u8>, CompletionCode> {
        let request = <SetSessionPrivilegeLevel as Command>::Request::from_bytes(data)?;
        let session = session.ok_or(CompletionCode::INSUFFICIENT_PRIVILEGE)?;
        let session = self.session_mut(session.id).ok_or(CompletionCode::UNSPECIFIED)?;
        match (request.level, Privilege::from_u8(request.level)) {
            (0, _) => {}
            // Callback is reserved as a level to operate at (v2.0§22.18).
            (_, None | Some(Privilege::Callback)) => return Err(CompletionCode::INVALID_DATA_FIELD),
            (_, Some(level)) if level > session.max_privilege => {
                return Err(SetSessionPrivilegeLevel::EXCEEDS_LIMIT);
            }
            (_, Some(level)) => session.privilege = level,
        }
        Ok(SessionPrivilegeLevel { level: session.privilege.into() }.to_bytes())
    }

    /// The session that Close Session means: the own one, or as an administrator any.
    fn session_to_close(
        &self,
        data: &[u8],
        session: Option<SessionRef>,
    ) -> Result<(u32, CloseReason), CompletionCode> {
        let request = CloseSessionRequest::from_bytes(data)?;
        let session = session.ok_or(CompletionCode::INSUFFICIENT_PRIVILEGE)?;
        let own = matches!(request, CloseSessionRequest::Id(id) if id == session.id)
            || matches!(request, CloseSessionRequest::Handle(handle) if handle == session.handle);
        if own {
            return Ok((session.id, CloseReason::Requested));
        }
        if session.privilege < Privilege::Administrator {
            return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
        }
        let (wanted, unknown) = match request {
            CloseSessionRequest::Id(id) => {
                (self.sessions.iter().find(|other| other.id == id), CloseSession::INVALID_SESSION_ID)
            }
            CloseSessionRequest::Handle(handle) => (
                self.sessions.iter().find(|other| other.handle == handle),
                CloseSession::INVALID_SESSION_HANDLE,
            ),
        };
        wanted.map(|other| (other.id, CloseReason::ByOther(session.id))).ok_or(unknown)
    }
}

/// The algorithms of a suite, with the marks of a cipher suite record (v2.0§22.15.1).
fn marked_algorithms(suite: CipherSuite) -> [u8; 3] {
    [
        suite.authentication().0,
        ChannelCipherSuites::INTEGRITY | suite.integrity().0,
        ChannelCipherSuites::CONFIDENTIALITY | suite.confidentiality().0,
    ]
}
