//! What other daemons say that concerns the host's flags: a new event, the watchdog's warning, a reset of the host.

use bmc_dbus::{names::power as names, power::PowerStatusProxy, sel::EventLogProxy, watchdog::WatchdogProxy};
use futures_util::{FutureExt as _, StreamExt as _, stream, stream::BoxStream};
use zbus::{Connection, MatchRule, MessageStream, OwnedVariant, message::Type, proxy::CacheProperties};

use crate::ipmid::Kept;

/// One of them.
#[derive(Debug)]
enum News {
    Event(Vec<u8>),
    WatchdogWarns,
    HostWasReset,
}

/// All of them as one stream, subscribed before ipmid has its name.
pub(crate) struct Signals(stream::SelectAll<BoxStream<'static, News>>);

impl Signals {
    /// Subscribes. A provider that is not there yet is normal.
    ///
    /// # Errors
    /// Where the bus takes no subscription.
    pub(crate) async fn start(connection: &Connection) -> zbus::Result<Self> {
        let log =
            EventLogProxy::builder(connection).cache_properties(CacheProperties::No).build().boxed().await?;
        let added = log
            .receive_added()
            .await?
            .filter_map(async |added| Some(News::Event(added.args().ok()?.record.clone())));
        let power = PowerStatusProxy::builder(connection)
            .cache_properties(CacheProperties::No)
            .build()
            .boxed()
            .await?;
        let reset = power.receive_host_reset().boxed().await?.map(|_| News::HostWasReset);
        let off = MessageStream::for_match_rule(chassis_changed()?, connection, None).await?;
        let off = off.filter_map(async |message| went_off(&message.ok()?).then_some(News::HostWasReset));
        let watchdog =
            WatchdogProxy::builder(connection).cache_properties(CacheProperties::No).build().boxed().await?;
        let warns = watchdog.receive_pre_timeout().boxed().await?.map(|_| News::WatchdogWarns);
        Ok(Self(stream::select_all([added.boxed(), reset.boxed(), off.boxed(), warns.boxed()])))
    }

    /// Takes them over into `kept`; ends with the connection.
    pub(crate) async fn follow(mut self, kept: &Kept) {
        while let Some(news) = self.0.next().await {
            match news {
                News::Event(record) => {
                    let record = <[u8; 16]>::try_from(record);
                    if let (Ok(record), true) = (record, kept.host.get(|host| host.buffers_events())) {
                        kept.messages.add_event(record);
                    }
                }
                News::WatchdogWarns => kept.messages.watchdog_warns(),
                News::HostWasReset => kept.host_was_reset(),
            }
        }
    }
}

fn chassis_changed() -> zbus::Result<MatchRule<'static>> {
    Ok(MatchRule::builder()
        .msg_type(Type::Signal)
        .interface("org.freedesktop.DBus.Properties")
        .member("PropertiesChanged")
        .path(names::CHASSIS_PATH)
        .arg(0, names::CHASSIS)
        .build()?
        .to_owned())
}

fn went_off(message: &zbus::Message) -> bool {
    type Changed = (String, std::collections::HashMap<String, OwnedVariant>, Vec<String>);
    let body = message.body();
    let Ok((_, changed, _)) = body.deserialize::<Changed>() else { return false };
    let state = changed.get("CurrentPowerState").and_then(|state| String::try_from(state.clone()).ok());
    state.is_some_and(|state| state.ends_with(".Off"))
}
