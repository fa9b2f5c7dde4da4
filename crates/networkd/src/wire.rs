//! rtnetlink, decoded: only the messages and attributes that are wanted (linux/netlink.h, linux/rtnetlink.h, linux/if_link.h,
//! linux/if_addr.h, linux/neighbour.h).
//!
//! By hand: these dozen attributes take a few kilobytes of text, where the general crate decodes every attribute of every link type.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the kernel said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A link is there, or changed.
    Link(u32, Link),
    /// A link went away.
    LinkGone(u32),
    /// An address is there, or changed.
    Address(AddressKey, Address),
    /// An address went away.
    AddressGone(AddressKey),
    /// A default route is there; `replace` stands in for the one of the same family and metric.
    Route {
        /// The route.
        route: DefaultRoute,
        /// Whether another of its kind made way without a notification of its own.
        replace: bool,
    },
    /// A default route went away.
    RouteGone(DefaultRoute),
    /// A neighbour's hardware address is known.
    Neighbour(NeighbourKey, Neighbour),
    /// A neighbour is not known any more.
    NeighbourGone(NeighbourKey),
    /// The end of a dump.
    Done,
    /// The dump was changed while it was read, and is not consistent.
    Interrupted,
    /// An error, as a positive errno.
    Failed(i32),
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The kernel's name.
    pub(crate) name: String,
    /// Whether it is an Ethernet interface (VLANs are), and not the loopback or a tunnel.
    pub(crate) ethernet: bool,
    /// Administratively up.
    pub(crate) enabled: bool,
    /// Carrier.
    pub(crate) carrier: bool,
    /// Hardware address.
    pub(crate) mac: Option<[u8; 6]>,
    /// Bytes.
    pub(crate) mtu: u32,
    /// VLAN number, of a VLAN interface.
    pub(crate) vlan: Option<u16>,
}

/// Interface index, address, prefix length.
pub(crate) type AddressKey = (u32, IpAddr, u8);

/// What the kernel knows of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    /// `IFA_F_*`.
    pub(crate) flags: u32,
    /// `IFAPROT_*`: who made it; 0 where the kernel does not say.
    pub(crate) protocol: u8,
}

impl Address {
    /// Without an end of its life.
    pub(crate) const PERMANENT: u32 = 0x80;
    /// A privacy address (from a router's prefix).
    pub(crate) const TEMPORARY: u32 = 0x01;
    /// The kernel makes privacy addresses beside this one (from a router's prefix).
    pub(crate) const MANAGE_TEMPORARY: u32 = 0x100;
    /// From a router advertisement.
    pub(crate) const FROM_ROUTER: u8 = 2;
}

/// A default route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DefaultRoute {
    /// Lower wins.
    pub(crate) metric: u32,
    /// Interface index.
    pub(crate) link: u32,
    /// The router.
    pub(crate) gateway: IpAddr,
}

/// Interface index, address.
pub(crate) type NeighbourKey = (u32, IpAddr);

/// A neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Hardware address.
    pub(crate) mac: [u8; 6],
    /// `NUD_*`.
    pub(crate) state: u16,
}

/// A table to ask for: the request's message type.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
pub(crate) enum Table {
    Links = 18,
    Addresses = 22,
    Routes = 26,
    Neighbours = 30,
}

const HEADER: usize = 16;
const DUMP_INTERRUPTED: u16 = 0x10;
const REPLACE: u16 = 0x100;

/// The request for all of `table`: a header, and the largest of the four message bodies as zeroes.
pub(crate) fn dump_request(table: Table) -> [u8; HEADER + 16] {
    const REQUEST_AND_DUMP: u16 = 0x301;
    let mut request = [0; HEADER + 16];
    request[0..4].copy_from_slice(&32u32.to_ne_bytes());
    request[4..6].copy_from_slice(&(table as u16).to_ne_bytes());
    request[6..8].copy_from_slice(&REQUEST_AND_DUMP.to_ne_bytes());
    request
}

/// All events in one datagram. What is cut short or not wanted is passed over.
pub(crate) fn decode(datagram: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut rest = datagram;
    while let Some(length) = u32_at(rest, 0).and_then(|length| usize::try_from(length).ok()) {
        let (Some(body), Some(kind), Some(flags)) =
            (rest.get(HEADER..length), u16_at(rest, 4), u16_at(rest, 6))
        else {
            break;
        };
        if flags & DUMP_INTERRUPTED != 0 {
            events.push(Event::Interrupted);
        }
        events.extend(event(kind, flags, body));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    events
}

fn event(kind: u16, flags: u16, body: &[u8]) -> Option<Event> {
    match kind {
        2 => {
            let errno = i32::from_ne_bytes(array(body, 0)?);
            (errno != 0).then(|| Event::Failed(errno.saturating_neg()))
        }
        3 => Some(Event::Done),
        16 => link(body).map(|(index, link)| Event::Link(index, link)),
        17 => link(body).map(|(index, _)| Event::LinkGone(index)),
        20 => address(body).map(|(key, address)| Event::Address(key, address)),
        21 => address(body).map(|(key, _)| Event::AddressGone(key)),
        24 => default_route(body).map(|route| Event::Route { route, replace: flags & REPLACE != 0 }),
        25 => default_route(body).map(Event::RouteGone),
        28 => neighbour(body).map(|(key, neighbour)| match neighbour {
            Some(neighbour) => Event::Neighbour(key, neighbour),
            None => Event::NeighbourGone(key),
        }),
        29 => neighbour(body).map(|(key, _)| Event::NeighbourGone(key)),
        _ => None,
    }
}

/// `struct ifinfomsg` and its attributes.
fn link(body: &[u8]) -> Option<(u32, Link)> {
    const ETHERNET: u16 = 1;
    const UP: u32 = 0x1;
    const LOWER_UP: u32 = 0x1_0000;
    // A message of another family (bridge) tells of a link's role, not of the link.
    if *body.first()? != 0 {
        return None;
    }
    let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
    let mut link = Link {
        name: String::new(),
        ethernet: u16_at(body, 2)? == ETHERNET,
        enabled: flags & UP != 0,
        carrier: flags & LOWER_UP != 0,
        mac: None,
        mtu: 0,
        vlan: None,
    };
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            1 => link.mac = array(value, 0).filter(|_| value.len() == 6),
            3 => link.name = String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
            4 => link.mtu = u32_at(value, 0)?,
            18 => link.vlan = vlan(value),
            _ => {}
        }
    }
    Some((index, link))
}

/// `IFLA_LINKINFO`: the number, where the kind is "vlan".
fn vlan(info: &[u8]) -> Option<u16> {
    let kind = attribute(info, 1)?;
    if kind.strip_suffix(b"\0").unwrap_or(kind) != b"vlan" {
        return None;
    }
    u16_at(attribute(attribute(info, 2)?, 1)?, 0)
}

fn attribute(list: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(list).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// `struct ifaddrmsg` and its attributes.
fn address(body: &[u8]) -> Option<(AddressKey, Address)> {
    let [family, prefix, flags, _scope] = array(body, 0)?;
    let link = u32_at(body, 4)?;
    let (mut ip, mut address) = (None, Address { flags: u32::from(flags), protocol: 0 });
    let mut local = None;
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            1 => ip = ip_address(family, value),
            // On a point-to-point link IFA_ADDRESS is the other end's.
            2 => local = ip_address(family, value),
            8 => address.flags = u32_at(value, 0)?,
            11 => address.protocol = *value.first()?,
            _ => {}
        }
    }
    Some(((link, local.or(ip)?, prefix), address))
}

/// `struct rtmsg` and its attributes, where they make a default route of the main table.
fn default_route(body: &[u8]) -> Option<DefaultRoute> {
    const MAIN: u32 = 254;
    const UNICAST: u8 = 1;
    let [family, destination_length, _, _, table, _, _, kind] = array(body, 0)?;
    if destination_length != 0 || kind != UNICAST {
        return None;
    }
    let (mut table, mut metric, mut link, mut gateway) = (u32::from(table), 0, None, None);
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            4 => link = u32_at(value, 0),
            5 => gateway = ip_address(family, value),
            6 => metric = u32_at(value, 0)?,
            // The first of several next hops stands for all.
            9 => {
                link = u32_at(value, 4);
                let hop = value.get(8..usize::from(u16_at(value, 0)?))?;
                gateway = attribute(hop, 5).and_then(|value| ip_address(family, value));
            }
            15 => table = u32_at(value, 0)?,
            _ => {}
        }
    }
    (table == MAIN).then_some(DefaultRoute { metric, link: link?, gateway: gateway? })
}

/// `struct ndmsg` and its attributes; no neighbour where the hardware address is not known.
fn neighbour(body: &[u8]) -> Option<(NeighbourKey, Option<Neighbour>)> {
    let (family, link, state) = (*body.first()?, u32_at(body, 4)?, u16_at(body, 8)?);
    let (mut ip, mut mac) = (None, None);
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            1 => ip = ip_address(family, value),
            2 => mac = array(value, 0).filter(|_| value.len() == 6),
            _ => {}
        }
    }
    Some(((link, ip?), mac.map(|mac| Neighbour { mac, state })))
}

/// The attributes in `list`, up to the first that is cut short.
fn attributes(mut list: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    // The two top bits say "nested" and "network byte order".
    const KIND: u16 = 0x3FFF;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(list, 0)?);
        let (kind, value) = (u16_at(list, 2)? & KIND, list.get(4..length)?);
        list = list.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn ip_address(family: u8, value: &[u8]) -> Option<IpAddr> {
    const INET: u8 = 2;
    const INET6: u8 = 10;
    match (family, value.len()) {
        (INET, 4) => array(value, 0).map(|octets: [u8; 4]| Ipv4Addr::from(octets).into()),
        (INET6, 16) => array(value, 0).map(|octets: [u8; 16]| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests;
