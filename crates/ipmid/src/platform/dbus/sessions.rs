//! The sessions of all LAN channels, from their owners.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bmc_daemon::{Channel, ChannelMedium, ChannelTable};
use bmc_dbus::names::ipmi as names;
use zbus::{Connection, OwnedVariant, fdo::ManagedObjects};

use super::{call, platform_error};
use crate::platform::{
    Pending, PlatformError,
    sessions::{Session, Sessions},
};

/// `State` of a session that is open and logged in.
const ACTIVE: u8 = 2;

/// [`Sessions`] that asks each channel's owner when asked.
pub(super) struct DbusSessions {
    connection: Connection,
    channels: Arc<ChannelTable>,
}

impl DbusSessions {
    pub(super) fn new(connection: &Connection, channels: &Arc<ChannelTable>) -> Self {
        Self { connection: connection.clone(), channels: Arc::clone(channels) }
    }

    /// The active sessions of one channel; none where nobody owns it.
    async fn of(&self, channel: &Channel) -> Result<Vec<Session>, PlatformError> {
        let service = format!("{}{}", names::CHANNEL_PREFIX, channel.name);
        const MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
        let reply = call(&self.connection, &service, names::SESSION_ROOT, MANAGER, "GetManagedObjects", &());
        let reply = match reply.await {
            Err(PlatformError::Absent(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let objects: ManagedObjects = reply.body().deserialize().map_err(|error| platform_error(&error))?;
        let sessions = objects.iter().filter_map(|(path, interfaces)| {
            let (_, properties) = interfaces.iter().find(|(name, _)| name.as_str() == names::SESSION_INFO)?;
            session(path.as_str(), properties, channel.number)
        });
        Ok(sessions.collect())
    }
}

impl Sessions for DbusSessions {
    fn active(&self) -> Pending<'_, Vec<Session>> {
        Box::pin(async move {
            let mut all = Vec::new();
            for channel in self.channels.iter().filter(|channel| channel.medium == ChannelMedium::Lan) {
                all.append(&mut self.of(channel).await?);
            }
            all.sort_by_key(|session| session.handle);
            Ok(all)
        })
    }

    fn close<'a>(&'a self, session: &'a Session) -> Pending<'a, ()> {
        Box::pin(async move {
            let channel = self.channels.by_number(session.channel).ok_or(PlatformError::NotPresent)?;
            let service = format!("{}{}", names::CHANNEL_PREFIX, channel.name);
            let path = format!("{}/{}", names::CHANNEL_ROOT, channel.name);
            call(&self.connection, &service, &path, names::LAN_CHANNEL, "CloseSession", &session.id).await?;
            Ok(())
        })
    }
}

/// An active session from its object; the path ends in `<ID>_<handle>`, hexadecimal.
fn session(path: &str, properties: &HashMap<String, OwnedVariant>, channel: u8) -> Option<Session> {
    let byte = |name: &str| u8::try_from(properties.get(name)?).ok();
    if byte("State")? != ACTIVE {
        return None;
    }
    let (id, _) = path.rsplit('/').next()?.split_once('_')?;
    let mac = properties.get("RemoteMACAddress").and_then(|mac| mac.try_clone().ok());
    let mac = mac.and_then(|mac| Vec::<u8>::try_from(mac).ok()).unwrap_or_default();
    Some(Session {
        id: u32::from_str_radix(id, 16).ok()?,
        handle: byte("SessionHandle")?,
        channel: byte("ChannelNum").unwrap_or(channel),
        user_slot: byte("UserID")?,
        privilege: byte("CurrentPrivilege")?,
        peer: peer(properties),
        peer_mac: mac.try_into().unwrap_or_default(),
    })
}

/// OpenBMC has room for IPv4 alone, as the four bytes on the wire; a console on IPv6 leaves it zero.
fn peer(properties: &HashMap<String, OwnedVariant>) -> Option<SocketAddr> {
    let address = u32::try_from(properties.get("RemoteIPAddr")?).ok()?;
    let port = u16::try_from(properties.get("RemotePort")?).ok()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address.to_le_bytes())), port))
}
