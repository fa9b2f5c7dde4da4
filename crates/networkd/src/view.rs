//! The kernel's tables as OpenBMC sees them: interfaces with addresses, gateways and the gateways' hardware addresses.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::{
    kernel::Kernel,
    wire::{Address, Link, Neighbour},
};

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) link: Link,
    /// Mbit/s, 0 where not known.
    pub(crate) speed: u32,
    pub(crate) full_duplex: bool,
    pub(crate) gateway4: Option<IpAddr>,
    pub(crate) gateway6: Option<IpAddr>,
    pub(crate) nameservers: Vec<String>,
    pub(crate) time_servers: Vec<String>,
    pub(crate) domains: Vec<String>,
    /// Where the kernel takes addresses from routers: an address has come from one.
    pub(crate) accepts_router: bool,
    pub(crate) addresses: Vec<InterfaceAddress>,
    pub(crate) neighbours: Vec<(IpAddr, Neighbour)>,
}

/// An address and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterfaceAddress {
    pub(crate) ip: IpAddr,
    pub(crate) prefix: u8,
    pub(crate) origin: Origin,
}

/// OpenBMC's `AddressOrigin`; its spelling is D-Bus'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::upper_case_acronyms, reason = "the names are printed as they stand")]
pub(crate) enum Origin {
    Static,
    DHCP,
    LinkLocal,
    SLAAC,
}

/// What systemd-networkd and sysfs know beyond netlink.
#[derive(Debug, Clone)]
pub(crate) struct Networkd {
    netif: PathBuf,
    sys_class_net: PathBuf,
    channels: Vec<String>,
}

impl Networkd {
    /// `netif` is systemd-networkd's run-time directory, which need not exist. `channels` are the names of the LAN channels.
    pub(crate) fn new(netif: &Path, sys_class_net: &Path, channels: Vec<String>) -> Self {
        Self { netif: netif.to_owned(), sys_class_net: sys_class_net.to_owned(), channels }
    }

    /// All Ethernet interfaces, and whatever interface a LAN channel is named after: a channel on the loopback or a tunnel has an
    /// address to tell as well.
    pub(crate) fn view(&self, kernel: &Kernel) -> Vec<Interface> {
        let served = |link: &Link| link.ethernet || self.channels.contains(&link.name);
        let links = kernel.links.iter().filter(|(_, link)| served(link));
        links.map(|(index, link)| self.interface(kernel, *index, link)).collect()
    }

    fn interface(&self, kernel: &Kernel, index: u32, link: &Link) -> Interface {
        let state = variables(&self.netif.join("links").join(index.to_string()));
        let lease = variables(&self.netif.join("leases").join(index.to_string()));
        let leased = lease.get("ADDRESS").and_then(|address| address.parse().ok());
        let addresses: Vec<_> = kernel
            .addresses
            .iter()
            .filter(|((link, ..), _)| *link == index)
            .map(|((_, ip, prefix), address)| InterfaceAddress {
                ip: *ip,
                prefix: *prefix,
                origin: origin(*ip, *prefix, *address, leased),
            })
            .collect();
        let gateway = |v4| {
            kernel.routes.iter().find(|r| r.link == index && r.gateway.is_ipv4() == v4).map(|r| r.gateway)
        };
        let (gateway4, gateway6) = (gateway(true), gateway(false));
        let neighbours = [gateway4, gateway6]
            .into_iter()
            .flatten()
            .filter_map(|ip| kernel.neighbours.get(&(index, ip)).map(|neighbour| (ip, *neighbour)))
            .collect();
        let words = |key| {
            let value = state.get(key).map(String::as_str).unwrap_or_default();
            value.split_whitespace().map(str::to_owned).collect()
        };
        Interface {
            link: link.clone(),
            // The kernel answers -1 where the link is down, and some drivers nothing at all.
            speed: self.attribute(&link.name, "speed").parse().unwrap_or(0),
            full_duplex: self.attribute(&link.name, "duplex") == "full",
            gateway4,
            gateway6,
            nameservers: words("DNS"),
            time_servers: words("NTP"),
            domains: words("DOMAINS"),
            accepts_router: addresses.iter().any(|address| address.origin == Origin::SLAAC),
            addresses,
            neighbours,
        }
    }

    fn attribute(&self, interface: &str, name: &str) -> String {
        let text = fs::read_to_string(self.sys_class_net.join(interface).join(name)).unwrap_or_default();
        text.trim_end().to_owned()
    }
}

impl Interface {
    /// Whether a leased address of the family is in use.
    pub(crate) fn leased(&self, v4: bool) -> bool {
        self.addresses.iter().any(|a| a.origin == Origin::DHCP && a.ip.is_ipv4() == v4)
    }
}

/// Where an address came from, as far as flags, lifetimes and leases tell.
fn origin(ip: IpAddr, prefix: u8, address: Address, leased: Option<IpAddr>) -> Origin {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let from_router = address.protocol == Address::FROM_ROUTER
        || address.flags & (Address::TEMPORARY | Address::MANAGE_TEMPORARY) != 0;
    let permanent = address.flags & Address::PERMANENT != 0;
    match ip {
        _ if leased == Some(ip) => Origin::DHCP,
        _ if link_local => Origin::LinkLocal,
        IpAddr::V4(_) if permanent => Origin::Static,
        IpAddr::V4(_) => Origin::DHCP,
        // In IPv4 the bit 01h says "secondary"; here it says "privacy address".
        IpAddr::V6(_) if from_router => Origin::SLAAC,
        IpAddr::V6(_) if permanent => Origin::Static,
        // DHCPv6 leases single addresses; a prefix with a lifetime is a router's.
        IpAddr::V6(_) if prefix == 128 => Origin::DHCP,
        IpAddr::V6(_) => Origin::SLAAC,
    }
}

/// `KEY=value` lines, as systemd writes them; none where the file is not there.
fn variables(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_follows_from_lease_scope_flags_and_lifetime() {
        const PERMANENT: u32 = Address::PERMANENT;
        let cases = [
            ("10.0.0.5", 24, PERMANENT, 0, Origin::Static),
            ("10.0.0.6", 24, 0, 0, Origin::DHCP),
            ("10.0.0.7", 24, PERMANENT, 0, Origin::DHCP),
            ("169.254.3.4", 16, PERMANENT, 0, Origin::LinkLocal),
            ("fe80::1", 64, PERMANENT, 3, Origin::LinkLocal),
            ("2001:db8::1", 64, PERMANENT, 0, Origin::Static),
            ("2001:db8::2", 64, Address::MANAGE_TEMPORARY, 0, Origin::SLAAC),
            ("2001:db8::3", 64, 0, Address::FROM_ROUTER, Origin::SLAAC),
            ("2001:db8::4", 128, 0, 0, Origin::DHCP),
            ("2001:db8::5", 64, 0, 0, Origin::SLAAC),
        ];
        let leased = Some("10.0.0.7".parse().unwrap());
        for (ip, prefix, flags, protocol, expected) in cases {
            let found = origin(ip.parse().unwrap(), prefix, Address { flags, protocol }, leased);
            assert_eq!(found, expected, "{ip}");
        }
    }

    #[test]
    fn leases_name_servers_and_the_gateways_neighbour_join_the_interface() {
        use crate::wire::{DefaultRoute, Event};
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in
            [("leases/2", "# x\nADDRESS=10.0.0.7\n"), ("links/2", "DNS=10.0.0.1 10.0.0.2\nDOMAINS=lab\n")]
        {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (ip, gateway): (IpAddr, IpAddr) = ("10.0.0.7".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let mac = Some([2, 0, 0, 0, 0, 1]);
        let link = Link {
            name: "eth0".into(),
            ethernet: true,
            enabled: true,
            carrier: true,
            mac,
            mtu: 1500,
            vlan: None,
        };
        let mut kernel = Kernel::default();
        kernel.apply(Event::Link(1, Link { name: "lo".into(), ethernet: false, ..link.clone() }));
        kernel.apply(Event::Link(2, link));
        kernel.apply(Event::Address((2, ip, 24), Address { flags: Address::PERMANENT, protocol: 0 }));
        kernel.apply(Event::Route { route: DefaultRoute { metric: 0, link: 2, gateway }, replace: false });
        let neighbour = Neighbour { mac: [2, 0, 0, 0, 0, 9], state: 2 };
        kernel.apply(Event::Neighbour((2, gateway), neighbour));
        kernel.apply(Event::Neighbour((2, ip), neighbour));

        let with_loopback = Networkd::new(dir.path(), dir.path(), vec!["lo".into()]).view(&kernel);
        assert_eq!(with_loopback.len(), 2, "a channel is named after it");
        let view = Networkd::new(dir.path(), dir.path(), vec!["eth0".into()]).view(&kernel);
        assert_eq!(view.len(), 1, "the loopback is no Ethernet interface");
        assert_eq!(view[0].addresses, [InterfaceAddress { ip, prefix: 24, origin: Origin::DHCP }]);
        assert!(view[0].leased(true) && !view[0].leased(false));
        assert_eq!(view[0].neighbours, [(gateway, neighbour)]);
        assert_eq!((view[0].gateway4, view[0].gateway6), (Some(gateway), None));
        assert_eq!(view[0].nameservers, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(view[0].speed, 0);
    }
}
