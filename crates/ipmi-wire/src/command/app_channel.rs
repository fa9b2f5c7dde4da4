//! Channels and their sessions (v2.0§22.20 to §22.24).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Administrator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Get Session Info (v2.0§22.20).
    GetSessionInfo = APP 0x3D "Get Session Info", AtLeast(User), SessionSelector => SessionInfo
}

command! {
    /// Set Channel Access (v2.0§22.22).
    SetChannelAccess = APP 0x40 "Set Channel Access", AtLeast(Administrator), ChannelAccessChange => ()
}

command! {
    /// Get Channel Access (v2.0§22.23).
    GetChannelAccess = APP 0x41 "Get Channel Access", AtLeast(User), ChannelAccessQuery => ChannelAccess
}

command! {
    /// Get Channel Info (v2.0§22.24).
    GetChannelInfo = APP 0x42 "Get Channel Info", AtLeast(User), ChannelNumber => ChannelInfo
}

pub use super::session::THIS_CHANNEL;

/// A channel as a request names it, 0 to 15; [`THIS_CHANNEL`] is the request's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelNumber(pub u8);

impl ChannelNumber {
    /// The number, where `this` is the channel of the request.
    pub fn resolve(self, this: u8) -> u8 {
        if self.0 == THIS_CHANNEL { this } else { self.0 }
    }
}

impl Encode for ChannelNumber {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0 & 0x0F);
    }
}

impl Decode for ChannelNumber {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self(reader.u8()? & 0x0F))
    }
}

/// Which session is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionSelector {
    /// The one that the request came in.
    Current,
    /// The Nth of the active ones, from 1 to 253.
    Index(u8),
    /// The one with this handle.
    Handle(u8),
    /// The one with this ID (the managed system's).
    Id(u32),
}

impl Encode for SessionSelector {
    fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Current => out.push(0),
            Self::Index(index) => out.push(index),
            Self::Handle(handle) => out.extend([0xFE, handle]),
            Self::Id(id) => {
                out.push(0xFF);
                out.extend(id.to_le_bytes());
            }
        }
    }
}

impl Decode for SessionSelector {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(match reader.u8()? {
            0x00 => Self::Current,
            0xFE => Self::Handle(reader.u8()?),
            0xFF => Self::Id(reader.u32()?),
            index => Self::Index(index),
        })
    }
}

/// How many sessions there are, and one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// How many sessions can be active at once, 0 to 63.
    pub possible: u8,
    /// How many are, 0 to 63.
    pub active: u8,
    /// The session that was asked for, if it is active.
    pub session: Option<ActiveSession>,
}

/// An active session on a LAN channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSession {
    /// Its handle, not 0.
    pub handle: u8,
    /// The user's slot, 0 to 63.
    pub user: u8,
    /// The privilege that it runs at, 1 to 5.
    pub privilege: u8,
    /// Whether it is an RMCP+ session (else IPMI 1.5).
    pub rmcp_plus: bool,
    /// The channel.
    pub channel: u8,
    /// The remote console's IPv4 address; zero where it has none.
    pub address: [u8; 4],
    /// The remote console's hardware address; zero where it is not known.
    pub mac: [u8; 6],
    /// The remote console's UDP port.
    pub port: u16,
}

impl Encode for SessionInfo {
    fn encode(&self, out: &mut Vec<u8>) {
        let handle = self.session.as_ref().map_or(0, |session| session.handle);
        out.extend([handle, self.possible & 0x3F, self.active & 0x3F]);
        if let Some(session) = &self.session {
            let protocol = u8::from(session.rmcp_plus) << 4;
            out.extend([session.user & 0x3F, session.privilege & 0x0F, protocol | session.channel & 0x0F]);
            out.extend(session.address);
            out.extend(session.mac);
            out.extend(session.port.to_le_bytes());
        }
    }
}

impl Decode for SessionInfo {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [handle, possible, active] = reader.array()?;
        let session = if reader.is_empty() {
            None
        } else {
            let [user, privilege, channel] = reader.array()?;
            Some(ActiveSession {
                handle,
                user: user & 0x3F,
                privilege: privilege & 0x0F,
                rmcp_plus: channel & 0xF0 == 0x10,
                channel: channel & 0x0F,
                address: reader.array()?,
                mac: reader.array()?,
                port: reader.u16()?,
            })
        };
        Ok(Self { possible: possible & 0x3F, active: active & 0x3F, session })
    }
}

/// The access settings of which channel are asked for, and which of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAccessQuery {
    /// The channel.
    pub channel: ChannelNumber,
    /// Whether the settings in force are meant, else those that the next start takes.
    pub volatile: bool,
}

impl Encode for ChannelAccessQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.push(if self.volatile { 0x80 } else { 0x40 });
    }
}

impl Decode for ChannelAccessQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let channel = ChannelNumber::decode(reader)?;
        match reader.u8()? >> 6 {
            0b01 => Ok(Self { channel, volatile: false }),
            0b10 => Ok(Self { channel, volatile: true }),
            _ => Err(CompletionCode::INVALID_DATA_FIELD),
        }
    }
}

/// When a channel takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// Never.
    Disabled,
    /// Before the host boots.
    PreBoot,
    /// Always.
    Always,
    /// Always, shared with the host (serial).
    Shared,
}

/// The access settings of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAccess {
    /// Whether alerts go out over it.
    pub alerting: bool,
    /// Whether each message is authenticated, not the session's start alone.
    pub per_message_authentication: bool,
    /// Whether messages at User level are authenticated.
    pub user_level_authentication: bool,
    /// When it takes messages.
    pub mode: AccessMode,
    /// The highest privilege that sessions on it can have, 1 to 5.
    pub privilege_limit: u8,
}

impl ChannelAccess {
    /// All but the privilege limit.
    fn settings(&self) -> u8 {
        u8::from(!self.alerting) << 5
            | u8::from(!self.per_message_authentication) << 4
            | u8::from(!self.user_level_authentication) << 3
            | self.mode as u8
    }
}

impl Encode for ChannelAccess {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.settings(), self.privilege_limit & 0x0F]);
    }
}

impl Decode for ChannelAccess {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [settings, limit] = reader.array()?;
        Ok(Self {
            alerting: settings & 0x20 == 0,
            per_message_authentication: settings & 0x10 == 0,
            user_level_authentication: settings & 0x08 == 0,
            mode: match settings & 0x07 {
                0 => AccessMode::Disabled,
                1 => AccessMode::PreBoot,
                2 => AccessMode::Always,
                3 => AccessMode::Shared,
                _ => return Err(CompletionCode::INVALID_DATA_FIELD),
            },
            privilege_limit: limit & 0x0F,
        })
    }
}

/// New access settings of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAccessChange {
    /// The channel.
    pub channel: ChannelNumber,
    /// What is to become of alerting, authentication and mode: the set that is changed and the settings; `None` leaves them.
    pub access: Option<(AccessSet, ChannelAccess)>,
    /// Which set's privilege limit is changed, and to what; `None` leaves it.
    pub privilege_limit: Option<(AccessSet, u8)>,
}

/// One of the two sets of settings that a channel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessSet {
    /// The one that the next start takes.
    Stored,
    /// The one in force.
    Volatile,
}

impl AccessSet {
    const fn bits(set: Option<Self>) -> u8 {
        match set {
            None => 0b00,
            Some(Self::Stored) => 0b01,
            Some(Self::Volatile) => 0b10,
        }
    }

    fn from_bits(bits: u8) -> Result<Option<Self>, CompletionCode> {
        match bits & 0b11 {
            0b00 => Ok(None),
            0b01 => Ok(Some(Self::Stored)),
            0b10 => Ok(Some(Self::Volatile)),
            _ => Err(CompletionCode::INVALID_DATA_FIELD),
        }
    }
}

impl Encode for ChannelAccessChange {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        let settings = self.access.map_or(0, |(_, access)| access.settings());
        out.push(AccessSet::bits(self.access.map(|(set, _)| set)) << 6 | settings);
        let limit = self.privilege_limit.map_or(0, |(_, limit)| limit & 0x0F);
        out.push(AccessSet::bits(self.privilege_limit.map(|(set, _)| set)) << 6 | limit);
    }
}

impl Decode for ChannelAccessChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let channel = ChannelNumber::decode(reader)?;
        let [settings, limit] = reader.array()?;
        let access = match AccessSet::from_bits(settings >> 6)? {
            // The limit has a switch of its own.
            Some(set) => Some((set, ChannelAccess::from_bytes(&[settings, 0])?)),
            None => None,
        };
        let privilege_limit = AccessSet::from_bits(limit >> 6)?.map(|set| (set, limit & 0x0F));
        Ok(Self { channel, access, privilege_limit })
    }
}

/// What a channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its number.
    pub channel: u8,
    /// What carries it (v2.0 table 6-3): 01h IPMB, 04h LAN, 0Ch system interface.
    pub medium: u8,
    /// The message format (v2.0 table 6-2): 01h IPMB, 05h KCS.
    pub protocol: u8,
    /// Whether it has sessions: 0 none, 1 one, 2 several, 3 one or none by switching.
    pub session_support: u8,
    /// How many sessions are active on it.
    pub active_sessions: u8,
    /// Who defined the protocol, an IANA number; [`IPMI_FORUM`] for the specification's own.
    pub vendor: u32,
    /// For the system interface, which interrupts it uses; FFh is none or unknown.
    pub auxiliary: [u8; 2],
}

/// The IANA number of the IPMI forum.
pub const IPMI_FORUM: u32 = 7154;

impl Encode for ChannelInfo {
    fn encode(&self, out: &mut Vec<u8>) {
        let sessions = self.session_support << 6 | self.active_sessions & 0x3F;
        let [v0, v1, v2, _] = self.vendor.to_le_bytes();
        out.extend([self.channel & 0x0F, self.medium & 0x7F, self.protocol & 0x1F, sessions, v0, v1, v2]);
        out.extend(self.auxiliary);
    }
}

impl Decode for ChannelInfo {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [channel, medium, protocol, sessions] = reader.array()?;
        Ok(Self {
            channel: channel & 0x0F,
            medium: medium & 0x7F,
            protocol: protocol & 0x1F,
            session_support: sessions >> 6,
            active_sessions: sessions & 0x3F,
            vendor: reader.u24()?,
            auxiliary: reader.array()?,
        })
    }
}

#[cfg(test)]
mod tests;
