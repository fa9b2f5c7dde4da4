//! networkd: the interfaces as the kernel has them.
//!
//! Everything here is read-only for now; a write is refused with `xyz.openbmc_project.Common.Error.NotAllowed`. Whoever wants all of
//! it at once asks the ObjectManager at [`crate::names::network::ROOT`].

use crate::names::network::ROOT;

/// What the bus name of an address' origin begins with; `Static`, `DHCP`, `LinkLocal` or `SLAAC` follows.
pub const ORIGIN_PREFIX: &str = "xyz.openbmc_project.Network.IP.AddressOrigin.";
/// What an address' protocol begins with; `IPv4` or `IPv6` follows.
pub const PROTOCOL_PREFIX: &str = "xyz.openbmc_project.Network.IP.Protocol.";
/// What `DHCPEnabled` begins with; `both`, `v4`, `v6`, `none`, … follows.
pub const DHCP_PREFIX: &str = "xyz.openbmc_project.Network.EthernetInterface.DHCPConf.";
/// What `LinkLocalAutoConf` begins with; `both`, `v4`, `v6` or `none` follows.
pub const LINK_LOCAL_PREFIX: &str = "xyz.openbmc_project.Network.EthernetInterface.LinkLocalConf.";
/// What a neighbour's state begins with; `Permanent`, `Reachable`, `Stale`, … follows.
pub const NEIGHBOR_STATE_PREFIX: &str = "xyz.openbmc_project.Network.Neighbor.State.";
/// Where the host name is.
pub const CONFIG_PATH: &str = "/xyz/openbmc_project/network/config";

/// The object of `interface`; a VLAN's `eth0.5` becomes `eth0_5`, as OpenBMC has it, and so does any other character that no path
/// may hold.
pub fn interface_path(interface: &str) -> String {
    format!("{ROOT}/{}", interface.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// The object of an address (`10.0.0.1/24`) or of a neighbour (`10.0.0.1`) below its interface.
pub fn address_path(interface: &str, address: &str) -> String {
    format!("{}/{}", interface_path(interface), escape(address))
}

/// `text` as one element of an object path: what is neither a letter nor a digit becomes `_` and two hex digits, and so does a
/// leading digit (sd-bus' rule, which OpenBMC uses).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("_{byte:02x}"));
        }
    }
    if escaped.is_empty() { "_".to_owned() } else { escaped }
}

/// An interface; [`interface_path`].
#[zbus::proxy(
    interface = "xyz.openbmc_project.Network.EthernetInterface",
    default_service = "xyz.openbmc_project.Network"
)]
pub trait EthernetInterface {
    /// The kernel's name.
    #[zbus(property)]
    fn interface_name(&self) -> zbus::Result<String>;
    /// Mbit/s; 0 where the link is down or has none.
    #[zbus(property)]
    fn speed(&self) -> zbus::Result<u32>;
    /// Largest packet, bytes.
    #[zbus(property, name = "MTU")]
    fn mtu(&self) -> zbus::Result<u64>;
    /// With [`DHCP_PREFIX`].
    #[zbus(property, name = "DHCPEnabled")]
    fn dhcp_enabled(&self) -> zbus::Result<String>;
    /// Whether an IPv4 lease is in use.
    #[zbus(property, name = "DHCP4")]
    fn dhcp4(&self) -> zbus::Result<bool>;
    /// Whether an IPv6 lease is in use.
    #[zbus(property, name = "DHCP6")]
    fn dhcp6(&self) -> zbus::Result<bool>;
    /// Administratively up.
    #[zbus(property, name = "NICEnabled")]
    fn nic_enabled(&self) -> zbus::Result<bool>;
    /// Carrier.
    #[zbus(property)]
    fn link_up(&self) -> zbus::Result<bool>;
    /// IPv4 gateway, empty for none.
    #[zbus(property)]
    fn default_gateway(&self) -> zbus::Result<String>;
    /// IPv6 gateway, empty for none.
    #[zbus(property)]
    fn default_gateway6(&self) -> zbus::Result<String>;
}

/// The hardware address, on the interface's object.
#[zbus::proxy(
    interface = "xyz.openbmc_project.Network.MACAddress",
    default_service = "xyz.openbmc_project.Network"
)]
pub trait MacAddress {
    /// Six hex pairs with colons.
    #[zbus(property, name = "MACAddress")]
    fn mac_address(&self) -> zbus::Result<String>;
}

/// An address; [`address_path`] with the prefix length.
#[zbus::proxy(interface = "xyz.openbmc_project.Network.IP", default_service = "xyz.openbmc_project.Network")]
pub trait Ip {
    /// The address.
    #[zbus(property)]
    fn address(&self) -> zbus::Result<String>;
    /// Bits of the network part.
    #[zbus(property)]
    fn prefix_length(&self) -> zbus::Result<u8>;
    /// With [`ORIGIN_PREFIX`].
    #[zbus(property)]
    fn origin(&self) -> zbus::Result<String>;
    /// Always empty: OpenBMC keeps it for old clients.
    #[zbus(property)]
    fn gateway(&self) -> zbus::Result<String>;
    /// With [`PROTOCOL_PREFIX`].
    #[zbus(property, name = "Type")]
    fn protocol(&self) -> zbus::Result<String>;
}

/// A neighbour; [`address_path`] without a prefix length.
#[zbus::proxy(
    interface = "xyz.openbmc_project.Network.Neighbor",
    default_service = "xyz.openbmc_project.Network"
)]
pub trait Neighbor {
    /// Its address.
    #[zbus(property, name = "IPAddress")]
    fn ip_address(&self) -> zbus::Result<String>;
    /// Its hardware address.
    #[zbus(property, name = "MACAddress")]
    fn mac_address(&self) -> zbus::Result<String>;
    /// With [`NEIGHBOR_STATE_PREFIX`].
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;
}

/// A VLAN, on the interface's object.
#[zbus::proxy(
    interface = "xyz.openbmc_project.Network.VLAN",
    default_service = "xyz.openbmc_project.Network"
)]
pub trait Vlan {
    /// 1 to 4094.
    #[zbus(property)]
    fn id(&self) -> zbus::Result<u32>;
}

/// The system's own settings.
#[zbus::proxy(
    interface = "xyz.openbmc_project.Network.SystemConfiguration",
    default_service = "xyz.openbmc_project.Network",
    default_path = "/xyz/openbmc_project/network/config"
)]
pub trait SystemConfiguration {
    /// The kernel's host name.
    #[zbus(property)]
    fn host_name(&self) -> zbus::Result<String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_as_openbmc_does() {
        assert_eq!(
            address_path("eth0", "10.0.2.15/24"),
            "/xyz/openbmc_project/network/eth0/_310_2e0_2e2_2e15_2f24"
        );
        assert_eq!(address_path("eth0.5", "fe80::1"), "/xyz/openbmc_project/network/eth0_5/fe80_3a_3a1");
        assert_eq!(escape(""), "_");
    }
}
