//! Interfaces from networkd, and what a channel's owner offers.

use std::{
    collections::{HashMap, VecDeque},
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bmc_daemon::Tasks;
use bmc_dbus::{
    names::{ipmi, network as names},
    network::interface_path,
    set_aside,
};
use futures_util::{StreamExt as _, stream::select};
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant, fdo::ManagedObjects, message::Type};

use super::{call, mirror::owner_changed, platform_error, variant_of};
use crate::platform::{
    Pending, PlatformError,
    lan::{Interface, Ipv6Address, Ipv6Origin, Lan, LanOffer},
};

/// Changes of addresses come in bursts: this long after the first, all is read once.
const SETTLE: Duration = Duration::from_millis(100);

type Properties = HashMap<String, OwnedVariant>;

/// [`Lan`] from a copy of networkd's objects that is read anew after every change.
pub(super) struct DbusLan {
    connection: Connection,
    objects: Arc<Mutex<Option<ManagedObjects>>>,
}

impl DbusLan {
    pub(super) async fn start(connection: &Connection, tasks: &mut Tasks) -> zbus::Result<Self> {
        let changed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(names::SERVICE)
            .path_namespace(names::ROOT)
            .build()?;
        let changed = MessageStream::for_match_rule(changed, connection, None).await?;
        let owner = MessageStream::for_match_rule(owner_changed(names::SERVICE)?, connection, None).await?;
        let mut events = select(changed, owner);
        let lan = Self { connection: connection.clone(), objects: Arc::default() };
        let (objects, connection) = (Arc::clone(&lan.objects), connection.clone());
        tasks.spawn(async move {
            loop {
                let mut changes = VecDeque::new();
                set_aside(&mut events, &mut changes, update(&objects, &connection)).await;
                if changes.is_empty() && events.next().await.is_none() {
                    return;
                }
                // Draining while it settles keeps the queue short.
                let settled = tokio::time::sleep(SETTLE);
                tokio::pin!(settled);
                while let Some(Some(_)) = tokio::select! {
                    () = &mut settled => None,
                    event = events.next() => Some(event),
                } {}
            }
        });
        Ok(lan)
    }
}

async fn update(objects: &Mutex<Option<ManagedObjects>>, connection: &Connection) {
    const MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
    let reply = call(connection, names::SERVICE, names::ROOT, MANAGER, "GetManagedObjects", &()).await;
    let read = reply.and_then(|reply| reply.body().deserialize().map_err(|error| platform_error(&error)));
    let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    match (&read, objects.is_some()) {
        (Ok(_), false) => tracing::info!("the network configuration is on the bus"),
        (Err(error), true) => tracing::warn!("the network configuration left the bus: {error}"),
        _ => {}
    }
    *objects = read.ok();
}

impl Lan for DbusLan {
    fn interface(&self, name: &str) -> Result<Interface, PlatformError> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = objects.as_ref().ok_or(PlatformError::Absent("the network configuration"))?;
        interface(objects, name).ok_or(PlatformError::NotPresent)
    }

    fn offer(&self, name: &str) -> Pending<'_, LanOffer> {
        let service = format!("{}{name}", ipmi::CHANNEL_PREFIX);
        let path = ipmi::channel_path(name);
        Box::pin(async move {
            const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
            let reply =
                call(&self.connection, &service, &path, PROPERTIES, "GetAll", &ipmi::LAN_CHANNEL).await?;
            let mut properties: Properties =
                reply.body().deserialize().map_err(|error| platform_error(&error))?;
            let suites = properties.remove("CipherSuites").and_then(|suites| Vec::try_from(suites).ok());
            let kg_set = properties.get("KgSet").and_then(|set| bool::try_from(set).ok());
            Ok(LanOffer {
                cipher_suites: suites.ok_or(PlatformError::NotPresent)?,
                kg_set: kg_set.unwrap_or(false),
            })
        })
    }
}

/// The interface `name`, gathered from its own object and those of its addresses and neighbours below it.
fn interface(objects: &ManagedObjects, name: &str) -> Option<Interface> {
    let path = interface_path(name);
    let (_, own) = objects.iter().find(|(object, _)| object.as_str() == path)?;
    let part = |wanted: &str| own.iter().find(|(part, _)| part.as_str() == wanted).map(|(_, p)| p);
    let ethernet = part(names::ETHERNET_INTERFACE)?;
    let mut interface = Interface {
        mac: part(names::MAC_ADDRESS).and_then(|p| mac(&text(p, "MACAddress")?)).unwrap_or_default(),
        gateway: text(ethernet, "DefaultGateway").and_then(|gateway| gateway.parse().ok()),
        vlan: part(names::VLAN).and_then(|p| u32::try_from(p.get("Id")?).ok()?.try_into().ok()),
        ..Interface::default()
    };
    let below = format!("{path}/");
    let children = || objects.iter().filter(|(object, _)| object.as_str().starts_with(&below));
    for properties in children().flat_map(|(_, parts)| parts.iter()) {
        match properties.0.as_str() {
            names::IP => add_address(&mut interface, properties.1),
            names::NEIGHBOR => add_neighbor(&mut interface, properties.1),
            _ => {}
        }
    }
    interface.ipv6.sort_by_key(|address| (address.origin == Ipv6Origin::LinkLocal, address.address));
    Some(interface)
}

fn add_address(interface: &mut Interface, properties: &Properties) {
    let Some(address) = text(properties, "Address") else { return };
    let prefix = properties.get("PrefixLength").and_then(|prefix| u8::try_from(prefix).ok()).unwrap_or(0);
    let origin = text(properties, "Origin").unwrap_or_default();
    if let Ok(address) = address.parse::<Ipv6Addr>() {
        let origin = match variant_of(&origin) {
            "DHCP" => Ipv6Origin::Dhcp,
            "SLAAC" => Ipv6Origin::Slaac,
            "LinkLocal" => Ipv6Origin::LinkLocal,
            _ => Ipv6Origin::Static,
        };
        interface.ipv6.push(Ipv6Address { address, prefix, origin });
    } else if let Ok(address) = address.parse::<Ipv4Addr>() {
        // IPMI has room for one: a routable address goes before a link-local one, then the lowest.
        let rank = |address: Ipv4Addr| (address.is_link_local(), address);
        if interface.ipv4.is_none_or(|(other, _)| rank(address) < rank(other)) {
            interface.ipv4 = Some((address, prefix));
            interface.ipv4_dhcp = variant_of(&origin) == "DHCP";
        }
    }
}

fn add_neighbor(interface: &mut Interface, properties: &Properties) {
    let address = text(properties, "IPAddress").and_then(|address| address.parse::<Ipv4Addr>().ok());
    if address.is_some() && address == interface.gateway {
        interface.gateway_mac = text(properties, "MACAddress").and_then(|address| mac(&address));
    }
}

fn text(properties: &Properties, name: &str) -> Option<String> {
    String::try_from(&**properties.get(name)?).ok()
}

/// Reads six hex pairs with colons.
fn mac(text: &str) -> Option<[u8; 6]> {
    let mut pairs = text.split(':').map(|pair| u8::from_str_radix(pair, 16).ok());
    let mut address = [0; 6];
    for byte in &mut address {
        *byte = pairs.next()??;
    }
    pairs.next().is_none().then_some(address)
}

#[cfg(test)]
mod tests;
