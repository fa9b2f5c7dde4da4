//! What ipmid says that an object is, kept until it says otherwise, and still believed while it is away.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bmc_dbus::{
    error_reply,
    sensor_numbers::{ChangedStream, NumberedSensor, SensorNumbersProxy},
};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};
use zbus::{Connection, proxy::CacheProperties};

/// How long an event waits for ipmid to come, from its happening on.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it waits for ipmid, which is there, to know the object: it gathers new sensors before it numbers them.
const NEWCOMER: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(200);
/// Objects that are remembered. ipmid has at most a thousand sensors.
const OBJECTS: usize = 2048;

/// What is known of objects.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    known: Mutex<HashMap<String, Known>>,
    /// ipmid did not answer when it was last asked.
    away: AtomicBool,
}

#[derive(Debug, Clone)]
struct Known {
    sensor: NumberedSensor,
    /// ipmid said since that something changed.
    stale: bool,
}

/// An answer of ipmid.
enum Answer {
    Sensor(NumberedSensor),
    NoSensor,
    Away,
}

impl Numbers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `path` is, for an event that happened at `since`; `None` where ipmid stays away or knows no such sensor.
    pub(crate) async fn find(
        &self,
        connection: &Connection,
        path: &str,
        since: Instant,
    ) -> Option<NumberedSensor> {
        if let Some(sensor) = self.fresh(path) {
            return Some(sensor);
        }
        let known = self.known(path);
        let mut deadline = since + PATIENCE;
        loop {
            let asked = timeout_at(deadline.max(Instant::now() + RETRY), ask(connection, path)).await;
            let answer = asked.unwrap_or(Answer::Away);
            self.away.store(matches!(answer, Answer::Away), Ordering::Relaxed);
            match answer {
                Answer::Sensor(sensor) => {
                    self.remember(path, &sensor);
                    return Some(sensor);
                }
                Answer::NoSensor => deadline = deadline.min(since + NEWCOMER),
                Answer::Away if known.is_some() => return known,
                Answer::Away => {}
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// What `path` is, as far as ipmid says so at once.
    pub(crate) async fn find_now(&self, connection: &Connection, path: &str) -> Option<NumberedSensor> {
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap_or_else(Instant::now);
        self.find(connection, path, long_ago).await
    }

    fn remember(&self, path: &str, sensor: &NumberedSensor) {
        let mut known = self.lock();
        if known.len() < OBJECTS || known.contains_key(path) {
            known.insert(path.to_owned(), Known { sensor: sensor.clone(), stale: false });
        }
    }

    fn all_stale(&self) {
        self.lock().values_mut().for_each(|known| known.stale = true);
    }

    /// What `path` is, where ipmid said so and nothing changed since.
    pub(crate) fn fresh(&self, path: &str) -> Option<NumberedSensor> {
        let known = self.lock().get(path).cloned();
        known.filter(|known| !known.stale).map(|known| known.sensor)
    }

    /// Whether ipmid did not answer when it was last asked.
    pub(crate) fn are_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// What `path` is or was, without asking.
    pub(crate) fn known(&self, path: &str) -> Option<NumberedSensor> {
        self.lock().get(path).map(|known| known.sensor.clone())
    }

    /// Subscribes to what ipmid says; all that was known is asked for anew.
    pub(crate) async fn subscribe(&self, connection: &Connection) -> zbus::Result<ChangedStream> {
        let changes = proxy(connection).await?.receive_changed().boxed().await?;
        self.all_stale();
        Ok(changes)
    }

    /// Follows what ipmid says until the bus is gone.
    pub(crate) async fn follow(&self, mut changes: ChangedStream) {
        while changes.next().await.is_some() {
            self.all_stale();
        }
    }
}

async fn proxy(connection: &Connection) -> zbus::Result<SensorNumbersProxy<'static>> {
    SensorNumbersProxy::builder(connection).cache_properties(CacheProperties::No).build().boxed().await
}

async fn ask(connection: &Connection, path: &str) -> Answer {
    let answer = async { proxy(connection).await?.get(path).boxed().await };
    match answer.await {
        Ok(sensor) => Answer::Sensor(sensor),
        Err(error) => match error_reply(&error) {
            Some((name, _)) if name == "org.ferrite.Error.NotPresent" => Answer::NoSensor,
            _ => Answer::Away,
        },
    }
}
