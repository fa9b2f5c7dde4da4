//! The sessions of all LAN channels, from their owners.

use std::{net::SocketAddr, sync::Arc};

use bmc_daemon::{Channel, ChannelMedium, ChannelTable};
use bmc_dbus::{names::ipmi as names, sessions::ListedSession};
use zbus::Connection;

use super::{call, platform_error};
use crate::platform::{
    Pending, PlatformError,
    sessions::{Session, SessionTable, Sessions},
};

/// [`Sessions`] that asks each channel's owner when asked. Not by the session objects, which an owner publishes at its own pace: a
/// client that asks for its own session right after the login must find it.
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
        let service = format!("{}{}", names::CHANNEL_PREFIX, channel.name);
        let path = names::channel_path(&channel.name);
        match call(&self.connection, &service, &path, names::LAN_CHANNEL, "Sessions", &()).await {
            Err(PlatformError::Absent(_)) => Ok((0, Vec::new())),
            Err(error) => Err(error),
            Ok(reply) => reply.body().deserialize().map_err(|error| platform_error(&error)),
        }
    }
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
            let service = format!("{}{}", names::CHANNEL_PREFIX, channel.name);
            let path = names::channel_path(&channel.name);
            call(&self.connection, &service, &path, names::LAN_CHANNEL, "CloseSession", &session.id).await?;
            Ok(())
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
        // A channel's owner does not look it up.
        peer_mac: [0; 6],
    }
}
