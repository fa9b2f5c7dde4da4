//! Users (v2.0§22.26 to §22.30).

use super::{Access::AtLeast, app_channel::ChannelNumber};
use crate::{
    CompletionCode,
    Privilege::Operator,
    codec::{Decode, Encode, Reader},
};

command! {
    /// Get User Access (v2.0§22.27).
    GetUserAccess = APP 0x44 "Get User Access", AtLeast(Operator), UserAccessQuery => UserAccess
}

command! {
    /// Get User Name (v2.0§22.29).
    GetUserName = APP 0x46 "Get User Name", AtLeast(Operator), UserSlot => UserName
}

/// A privilege limit that stands for no access at all.
pub const NO_ACCESS: u8 = 0x0F;

/// A user's slot, 0 to 63; 0 is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSlot(pub u8);

impl Encode for UserSlot {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0 & 0x3F);
    }
}

impl Decode for UserSlot {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self(reader.u8()? & 0x3F))
    }
}

/// Whose access to which channel is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserAccessQuery {
    /// The channel.
    pub channel: ChannelNumber,
    /// The user.
    pub user: UserSlot,
}

impl Encode for UserAccessQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        self.user.encode(out);
    }
}

impl Decode for UserAccessQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { channel: ChannelNumber::decode(reader)?, user: UserSlot::decode(reader)? })
    }
}

/// What a user may do on a channel, and how many users there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserAccess {
    /// How many slots there are, slot 1 included, 1 to 63.
    pub slots: u8,
    /// Whether this user is enabled; `None` is unspecified.
    pub enabled: Option<bool>,
    /// How many users are enabled, 0 to 63.
    pub enabled_count: u8,
    /// How many slots have a name that cannot be changed, slot 1 included.
    pub fixed_names: u8,
    /// Whether access is for callback only.
    pub callback_only: bool,
    /// Whether link authentication (PPP) is enabled.
    pub link_authentication: bool,
    /// Whether the user may send IPMI messages over the channel.
    pub messaging: bool,
    /// The highest privilege, 1 to 5, or [`NO_ACCESS`].
    pub privilege_limit: u8,
}

impl Encode for UserAccess {
    fn encode(&self, out: &mut Vec<u8>) {
        let enabled: u8 = match self.enabled {
            None => 0b00,
            Some(true) => 0b01,
            Some(false) => 0b10,
        };
        out.extend([
            self.slots & 0x3F,
            enabled << 6 | self.enabled_count & 0x3F,
            self.fixed_names & 0x3F,
            u8::from(self.callback_only) << 6
                | u8::from(self.link_authentication) << 5
                | u8::from(self.messaging) << 4
                | self.privilege_limit & 0x0F,
        ]);
    }
}

impl Decode for UserAccess {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [slots, enabled, fixed, access] = reader.array()?;
        Ok(Self {
            slots: slots & 0x3F,
            enabled: match enabled >> 6 {
                0b01 => Some(true),
                0b10 => Some(false),
                _ => None,
            },
            enabled_count: enabled & 0x3F,
            fixed_names: fixed & 0x3F,
            callback_only: access & 0x40 != 0,
            link_authentication: access & 0x20 != 0,
            messaging: access & 0x10 != 0,
            privilege_limit: access & 0x0F,
        })
    }
}

/// A user's name, padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserName(pub [u8; 16]);

impl UserName {
    /// From text; `None` where it is longer than 16 bytes.
    pub fn new(name: &str) -> Option<Self> {
        let mut padded = [0; 16];
        padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self(padded))
    }
}

impl Encode for UserName {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }
}

impl Decode for UserName {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        reader.array().map(Self)
    }
}

#[cfg(test)]
mod tests;
