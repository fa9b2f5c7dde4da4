//! LAN configuration of the Transport network function (v2.0§23).

use super::{Access::AtLeast, app_channel::ChannelNumber};
use crate::{
    CompletionCode,
    Privilege::{Administrator, Operator},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set LAN Configuration Parameters (v2.0§23.1).
    SetLanConfiguration = TRANSPORT 0x01 "Set LAN Configuration Parameters", AtLeast(Administrator),
    ParameterChange => ()
}

command! {
    /// Get LAN Configuration Parameters (v2.0§23.2).
    GetLanConfiguration = TRANSPORT 0x02 "Get LAN Configuration Parameters", AtLeast(Operator),
    ParameterQuery => ParameterValue
}

/// "Parameter not supported" of the configuration commands.
pub const PARAMETER_NOT_SUPPORTED: CompletionCode = CompletionCode(0x80);

/// "Attempt to set the 'set in progress' value when not in the 'set complete' state".
pub const SET_IN_PROGRESS: CompletionCode = CompletionCode(0x81);

/// "Attempt to write read-only parameter".
pub const READ_ONLY: CompletionCode = CompletionCode(0x82);

/// The revision that this specification gives its LAN parameters: 1.1, "oldest revision compatible" first.
pub const PARAMETER_REVISION: u8 = 0x11;

/// A new value for a parameter: of a LAN channel (v2.0§23.1), or of its Serial over LAN (v2.0§26.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterChange {
    /// The channel.
    pub channel: ChannelNumber,
    /// The parameter's number, as `LanParameter` or `SolParameter` has it.
    pub parameter: u8,
    /// What `LanParameter` or `SolParameter` encodes.
    pub data: Vec<u8>,
}

impl Encode for ParameterChange {
    fn encode(&self, out: &mut Vec<u8>) {
        self.channel.encode(out);
        out.push(self.parameter);
        out.extend(&self.data);
    }
}

impl Decode for ParameterChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self {
            channel: ChannelNumber::decode(reader)?,
            parameter: reader.u8()?,
            data: reader.rest().to_vec(),
        })
    }
}

/// Which parameter is asked for: of a LAN channel (v2.0§23.2), or of its Serial over LAN (v2.0§26.3), which has neither sets nor blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterQuery {
    /// The channel.
    pub channel: ChannelNumber,
    /// Only the parameter's revision is wanted.
    pub revision_only: bool,
    /// The parameter's number, as `LanParameter` or `SolParameter` has it.
    pub parameter: u8,
    /// Which one of a set; 0 where there is no set.
    pub set: u8,
    /// Which block of it; 0 where it has no blocks.
    pub block: u8,
}

impl Encode for ParameterQuery {
    fn encode(&self, out: &mut Vec<u8>) {
        let revision_only = u8::from(self.revision_only) << 7;
        out.extend([revision_only | self.channel.0 & 0x0F, self.parameter, self.set, self.block]);
    }
}

impl Decode for ParameterQuery {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [channel, parameter, set, block] = reader.array()?;
        Ok(Self {
            channel: ChannelNumber(channel & 0x0F),
            revision_only: channel & 0x80 != 0,
            parameter,
            set,
            block,
        })
    }
}

/// The value of a parameter, as bytes: its form depends on the number, which the response does not repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterValue {
    /// The parameter's revision.
    pub revision: u8,
    /// What `LanParameter` or `SolParameter` encodes; empty where the revision alone was wanted.
    pub data: Vec<u8>,
}

impl Encode for ParameterValue {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.revision);
        out.extend(&self.data);
    }
}

impl Decode for ParameterValue {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { revision: reader.u8()?, data: reader.rest().to_vec() })
    }
}

/// Where an IPv4 address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressSource {
    /// Nobody says.
    Unspecified,
    /// Configured.
    Static,
    /// DHCP.
    Dhcp,
}

/// Where an IPv6 address that was not configured comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DynamicSource {
    /// Router advertisement, or the link-local address.
    Slaac,
    /// DHCPv6.
    Dhcpv6,
}

/// An IPv6 address in a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Entry {
    /// Sixteen bytes, most significant first.
    pub address: [u8; 16],
    /// Prefix length, 0 to 128.
    pub prefix: u8,
}

/// The SNMP community of alerts: up to 18 printable ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommunityString([u8; 18]);

impl CommunityString {
    /// The one to begin with, "public".
    pub const PUBLIC: Self = Self(*b"public\0\0\0\0\0\0\0\0\0\0\0\0");

    /// A community of these characters; `None` where they are too many, or not printable.
    pub fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 18];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self(bytes)).filter(|community| community.text() == text && community.is_printable())
    }

    /// The characters that go into a trap: none from the first null on.
    pub fn text(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn is_printable(&self) -> bool {
        self.text().iter().all(|byte| matches!(byte, b' '..=b'~'))
    }
}

/// What an alert is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationKind {
    /// A platform event trap.
    Pet,
    /// What the manufacturer defines.
    Oem1,
    /// What the manufacturer defines.
    Oem2,
}

/// How alerts are sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationType {
    /// Which destination, 1 to 15; 0 is the volatile one of Alert Immediate (v2.0§30.7).
    pub set: u8,
    /// Whether an alert has to be acknowledged; else it is done when it has been sent.
    pub acknowledged: bool,
    /// What it is sent as.
    pub kind: DestinationKind,
    /// Seconds to wait for the acknowledgement, or between retries; 0 is one second.
    pub interval: u8,
    /// How often it is sent again, 0 to 7.
    pub retries: u8,
}

/// Where a destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestinationAddress {
    /// Which destination, as in [`DestinationType`].
    pub set: u8,
    /// Whether the way there is the backup gateway rather than the default one.
    pub backup_gateway: bool,
    /// The IPv4 address.
    pub address: [u8; 4],
    /// The hardware address that packets go to; zeros where it is to be asked for by ARP.
    pub mac: [u8; 6],
}

/// LAN parameters (v2.0 table 23-4) that have a value here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LanParameter {
    /// 0: whether a change is going on.
    SetInProgress(u8),
    /// 1: IPMI 1.5 authentication types that are supported, one bit each.
    AuthenticationSupport(u8),
    /// 2: those that are enabled, for Callback, User, Operator, Administrator, OEM.
    AuthenticationEnables([u8; 5]),
    /// 3: the IPv4 address.
    IpAddress([u8; 4]),
    /// 4: where it comes from.
    IpSource(AddressSource),
    /// 5: the hardware address.
    MacAddress([u8; 6]),
    /// 6: the IPv4 network mask.
    SubnetMask([u8; 4]),
    /// 12: the IPv4 gateway.
    GatewayAddress([u8; 4]),
    /// 13: its hardware address.
    GatewayMac([u8; 6]),
    /// 16: the community of alerts.
    CommunityString(CommunityString),
    /// 17: how many destinations of alerts there are, 0 to 15, the volatile one not counted. Read only.
    DestinationCount(u8),
    /// 18: how alerts are sent to a destination of the set.
    DestinationType(DestinationType),
    /// 19: where it is.
    DestinationAddress(DestinationAddress),
    /// 20: the VLAN, 1 to 4094, if there is one.
    VlanId(Option<u16>),
    /// 22: how many cipher suites there are, 0 to 16.
    CipherSuiteCount(u8),
    /// 23: their IDs.
    CipherSuites([u8; 16]),
    /// 24: the highest privilege that each of them may have, in the order of 23; 0 is unspecified.
    CipherSuitePrivileges([u8; 16]),
    /// 50: what IPv6 can do here: bit 0 alone, bit 1 together with IPv4, bit 2 as a destination of alerts.
    Ipv6Support(u8),
    /// 51: what is enabled: 0 IPv4 alone, 1 IPv6 alone, 2 both.
    Ipv6Enables(u8),
    /// 55: how many static and dynamic addresses there can be; bit 0 of the third DHCPv6, bit 1 SLAAC.
    Ipv6Status([u8; 3]),
    /// 56: a configured address of the set; `None` where the entry is not used.
    Ipv6Static(u8, Option<Ipv6Entry>),
    /// 59: another address of the set; `None` where the entry is not used.
    Ipv6Dynamic(u8, Option<(DynamicSource, Ipv6Entry)>),
}

impl LanParameter {
    /// The parameter's number.
    pub fn number(&self) -> u8 {
        match self {
            Self::SetInProgress(_) => 0,
            Self::AuthenticationSupport(_) => 1,
            Self::AuthenticationEnables(_) => 2,
            Self::IpAddress(_) => 3,
            Self::IpSource(_) => 4,
            Self::MacAddress(_) => 5,
            Self::SubnetMask(_) => 6,
            Self::GatewayAddress(_) => 12,
            Self::GatewayMac(_) => 13,
            Self::CommunityString(_) => 16,
            Self::DestinationCount(_) => 17,
            Self::DestinationType(_) => 18,
            Self::DestinationAddress(_) => 19,
            Self::VlanId(_) => 20,
            Self::CipherSuiteCount(_) => 22,
            Self::CipherSuites(_) => 23,
            Self::CipherSuitePrivileges(_) => 24,
            Self::Ipv6Support(_) => 50,
            Self::Ipv6Enables(_) => 51,
            Self::Ipv6Status(_) => 55,
            Self::Ipv6Static(..) => 56,
            Self::Ipv6Dynamic(..) => 59,
        }
    }

    /// Reads the value of parameter `number`.
    ///
    /// # Errors
    /// [`PARAMETER_NOT_SUPPORTED`] for a number that is not known here, [`CompletionCode::INVALID_DATA_FIELD`] for a community that
    /// is not printable and for a destination that is neither a trap's nor OEM or has no IPv4 address, else as [`Decode::decode`].
    pub fn read(number: u8, data: &[u8]) -> Result<Self, CompletionCode> {
        let mut reader = Reader::new(data);
        let value = Self::decode(number, &mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    fn decode(number: u8, reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(match number {
            0 => Self::SetInProgress(reader.u8()? & 0x03),
            1 => Self::AuthenticationSupport(reader.u8()? & 0x3F),
            2 => Self::AuthenticationEnables(reader.array()?),
            3 => Self::IpAddress(reader.array()?),
            4 => Self::IpSource(match reader.u8()? & 0x0F {
                1 => AddressSource::Static,
                2 => AddressSource::Dhcp,
                _ => AddressSource::Unspecified,
            }),
            5 => Self::MacAddress(reader.array()?),
            6 => Self::SubnetMask(reader.array()?),
            12 => Self::GatewayAddress(reader.array()?),
            13 => Self::GatewayMac(reader.array()?),
            16 => Self::CommunityString(
                Some(CommunityString(reader.array()?))
                    .filter(CommunityString::is_printable)
                    .ok_or(CompletionCode::INVALID_DATA_FIELD)?,
            ),
            17 => Self::DestinationCount(reader.u8()? & 0x0F),
            18 => Self::DestinationType(decode_type(reader)?),
            19 => Self::DestinationAddress(decode_address(reader)?),
            20 => {
                let id = reader.u16()?;
                Self::VlanId((id & 0x8000 != 0).then_some(id & 0x0FFF))
            }
            22 => Self::CipherSuiteCount(reader.u8()? & 0x1F),
            23 => Self::CipherSuites(after_reserved(reader)?),
            24 => Self::CipherSuitePrivileges(unpack(after_reserved(reader)?)),
            50 => Self::Ipv6Support(reader.u8()?),
            51 => Self::Ipv6Enables(reader.u8()?),
            55 => Self::Ipv6Status(reader.array()?),
            56 => {
                let (set, entry) = decode_entry(reader)?;
                Self::Ipv6Static(set, entry.map(|(_, entry)| entry))
            }
            59 => {
                let (set, entry) = decode_entry(reader)?;
                let source = |code| if code == 2 { DynamicSource::Dhcpv6 } else { DynamicSource::Slaac };
                Self::Ipv6Dynamic(set, entry.map(|(code, entry)| (source(code), entry)))
            }
            _ => return Err(PARAMETER_NOT_SUPPORTED),
        })
    }
}

impl Encode for LanParameter {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::SetInProgress(byte)
            | Self::AuthenticationSupport(byte)
            | Self::CipherSuiteCount(byte)
            | Self::Ipv6Support(byte)
            | Self::Ipv6Enables(byte) => out.push(*byte),
            Self::AuthenticationEnables(bytes) => out.extend(bytes),
            Self::IpAddress(bytes) | Self::SubnetMask(bytes) | Self::GatewayAddress(bytes) => {
                out.extend(bytes);
            }
            Self::IpSource(source) => out.push(*source as u8),
            Self::MacAddress(bytes) | Self::GatewayMac(bytes) => out.extend(bytes),
            Self::CommunityString(community) => out.extend(community.0),
            Self::DestinationCount(count) => out.push(count & 0x0F),
            Self::DestinationType(of) => {
                let kind = kind_code(of.kind);
                out.extend([
                    of.set & 0x0F,
                    u8::from(of.acknowledged) << 7 | kind,
                    of.interval,
                    of.retries & 0x07,
                ]);
            }
            Self::DestinationAddress(of) => {
                out.extend([of.set & 0x0F, IPV4, of.backup_gateway.into()]);
                out.extend(of.address);
                out.extend(of.mac);
            }
            Self::VlanId(id) => out.extend(id.map_or(0, |id| id & 0x0FFF | 0x8000).to_le_bytes()),
            Self::CipherSuites(suites) => {
                out.push(0);
                out.extend(suites);
            }
            Self::CipherSuitePrivileges(privileges) => {
                out.push(0);
                out.extend(pack(privileges));
            }
            Self::Ipv6Status(bytes) => out.extend(bytes),
            Self::Ipv6Static(set, entry) => {
                encode_entry(out, *set, entry.map(|entry| (STATIC_ENABLED, entry)));
            }
            Self::Ipv6Dynamic(set, entry) => {
                let code = |source| if source == DynamicSource::Dhcpv6 { 2 } else { 1 };
                encode_entry(out, *set, entry.map(|(source, entry)| (code(source), entry)));
            }
        }
    }
}

/// Address format of a destination: an IPv4 address and a hardware address.
const IPV4: u8 = 0x00;

fn kind_code(kind: DestinationKind) -> u8 {
    match kind {
        DestinationKind::Pet => 0b000,
        DestinationKind::Oem1 => 0b110,
        DestinationKind::Oem2 => 0b111,
    }
}

fn decode_type(reader: &mut Reader<'_>) -> Result<DestinationType, CompletionCode> {
    let [set, kind, interval, retries] = reader.array()?;
    let kinds = [DestinationKind::Pet, DestinationKind::Oem1, DestinationKind::Oem2];
    let known = kinds.into_iter().find(|known| kind_code(*known) == kind & 0x07);
    Ok(DestinationType {
        set: set & 0x0F,
        acknowledged: kind & 0x80 != 0,
        kind: known.ok_or(CompletionCode::INVALID_DATA_FIELD)?,
        interval,
        retries: retries & 0x07,
    })
}

fn decode_address(reader: &mut Reader<'_>) -> Result<DestinationAddress, CompletionCode> {
    let [set, format] = reader.array()?;
    if format & 0xF0 != IPV4 {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let [gateway] = reader.array()?;
    Ok(DestinationAddress {
        set: set & 0x0F,
        backup_gateway: gateway & 0x01 != 0,
        address: reader.array()?,
        mac: reader.array()?,
    })
}

/// Source byte of a configured IPv6 address that is in use.
const STATIC_ENABLED: u8 = 0x80;
/// Status of an IPv6 address: in use.
const ACTIVE: u8 = 0;
/// Status of an IPv6 address: not used.
const DISABLED: u8 = 1;

fn encode_entry(out: &mut Vec<u8>, set: u8, entry: Option<(u8, Ipv6Entry)>) {
    let status = if entry.is_some() { ACTIVE } else { DISABLED };
    let (source, entry) = entry.unwrap_or((0, Ipv6Entry { address: [0; 16], prefix: 0 }));
    out.extend([set, source]);
    out.extend(entry.address);
    out.extend([entry.prefix, status]);
}

/// The set selector, and the source byte with the entry where it is used.
fn decode_entry(reader: &mut Reader<'_>) -> Result<(u8, Option<(u8, Ipv6Entry)>), CompletionCode> {
    let [set, source] = reader.array()?;
    let address = reader.array()?;
    let [prefix, status] = reader.array()?;
    Ok((set, (status == ACTIVE).then_some((source & 0x0F, Ipv6Entry { address, prefix }))))
}

fn after_reserved<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], CompletionCode> {
    reader.u8()?;
    reader.array()
}

/// Two privileges a byte, the first in the low half.
fn pack(privileges: &[u8; 16]) -> impl Iterator<Item = u8> {
    let (pairs, _) = privileges.as_chunks::<2>();
    pairs.iter().map(|[first, second]| first & 0x0F | second << 4)
}

fn unpack(bytes: [u8; 8]) -> [u8; 16] {
    let mut privileges = [0; 16];
    for (slot, half) in privileges.iter_mut().zip(bytes.iter().flat_map(|byte| [byte & 0x0F, byte >> 4])) {
        *slot = half;
    }
    privileges
}

#[cfg(test)]
mod tests;
