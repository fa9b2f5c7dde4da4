//! Which payloads are active, who may activate them, and what a channel has (v2.0§24.4 to §24.10). Activating and deactivating
//! are the session's own business.

use super::{Access::AtLeast, app_channel::ChannelNumber, app_user::UserSlot, payload::PayloadInstance};
use crate::{
    CompletionCode,
    Privilege::{Administrator, Operator, User},
    codec::{Decode, Encode, Reader},
    rmcp_plus::PayloadType,
};

command! {
    /// Get Payload Activation Status (v2.0§24.4).
    GetPayloadActivationStatus = APP 0x4A "Get Payload Activation Status", AtLeast(User),
    PayloadNumber => PayloadActivationStatus
}

command! {
    /// Get Payload Instance Info (v2.0§24.5).
    GetPayloadInstanceInfo = APP 0x4B "Get Payload Instance Info", AtLeast(User),
    PayloadInstance => PayloadInstanceInfo
}

command! {
    /// Set User Payload Access (v2.0§24.6).
    SetUserPayloadAccess = APP 0x4C "Set User Payload Access", AtLeast(Administrator), PayloadAccessChange => ()
}

command! {
    /// Get User Payload Access (v2.0§24.7).
    GetUserPayloadAccess = APP 0x4D "Get User Payload Access", AtLeast(Operator),
    PayloadAccessQuery => PayloadAccess
}

command! {
    /// Get Channel Payload Support (v2.0§24.8).
    GetChannelPayloadSupport = APP 0x4E "Get Channel Payload Support", AtLeast(User),
    ChannelNumber => ChannelPayloads
}

command! {
    /// Get Channel Payload Version (v2.0§24.9).
    GetChannelPayloadVersion = APP 0x4F "Get Channel Payload Version", AtLeast(User),
    ChannelPayload => PayloadVersion
}

command! {
    /// Get Channel OEM Payload Info (v2.0§24.10).
    GetChannelOemPayloadInfo = APP 0x50 "Get Channel OEM Payload Info", AtLeast(User),
    OemPayloadQuery => OemPayloadInfo
}

impl GetChannelPayloadVersion {
    /// The payload type is not available on the channel.
    pub const NOT_AVAILABLE: CompletionCode = CompletionCode(0x80);
}

impl GetChannelOemPayloadInfo {
    /// The OEM payload is not supported.
    pub const NOT_SUPPORTED: CompletionCode = CompletionCode(0x80);
}

/// A payload type in a byte of its own, whose two high bits are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadNumber(pub PayloadType);

impl Encode for PayloadNumber {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0.value());
    }
}

impl Decode for PayloadNumber {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        PayloadType::new(reader.u8()? & 0x3F).map(Self).ok_or(CompletionCode::INVALID_DATA_FIELD)
    }
}

/// How many instances of a payload there can be, and which of them are active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadActivationStatus {
    /// How many instances can be active at once, 1 to 15.
    pub capacity: u8,
    /// Bit N stands for instance N + 1.
    pub active: u16,
}

impl Encode for PayloadActivationStatus {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.capacity & 0x0F);
        out.extend(self.active.to_le_bytes());
    }
}

impl Decode for PayloadActivationStatus {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { capacity: reader.u8()? & 0x0F, active: reader.u16()? })
    }
}

layout! {
    /// The session that an instance is active in, and what the payload itself has to say.
    PayloadInstanceInfo {
        /// The managed system's session ID; 0 where the instance is not active.
        session_id: u32,
        /// For Serial over LAN the first byte is the number of the serial port, from 1, and the others are reserved.
        specific: [u8; 8],
    }
}

/// Which payloads a user may activate on a channel, beside IPMI messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PayloadAccess {
    /// Bit N is standard payload type N; 0 and 8 to 15 are reserved.
    pub standard: u16,
    /// Bit N is OEM payload type 20h + N; 8 to 15 are reserved.
    pub oem: u16,
}

impl PayloadAccess {
    /// Serial over LAN alone.
    pub const SOL: Self = Self { standard: 1 << 1, oem: 0 };

    /// As one number: the four bytes of the message, the first one lowest.
    pub fn bits(self) -> u32 {
        u32::from(self.standard) | u32::from(self.oem) << 16
    }

    /// From [`PayloadAccess::bits`].
    pub fn from_bits(bits: u32) -> Self {
        let [a, b, c, d] = bits.to_le_bytes();
        Self { standard: u16::from_le_bytes([a, b]), oem: u16::from_le_bytes([c, d]) }
    }
}

impl Encode for PayloadAccess {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.bits().to_le_bytes());
    }
}

impl Decode for PayloadAccess {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        reader.u32().map(Self::from_bits)
    }
}

/// Allows or forbids a user some payloads; what is not named stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadAccessChange {
    /// The channel.
    pub channel: ChannelNumber,
    /// The user.
    pub user: UserSlot,
    /// Allows the payloads, or forbids them.
    pub allow: bool,
    /// The payloads.
    pub payloads: PayloadAccess,
}

impl Encode for PayloadAccessChange {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.push(u8::from(!self.allow) << 6 | self.user.0 & 0x3F);
        self.payloads.encode(out);
    }
}

impl Decode for PayloadAccessChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let channel = ChannelNumber::decode(reader)?;
        let user = reader.u8()?;
        let allow = match user >> 6 {
            0b00 => true,
            0b01 => false,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        };
        Ok(Self { channel, user: UserSlot(user & 0x3F), allow, payloads: PayloadAccess::decode(reader)? })
    }
}

/// Whose payloads on which channel are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadAccessQuery {
    /// The channel.
    pub channel: ChannelNumber,
    /// The user.
    pub user: UserSlot,
}

impl Encode for PayloadAccessQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        self.user.encode(out);
    }
}

impl Decode for PayloadAccessQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { channel: ChannelNumber::decode(reader)?, user: UserSlot::decode(reader)? })
    }
}

layout! {
    /// The payloads that a channel has.
    ChannelPayloads {
        /// Bit N is standard payload type N.
        standard: u16,
        /// Bit N is session set-up payload type 10h + N.
        session_setup: u16,
        /// Bit N is OEM payload type 20h + N.
        oem: u16,
        /// Zero.
        reserved: u16,
    }
}

/// Which payload of a channel is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelPayload {
    /// The channel.
    pub channel: ChannelNumber,
    /// The payload.
    pub payload: PayloadNumber,
}

impl Encode for ChannelPayload {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        self.payload.encode(out);
    }
}

impl Decode for ChannelPayload {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { channel: ChannelNumber::decode(reader)?, payload: PayloadNumber::decode(reader)? })
    }
}

/// A format version, major in the high half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadVersion(pub u8);

impl PayloadVersion {
    /// 1.0, which all payloads of this specification have (v2.0 table 13-16).
    pub const V1_0: Self = Self(0x10);
}

impl Encode for PayloadVersion {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
}

impl Decode for PayloadVersion {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        reader.u8().map(Self)
    }
}

/// Which OEM payload of a channel is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OemPayloadQuery {
    /// The channel.
    pub channel: ChannelNumber,
    /// The OEM payload type, or [`PayloadType::OEM_EXPLICIT`] with the two fields below.
    pub payload: PayloadNumber,
    /// The OEM's enterprise number, least significant byte first.
    pub enterprise: [u8; 3],
    /// The OEM's own number for the payload.
    pub id: u16,
}

impl Encode for OemPayloadQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        self.payload.encode(out);
        out.extend(self.enterprise);
        out.extend(self.id.to_le_bytes());
    }
}

impl Decode for OemPayloadQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self {
            channel: ChannelNumber::decode(reader)?,
            payload: PayloadNumber::decode(reader)?,
            enterprise: reader.array()?,
            id: reader.u16()?,
        })
    }
}

layout! {
    /// An OEM payload of a channel.
    OemPayloadInfo {
        /// The payload type.
        payload: u8,
        /// The OEM's enterprise number, least significant byte first.
        enterprise: [u8; 3],
        /// The OEM's own number for the payload.
        id: u16,
        /// Format version, major in the high half.
        version: u8,
    }
}

#[cfg(test)]
mod tests;
