//! Commands about sessions (v2.0§22.13-§22.19), which the LAN channel answers itself.

use super::{Access, Command};
use crate::{
    CompletionCode, NetFn, Privilege,
    codec::{Decode, Encode, Reader},
};

/// The channel number that stands for the channel that a request comes in on.
pub const THIS_CHANNEL: u8 = 0x0E;

/// Get Channel Authentication Capabilities (v2.0§22.13).
#[derive(Debug, Clone, Copy)]
pub struct GetChannelAuthenticationCapabilities;

impl Command for GetChannelAuthenticationCapabilities {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x38;
    const NAME: &'static str = "Get Channel Authentication Capabilities";
    const ACCESS: Access = Access::BeforeSession;
    type Request = ChannelAuthenticationCapabilitiesRequest;
    type Response = ChannelAuthenticationCapabilities;
}

/// Request of [`GetChannelAuthenticationCapabilities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAuthenticationCapabilitiesRequest {
    /// Whether the answer shall tell about IPMI 2.0.
    pub extended: bool,
    /// The channel, 0 to 15.
    pub channel: u8,
    /// The privilege that is wanted, four bits.
    pub privilege: u8,
}

impl Decode for ChannelAuthenticationCapabilitiesRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [channel, privilege] = reader.array()?;
        Ok(Self { extended: channel & 0x80 != 0, channel: channel & 0x0F, privilege: privilege & 0x0F })
    }
}

impl Encode for ChannelAuthenticationCapabilitiesRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([bit(self.extended, 7) | (self.channel & 0x0F), self.privilege & 0x0F]);
    }
}

/// Response of [`GetChannelAuthenticationCapabilities`] (v2.0§22.13, table 22-15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelAuthenticationCapabilities {
    /// The channel's number, never [`THIS_CHANNEL`].
    pub channel: u8,
    /// Whether the fields about IPMI 2.0 are filled in.
    pub extended: bool,
    /// The authentication types of IPMI 1.5 sessions, six bits; 0 where there are no such sessions.
    pub authentication_types: u8,
    /// Whether KG is set, so that logins need two keys.
    pub kg_set: bool,
    /// Whether per-message authentication is off.
    pub per_message_authentication_off: bool,
    /// Whether user-level authentication is off.
    pub user_level_authentication_off: bool,
    /// Whether users with a name are there.
    pub named_users: bool,
    /// Whether users without a name but with a password are there.
    pub unnamed_users: bool,
    /// Whether one may log in without name and password.
    pub anonymous: bool,
    /// Whether the channel accepts IPMI 2.0 sessions.
    pub v2_0: bool,
    /// Whether the channel accepts IPMI 1.5 sessions.
    pub v1_5: bool,
    /// The enterprise number of an OEM authentication type, 24 bits; 0 for none.
    pub oem_id: u32,
    /// Data of that type.
    pub oem_data: u8,
}

impl Decode for ChannelAuthenticationCapabilities {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [channel, types, status, versions] = reader.array()?;
        Ok(Self {
            channel,
            extended: types & 0x80 != 0,
            authentication_types: types & 0x3F,
            kg_set: status & 0x20 != 0,
            per_message_authentication_off: status & 0x10 != 0,
            user_level_authentication_off: status & 0x08 != 0,
            named_users: status & 0x04 != 0,
            unnamed_users: status & 0x02 != 0,
            anonymous: status & 0x01 != 0,
            v2_0: versions & 0x02 != 0,
            v1_5: versions & 0x01 != 0,
            oem_id: reader.u24()?,
            oem_data: reader.u8()?,
        })
    }
}

impl Encode for ChannelAuthenticationCapabilities {
    fn encode(&self, out: &mut Vec<u8>) {
        let status = bit(self.kg_set, 5)
            | bit(self.per_message_authentication_off, 4)
            | bit(self.user_level_authentication_off, 3)
            | bit(self.named_users, 2)
            | bit(self.unnamed_users, 1)
            | bit(self.anonymous, 0);
        out.extend([self.channel, bit(self.extended, 7) | (self.authentication_types & 0x3F), status]);
        out.push(bit(self.v2_0, 1) | bit(self.v1_5, 0));
        let [a, b, c, _] = self.oem_id.to_le_bytes();
        out.extend([a, b, c, self.oem_data]);
    }
}

fn bit(set: bool, number: u8) -> u8 {
    u8::from(set) << number
}

/// Get Channel Cipher Suites (v2.0§22.15).
#[derive(Debug, Clone, Copy)]
pub struct GetChannelCipherSuites;

impl Command for GetChannelCipherSuites {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x54;
    const NAME: &'static str = "Get Channel Cipher Suites";
    const ACCESS: Access = Access::BeforeSession;
    type Request = ChannelCipherSuitesRequest;
    type Response = ChannelCipherSuites;
}

/// Request of [`GetChannelCipherSuites`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelCipherSuitesRequest {
    /// The channel, 0 to 15.
    pub channel: u8,
    /// The payload type whose suites are wanted, six bits.
    pub payload_type: u8,
    /// Whether algorithms are listed by cipher suite, rather than each once.
    pub by_suite: bool,
    /// Which 16 bytes of the list, from 0; six bits.
    pub index: u8,
}

impl Decode for ChannelCipherSuitesRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [channel, payload_type, list] = reader.array()?;
        Ok(Self {
            channel: channel & 0x0F,
            payload_type: payload_type & 0x3F,
            by_suite: list & 0x80 != 0,
            index: list & 0x3F,
        })
    }
}

impl Encode for ChannelCipherSuitesRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.channel & 0x0F, self.payload_type & 0x3F]);
        out.push(bit(self.by_suite, 7) | (self.index & 0x3F));
    }
}

/// Response of [`GetChannelCipherSuites`]: a page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCipherSuites {
    /// The channel's number.
    pub channel: u8,
    /// Up to [`Self::PAGE`] bytes; fewer are the last page.
    pub records: Vec<u8>,
}

impl ChannelCipherSuites {
    /// Bytes of the list in one response.
    pub const PAGE: usize = 16;
    /// Begins the record of a standard cipher suite; its number and algorithms follow.
    pub const STANDARD_SUITE: u8 = 0xC0;
    /// Marks an integrity algorithm; an authentication algorithm has no mark.
    pub const INTEGRITY: u8 = 0x40;
    /// Marks a confidentiality algorithm.
    pub const CONFIDENTIALITY: u8 = 0x80;
}

impl Decode for ChannelCipherSuites {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { channel: reader.u8()?, records: reader.rest().to_vec() })
    }
}

impl Encode for ChannelCipherSuites {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.channel);
        out.extend(&self.records);
    }
}

/// Set Session Privilege Level (v2.0§22.18).
#[derive(Debug, Clone, Copy)]
pub struct SetSessionPrivilegeLevel;

impl SetSessionPrivilegeLevel {
    /// The user does not have the requested level.
    pub const NOT_AVAILABLE: CompletionCode = CompletionCode(0x80);
    /// The requested level exceeds the limit of the user or the channel.
    pub const EXCEEDS_LIMIT: CompletionCode = CompletionCode(0x81);
}

impl Command for SetSessionPrivilegeLevel {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x3B;
    const NAME: &'static str = "Set Session Privilege Level";
    const ACCESS: Access = Access::AtLeast(Privilege::User);
    type Request = SessionPrivilegeLevelRequest;
    type Response = SessionPrivilegeLevel;
}

/// Request of [`SetSessionPrivilegeLevel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPrivilegeLevelRequest {
    /// The level to operate at, four bits; 0 asks for the present one.
    pub level: u8,
}

impl Decode for SessionPrivilegeLevelRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { level: reader.u8()? & 0x0F })
    }
}

impl Encode for SessionPrivilegeLevelRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.level & 0x0F);
    }
}

/// Response of [`SetSessionPrivilegeLevel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPrivilegeLevel {
    /// The level that the session operates at now.
    pub level: u8,
}

impl Decode for SessionPrivilegeLevel {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { level: reader.u8()? & 0x0F })
    }
}

impl Encode for SessionPrivilegeLevel {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.level & 0x0F);
    }
}

/// Close Session (v2.0§22.19).
#[derive(Debug, Clone, Copy)]
pub struct CloseSession;

impl CloseSession {
    /// No session has this ID.
    pub const INVALID_SESSION_ID: CompletionCode = CompletionCode(0x87);
    /// No session has this handle.
    pub const INVALID_SESSION_HANDLE: CompletionCode = CompletionCode(0x88);
}

impl Command for CloseSession {
    const NET_FN: NetFn = NetFn::APP;
    const CMD: u8 = 0x3C;
    const NAME: &'static str = "Close Session";
    const ACCESS: Access = Access::AtLeast(Privilege::Callback);
    type Request = CloseSessionRequest;
    type Response = ();
}

/// Request of [`CloseSession`]: which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseSessionRequest {
    /// The session with this managed system's ID, never 0.
    Id(u32),
    /// The session with this handle: the ID is 0 and the handle follows it.
    Handle(u8),
}

impl Decode for CloseSessionRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        match reader.u32()? {
            0 => Ok(Self::Handle(reader.u8()?)),
            id => Ok(Self::Id(id)),
        }
    }
}

impl Encode for CloseSessionRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Id(id) => out.extend(id.to_le_bytes()),
            Self::Handle(handle) => out.extend([0, 0, 0, 0, *handle]),
        }
    }
}

#[cfg(test)]
mod tests;
