//! SMS attention: the owner of each system interface is told when the host is to come for its flags, and when not.

use std::{sync::Arc, time::Duration};

use bmc_daemon::{Channel, ChannelMedium, ChannelTable};
use bmc_dbus::names::ipmi;
use futures_util::StreamExt as _;
use tokio::sync::watch;
use zbus::{Connection, MatchRule, Message, MessageStream, message::Type};

use crate::platform::{PlatformError, dbus::platform_error};

/// kcsbridge's interface on its channel's object.
const SMS: &str = "xyz.openbmc_project.Ipmi.Channel.SMS";

/// How long a channel's owner may take to set a bit.
const DEADLINE: Duration = Duration::from_secs(2);
/// When an owner that could not is told again.
const RETRY: Duration = Duration::from_secs(1);

/// Subscribed to the owners of channels, before anybody is told anything.
pub(crate) struct Attention {
    connection: Connection,
    channels: Vec<Channel>,
    owners: MessageStream,
}

impl Attention {
    /// Subscribes.
    ///
    /// # Errors
    /// Where the bus takes no subscription.
    pub(crate) async fn start(connection: &Connection, channels: &Arc<ChannelTable>) -> zbus::Result<Self> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg0ns(ipmi::CHANNEL_PREFIX.trim_end_matches('.'))
            .build()?;
        let system = channels.iter().filter(|channel| channel.medium == ChannelMedium::SystemInterface);
        Ok(Self {
            connection: connection.clone(),
            channels: system.cloned().collect(),
            owners: MessageStream::for_match_rule(rule, connection, None).await?,
        })
    }

    /// Tells every owner of a system interface whether anything waits for the host: now, at each change, and when an owner
    /// appears, who knows nothing of what was. Ends with the connection.
    pub(crate) async fn follow(mut self, mut waiting: watch::Receiver<bool>) {
        loop {
            let wanted = *waiting.borrow_and_update();
            let all_know = self.tell(wanted).await;
            tokio::select! {
                changed = waiting.changed() => if changed.is_err() { return },
                appeared = appearance(&mut self.owners, &self.channels) => if appeared.is_none() { return },
                () = tokio::time::sleep(RETRY), if !all_know => {}
            }
        }
    }

    /// Says whether every owner that is there did it.
    async fn tell(&self, wanted: bool) -> bool {
        let mut all_know = true;
        for channel in &self.channels {
            match self.tell_owner(channel, wanted).await {
                // An owner without the interface (OpenBMC's ssifbridge) has no bit to set.
                Ok(()) | Err(PlatformError::Absent(_)) => {}
                Err(error) => {
                    tracing::warn!("{} does not set its attention to {wanted}: {error}", channel.name);
                    all_know = false;
                }
            }
        }
        all_know
    }

    async fn tell_owner(&self, channel: &Channel, wanted: bool) -> Result<(), PlatformError> {
        let service = format!("{}{}", ipmi::CHANNEL_PREFIX, channel.name);
        let path = ipmi::channel_path(&channel.name);
        let method = if wanted { "setAttention" } else { "clearAttention" };
        let call = self.connection.call_method(Some(service.as_str()), path.as_str(), Some(SMS), method, &());
        match tokio::time::timeout(DEADLINE, call).await {
            Ok(reply) => reply.map(drop).map_err(|error| platform_error(&error)),
            Err(_) => Err(PlatformError::Failed(format!("no answer in {DEADLINE:?}"))),
        }
    }
}

/// Waits until somebody owns one of `channels`; `None` where the bus is gone.
async fn appearance(owners: &mut MessageStream, channels: &[Channel]) -> Option<()> {
    loop {
        let message: Message = owners.next().await?.ok()?;
        let Ok((name, _, new)) = message.body().deserialize::<(String, String, String)>() else { continue };
        let channel = name.strip_prefix(ipmi::CHANNEL_PREFIX);
        let is_ours = channels.iter().any(|ours| channel == Some(ours.name.as_str()));
        if is_ours && !new.is_empty() {
            return Some(());
        }
    }
}
