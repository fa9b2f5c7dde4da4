//! Alerts over LAN channels: where they go.

pub use bmc_dbus::alerts::Destination;
use bmc_dbus::{alerts::AlertsProxy, names::ipmi};
use futures_util::FutureExt as _;
use zbus::{Connection, proxy::CacheProperties};

use super::{Pending, PlatformError, dbus::platform_error};

/// The seam to the owners of the LAN channels, by a channel's name.
pub trait Alerts: Send + Sync {
    /// The community of the traps.
    fn community<'a>(&'a self, name: &'a str) -> Pending<'a, String>;
    /// Changes it.
    fn set_community<'a>(&'a self, name: &'a str, community: &'a str) -> Pending<'a, ()>;
    /// How many destinations there are beside the volatile one, which is 0.
    fn destinations<'a>(&'a self, name: &'a str) -> Pending<'a, u8>;
    /// One of them.
    fn destination<'a>(&'a self, name: &'a str, number: u8) -> Pending<'a, Destination>;
    /// Changes it.
    fn set_destination<'a>(&'a self, name: &'a str, number: u8, to: Destination) -> Pending<'a, ()>;
    /// A manager has the trap with this number and time.
    fn acknowledge<'a>(&'a self, name: &'a str, sequence: u16, timestamp: u32) -> Pending<'a, ()>;
}

/// Alerts behind `org.ferrite.Ipmi.Alerts`.
pub struct DbusAlerts {
    connection: Connection,
}

impl DbusAlerts {
    /// The channels' owners on this bus.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn of(&self, name: &str) -> Result<AlertsProxy<'_>, PlatformError> {
        let builder = AlertsProxy::builder(&self.connection)
            .destination(format!("{}{name}", ipmi::CHANNEL_PREFIX))
            .path(ipmi::channel_path(name))
            .cache_properties(CacheProperties::No);
        builder.build().boxed().await.map_err(failure)
    }
}

fn failure(error: zbus::Error) -> PlatformError {
    platform_error(&error)
}

impl Alerts for DbusAlerts {
    fn community<'a>(&'a self, name: &'a str) -> Pending<'a, String> {
        Box::pin(async move { self.of(name).await?.community().boxed().await.map_err(failure) })
    }

    fn set_community<'a>(&'a self, name: &'a str, community: &'a str) -> Pending<'a, ()> {
        Box::pin(async move { self.of(name).await?.set_community(community).boxed().await.map_err(failure) })
    }

    fn destinations<'a>(&'a self, name: &'a str) -> Pending<'a, u8> {
        Box::pin(async move { self.of(name).await?.destinations().boxed().await.map_err(failure) })
    }

    fn destination<'a>(&'a self, name: &'a str, number: u8) -> Pending<'a, Destination> {
        Box::pin(async move { self.of(name).await?.destination(number).boxed().await.map_err(failure) })
    }

    fn set_destination<'a>(&'a self, name: &'a str, number: u8, to: Destination) -> Pending<'a, ()> {
        Box::pin(
            async move { self.of(name).await?.set_destination(number, &to).boxed().await.map_err(failure) },
        )
    }

    fn acknowledge<'a>(&'a self, name: &'a str, sequence: u16, timestamp: u32) -> Pending<'a, ()> {
        Box::pin(async move {
            let waited_for =
                self.of(name).await?.acknowledge(sequence, timestamp).boxed().await.map_err(failure)?;
            if !waited_for {
                tracing::debug!("nobody waits for an acknowledgement of trap {sequence}");
            }
            Ok(())
        })
    }
}
