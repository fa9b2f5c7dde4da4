//! The system event log.

use bmc_dbus::sel::{Entry, EventLogProxy};
use ipmi_wire::record::sel::LENGTH;
use zbus::{Connection, proxy::CacheProperties};

use super::{Pending, PlatformError, dbus::platform_error};

/// The seam to seld.
pub trait EventLog: Send + Sync {
    /// State of the log.
    fn info(&self) -> Pending<'_, LogInfo>;
    /// The record `id`; 0 is the first, FFFFh the last.
    fn get(&self, id: u16) -> Pending<'_, LogRecord>;
    /// Adds a record and gives its ID.
    fn add(&self, record: [u8; LENGTH]) -> Pending<'_, u16>;
    /// Deletes the record `id`, or the first or last as for [`EventLog::get`], and gives its ID.
    fn delete(&self, id: u16) -> Pending<'_, u16>;
    /// Deletes all records; done when it returns.
    fn clear(&self) -> Pending<'_, ()>;
}

/// State of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogInfo {
    /// How many records there are.
    pub records: u32,
    /// How many more fit.
    pub free: u32,
    /// When one was last added, in seconds since 1970; FFFFFFFFh is never.
    pub last_addition: u32,
    /// When one was last erased, as above.
    pub last_erase: u32,
    /// Whether records were lost because the log was full.
    pub overflow: bool,
}

/// A record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRecord {
    /// Its ID.
    pub id: u16,
    /// The ID of the one after it; FFFFh is none.
    pub next: u16,
    /// All of it.
    pub bytes: [u8; LENGTH],
}

/// The log behind `org.ferrite.EventLog`.
pub struct DbusEventLog {
    connection: Connection,
}

impl DbusEventLog {
    /// The log on this bus.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn log(&self) -> Result<EventLogProxy<'_>, PlatformError> {
        let builder = EventLogProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        builder.build().await.map_err(failure)
    }
}

/// seld's time in IPMI's terms: "never" is 0 there and FFFFFFFFh here (v2.0§31.2).
fn time(seconds: u32) -> u32 {
    if seconds == 0 { u32::MAX } else { seconds }
}

/// What a call to seld failed with.
fn failure(error: zbus::Error) -> PlatformError {
    platform_error(&error)
}

impl EventLog for DbusEventLog {
    fn info(&self) -> Pending<'_, LogInfo> {
        Box::pin(async {
            let info = self.log().await?.info().await.map_err(failure)?;
            Ok(LogInfo {
                records: info.records,
                free: info.free,
                last_addition: time(info.last_addition),
                last_erase: time(info.last_erase),
                overflow: info.overflow,
            })
        })
    }

    fn get(&self, id: u16) -> Pending<'_, LogRecord> {
        Box::pin(async move {
            let Entry { id, next, record } = self.log().await?.get(id).await.map_err(failure)?;
            let bytes = record.try_into();
            let bytes = bytes.map_err(|_| PlatformError::Failed("a record of a wrong size".into()))?;
            Ok(LogRecord { id, next, bytes })
        })
    }

    fn add(&self, record: [u8; LENGTH]) -> Pending<'_, u16> {
        Box::pin(async move { self.log().await?.add(&record).await.map_err(failure) })
    }

    fn delete(&self, id: u16) -> Pending<'_, u16> {
        Box::pin(async move { self.log().await?.delete(id).await.map_err(failure) })
    }

    fn clear(&self) -> Pending<'_, ()> {
        Box::pin(async { self.log().await?.clear().await.map_err(failure) })
    }
}
