//! The system event log.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bmc_daemon::Tasks;
use bmc_dbus::sel::{EventLogProxy, EventLogSettingsProxy};
use futures_util::{FutureExt as _, StreamExt as _, stream::select};
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
    /// Adds an event, unless its sensor is in a storm, in which case it is counted.
    fn report(&self, record: [u8; LENGTH]) -> Pending<'_, ()>;
    /// Deletes the record `id`, or the first or last as for [`EventLog::get`], and gives its ID.
    fn delete(&self, id: u16) -> Pending<'_, u16>;
    /// Deletes all records; done when it returns.
    fn clear(&self) -> Pending<'_, ()>;
    /// Logs again what is asserted now of the sensor at `path`, or of all where it is empty; only events whose bit is set.
    fn rearm<'a>(&'a self, path: &'a str, events: u16) -> Pending<'a, ()>;
    /// One of the log's settings.
    fn setting(&self, setting: Setting) -> Pending<'_, i64>;
    /// Changes one of the log's settings.
    fn set(&self, setting: Setting, value: i64) -> Pending<'_, ()>;
    /// State of an auxiliary log as it was last set.
    fn auxiliary(&self, log_type: u8) -> Pending<'_, Vec<u8>>;
    /// Sets the state of an auxiliary log.
    fn set_auxiliary(&self, log_type: u8, status: Vec<u8>) -> Pending<'_, ()>;
}

/// A setting of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// Its time, in seconds since 1970 (below 2000_0000h: since the BMC started).
    Time,
    /// Minutes that its time is ahead of UTC; 7FFh is not known.
    UtcOffset,
    /// Whether events of the BMC's own sensors are logged: 1 or 0.
    ReceivesEvents,
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
    /// Changes whenever records are erased.
    pub erasures: u32,
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

/// How many records are fetched at once: a client that reads one reads the next.
const AHEAD: u16 = 64;
/// How many clients read side by side without each fetching every record for itself.
const READERS: usize = 16;

/// The log behind `org.ferrite.EventLog`, with the records that clients will read next.
pub struct DbusEventLog {
    connection: Connection,
    ahead: Arc<Mutex<Ahead>>,
}

/// Records that were read ahead. What is fetched while the log changes is not kept.
#[derive(Debug, Default)]
struct Ahead {
    /// As they were fetched; the page that was read last is the last.
    pages: VecDeque<Vec<LogRecord>>,
    changes: u64,
}

impl Ahead {
    fn get(&mut self, id: u16) -> Option<LogRecord> {
        let found = |page: &Vec<LogRecord>| page.iter().find(|record| record.id == id).copied();
        let (place, record) =
            self.pages.iter().enumerate().rev().find_map(|(place, page)| Some((place, found(page)?)))?;
        if let Some(page) = self.pages.remove(place) {
            self.pages.push_back(page);
        }
        Some(record)
    }

    /// Keeps a page, for which the one that was not read for longest gives way.
    fn keep(&mut self, page: Vec<LogRecord>) {
        if self.pages.len() == READERS {
            self.pages.pop_front();
        }
        self.pages.push_back(page);
    }

    fn forget(&mut self) {
        self.pages.clear();
        self.changes = self.changes.wrapping_add(1);
    }
}

impl DbusEventLog {
    /// The log on this bus. The task that learns of changes lives in `tasks`.
    ///
    /// # Errors
    /// Where the bus takes no subscription.
    pub async fn start(connection: &Connection, tasks: &mut Tasks) -> zbus::Result<Self> {
        let log = Self { connection: connection.clone(), ahead: Arc::default() };
        let proxy =
            EventLogProxy::builder(connection).cache_properties(CacheProperties::No).build().boxed().await?;
        let ahead = Arc::clone(&log.ahead);
        // A seld that starts anew may have found its log damaged, and says nothing of that.
        let owners = proxy.inner().receive_owner_changed().boxed().await?.map(drop);
        let mut changes = select(proxy.receive_changed().boxed().await?.map(drop), owners);
        tasks.spawn(async move {
            while changes.next().await.is_some() {
                lock(&ahead).forget();
            }
        });
        Ok(log)
    }

    async fn log(&self) -> Result<EventLogProxy<'_>, PlatformError> {
        let builder = EventLogProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        builder.build().boxed().await.map_err(failure)
    }

    async fn settings(&self) -> Result<EventLogSettingsProxy<'_>, PlatformError> {
        let builder = EventLogSettingsProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        builder.build().boxed().await.map_err(failure)
    }

    async fn fetch(&self, id: u16) -> Result<LogRecord, PlatformError> {
        let changes = lock(&self.ahead).changes;
        let page = self.log().await?.page(id, AHEAD).boxed().await.map_err(failure)?;
        let records = page.into_iter().map(|entry| {
            let bytes = entry.record.try_into();
            let bytes = bytes.map_err(|_| PlatformError::Failed("a record of a wrong size".into()))?;
            Ok(LogRecord { id: entry.id, next: entry.next, bytes })
        });
        let records = records.collect::<Result<Vec<_>, PlatformError>>()?;
        let first = records.first().copied().ok_or(PlatformError::NotPresent);
        let mut ahead = lock(&self.ahead);
        if ahead.changes == changes {
            ahead.keep(records);
        }
        first
    }

    fn forget(&self) {
        lock(&self.ahead).forget();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
            let info = self.log().await?.info().boxed().await.map_err(failure)?;
            Ok(LogInfo {
                records: info.records,
                free: info.free,
                last_addition: time(info.last_addition),
                last_erase: time(info.last_erase),
                overflow: info.overflow,
                erasures: info.erasures,
            })
        })
    }

    fn get(&self, id: u16) -> Pending<'_, LogRecord> {
        let known = lock(&self.ahead).get(id);
        Box::pin(async move {
            match known {
                Some(record) => Ok(record),
                None => self.fetch(id).await,
            }
        })
    }

    fn add(&self, record: [u8; LENGTH]) -> Pending<'_, u16> {
        Box::pin(async move {
            let id = self.log().await?.add(&record).boxed().await.map_err(failure);
            self.forget();
            id
        })
    }

    fn report(&self, record: [u8; LENGTH]) -> Pending<'_, ()> {
        Box::pin(async move {
            let reported = self.log().await?.report(&record).boxed().await.map_err(failure);
            self.forget();
            reported.map(drop)
        })
    }

    fn delete(&self, id: u16) -> Pending<'_, u16> {
        Box::pin(async move {
            let id = self.log().await?.delete(id).boxed().await.map_err(failure);
            self.forget();
            id
        })
    }

    fn clear(&self) -> Pending<'_, ()> {
        Box::pin(async {
            let cleared = self.log().await?.clear().boxed().await.map_err(failure);
            self.forget();
            cleared
        })
    }

    fn rearm<'a>(&'a self, path: &'a str, events: u16) -> Pending<'a, ()> {
        Box::pin(async move { self.log().await?.rearm(path, events).boxed().await.map_err(failure) })
    }

    fn setting(&self, setting: Setting) -> Pending<'_, i64> {
        Box::pin(async move {
            let settings = self.settings().await?;
            match setting {
                Setting::Time => settings.time().boxed().await.map(i64::from),
                Setting::UtcOffset => settings.utc_offset().boxed().await.map(i64::from),
                Setting::ReceivesEvents => settings.receives_events().boxed().await.map(i64::from),
            }
            .map_err(failure)
        })
    }

    fn set(&self, setting: Setting, value: i64) -> Pending<'_, ()> {
        Box::pin(async move {
            let settings = self.settings().await?;
            let wrong = |_| PlatformError::Refused(format!("{value} is out of range"));
            match setting {
                Setting::Time => settings.set_time(u32::try_from(value).map_err(wrong)?).boxed().await,
                Setting::UtcOffset => {
                    settings.set_utc_offset(i16::try_from(value).map_err(wrong)?).boxed().await
                }
                Setting::ReceivesEvents => settings.set_receives_events(value != 0).boxed().await,
            }
            .map_err(failure)
        })
    }

    fn auxiliary(&self, log_type: u8) -> Pending<'_, Vec<u8>> {
        Box::pin(async move { self.settings().await?.auxiliary_log(log_type).boxed().await.map_err(failure) })
    }

    fn set_auxiliary(&self, log_type: u8, status: Vec<u8>) -> Pending<'_, ()> {
        Box::pin(async move {
            self.settings().await?.set_auxiliary_log(log_type, &status).boxed().await.map_err(failure)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(first: u16) -> Vec<LogRecord> {
        (first..first + AHEAD).map(|id| LogRecord { id, next: id + 1, bytes: [0; LENGTH] }).collect()
    }

    #[test]
    fn readers_do_not_take_each_others_records_away() {
        let mut ahead = Ahead::default();
        (0..READERS).for_each(|reader| ahead.keep(page(u16::try_from(reader).unwrap() * AHEAD)));
        assert_eq!(ahead.get(1).unwrap().next, 2);
        // One more: whoever has read least lately gives way, which the first is no longer.
        ahead.keep(page(5000));
        assert!(ahead.get(2).is_some() && ahead.get(5063).is_some());
        assert!(ahead.get(AHEAD).is_none());
        ahead.forget();
        assert!(ahead.get(2).is_none());
    }
}
