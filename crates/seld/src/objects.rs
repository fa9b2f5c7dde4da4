//! The log on the bus: ours, and phosphor-sel-logger's.

use std::sync::{Arc, atomic::Ordering};

use bmc_dbus::{
    Serve as _,
    names::sel as names,
    own_name,
    sel::{Entry, Info, NO_RECORD, PageEntry},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use zbus::{Connection, DBusError, fdo, interface, object_server::SignalEmitter};

use crate::{
    log::{Log, News},
    numbers::Numbers,
    pef::{EventFilter, Pef},
    record::added_by_daemon,
    sources::Sources,
    store::{NewRecord, StoreError},
};

/// What callers are told.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.ferrite.Error")]
enum LogError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NotPresent(String),
    Full(String),
    InvalidRecord(String),
    Storage(String),
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::NotPresent => Self::NotPresent(text),
            StoreError::Full => Self::Full(text),
            StoreError::Io(_) => Self::Storage(text),
        }
    }
}

/// Records that one `Page` has at most.
const PAGE: usize = 256;

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn sixteen(record: Vec<u8>) -> Result<[u8; 16], LogError> {
    let length = record.len();
    let wrong = |_| LogError::InvalidRecord(format!("a record has 16 bytes, not {length}"));
    record.try_into().map_err(wrong)
}

struct EventLog {
    log: Arc<Log>,
    sources: Arc<Sources>,
}

impl EventLog {
    /// A record of a client, which happens now.
    fn new_record(&self, record: Vec<u8>) -> Result<NewRecord, LogError> {
        Ok(NewRecord { bytes: sixteen(record)?, at: self.log.time(), path: String::new() })
    }
}

#[interface(name = "org.ferrite.EventLog")]
impl EventLog {
    fn info(&self) -> Info {
        let store = self.log.store();
        Info {
            records: count(store.records().len()),
            free: count(store.free()),
            last_addition: store.last_addition,
            last_erase: store.last_erase,
            overflow: store.overflow,
            erasures: store.erasures,
        }
    }

    fn get(&self, id: u16) -> Result<Entry, LogError> {
        let store = self.log.store();
        let (id, next, stored) = store.get(id).ok_or(StoreError::NotPresent)?;
        Ok(Entry { id, next, record: stored.record.to_vec() })
    }

    fn page(&self, id: u16, count: u16) -> Result<Vec<PageEntry>, LogError> {
        let store = self.log.store();
        let mut page = Vec::new();
        let mut wanted = id;
        while page.len() < PAGE.min(count.into()) {
            let (id, next, stored) = store.get(wanted).ok_or(StoreError::NotPresent)?;
            let (record, path) = (stored.record.to_vec(), stored.path.clone());
            page.push(PageEntry { id, next, record, path });
            if next == NO_RECORD {
                break;
            }
            wanted = next;
        }
        Ok(page)
    }

    async fn add(&self, record: Vec<u8>) -> Result<u16, LogError> {
        Ok(self.log.add(self.new_record(record)?).await?)
    }

    async fn report(&self, record: Vec<u8>) -> Result<u16, LogError> {
        Ok(self.log.report(self.new_record(record)?).await?)
    }

    fn delete(&self, id: u16) -> Result<u16, LogError> {
        Ok(self.log.delete(id)?)
    }

    async fn clear(&self) -> Result<(), LogError> {
        Ok(self.log.clear_and_say_so().await?)
    }

    async fn rearm(&self, path: String, events: u16) {
        self.sources.rearm(&path, events).await;
    }

    #[zbus(signal)]
    async fn changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn added(emitter: &SignalEmitter<'_>, id: u16, record: &[u8]) -> zbus::Result<()>;
}

struct Settings(Arc<Log>);

/// What a set auxiliary log has at most, and how many there are (v2.0§31.13).
const AUXILIARY_BYTES: usize = 16;
const AUXILIARY_LOGS: u8 = 3;
/// A day, and the value for an offset that is not known.
const UTC_OFFSET: std::ops::RangeInclusive<i16> = -1440..=1440;

#[interface(name = "org.ferrite.EventLog.Settings")]
impl Settings {
    #[zbus(property(emits_changed_signal = "false"))]
    fn time(&self) -> u32 {
        self.0.time()
    }

    #[zbus(property)]
    async fn set_time(&self, seconds: u32) -> fdo::Result<()> {
        tracing::info!("the log's time is set from {} to {seconds}", self.0.time());
        self.0.set_time(seconds).await.map_err(fdo::Error::IOError)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn utc_offset(&self) -> i16 {
        self.0.kept().utc_offset
    }

    #[zbus(property)]
    fn set_utc_offset(&self, minutes: i16) -> fdo::Result<()> {
        if minutes != crate::log::UTC_OFFSET_UNKNOWN && !UTC_OFFSET.contains(&minutes) {
            return Err(fdo::Error::InvalidArgs(format!("{minutes} minutes are more than a day")));
        }
        self.0.keep(|kept| kept.utc_offset = minutes).map_err(fdo::Error::IOError)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn receives_events(&self) -> bool {
        self.0.receives().load(Ordering::Relaxed)
    }

    #[zbus(property)]
    fn set_receives_events(&self, receives: bool) {
        self.0.receives().store(receives, Ordering::Relaxed);
    }

    fn auxiliary_log(&self, log_type: u8) -> Result<Vec<u8>, LogError> {
        let unset = || LogError::NotPresent(format!("auxiliary log {log_type} was never set"));
        self.0.kept().auxiliary.remove(&log_type).ok_or_else(unset)
    }

    fn set_auxiliary_log(&self, log_type: u8, status: Vec<u8>) -> Result<(), LogError> {
        if log_type >= AUXILIARY_LOGS || status.len() > AUXILIARY_BYTES {
            let text =
                format!("log {log_type} of {} bytes: types are 0 to 2, at most 16 bytes", status.len());
            return Err(LogError::InvalidRecord(text));
        }
        let kept = self.0.keep(|kept| drop(kept.auxiliary.insert(log_type, status)));
        kept.map_err(LogError::Storage)
    }
}

struct LoggingIpmi {
    log: Arc<Log>,
    numbers: Arc<Numbers>,
}

#[interface(name = "xyz.openbmc_project.Logging.IPMI")]
impl LoggingIpmi {
    /// ipmid says which sensor `path` is; where it does not, number and type are 0xFF and 0, and the path is kept beside.
    #[allow(clippy::too_many_arguments, reason = "OpenBMC's signature")]
    async fn ipmi_sel_add(
        &self,
        message: String,
        path: String,
        data: Vec<u8>,
        assert: bool,
        generator_id: u16,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<u16, LogError> {
        tracing::debug!("{message}");
        let mut bytes = [0xFF; 3];
        fill(&mut bytes, &data)?;
        let sensor = self.numbers.find_now(connection, &path).await;
        let at = self.log.time();
        let record = added_by_daemon(&path, at, sensor.as_ref(), bytes, assert, generator_id);
        Ok(self.log.report(record).await?)
    }

    async fn ipmi_sel_add_oem(
        &self,
        message: String,
        data: Vec<u8>,
        record_type: u8,
    ) -> Result<u16, LogError> {
        if record_type < 0xC0 {
            let text = format!("{record_type:#04x} is not an OEM record type (0xc0 to 0xff)");
            return Err(LogError::InvalidRecord(text));
        }
        let mut bytes = [0xFF; 16];
        bytes[2] = record_type;
        let start = if record_type < 0xE0 { 7 } else { 3 };
        fill(&mut bytes[start..], &data)?;
        tracing::debug!("{message}");
        Ok(self.log.add(NewRecord { bytes, at: self.log.time(), path: String::new() }).await?)
    }

    #[zbus(name = "SELDelete")]
    fn sel_delete(&self, id: u16) -> Result<(), LogError> {
        self.log.delete(id)?;
        Ok(())
    }

    async fn clear(&self) -> Result<(), LogError> {
        Ok(self.log.clear_and_say_so().await?)
    }
}

fn fill(space: &mut [u8], data: &[u8]) -> Result<(), LogError> {
    let (given, room) = (data.len(), space.len());
    let space = space
        .get_mut(..given)
        .ok_or_else(|| LogError::InvalidRecord(format!("{given} data bytes, there is room for {room}")))?;
    space.copy_from_slice(data);
    Ok(())
}

/// Serves the log, then takes the name.
pub(crate) async fn serve(
    connection: &Connection,
    log: &Arc<Log>,
    numbers: &Arc<Numbers>,
    sources: &Arc<Sources>,
    pef: &Arc<Pef>,
) -> anyhow::Result<()> {
    let server = connection.object_server();
    server.serve(names::PATH, EventLog { log: log.clone(), sources: sources.clone() }).await?;
    server.serve(names::PATH, Settings(log.clone())).await?;
    server.serve(names::PATH, LoggingIpmi { log: log.clone(), numbers: numbers.clone() }).await?;
    server.serve(names::PATH, EventFilter(pef.clone())).await?;
    own_name(connection, names::SERVICE).await?;
    Ok(())
}

/// Tells everybody what becomes of the log, until the bus is gone.
pub(crate) async fn announce(connection: &Connection, mut news: Receiver<News>) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(connection, names::PATH)?;
    let mut changed = false;
    loop {
        let heard = news.recv().await;
        changed |= !matches!(heard, Ok(News::Unlogged { .. }));
        match heard {
            Ok(News::Added { id, record, .. }) => EventLog::added(&emitter, id, &record).await?,
            Ok(News::Erased | News::Unlogged { .. }) => {}
            // Too many at once for the bus: whoever follows reads the log.
            Err(RecvError::Lagged(missed)) => tracing::debug!("{missed} records were not announced"),
            Err(RecvError::Closed) => return Ok(()),
        }
        if news.is_empty() && std::mem::take(&mut changed) {
            EventLog::changed(&emitter).await?;
        }
    }
}
