//! Which client of the bus owns which channel: `xyz.openbmc_project.Ipmi.Channel.<name>` with the names of `channels.toml`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bmc_daemon::{Channel, ChannelTable, Tasks};
use bmc_dbus::names::ipmi;
use futures_util::{FutureExt as _, StreamExt as _};
use zbus::{Connection, MatchRule, MessageStream, message::Type};

/// The channel that stands for the controller's own programs.
const INTERNAL: &str = "INTRABMC";

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// Channel owners by channel name.
pub(super) struct ChannelOwners {
    connection: Connection,
    channels: Arc<ChannelTable>,
    /// Unique bus name of the owner, by channel number.
    owners: Arc<Mutex<HashMap<u8, String>>>,
}

impl ChannelOwners {
    /// Subscribes to changes, then reads who is there already.
    pub(super) async fn start(
        connection: &Connection,
        channels: &Arc<ChannelTable>,
        tasks: &mut Tasks,
    ) -> zbus::Result<Self> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .interface(BUS)
            .member("NameOwnerChanged")
            .arg0ns(ipmi::CHANNEL_PREFIX.trim_end_matches('.'))
            .build()?;
        let mut changes = MessageStream::for_match_rule(rule, connection, None).await?;
        let this =
            Self { connection: connection.clone(), channels: Arc::clone(channels), owners: Arc::default() };
        this.read().await?;
        let (channels, owners) = (Arc::clone(channels), Arc::clone(&this.owners));
        tasks.spawn(async move {
            while let Some(change) = changes.next().await {
                let change = change.and_then(|m| m.body().deserialize::<(String, String, String)>());
                if let Ok((name, _, owner)) = change {
                    record(&channels, &owners, &name, owner);
                }
            }
        });
        Ok(this)
    }

    /// The channel that `sender` owns, else the internal one if there is one.
    pub(super) async fn channel_or_internal(&self, sender: &str) -> Option<&Channel> {
        match self.channel(sender).await {
            Some(channel) => Some(channel),
            None => self.channels.by_name(INTERNAL),
        }
    }

    /// The channel that `sender` owns.
    ///
    /// Its first call may be here before the change of owner has been seen: for somebody unknown the bus is asked again, so that
    /// a LAN channel's request never passes for an internal one.
    pub(super) async fn channel(&self, sender: &str) -> Option<&Channel> {
        if let Some(channel) = self.known(sender) {
            return Some(channel);
        }
        if let Err(error) = self.read().await {
            tracing::warn!("cannot ask the bus who owns the channels: {error}");
        }
        self.known(sender)
    }

    fn known(&self, sender: &str) -> Option<&Channel> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, _) = owners.iter().find(|(_, owner)| *owner == sender)?;
        self.channels.by_number(*number)
    }

    /// Asks for the owner of every channel that is on the bus.
    async fn read(&self) -> zbus::Result<()> {
        for channel in self.channels.iter() {
            let name = format!("{}{}", ipmi::CHANNEL_PREFIX, channel.name);
            let reply = self
                .connection
                .call_method(Some(BUS), BUS_PATH, Some(BUS), "GetNameOwner", &name)
                .boxed()
                .await;
            match reply {
                Ok(reply) => record(&self.channels, &self.owners, &name, reply.body().deserialize()?),
                Err(zbus::Error::FDO(error)) if matches!(*error, zbus::fdo::Error::NameHasNoOwner(_)) => {
                    record(&self.channels, &self.owners, &name, String::new());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Takes down that `owner` owns the bus name `name`; an empty one is nobody.
fn record(channels: &ChannelTable, owners: &Mutex<HashMap<u8, String>>, name: &str, owner: String) {
    let Some(channel) = name.strip_prefix(ipmi::CHANNEL_PREFIX).and_then(|name| channels.by_name(name))
    else {
        return;
    };
    let mut owners = owners.lock().unwrap_or_else(PoisonError::into_inner);
    if owner.is_empty() {
        owners.remove(&channel.number);
    } else {
        owners.insert(channel.number, owner);
    }
}
