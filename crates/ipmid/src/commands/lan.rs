//! LAN configuration (NetFn 0Ch).

use std::net::Ipv4Addr;

use ipmi_wire::{
    CompletionCode, Privilege,
    codec::Encode as _,
    command::transport::{
        AddressSource, CommunityString, DestinationAddress, DestinationKind, DestinationType, DynamicSource,
        GetLanConfiguration, Ipv6Entry, LanParameter, PARAMETER_NOT_SUPPORTED, PARAMETER_REVISION,
        ParameterChange, ParameterQuery, ParameterValue, READ_ONLY, SET_IN_PROGRESS, SetLanConfiguration,
    },
};

use super::sol::lan_channel;
use crate::{
    dispatch::{Caller, Entry, later},
    ipmid::Ipmid,
    platform::{
        alerts::Destination,
        lan::{Interface, Ipv6Address, Ipv6Origin, LanOffer},
    },
};

pub(crate) const COMMANDS: &[Entry] =
    &[later!(SetLanConfiguration, set_lan_configuration), later!(GetLanConfiguration, get_lan_configuration)];

/// How many IPv6 addresses of each kind a client may ask for.
const IPV6_ENTRIES: u8 = 16;

async fn get_lan_configuration(
    ipmid: &Ipmid,
    caller: &Caller,
    query: ParameterQuery,
) -> Result<ParameterValue, CompletionCode> {
    let channel = lan_channel(ipmid, query.channel, caller)?;
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
        Source::Progress => {
            LanParameter::SetInProgress(ipmid.kept.lan_changes.lock().await.contains(&channel.number).into())
        }
        Source::Community => community(&ipmid.platform.alerts.community(&channel.name).await?),
        Source::DestinationCount => {
            LanParameter::DestinationCount(ipmid.platform.alerts.destinations(&channel.name).await?)
        }
        Source::Destination(parameter) => {
            parameter(query.set, &destination(ipmid, &channel.name, query.set).await?)
        }
    };
    Ok(ParameterValue { revision: PARAMETER_REVISION, data: parameter.to_bytes() })
}

/// What a parameter is made from.
enum Source {
    Fixed(fn() -> LanParameter),
    Interface(fn(&Interface) -> LanParameter),
    Set(fn(&Interface, u8) -> LanParameter),
    Offer(fn(&LanOffer) -> LanParameter),
    Progress,
    Community,
    DestinationCount,
    Destination(fn(u8, &Destination) -> LanParameter),
}

/// The parameters that have a true value. Those without (IP header, ports, ARP control, backup gateway, VLAN priority, bad password
/// threshold) are "not supported" until something here acts on them.
fn source(parameter: u8) -> Option<Source> {
    use LanParameter as P;
    Some(match parameter {
        0 => Source::Progress,
        // No IPMI 1.5 session can be opened.
        1 => Source::Fixed(|| P::AuthenticationSupport(0)),
        2 => Source::Fixed(|| P::AuthenticationEnables([0; 5])),
        3 => Source::Interface(|i| P::IpAddress(i.ipv4.map_or([0; 4], |(address, _)| address.octets()))),
        4 => Source::Interface(|i| P::IpSource(address_source(i))),
        5 => Source::Interface(|i| P::MacAddress(i.mac)),
        6 => Source::Interface(|i| P::SubnetMask(i.ipv4.map_or([0; 4], |(_, prefix)| mask(prefix)))),
        12 => Source::Interface(|i| P::GatewayAddress(i.gateway.map_or([0; 4], |gateway| gateway.octets()))),
        13 => Source::Interface(|i| P::GatewayMac(i.gateway_mac.unwrap_or_default())),
        16 => Source::Community,
        17 => Source::DestinationCount,
        18 => Source::Destination(destination_type),
        19 => Source::Destination(destination_address),
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

fn community(text: &str) -> LanParameter {
    LanParameter::CommunityString(CommunityString::new(text.as_bytes()).unwrap_or(CommunityString::PUBLIC))
}

fn destination_type(set: u8, of: &Destination) -> LanParameter {
    LanParameter::DestinationType(DestinationType {
        set,
        acknowledged: of.acknowledged,
        kind: DestinationKind::Pet,
        interval: of.interval,
        retries: of.retries,
    })
}

fn destination_address(set: u8, of: &Destination) -> LanParameter {
    LanParameter::DestinationAddress(DestinationAddress {
        set,
        backup_gateway: of.backup_gateway,
        address: of.address.parse().map_or([0; 4], |address: Ipv4Addr| address.octets()),
        mac: of.mac.as_slice().try_into().unwrap_or_default(),
    })
}

/// A destination of a channel.
///
/// # Errors
/// [`CompletionCode::PARAMETER_OUT_OF_RANGE`] where there are not so many, else the provider's.
async fn destination(ipmid: &Ipmid, channel: &str, set: u8) -> Result<Destination, CompletionCode> {
    let alerts = &ipmid.platform.alerts;
    if set > alerts.destinations(channel).await? {
        return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
    }
    Ok(alerts.destination(channel, set).await?)
}

/// Where alerts go can be set here; the network's own settings are networkd's.
async fn set_lan_configuration(
    ipmid: &Ipmid,
    caller: &Caller,
    change: ParameterChange,
) -> Result<(), CompletionCode> {
    use LanParameter as P;
    let channel = lan_channel(ipmid, change.channel, caller)?;
    source(change.parameter).ok_or(PARAMETER_NOT_SUPPORTED)?;
    if !WRITABLE.contains(&change.parameter) {
        return Err(READ_ONLY);
    }
    // One at a time: half of a destination is set by each of two parameters.
    let mut changing = ipmid.kept.lan_changes.lock().await;
    let alerts = &ipmid.platform.alerts;
    match LanParameter::read(change.parameter, &change.data)? {
        P::SetInProgress(1) if !changing.insert(channel.number) => return Err(SET_IN_PROGRESS),
        P::SetInProgress(1) => {}
        P::SetInProgress(3) => return Err(CompletionCode::INVALID_DATA_FIELD),
        // Each write is kept at once: a commit has nothing left to do and ends the change.
        P::SetInProgress(_) => drop(changing.remove(&channel.number)),
        P::CommunityString(community) => {
            alerts.set_community(&channel.name, &String::from_utf8_lossy(community.text())).await?;
        }
        // The vendor's types are not Ferrite's.
        P::DestinationType(of) if of.kind != DestinationKind::Pet => {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        P::DestinationType(of) => {
            let DestinationType { acknowledged, interval, retries, .. } = of;
            let now = destination(ipmid, &channel.name, of.set).await?;
            let new = Destination { acknowledged, interval, retries, ..now };
            alerts.set_destination(&channel.name, of.set, new).await?;
        }
        P::DestinationAddress(of) => {
            let now = destination(ipmid, &channel.name, of.set).await?;
            let address = Ipv4Addr::from(of.address).to_string();
            let new = Destination { address, mac: of.mac.to_vec(), backup_gateway: of.backup_gateway, ..now };
            alerts.set_destination(&channel.name, of.set, new).await?;
        }
        _ => return Err(READ_ONLY),
    }
    Ok(())
}

/// Whether a change is going on, and where alerts go.
const WRITABLE: [u8; 4] = [0, 16, 18, 19];

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
