//! LAN configuration (NetFn 0Ch).

use std::net::Ipv4Addr;

use bmc_daemon::ChannelMedium;
use ipmi_wire::{
    CompletionCode, Privilege,
    codec::Encode as _,
    command::transport::{
        AddressSource, DynamicSource, GetLanConfiguration, Ipv6Entry, LanParameter, PARAMETER_NOT_SUPPORTED,
        PARAMETER_REVISION, ParameterQuery, ParameterValue,
    },
};

use crate::{
    dispatch::{Caller, Entry, later},
    ipmid::Ipmid,
    platform::lan::{Interface, Ipv6Address, Ipv6Origin, LanOffer},
};

pub(crate) const COMMANDS: &[Entry] = &[later!(GetLanConfiguration, get_lan_configuration)];

/// How many IPv6 addresses of each kind a client may ask for.
const IPV6_ENTRIES: u8 = 16;

async fn get_lan_configuration(
    ipmid: &Ipmid,
    caller: &Caller,
    query: ParameterQuery,
) -> Result<ParameterValue, CompletionCode> {
    let channel = ipmid.channel(query.channel, caller)?;
    if channel.medium != ChannelMedium::Lan {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let source = source(query.parameter).ok_or(PARAMETER_NOT_SUPPORTED)?;
    if query.revision_only {
        return Ok(ParameterValue { revision: PARAMETER_REVISION, data: Vec::new() });
    }
    let lan = &ipmid.platform.lan;
    let parameter = match source {
        Source::Fixed(parameter) => parameter(),
        Source::Interface(parameter) => parameter(&lan.interface(&channel.name)?),
        Source::Set(parameter) if query.set < IPV6_ENTRIES => {
            parameter(&lan.interface(&channel.name)?, query.set)
        }
        Source::Set(_) => return Err(CompletionCode::PARAMETER_OUT_OF_RANGE),
        Source::Offer(parameter) => parameter(&lan.offer(&channel.name).await?),
    };
    Ok(ParameterValue { revision: PARAMETER_REVISION, data: parameter.to_bytes() })
}

/// What a parameter is made from.
enum Source {
    Fixed(fn() -> LanParameter),
    Interface(fn(&Interface) -> LanParameter),
    Set(fn(&Interface, u8) -> LanParameter),
    Offer(fn(&LanOffer) -> LanParameter),
}

/// The parameters that have a true value. Those without (IP header, ports, ARP control, backup gateway, community, alert
/// destinations, VLAN priority, bad password threshold) are "not supported" until something here acts on them.
fn source(parameter: u8) -> Option<Source> {
    use LanParameter as P;
    Some(match parameter {
        0 => Source::Fixed(|| P::SetInProgress(0)),
        // No IPMI 1.5 session can be opened.
        1 => Source::Fixed(|| P::AuthenticationSupport(0)),
        2 => Source::Fixed(|| P::AuthenticationEnables([0; 5])),
        3 => Source::Interface(|i| P::IpAddress(i.ipv4.map_or([0; 4], |(address, _)| address.octets()))),
        4 => Source::Interface(|i| P::IpSource(address_source(i))),
        5 => Source::Interface(|i| P::MacAddress(i.mac)),
        6 => Source::Interface(|i| P::SubnetMask(i.ipv4.map_or([0; 4], |(_, prefix)| mask(prefix)))),
        12 => Source::Interface(|i| P::GatewayAddress(i.gateway.map_or([0; 4], |gateway| gateway.octets()))),
        13 => Source::Interface(|i| P::GatewayMac(i.gateway_mac.unwrap_or_default())),
        20 => Source::Interface(|i| P::VlanId(i.vlan)),
        22 => Source::Offer(|offer| P::CipherSuiteCount(suite_count(offer))),
        23 => Source::Offer(|offer| P::CipherSuites(suites(offer))),
        24 => Source::Offer(|offer| P::CipherSuitePrivileges(suite_privileges(offer))),
        // Bit 1: IPv4 and IPv6 at the same time.
        50 => Source::Fixed(|| P::Ipv6Support(0b010)),
        // 2: both are enabled.
        51 => Source::Fixed(|| P::Ipv6Enables(2)),
        // DHCPv6 and SLAAC addresses are both shown.
        55 => Source::Fixed(|| P::Ipv6Status([IPV6_ENTRIES, IPV6_ENTRIES, 0b11])),
        56 => Source::Set(static_address),
        59 => Source::Set(dynamic_address),
        _ => return None,
    })
}

fn address_source(interface: &Interface) -> AddressSource {
    match (interface.ipv4, interface.ipv4_dhcp) {
        (_, true) => AddressSource::Dhcp,
        (Some(_), false) => AddressSource::Static,
        (None, false) => AddressSource::Unspecified,
    }
}

fn mask(prefix: u8) -> [u8; 4] {
    let host_bits = 32_u32.saturating_sub(u32::from(prefix));
    Ipv4Addr::from_bits(u32::MAX.checked_shl(host_bits).unwrap_or(0)).octets()
}

fn suite_count(offer: &LanOffer) -> u8 {
    u8::try_from(offer.cipher_suites.len()).unwrap_or(16).min(16)
}

fn suites(offer: &LanOffer) -> [u8; 16] {
    let mut entries = [0; 16];
    for (entry, suite) in entries.iter_mut().zip(&offer.cipher_suites) {
        *entry = *suite;
    }
    entries
}

/// Every suite on offer is good for an administrator; entries that are not used are unspecified.
fn suite_privileges(offer: &LanOffer) -> [u8; 16] {
    let mut privileges = [0; 16];
    for (privilege, _) in privileges.iter_mut().zip(&offer.cipher_suites) {
        *privilege = Privilege::Administrator.into();
    }
    privileges
}

fn static_address(interface: &Interface, set: u8) -> LanParameter {
    let mut entries = interface.ipv6.iter().filter(|address| address.origin == Ipv6Origin::Static);
    LanParameter::Ipv6Static(set, entries.nth(set.into()).map(entry))
}

fn dynamic_address(interface: &Interface, set: u8) -> LanParameter {
    let mut entries = interface.ipv6.iter().filter(|address| address.origin != Ipv6Origin::Static);
    let source = |address: &Ipv6Address| match address.origin {
        Ipv6Origin::Dhcp => DynamicSource::Dhcpv6,
        _ => DynamicSource::Slaac,
    };
    LanParameter::Ipv6Dynamic(set, entries.nth(set.into()).map(|address| (source(address), entry(address))))
}

fn entry(address: &Ipv6Address) -> Ipv6Entry {
    Ipv6Entry { address: address.address.octets(), prefix: address.prefix }
}
