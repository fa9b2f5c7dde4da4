//! `xyz.openbmc_project.Network.EthernetInterface`.

use std::net::IpAddr;

use bmc_dbus::network::{DHCP_PREFIX, LINK_LOCAL_PREFIX};

use super::WriteRefused;
use crate::view::{Interface, Origin};

/// An interface's own properties; its addresses are objects of their own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EthernetObject(pub(super) Interface);

impl EthernetObject {
    /// OpenBMC's word for which of two families has something.
    fn families(v4: bool, v6: bool) -> &'static str {
        match (v4, v6) {
            (true, true) => "both",
            (true, false) => "v4",
            (false, true) => "v6",
            (false, false) => "none",
        }
    }

    fn link_local(&self, v4: bool) -> bool {
        self.0.addresses.iter().any(|a| a.origin == Origin::LinkLocal && a.ip.is_ipv4() == v4)
    }
}

fn text(gateway: Option<IpAddr>) -> String {
    gateway.map(|gateway| gateway.to_string()).unwrap_or_default()
}

#[zbus::interface(name = "xyz.openbmc_project.Network.EthernetInterface")]
impl EthernetObject {
    #[zbus(property)]
    fn interface_name(&self) -> String {
        self.0.link.name.clone()
    }

    #[zbus(property)]
    fn speed(&self) -> u32 {
        self.0.speed
    }

    #[zbus(property)]
    fn auto_neg(&self) -> bool {
        // Only ethtool's ioctl tells, which nothing of ours needs.
        false
    }

    #[zbus(property)]
    fn full_duplex(&self) -> bool {
        self.0.full_duplex
    }

    #[zbus(property, name = "MTU")]
    fn mtu(&self) -> u64 {
        self.0.link.mtu.into()
    }

    #[zbus(property, name = "MTU")]
    fn set_mtu(&self, _value: u64) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn domain_name(&self) -> Vec<String> {
        self.0.domains.clone()
    }

    #[zbus(property)]
    fn set_domain_name(&self, _value: Vec<String>) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "DHCPEnabled")]
    fn dhcp_enabled(&self) -> String {
        format!("{DHCP_PREFIX}{}", Self::families(self.0.leased(true), self.0.leased(false)))
    }

    #[zbus(property, name = "DHCPEnabled")]
    fn set_dhcp_enabled(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "DHCP4")]
    fn dhcp4(&self) -> bool {
        self.0.leased(true)
    }

    #[zbus(property, name = "DHCP4")]
    fn set_dhcp4(&self, _value: bool) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "DHCP6")]
    fn dhcp6(&self) -> bool {
        self.0.leased(false)
    }

    #[zbus(property, name = "DHCP6")]
    fn set_dhcp6(&self, _value: bool) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn nameservers(&self) -> Vec<String> {
        self.0.nameservers.clone()
    }

    #[zbus(property)]
    fn static_name_servers(&self) -> Vec<String> {
        // Comes with the write side, which will know what is configured.
        Vec::new()
    }

    #[zbus(property)]
    fn set_static_name_servers(&self, _value: Vec<String>) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "NTPServers")]
    fn ntp_servers(&self) -> Vec<String> {
        self.0.time_servers.clone()
    }

    #[zbus(property, name = "NTPServers")]
    fn set_ntp_servers(&self, _value: Vec<String>) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "StaticNTPServers")]
    fn static_ntp_servers(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(property, name = "StaticNTPServers")]
    fn set_static_ntp_servers(&self, _value: Vec<String>) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn link_local_auto_conf(&self) -> String {
        format!("{LINK_LOCAL_PREFIX}{}", Self::families(self.link_local(true), self.link_local(false)))
    }

    #[zbus(property)]
    fn set_link_local_auto_conf(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "IPv6AcceptRA")]
    fn ipv6_accept_ra(&self) -> bool {
        self.0.accepts_router
    }

    #[zbus(property, name = "IPv6AcceptRA")]
    fn set_ipv6_accept_ra(&self, _value: bool) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "NICEnabled")]
    fn nic_enabled(&self) -> bool {
        self.0.link.enabled
    }

    #[zbus(property, name = "NICEnabled")]
    fn set_nic_enabled(&self, _value: bool) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn link_up(&self) -> bool {
        self.0.link.carrier
    }

    #[zbus(property)]
    fn default_gateway(&self) -> String {
        text(self.0.gateway4)
    }

    #[zbus(property)]
    fn set_default_gateway(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn default_gateway6(&self) -> String {
        text(self.0.gateway6)
    }

    #[zbus(property)]
    fn set_default_gateway6(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "EmitLLDP")]
    fn emit_lldp(&self) -> bool {
        false
    }

    #[zbus(property, name = "EmitLLDP")]
    fn set_emit_lldp(&self, _value: bool) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }
}
