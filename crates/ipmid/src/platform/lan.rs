//! The network behind a LAN channel, and what the channel offers.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Pending, PlatformError};

/// The seam to networkd and to the owners of the LAN channels.
pub trait Lan: Send + Sync {
    /// Addresses of the interface `name`.
    ///
    /// # Errors
    /// [`PlatformError::Absent`] while networkd is not on the bus, [`PlatformError::NotPresent`] where it has no such interface.
    fn interface(&self, name: &str) -> Result<Interface, PlatformError>;
    /// What the channel on `name` offers to those who log in.
    fn offer(&self, name: &str) -> Pending<'_, LanOffer>;
}

/// An interface's configuration as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// Hardware address.
    pub mac: [u8; 6],
    /// IPv4 address and prefix length.
    pub ipv4: Option<(Ipv4Addr, u8)>,
    /// Where the IPv4 address came from.
    pub ipv4_dhcp: bool,
    /// IPv4 gateway.
    pub gateway: Option<Ipv4Addr>,
    /// The IPv4 gateway's hardware address, where a neighbour entry tells it.
    pub gateway_mac: Option<[u8; 6]>,
    /// VLAN ID, 1 to 4094.
    pub vlan: Option<u16>,
    /// IPv6 addresses.
    pub ipv6: Vec<Ipv6Address>,
}

/// An IPv6 address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6Address {
    /// The address.
    pub address: Ipv6Addr,
    /// Prefix length, 0 to 128.
    pub prefix: u8,
    /// Where it came from.
    pub origin: Ipv6Origin,
}

/// Where an IPv6 address came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ipv6Origin {
    /// Configured.
    Static,
    /// DHCPv6.
    Dhcp,
    /// Router advertisement.
    Slaac,
    /// The link's own.
    LinkLocal,
}

/// What a LAN channel offers to those who log in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LanOffer {
    /// IDs of the cipher suites, best first.
    pub cipher_suites: Vec<u8>,
    /// Whether a two-key login is wanted: KG is set.
    pub kg_set: bool,
}
