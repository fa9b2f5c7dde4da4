//! The sessions of all LAN channels, from their owners: Ferrite's netipmid by a method, OpenBMC's by its session objects.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bmc_daemon::{Channel, ChannelMedium, ChannelTable};
use bmc_dbus::{names::ipmi as names, sessions::ListedSession};
use futures_util::FutureExt as _;
use zbus::{Connection, OwnedVariant, Variant, fdo::ManagedObjects};

use super::{call, is_unknown, platform_error};
use crate::platform::{
    Pending, PlatformError,
    sessions::{Session, SessionTable, Sessions},
};

const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Sessions that OpenBMC's netipmid has at most; it does not tell.
const STOCK_LIMIT: u8 = 15;

/// `State` values of the session objects.
const ACTIVE: u8 = 2;
const TEAR_DOWN: u8 = 3;

/// [`Sessions`] that asks each channel's owner when asked. Where the owner is Ferrite's, not by the session objects, which it
/// publishes at its own pace: a client that asks for its own session right after the login must find it.
pub(super) struct DbusSessions {
    connection: Connection,
    channels: Arc<ChannelTable>,
}

impl DbusSessions {
    pub(super) fn new(connection: &Connection, channels: &Arc<ChannelTable>) -> Self {
        Self { connection: connection.clone(), channels: Arc::clone(channels) }
    }

    /// The sessions of one channel; none where nobody owns it.
    async fn of(&self, channel: &Channel) -> Result<(u8, Vec<ListedSession>), PlatformError> {
        match self.ask_ferrite(channel, "Sessions", &()).await? {
            Some(reply) => reply.body().deserialize().map_err(|error| platform_error(&error)),
            None => match self.objects(channel).await {
                Ok(objects) => {
                    Ok((STOCK_LIMIT, objects.into_iter().filter_map(|(_, listed)| listed).collect()))
                }
                Err(PlatformError::Absent(_)) => Ok((0, Vec::new())),
                Err(error) => Err(error),
            },
        }
    }

    /// Calls a method of `org.ferrite.Ipmi.LanChannel`; `None` where the channel's owner has no such thing, or is not there.
    async fn ask_ferrite<B>(
        &self,
        channel: &Channel,
        method: &str,
        body: &B,
    ) -> Result<Option<zbus::Message>, PlatformError>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        let path = names::channel_path(&channel.name);
        let service = service(channel);
        let reply = self
            .connection
            .call_method(Some(service.as_str()), path.as_str(), Some(names::LAN_CHANNEL), method, body)
            .boxed()
            .await;
        match reply {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if is_unknown(&error) => Ok(None),
            Err(error) => match platform_error(&error) {
                PlatformError::Absent(_) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// OpenBMC's session objects of a channel, with their paths; those that are no active session have no entry.
    async fn objects(
        &self,
        channel: &Channel,
    ) -> Result<Vec<(String, Option<ListedSession>)>, PlatformError> {
        let service = service(channel);
        let reply =
            call(&self.connection, &service, names::SESSION_ROOT, OBJECT_MANAGER, "GetManagedObjects", &())
                .await?;
        let objects: ManagedObjects = reply.body().deserialize().map_err(|error| platform_error(&error))?;
        let listed = objects.iter().map(|(path, interfaces)| {
            let info = interfaces.iter().find(|(interface, _)| interface.as_str() == names::SESSION_INFO);
            (path.to_string(), info.and_then(|(_, properties)| session_of_object(path, properties)))
        });
        Ok(listed.collect())
    }

    /// Closes by the session object, as OpenBMC has it: 3 is written to its state.
    async fn tear_down(&self, channel: &Channel, id: u32) -> Result<(), PlatformError> {
        let objects = self.objects(channel).await?;
        let is_it = |listed: &Option<ListedSession>| listed.as_ref().is_some_and(|listed| listed.id == id);
        let (path, _) =
            objects.into_iter().find(|(_, listed)| is_it(listed)).ok_or(PlatformError::NotPresent)?;
        let body = (names::SESSION_INFO, "State", Variant::from(TEAR_DOWN));
        call(&self.connection, &service(channel), &path, PROPERTIES, "Set", &body).await?;
        Ok(())
    }
}

fn service(channel: &Channel) -> String {
    format!("{}{}", names::CHANNEL_PREFIX, channel.name)
}

/// The active session of an object `.../<ID in hex>_<handle in hex>`; the context before a session, `.../0`, is none.
fn session_of_object(path: &str, properties: &HashMap<String, OwnedVariant>) -> Option<ListedSession> {
    let byte = |name: &str| u8::try_from(properties.get(name)?).ok();
    let (id, _) = path.rsplit('/').next()?.split_once('_')?;
    (byte("State")? == ACTIVE).then_some(())?;
    // The four bytes as they lie on the wire; 0 where the client has an IPv6 address, which there is no room for.
    let address = u32::try_from(properties.get("RemoteIPAddr")?).ok()?;
    let mac = properties.get("RemoteMACAddress").and_then(|mac| mac.try_clone().ok()?.try_into().ok());
    Some(ListedSession {
        id: u32::from_str_radix(id, 16).ok()?,
        handle: byte("SessionHandle")?,
        user_slot: byte("UserID")?,
        privilege: byte("CurrentPrivilege")?,
        address: IpAddr::V4(Ipv4Addr::from(address.to_le_bytes())).to_string(),
        port: u16::try_from(properties.get("RemotePort")?).ok()?,
        mac: mac.unwrap_or_default(),
    })
}

impl Sessions for DbusSessions {
    fn table(&self) -> Pending<'_, SessionTable> {
        Box::pin(async move {
            let mut table = SessionTable::default();
            for channel in self.channels.iter().filter(|channel| channel.medium == ChannelMedium::Lan) {
                let (limit, listed) = self.of(channel).await?;
                table.possible += usize::from(limit);
                table.active.extend(listed.into_iter().map(|listed| session(channel.number, listed)));
            }
            table.active.sort_by_key(|session| session.handle);
            Ok(table)
        })
    }

    fn close<'a>(&'a self, session: &'a Session) -> Pending<'a, ()> {
        Box::pin(async move {
            let channel = self.channels.by_number(session.channel).ok_or(PlatformError::NotPresent)?;
            match self.ask_ferrite(channel, "CloseSession", &session.id).await? {
                Some(_) => Ok(()),
                None => self.tear_down(channel, session.id).await,
            }
        })
    }

    fn send<'a>(&'a self, session: &'a Session, message: &'a [u8]) -> Pending<'a, ()> {
        Box::pin(async move {
            let channel = self.channels.by_number(session.channel).ok_or(PlatformError::NotPresent)?;
            let sent = self.ask_ferrite(channel, "SendMessage", &(session.handle, message)).await?;
            // OpenBMC's netipmid has no such thing.
            sent.map(drop).ok_or(PlatformError::Absent("netipmid"))
        })
    }
}

fn session(channel: u8, listed: ListedSession) -> Session {
    Session {
        id: listed.id,
        handle: listed.handle,
        channel,
        user_slot: listed.user_slot,
        privilege: listed.privilege,
        peer: listed.address.parse().ok().map(|address| SocketAddr::new(address, listed.port)),
        peer_mac: listed.mac.try_into().unwrap_or_default(),
    }
}
