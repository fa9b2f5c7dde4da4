//! The host's message services: flags, queue, event buffer, bridging, and what its interface can do (v2.0§22.1 to §22.10).

use super::{
    Access::{AtLeast, SystemInterface},
    app_channel::ChannelNumber,
};
use crate::{
    CompletionCode,
    Privilege::{Operator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set BMC Global Enables (v2.0§22.1).
    SetBmcGlobalEnables = APP 0x2E "Set BMC Global Enables", SystemInterface, GlobalEnables => ()
}

command! {
    /// Get BMC Global Enables (v2.0§22.2).
    GetBmcGlobalEnables = APP 0x2F "Get BMC Global Enables", AtLeast(User), () => GlobalEnables
}

command! {
    /// Clear Message Flags (v2.0§22.3): a set bit clears its flag and what stands behind it.
    ClearMessageFlags = APP 0x30 "Clear Message Flags", SystemInterface, MessageFlags => ()
}

command! {
    /// Get Message Flags (v2.0§22.4).
    GetMessageFlags = APP 0x31 "Get Message Flags", SystemInterface, () => MessageFlags
}

command! {
    /// Enable Message Channel Receive (v2.0§22.5).
    EnableMessageChannelReceive = APP 0x32 "Enable Message Channel Receive", SystemInterface,
    ChannelReceiveRequest => ChannelReceive
}

command! {
    /// Get Message (v2.0§22.6).
    GetMessage = APP 0x33 "Get Message", SystemInterface, () => ReceivedMessage
}

command! {
    /// Send Message (v2.0§22.7).
    SendMessage = APP 0x34 "Send Message", AtLeast(User), OutgoingMessage => BridgedResponse
}

command! {
    /// Read Event Message Buffer (v2.0§22.8).
    ReadEventMessageBuffer = APP 0x35 "Read Event Message Buffer", SystemInterface, () => EventMessage
}

command! {
    /// Get System Interface Capabilities (v2.0§22.9).
    GetSystemInterfaceCapabilities = APP 0x57 "Get System Interface Capabilities", AtLeast(User),
    InterfaceType => InterfaceCapabilities
}

command! {
    /// Get BT Interface Capabilities (v2.0§22.10).
    GetBtInterfaceCapabilities = APP 0x36 "Get BT Interface Capabilities", AtLeast(User), () => BtCapabilities
}

command! {
    /// Master Write-Read (v2.0§22.11).
    MasterWriteRead = APP 0x52 "Master Write-Read", AtLeast(Operator), WriteRead => BusData
}

layout! {
    /// What the controller does of its own accord, a byte of bits.
    GlobalEnables {
        /// The bits, one of the constants each.
        bits: u8,
    }
}

impl GlobalEnables {
    /// An interrupt when the receive message queue gets a message.
    pub const RECEIVE_QUEUE_INTERRUPT: u8 = 0x01;
    /// An interrupt when the event message buffer is full.
    pub const EVENT_BUFFER_INTERRUPT: u8 = 0x02;
    /// Events also go into the event message buffer.
    pub const EVENT_BUFFER: u8 = 0x04;
    /// Events go into the SEL.
    pub const EVENT_LOG: u8 = 0x08;
    /// Reserved (bit 4) and the three that are the vendor's.
    pub const NOT_STANDARD: u8 = 0xF0;
}

layout! {
    /// What waits for the host, a byte of bits.
    MessageFlags {
        /// The bits, one of the constants each.
        bits: u8,
    }
}

impl MessageFlags {
    /// The receive message queue has a message.
    pub const RECEIVE_QUEUE: u8 = 0x01;
    /// The event message buffer has an event.
    pub const EVENT_BUFFER: u8 = 0x02;
    /// The watchdog's pre-timeout came.
    pub const WATCHDOG_PRE_TIMEOUT: u8 = 0x08;
}

/// Whether messages of a channel are to come into the receive message queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelReceiveRequest {
    /// The channel.
    pub channel: ChannelNumber,
    /// Whether they are; `None` only asks.
    pub enable: Option<bool>,
}

impl Encode for ChannelReceiveRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.push(match self.enable {
            Some(false) => 0b00,
            Some(true) => 0b01,
            None => 0b10,
        });
    }
}

impl Decode for ChannelReceiveRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let channel = ChannelNumber::decode(reader)?;
        let enable = match reader.u8()? & 0b11 {
            0b00 => Some(false),
            0b01 => Some(true),
            0b10 => None,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        };
        Ok(Self { channel, enable })
    }
}

/// Whether messages of a channel come into the receive message queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelReceive {
    /// The channel.
    pub channel: ChannelNumber,
    /// Whether they do.
    pub enabled: bool,
}

impl Encode for ChannelReceive {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.push(u8::from(self.enabled));
    }
}

impl Decode for ChannelReceive {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { channel: ChannelNumber::decode(reader)?, enabled: reader.u8()? & 1 != 0 })
    }
}

/// A message of the receive message queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The channel that it came over, 0 to 15.
    pub channel: u8,
    /// The sender's privilege as far as the controller knows it, 0 to 15; 0 is unspecified.
    pub privilege: u8,
    /// The message in its channel's format: IPMB's without the receiver's address, which is the BMC's; LAN's after the session
    /// handle.
    pub message: Vec<u8>,
}

impl Encode for ReceivedMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.privilege << 4 | self.channel & 0x0F);
        out.extend(&self.message);
    }
}

impl Decode for ReceivedMessage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let first = reader.u8()?;
        Ok(Self { channel: first & 0x0F, privilege: first >> 4, message: reader.rest().to_vec() })
    }
}

/// Who keeps track of the response to a bridged request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// The sender: the message goes out as it is.
    None,
    /// The controller, which brings the response back to the sender.
    Request,
    /// Nobody: the bytes are sent without a look at them.
    Raw,
}

/// A message to a device on another channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The channel that it goes to.
    pub channel: ChannelNumber,
    /// Whether it is to be authenticated on the way.
    pub authenticate: bool,
    /// Whether it is to be encrypted on the way.
    pub encrypt: bool,
    /// What becomes of its response.
    pub tracking: Tracking,
    /// The message in its channel's format.
    pub message: Vec<u8>,
}

impl Encode for OutgoingMessage {
    fn encode(&self, out: &mut Vec<u8>) {
        let tracking = match self.tracking {
            Tracking::None => 0b00,
            Tracking::Request => 0b01,
            Tracking::Raw => 0b10,
        };
        let how = tracking << 6 | u8::from(self.encrypt) << 5 | u8::from(self.authenticate) << 4;
        out.push(how | self.channel.0 & 0x0F);
        out.extend(&self.message);
    }
}

impl Decode for OutgoingMessage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let first = reader.u8()?;
        let tracking = match first >> 6 {
            0b00 => Tracking::None,
            0b01 => Tracking::Request,
            0b10 => Tracking::Raw,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        };
        Ok(Self {
            channel: ChannelNumber(first & 0x0F),
            authenticate: first & 0x10 != 0,
            encrypt: first & 0x20 != 0,
            tracking,
            message: reader.rest().to_vec(),
        })
    }
}

layout! {
    /// The response of a device on another channel, where the sender waits for it in the answer to its Send Message.
    BridgedResponse {
        /// The whole message in its channel's format; empty where it comes another way.
        message: Vec<u8>,
    }
}

layout! {
    /// An event of the event message buffer.
    EventMessage {
        /// As it stands in the SEL (v2.0§32).
        record: [u8; 16],
    }
}

/// The kind of a system interface, as far as it has capabilities to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceType {
    /// SSIF.
    Ssif,
    /// KCS.
    Kcs,
    /// SMIC.
    Smic,
}

impl Encode for InterfaceType {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}

impl Decode for InterfaceType {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(match reader.u8()? & 0x0F {
            0 => Self::Ssif,
            1 => Self::Kcs,
            2 => Self::Smic,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        })
    }
}

/// What a system interface can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceCapabilities {
    /// SSIF.
    Ssif {
        /// 0 single part only, 1 multi-part with start and end, 2 also with middle.
        transactions: u8,
        /// Whether packets carry an error code.
        error_checks: bool,
        /// Longest request in bytes.
        input: u8,
        /// Longest response in bytes.
        output: u8,
    },
    /// KCS and SMIC.
    Registers {
        /// Longest request in bytes.
        input: u8,
    },
}

impl Encode for InterfaceCapabilities {
    fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Ssif { transactions, error_checks, input, output } => {
                out.extend([0, transactions << 6 | u8::from(error_checks) << 3, input, output]);
            }
            Self::Registers { input } => out.extend([0, 0, input]),
        }
    }
}

impl Decode for InterfaceCapabilities {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [_, how, input] = reader.array()?;
        if reader.is_empty() {
            return Ok(Self::Registers { input });
        }
        let (transactions, error_checks) = (how >> 6, how & 0x08 != 0);
        Ok(Self::Ssif { transactions, error_checks, input, output: reader.u8()? })
    }
}

layout! {
    /// What a BT interface can do.
    BtCapabilities {
        /// Requests that can be under way at once, not 0.
        outstanding: u8,
        /// Longest request in bytes.
        input: u8,
        /// Longest response in bytes.
        output: u8,
        /// Seconds after which a request may count as lost, at most 30.
        seconds: u8,
        /// How often to try again.
        retries: u8,
    }
}

/// A write to a device on an I2C bus of the controller, and a read after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRead {
    /// The channel of a public bus.
    pub channel: ChannelNumber,
    /// The number of the bus, 0 to 7.
    pub bus: u8,
    /// Whether it is a private bus; else it is the channel's.
    pub private: bool,
    /// The device's address in seven bits.
    pub address: u8,
    /// How many bytes are read.
    pub read: u8,
    /// What is written before; nothing where only a read is wanted.
    pub write: Vec<u8>,
}

impl Encode for WriteRead {
    fn encode(&self, out: &mut Vec<u8>) {
        let bus = self.channel.0 << 4 | (self.bus & 7) << 1 | u8::from(self.private);
        out.extend([bus, self.address << 1, self.read]);
        out.extend(&self.write);
    }
}

impl Decode for WriteRead {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [bus, address, read] = reader.array()?;
        Ok(Self {
            channel: ChannelNumber(bus >> 4),
            bus: bus >> 1 & 7,
            private: bus & 1 != 0,
            address: address >> 1,
            read,
            write: reader.rest().to_vec(),
        })
    }
}

layout! {
    /// What was read from a device on an I2C bus.
    BusData {
        /// As many bytes as were asked for.
        data: Vec<u8>,
    }
}

/// Completion codes of Send Message and Master Write-Read (v2.0§22.7, §22.11).
pub mod codes {
    use crate::CompletionCode;

    /// No such session on that channel.
    pub const INVALID_SESSION_HANDLE: CompletionCode = CompletionCode(0x80);
    /// Another master won the bus.
    pub const LOST_ARBITRATION: CompletionCode = CompletionCode(0x81);
    /// The bus is stuck or broken.
    pub const BUS_ERROR: CompletionCode = CompletionCode(0x82);
    /// Nobody took the bytes.
    pub const NAK_ON_WRITE: CompletionCode = CompletionCode(0x83);
    /// Get Message and Read Event Message Buffer: there is nothing.
    pub const NOTHING_WAITS: CompletionCode = CompletionCode(0x80);
}

#[cfg(test)]
mod tests;
