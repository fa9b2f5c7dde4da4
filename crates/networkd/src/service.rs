//! What the kernel has, as objects on the bus; each update changes only what differs.

mod ethernet;

use std::collections::BTreeSet;

use bmc_dbus::{
    Serve as _,
    names::network,
    network::{
        CONFIG_PATH, NEIGHBOR_STATE_PREFIX, ORIGIN_PREFIX, PROTOCOL_PREFIX, address_path, interface_path,
    },
};
use futures_util::{FutureExt as _, future::BoxFuture};
use zbus::{
    Connection, DBusError, OwnedVariant, Variant,
    fdo::{ObjectManager, Properties},
    object_server::{Interface as DbusInterface, SignalEmitter},
};

use self::ethernet::EthernetObject;
use crate::{
    view::{Interface, InterfaceAddress},
    wire::Neighbour,
};

/// What every property write gets.
#[derive(Debug, DBusError)]
#[zbus(prefix = "xyz.openbmc_project.Common.Error")]
enum WriteRefused {
    NotAllowed(String),
}

impl WriteRefused {
    fn new() -> Self {
        Self::NotAllowed("network settings cannot be written yet; they are systemd-networkd's".to_owned())
    }
}

/// The interfaces that are served at a path, as far as they come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ethernet,
    Mac,
    Vlan,
    Ip,
    Neighbour,
}

/// The objects on one connection.
pub(crate) struct Objects {
    connection: Connection,
    served: BTreeSet<(String, Kind)>,
}

impl Objects {
    /// The ObjectManager, and no interface yet.
    pub(crate) async fn serve(connection: &Connection) -> zbus::Result<Self> {
        connection.object_server().serve(network::ROOT, ObjectManager).await?;
        Ok(Self { connection: connection.clone(), served: BTreeSet::new() })
    }

    /// Makes the objects equal to `interfaces` and `host_name`.
    pub(crate) async fn update(&mut self, interfaces: Vec<Interface>, host_name: String) -> zbus::Result<()> {
        self.put(CONFIG_PATH, ConfigObject(host_name)).await?;
        let mut wanted = BTreeSet::new();
        for interface in interfaces {
            self.put_interface(interface, &mut wanted).await?;
        }
        let gone: Vec<_> = self.served.difference(&wanted).cloned().collect();
        // Deepest first, so that an object goes after what stands below it.
        for (path, kind) in gone.into_iter().rev() {
            self.remove(&path, kind).await?;
        }
        self.served = wanted;
        Ok(())
    }

    async fn put_interface(
        &self,
        interface: Interface,
        wanted: &mut BTreeSet<(String, Kind)>,
    ) -> zbus::Result<()> {
        let name = interface.link.name.clone();
        let path = interface_path(&name);
        for address in &interface.addresses {
            let below = address_path(&name, &format!("{}/{}", address.ip, address.prefix));
            self.put(&below, IpObject(*address)).await?;
            wanted.insert((below, Kind::Ip));
        }
        for (ip, neighbour) in &interface.neighbours {
            let below = address_path(&name, &ip.to_string());
            self.put(&below, NeighbourObject(ip.to_string(), *neighbour)).await?;
            wanted.insert((below, Kind::Neighbour));
        }
        if let Some(vlan) = interface.link.vlan {
            self.put(&path, VlanObject(vlan)).await?;
            wanted.insert((path.clone(), Kind::Vlan));
        }
        self.put(&path, MacObject(interface.link.mac)).await?;
        wanted.insert((path.clone(), Kind::Mac));
        self.put(&path, EthernetObject(interface)).await?;
        wanted.insert((path, Kind::Ethernet));
        Ok(())
    }

    /// Serves `object`, or changes the one that is there and signals the properties that differ.
    fn put<'a, I>(&'a self, path: &'a str, object: I) -> BoxFuture<'a, zbus::Result<()>>
    where
        I: DbusInterface + PartialEq,
    {
        let put = async move {
            let server = self.connection.object_server();
            let Ok(reference) = server.interface::<_, I>(path).await else {
                return server.serve(path, object).await.map(|_| ());
            };
            if *reference.get().await == object {
                return Ok(());
            }
            let emitter = reference.signal_emitter();
            let before = reference.get().await.get_all(server, &self.connection, None, emitter).await?;
            *reference.get_mut().await = object;
            let after = reference.get().await.get_all(server, &self.connection, None, emitter).await?;
            let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
            signal_changed::<I>(emitter, changed).await
        };
        put.boxed()
    }

    async fn remove(&self, path: &str, kind: Kind) -> zbus::Result<bool> {
        let server = self.connection.object_server();
        match kind {
            Kind::Ethernet => server.remove::<EthernetObject, _>(path).await,
            Kind::Mac => server.remove::<MacObject, _>(path).await,
            Kind::Vlan => server.remove::<VlanObject, _>(path).await,
            Kind::Ip => server.remove::<IpObject, _>(path).await,
            Kind::Neighbour => server.remove::<NeighbourObject, _>(path).await,
        }
    }
}

async fn signal_changed<'a, I: DbusInterface>(
    emitter: &SignalEmitter<'_>,
    changed: impl Iterator<Item = (&'a String, &'a OwnedVariant)>,
) -> zbus::Result<()> {
    let changed = changed.map(|(name, value)| (name.as_str(), Variant::clone(value))).collect();
    Properties::properties_changed(emitter, I::name(), changed, [].as_slice().into()).await
}

#[derive(PartialEq)]
struct ConfigObject(String);

#[zbus::interface(name = "xyz.openbmc_project.Network.SystemConfiguration")]
impl ConfigObject {
    #[zbus(property)]
    fn host_name(&self) -> String {
        self.0.clone()
    }

    #[zbus(property)]
    fn set_host_name(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }
}

#[derive(PartialEq)]
struct MacObject(Option<[u8; 6]>);

#[zbus::interface(name = "xyz.openbmc_project.Network.MACAddress")]
impl MacObject {
    #[zbus(property, name = "MACAddress")]
    fn mac_address(&self) -> String {
        self.0.map(mac_text).unwrap_or_default()
    }

    #[zbus(property, name = "MACAddress")]
    fn set_mac_address(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }
}

#[derive(PartialEq)]
struct VlanObject(u16);

#[zbus::interface(name = "xyz.openbmc_project.Network.VLAN")]
impl VlanObject {
    #[zbus(property)]
    fn id(&self) -> u32 {
        self.0.into()
    }
}

#[derive(PartialEq)]
struct IpObject(InterfaceAddress);

#[zbus::interface(name = "xyz.openbmc_project.Network.IP")]
impl IpObject {
    #[zbus(property)]
    fn address(&self) -> String {
        self.0.ip.to_string()
    }

    #[zbus(property)]
    fn set_address(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn prefix_length(&self) -> u8 {
        self.0.prefix
    }

    #[zbus(property)]
    fn set_prefix_length(&self, _value: u8) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn origin(&self) -> String {
        format!("{ORIGIN_PREFIX}{:?}", self.0.origin)
    }

    #[zbus(property)]
    fn set_origin(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn gateway(&self) -> String {
        // The gateway is the interface's; OpenBMC keeps this one for old clients.
        String::new()
    }

    #[zbus(property)]
    fn set_gateway(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "Type")]
    fn protocol(&self) -> String {
        format!("{PROTOCOL_PREFIX}{}", if self.0.ip.is_ipv4() { "IPv4" } else { "IPv6" })
    }

    #[zbus(property, name = "Type")]
    fn set_protocol(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }
}

#[derive(PartialEq)]
struct NeighbourObject(String, Neighbour);

#[zbus::interface(name = "xyz.openbmc_project.Network.Neighbor")]
impl NeighbourObject {
    #[zbus(property, name = "IPAddress")]
    fn ip_address(&self) -> String {
        self.0.clone()
    }

    #[zbus(property, name = "IPAddress")]
    fn set_ip_address(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property, name = "MACAddress")]
    fn mac_address(&self) -> String {
        mac_text(self.1.mac)
    }

    #[zbus(property, name = "MACAddress")]
    fn set_mac_address(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }

    #[zbus(property)]
    fn state(&self) -> String {
        format!("{NEIGHBOR_STATE_PREFIX}{}", state_name(self.1.state))
    }

    #[zbus(property)]
    fn set_state(&self, _value: String) -> Result<(), WriteRefused> {
        Err(WriteRefused::new())
    }
}

fn mac_text(mac: [u8; 6]) -> String {
    let [a, b, c, d, e, f] = mac;
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// OpenBMC's word for a `NUD_*` state.
fn state_name(state: u16) -> &'static str {
    const NAMES: [(u16, &str); 8] = [
        (0x01, "Incomplete"),
        (0x02, "Reachable"),
        (0x04, "Stale"),
        (0x08, "Delay"),
        (0x10, "Probe"),
        (0x20, "Failed"),
        (0x40, "Noarp"),
        (0x80, "Permanent"),
    ];
    NAMES.iter().find(|(bit, _)| state & bit != 0).map_or("Invalid", |(_, name)| name)
}
