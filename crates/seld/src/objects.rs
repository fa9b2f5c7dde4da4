//! The log on the bus: ours, and phosphor-sel-logger's.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use bmc_dbus::{
    names::sel as names,
    own_name,
    sel::{Entry, Info},
};
use zbus::{Connection, DBusError, interface, object_server::SignalEmitter};

use crate::store::{Store, StoreError};

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

type Shared = Arc<Mutex<Store>>;

fn lock(store: &Shared) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time as records have it (v2.0§37). A clock that was not set yet counts from 1970, which is below 2000_0000h: clients show
/// that as the time since the BMC started. FFFF_FFFFh would be no time at all.
fn timestamp(now: SystemTime) -> u32 {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX).min(u32::MAX - 1)
}

fn now() -> u32 {
    timestamp(SystemTime::now())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

struct EventLog(Shared);

#[interface(name = "org.ferrite.EventLog")]
impl EventLog {
    fn info(&self) -> Info {
        let log = lock(&self.0);
        Info {
            records: count(log.records().len()),
            free: count(log.free()),
            last_addition: log.last_addition,
            last_erase: log.last_erase,
            overflow: log.overflow,
            erasures: log.erasures,
        }
    }

    fn get(&self, id: u16) -> Result<Entry, LogError> {
        let log = lock(&self.0);
        let (id, next, stored) = log.get(id).ok_or(StoreError::NotPresent)?;
        Ok(Entry { id, next, record: stored.record.to_vec() })
    }

    async fn add(
        &self,
        record: Vec<u8>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<u16, LogError> {
        let length = record.len();
        let record = <[u8; 16]>::try_from(record)
            .map_err(|_| LogError::InvalidRecord(format!("a record has 16 bytes, not {length}")))?;
        Self::keep(&self.0, record, "", &emitter).await
    }

    async fn delete(
        &self,
        id: u16,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<u16, LogError> {
        let id = lock(&self.0).delete(now(), id)?;
        Self::changed(&emitter).await?;
        Ok(id)
    }

    async fn clear(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), LogError> {
        lock(&self.0).clear(now())?;
        Self::changed(&emitter).await?;
        Ok(())
    }

    #[zbus(signal)]
    async fn changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn added(emitter: &SignalEmitter<'_>, id: u16, record: &[u8]) -> zbus::Result<()>;
}

impl EventLog {
    /// Keeps a record and tells of it.
    async fn keep(
        store: &Shared,
        record: [u8; 16],
        path: &str,
        emitter: &SignalEmitter<'_>,
    ) -> Result<u16, LogError> {
        let (id, record) = {
            let mut store = lock(store);
            let now = now();
            let id =
                store.add(now, crate::store::NewRecord { bytes: record, at: now, path: path.to_owned() })?;
            let (.., stored) = store.get(id).ok_or(StoreError::NotPresent)?;
            (id, stored.record)
        };
        Self::added(emitter, id, &record).await?;
        Self::changed(emitter).await?;
        Ok(id)
    }
}

struct LoggingIpmi(Shared);

#[interface(name = "xyz.openbmc_project.Logging.IPMI")]
impl LoggingIpmi {
    /// seld does not know the sensor's number and type yet: both are 0, and the path is kept beside the record.
    async fn ipmi_sel_add(
        &self,
        message: String,
        path: String,
        data: Vec<u8>,
        assert: bool,
        generator_id: u16,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<u16, LogError> {
        let mut record = system_event(assert, generator_id);
        fill(&mut record[13..], &data)?;
        tracing::debug!("{message}");
        EventLog::keep(&self.0, record, &path, &emitter).await
    }

    async fn ipmi_sel_add_oem(
        &self,
        message: String,
        data: Vec<u8>,
        record_type: u8,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<u16, LogError> {
        if record_type < 0xC0 {
            let text = format!("{record_type:#04x} is not an OEM record type (0xc0 to 0xff)");
            return Err(LogError::InvalidRecord(text));
        }
        let mut record = [0xFF; 16];
        record[2] = record_type;
        let start = if record_type < 0xE0 { 7 } else { 3 };
        fill(&mut record[start..], &data)?;
        tracing::debug!("{message}");
        EventLog::keep(&self.0, record, "", &emitter).await
    }

    async fn clear(&self, #[zbus(signal_emitter)] emitter: SignalEmitter<'_>) -> Result<(), LogError> {
        lock(&self.0).clear(now())?;
        EventLog::changed(&emitter).await?;
        Ok(())
    }
}

/// A system event record (v2.0§32.1) without its data: event message format 04h, unspecified sensor.
fn system_event(assert: bool, generator_id: u16) -> [u8; 16] {
    let [low, high] = generator_id.to_le_bytes();
    let direction = if assert { 0 } else { 0x80 };
    [0, 0, 2, 0, 0, 0, 0, low, high, 4, 0, 0, direction, 0xFF, 0xFF, 0xFF]
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
pub(crate) async fn serve(connection: &Connection, store: &Shared) -> anyhow::Result<()> {
    connection.object_server().at(names::PATH, EventLog(store.clone())).await?;
    connection.object_server().at(names::PATH, LoggingIpmi(store.clone())).await?;
    own_name(connection, names::SERVICE).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_not_set_gives_a_time_since_the_start() {
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(90)), 90);
        assert_eq!(timestamp(UNIX_EPOCH - Duration::from_secs(90)), 0);
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(1 << 33)), 0xFFFF_FFFE);
    }
}
