//! Firmware firewall: which commands there are, and which a channel may use (v2.0§21).
//!
//! Masks stand as in the specification: bit 0 of the first byte is command 00h (or 80h), or sub-function 0.

use super::{Access::AtLeast, app_channel::ChannelNumber};
use crate::{
    CompletionCode, Lun, NetFn,
    Privilege::{Administrator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Get NetFn Support (v2.0§21.2).
    GetNetFnSupport = APP 0x09 "Get NetFn Support", AtLeast(User), ChannelNumber => NetFnSupport
}

command! {
    /// Get Command Support (v2.0§21.3).
    GetCommandSupport = APP 0x0A "Get Command Support", AtLeast(User), CommandRange => UnavailableCommands
}

command! {
    /// Get Command Sub-function Support (v2.0§21.4).
    GetCommandSubFunctionSupport = APP 0x0B "Get Command Sub-function Support", AtLeast(User),
    OneCommand => SubFunctionSupport
}

command! {
    /// Get Configurable Commands (v2.0§21.5).
    GetConfigurableCommands = APP 0x0C "Get Configurable Commands", AtLeast(User), CommandRange => CommandMask
}

command! {
    /// Get Configurable Command Sub-functions (v2.0§21.6).
    GetConfigurableCommandSubFunctions = APP 0x0D "Get Configurable Command Sub-functions", AtLeast(User),
    OneCommand => SubFunctionMask
}

command! {
    /// Set Command Enables (v2.0§21.7).
    SetCommandEnables = APP 0x60 "Set Command Enables", AtLeast(Administrator), CommandEnables => ()
}

command! {
    /// Get Command Enables (v2.0§21.8).
    GetCommandEnables = APP 0x61 "Get Command Enables", AtLeast(User), CommandRange => CommandMask
}

command! {
    /// Set Command Sub-function Enables (v2.0§21.9).
    SetCommandSubFunctionEnables = APP 0x62 "Set Command Sub-function Enables", AtLeast(Administrator),
    SubFunctionEnables => ()
}

command! {
    /// Get Command Sub-function Enables (v2.0§21.10).
    GetCommandSubFunctionEnables = APP 0x63 "Get Command Sub-function Enables", AtLeast(User),
    OneCommand => SubFunctionMask
}

command! {
    /// Get OEM NetFn IANA Support (v2.0§21.11).
    GetOemNetFnIanaSupport = APP 0x64 "Get OEM NetFn IANA Support", AtLeast(User),
    OemNetFnQuery => OemNetFn
}

/// The network functions that have commands, by logical unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetFnSupport {
    /// For each LUN, a bit for each pair of request and response; bit 0 is 00h and 01h.
    pub pairs: [u32; 4],
}

impl Encode for NetFnSupport {
    fn encode(&self, out: &mut Vec<u8>) {
        const BY_SPECIFICATION: u8 = 0b01;
        let luns = self.pairs.iter().enumerate().filter(|(_, pairs)| **pairs != 0);
        out.push(luns.fold(0, |byte, (lun, _)| byte | BY_SPECIFICATION << (2 * lun)));
        out.extend(self.pairs.iter().flat_map(|pairs| pairs.to_le_bytes()));
    }
}

impl Decode for NetFnSupport {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        // Says again which LUNs have any.
        reader.u8()?;
        Ok(Self { pairs: [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?] })
    }
}

/// Whose commands are meant, of network functions that several organisations share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definer {
    /// The specification.
    Ipmi,
    /// The standards body of this code.
    Group(u8),
    /// The organisation of this IANA number.
    Oem(u32),
}

impl Definer {
    fn decode(net_fn: NetFn, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        match net_fn {
            NetFn::GROUP_EXTENSION => reader.u8().map(Self::Group),
            NetFn::OEM_GROUP => reader.u24().map(Self::Oem),
            _ => Ok(Self::Ipmi),
        }
    }

    fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Ipmi => {}
            Self::Group(code) => out.push(code),
            Self::Oem(number) => out.extend(number.to_le_bytes().iter().take(3)),
        }
    }
}

/// 128 commands of a network function, as a channel sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandRange {
    /// The channel.
    pub channel: ChannelNumber,
    /// The network function, even.
    pub net_fn: NetFn,
    /// The logical unit.
    pub lun: Lun,
    /// Whether commands 80h to FFh are meant, else 00h to 7Fh.
    pub upper: bool,
    /// Whose commands.
    pub definer: Definer,
}

impl CommandRange {
    /// The first command.
    pub fn first(&self) -> u8 {
        if self.upper { 0x80 } else { 0 }
    }

    fn encode_head(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.extend([u8::from(self.upper) << 6 | self.net_fn.value(), self.lun.value()]);
    }
}

/// Channel, network function and LUN, with the two bits that stand above the network function.
fn head(reader: &mut Reader<'_>) -> Result<(ChannelNumber, u8, NetFn, Lun), CompletionCode> {
    let channel = ChannelNumber::decode(reader)?;
    let [function, lun] = reader.array()?;
    let net_fn = NetFn::new(function & 0x3F).filter(|net_fn| !net_fn.is_response());
    let net_fn = net_fn.ok_or(CompletionCode::INVALID_DATA_FIELD)?;
    let lun = Lun::new(lun & 0x03).ok_or(CompletionCode::INVALID_DATA_FIELD)?;
    Ok((channel, function >> 6, net_fn, lun))
}

/// The head of a request about a range, whose bits above the network function say which half.
fn range(reader: &mut Reader<'_>) -> Result<CommandRange, CompletionCode> {
    let (channel, half, net_fn, lun) = head(reader)?;
    let upper = match half {
        0b00 => false,
        0b01 => true,
        _ => return Err(CompletionCode::INVALID_DATA_FIELD),
    };
    Ok(CommandRange { channel, net_fn, lun, upper, definer: Definer::Ipmi })
}

impl Encode for CommandRange {
    fn encode(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        self.definer.encode(out);
    }
}

impl Decode for CommandRange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let range = range(reader)?;
        Ok(Self { definer: Definer::decode(range.net_fn, reader)?, ..range })
    }
}

layout! {
    /// Commands of a [`CommandRange`]; a set bit is one that is enabled, or that can be disabled.
    CommandMask {
        /// The bits.
        bits: [u8; 16],
    }
}

impl CommandMask {
    /// The mask of the commands for which `is` holds; `first` is that of bit 0.
    pub fn of(first: u8, is: impl Fn(u8) -> bool) -> Self {
        let mut bits = [0; 16];
        for (commands, byte) in (first..=u8::MAX).step_by(8).zip(&mut bits) {
            *byte = (0..8).filter(|bit| is(commands | bit)).fold(0, |byte, bit| byte | 1 << bit);
        }
        Self { bits }
    }

    /// The bit of `command`, whichever half the mask is of.
    pub fn has(&self, command: u8) -> bool {
        let command = command & 0x7F;
        self.bits.get(usize::from(command / 8)).is_some_and(|byte| byte & (1 << (command % 8)) != 0)
    }
}

layout! {
    /// Commands of a [`CommandRange`] with the bits the other way round: a set bit is a command that is not there.
    UnavailableCommands {
        /// The bits.
        bits: [u8; 16],
    }
}

impl UnavailableCommands {
    /// From the commands that are there.
    pub fn except(available: &CommandMask) -> Self {
        Self { bits: available.bits.map(|byte| !byte) }
    }
}

/// Commands that a channel is to have from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnables {
    /// Which commands.
    pub range: CommandRange,
    /// Those that it has; the others of the range it has not.
    pub enabled: CommandMask,
}

impl Encode for CommandEnables {
    fn encode(&self, out: &mut Vec<u8>) {
        self.range.encode_head(out);
        self.enabled.encode(out);
        self.range.definer.encode(out);
    }
}

impl Decode for CommandEnables {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let (range, enabled) = (range(reader)?, CommandMask::decode(reader)?);
        let definer = Definer::decode(range.net_fn, reader)?;
        Ok(Self { range: CommandRange { definer, ..range }, enabled })
    }
}

/// A command, as a channel sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneCommand {
    /// The channel.
    pub channel: ChannelNumber,
    /// The network function, even.
    pub net_fn: NetFn,
    /// The logical unit.
    pub lun: Lun,
    /// The command.
    pub command: u8,
    /// Whose command.
    pub definer: Definer,
}

impl Encode for OneCommand {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.extend([self.net_fn.value(), self.lun.value(), self.command]);
        self.definer.encode(out);
    }
}

impl Decode for OneCommand {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let (channel, _, net_fn, lun) = head(reader)?;
        let command = reader.u8()?;
        Ok(Self { channel, net_fn, lun, command, definer: Definer::decode(net_fn, reader)? })
    }
}

/// The sub-functions that a command has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubFunctionSupport {
    /// Errata of the specification that the list is from, in the low nibble; who wrote it above, 0 is IPMI.
    pub errata: u8,
    /// Version of it, BCD with the digits swapped: 02h is 2.0.
    pub version: u8,
    /// Revision of it, 10h is 1.0.
    pub revision: u8,
    /// A set bit is a sub-function that is not there.
    pub unavailable: u32,
}

impl Encode for SubFunctionSupport {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.errata, self.version, self.revision]);
        out.extend(self.unavailable.to_le_bytes());
    }
}

impl Decode for SubFunctionSupport {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [errata, version, revision] = reader.array()?;
        Ok(Self { errata, version, revision, unavailable: reader.u32()? })
    }
}

/// Sub-functions of a command; a set bit is one that is enabled, or that can be disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubFunctionMask(pub u32);

impl Encode for SubFunctionMask {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_le_bytes());
    }
}

impl Decode for SubFunctionMask {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let mask = Self(reader.u32()?);
        // A second half for commands with more than 32; none has.
        if !reader.is_empty() {
            reader.u32()?;
        }
        Ok(mask)
    }
}

/// Sub-functions of a command that a channel is to have from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubFunctionEnables {
    /// The command.
    pub command: OneCommand,
    /// Those that it has.
    pub enabled: SubFunctionMask,
}

impl Encode for SubFunctionEnables {
    fn encode(&self, out: &mut Vec<u8>) {
        self.command.encode(out);
        self.enabled.encode(out);
    }
}

impl Decode for SubFunctionEnables {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { command: OneCommand::decode(reader)?, enabled: SubFunctionMask::decode(reader)? })
    }
}

/// Which organisation's commands are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OemNetFnQuery {
    /// The channel.
    pub channel: ChannelNumber,
    /// The network function, even, 2Ch or above.
    pub net_fn: NetFn,
    /// The place in the list, from 0.
    pub index: u8,
}

impl Encode for OemNetFnQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.extend([self.net_fn.value(), self.index & 0x3F]);
    }
}

impl Decode for OemNetFnQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let channel = ChannelNumber::decode(reader)?;
        let [net_fn, index] = reader.array()?;
        let net_fn = NetFn::new(net_fn & 0x3F).filter(|net_fn| !net_fn.is_response());
        let net_fn = net_fn.ok_or(CompletionCode::INVALID_DATA_FIELD)?;
        Ok(Self { channel, net_fn, index: index & 0x3F })
    }
}

/// One of the organisations that have commands under a network function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OemNetFn {
    /// Whether it is the last of the list.
    pub last: bool,
    /// For each LUN two bits: 00b has none of its commands, 01b has.
    pub luns: u8,
    /// The body code, or the three bytes of an IANA number.
    pub definer: OemDefiner,
}

/// The organisation as the response writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OemDefiner {
    /// A standards body.
    Group(u8),
    /// An organisation.
    Iana(u32),
}

impl Encode for OemNetFn {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([u8::from(self.last) << 7, self.luns]);
        match self.definer {
            OemDefiner::Group(code) => out.push(code),
            OemDefiner::Iana(number) => out.extend(number.to_le_bytes().iter().take(3)),
        }
    }
}

impl Decode for OemNetFn {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [last, luns] = reader.array()?;
        let definer = match reader.remaining() {
            1 => OemDefiner::Group(reader.u8()?),
            _ => OemDefiner::Iana(reader.u24()?),
        };
        Ok(Self { last: last & 0x80 != 0, luns, definer })
    }
}

#[cfg(test)]
mod tests;
