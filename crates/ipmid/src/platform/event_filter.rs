//! Platform event filtering, which seld does.

use bmc_dbus::pef::EventFilterProxy;
use futures_util::FutureExt as _;
use zbus::{Connection, proxy::CacheProperties};

use super::{Pending, PlatformError, dbus::platform_error};

/// In place of an alert string's number.
const NO_STRING: u8 = 0xFF;

/// The seam to seld's event filters.
pub trait EventFilter: Send + Sync {
    /// A parameter's bytes.
    fn parameter(&self, number: u8, set: u8, block: u8) -> Pending<'_, Vec<u8>>;
    /// Changes a parameter.
    fn set_parameter(&self, number: u8, value: Vec<u8>) -> Pending<'_, ()>;
    /// IDs of the last records that system software and the BMC looked at.
    fn last_processed(&self) -> Pending<'_, (u16, u16)>;
    /// Sets one of them.
    fn set_last_processed(&self, by_bmc: bool, id: u16) -> Pending<'_, ()>;
    /// Sets the postpone timer or asks for it; what is left.
    fn postpone(&self, seconds: u8) -> Pending<'_, u8>;
    /// Begins to send an alert.
    fn alert(&self, alert: ImmediateAlert) -> Pending<'_, ()>;
    /// What became of it.
    fn alert_status(&self) -> Pending<'_, u8>;
    /// Forgets that.
    fn forget_alert_status(&self) -> Pending<'_, ()>;
}

/// An alert that a client wants to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImmediateAlert {
    /// The channel's number.
    pub channel: u8,
    /// The channel's destination.
    pub destination: u8,
    /// The alert string's number; `None` for an alert without.
    pub string: Option<u8>,
    /// Generator and event message; empty for an alert of no event.
    pub event: Vec<u8>,
}

/// Event filters behind `org.ferrite.EventFilter`.
pub struct DbusEventFilter {
    connection: Connection,
}

impl DbusEventFilter {
    /// The filters on this bus.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn filters(&self) -> Result<EventFilterProxy<'_>, PlatformError> {
        let builder = EventFilterProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        builder.build().boxed().await.map_err(failure)
    }
}

fn failure(error: zbus::Error) -> PlatformError {
    platform_error(&error)
}

impl EventFilter for DbusEventFilter {
    fn parameter(&self, number: u8, set: u8, block: u8) -> Pending<'_, Vec<u8>> {
        Box::pin(
            async move { self.filters().await?.parameter(number, set, block).boxed().await.map_err(failure) },
        )
    }

    fn set_parameter(&self, number: u8, value: Vec<u8>) -> Pending<'_, ()> {
        Box::pin(
            async move { self.filters().await?.set_parameter(number, &value).boxed().await.map_err(failure) },
        )
    }

    fn last_processed(&self) -> Pending<'_, (u16, u16)> {
        Box::pin(async move { self.filters().await?.last_processed().boxed().await.map_err(failure) })
    }

    fn set_last_processed(&self, by_bmc: bool, id: u16) -> Pending<'_, ()> {
        Box::pin(async move {
            self.filters().await?.set_last_processed(by_bmc, id).boxed().await.map_err(failure)
        })
    }

    fn postpone(&self, seconds: u8) -> Pending<'_, u8> {
        Box::pin(async move { self.filters().await?.postpone(seconds).boxed().await.map_err(failure) })
    }

    fn alert(&self, alert: ImmediateAlert) -> Pending<'_, ()> {
        Box::pin(async move {
            let ImmediateAlert { channel, destination, string, event } = alert;
            let (filters, string) = (self.filters().await?, string.unwrap_or(NO_STRING));
            filters.alert(channel, destination, string, &event).boxed().await.map_err(failure)
        })
    }

    fn alert_status(&self) -> Pending<'_, u8> {
        Box::pin(async move { self.filters().await?.alert_status().boxed().await.map_err(failure) })
    }

    fn forget_alert_status(&self) -> Pending<'_, ()> {
        Box::pin(async move { self.filters().await?.forget_alert_status().boxed().await.map_err(failure) })
    }
}
