//! The one subscription: from signals on the bus to the [`Model`], and what commands write back.

use std::{
    convert::Infallible,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bmc_daemon::StateFile;
use bmc_dbus::{
    discovery::{Event, Follow},
    discrete::ROOTS,
    error_reply,
    names::sensors as names,
};
use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};
use zbus::{Connection, Variant};

use super::{
    AddedRecords, History, Hysteresis, Model, Numbers, RecordChange, RecordRefused, Sensor, Snapshot,
    Threshold, Vendor,
};
use crate::{
    platform::{
        Pending, PlatformError,
        dbus::{NO_OBJECT, platform_error},
        inventory::Inventory,
        sensors::Sensors,
    },
    stored::Stored,
};

/// How long static changes are gathered before a snapshot is made: a provider that starts tells of a thousand in a burst.
const GATHER: Duration = Duration::from_millis(100);
/// How long providers have after a start to tell of the sensors that they had before it.
const SETTLE: Duration = Duration::from_secs(60);
/// How often the FRU devices are looked at.
const FRU_CHECK: Duration = Duration::from_secs(5);

/// The sensors on a bus. Cheap to clone; outlives any connection.
#[derive(Clone)]
pub struct DbusSensors {
    shared: Arc<Shared>,
}

struct Shared {
    model: Mutex<Model>,
    current: RwLock<Arc<Snapshot>>,
    connection: Mutex<Option<Connection>>,
    files: SensorFiles,
    /// When the repository changed, on its way to its file.
    history: Stored<History>,
    /// Held by who changes clients' records, until the change is on the medium and in memory.
    changing: Arc<tokio::sync::Mutex<()>>,
    /// How far the repository's clock is ahead of the system's, in seconds, until the next start.
    clock_ahead: AtomicI64,
    inventory: Arc<dyn Inventory>,
    generation: watch::Sender<u32>,
}

/// What is kept of sensors over a restart.
#[derive(Debug)]
pub struct SensorFiles {
    /// The addresses that were given.
    numbers: StateFile<Numbers>,
    /// The records that clients added.
    added: Arc<StateFile<AddedRecords>>,
    /// When the repository changed.
    history: StateFile<History>,
}

impl SensorFiles {
    /// The files in the daemon's state directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            numbers: StateFile::new(directory.join("sensor-numbers.json")),
            added: Arc::new(StateFile::new(directory.join("sdr-added.json"))),
            history: StateFile::new(directory.join("sdr-history.json")),
        }
    }
}

/// What a file has; what cannot be read is said and begins anew.
fn load<T: serde::de::DeserializeOwned + Default>(file: &StateFile<T>, what: &str) -> T {
    file.load()
        .unwrap_or_else(|error| {
            tracing::warn!("{what}: {error}");
            None
        })
        .unwrap_or_default()
}

impl DbusSensors {
    /// No sensors yet, on a board of which the vendor says this.
    pub fn new(files: SensorFiles, inventory: Arc<dyn Inventory>, vendor: Vendor) -> Self {
        let numbers = load(&files.numbers, "sensor numbers are given anew");
        let added = load(&files.added, "sensor data records that clients added are lost");
        let history = load(&files.history, "changes of the sensor data records are counted anew");
        let model = Model::new(numbers).with_records(added, history.clone()).with_vendor(vendor);
        let shared = Shared {
            model: Mutex::new(model),
            current: RwLock::default(),
            connection: Mutex::default(),
            files,
            history: Stored::new(history),
            changing: Arc::default(),
            clock_ahead: AtomicI64::new(0),
            inventory,
            generation: watch::Sender::new(0),
        };
        let sensors = Self { shared: Arc::new(shared) };
        sensors.check_frus();
        sensors.publish();
        sensors
    }

    /// The FRU devices whose locators stand among the records.
    pub fn inventory(&self) -> &Arc<dyn Inventory> {
        &self.shared.inventory
    }

    /// The generation of the snapshot, as it changes.
    pub(crate) fn generation(&self) -> watch::Receiver<u32> {
        self.shared.generation.subscribe()
    }

    /// Writes down when the repository changed; never ends.
    pub async fn keep_history(&self) {
        self.shared.history.keep(&self.shared.files.history).await;
    }

    /// Writes it down now.
    pub fn write_history(&self) {
        // A client that was shown records a moment ago is part of it.
        if lock(&self.shared.model).is_dirty() {
            self.publish();
        }
        self.shared.history.write(&self.shared.files.history);
    }

    /// Follows the sensors on `connection` until it closes; then all of them are unavailable until the next call.
    ///
    /// # Errors
    /// Where the bus is not there.
    pub async fn follow(&self, connection: &Connection) -> zbus::Result<()> {
        *lock(&self.shared.connection) = Some(connection.clone());
        let result = self.follow_until_closed(connection).await;
        *lock(&self.shared.connection) = None;
        lock(&self.shared.model).all_gone();
        result
    }

    /// Side by side: while one follower finds its providers, the signals for another must not fill their queue.
    async fn follow_until_closed(&self, connection: &Connection) -> zbus::Result<()> {
        let changed = Notify::new();
        let [inventory, detectors] = ROOTS;
        let apply_to_items = |root| move |event| lock(&self.shared.model).apply_to_items(root, event);
        tokio::select! {
            result = self.hear(connection, (names::ROOT, names::VALUE), &changed, |event| self.apply(event)) => result,
            result = self.hear(connection, inventory, &changed, apply_to_items(0)) => result,
            result = self.hear(connection, detectors, &changed, apply_to_items(1)) => result,
            never = self.keep_current(&changed) => match never {},
        }
    }

    /// Applies what happens to the objects below a root that have an interface, until the connection closes.
    async fn hear(
        &self,
        connection: &Connection,
        (root, interface): (&str, &str),
        changed: &Notify,
        apply: impl Fn(Event),
    ) -> zbus::Result<()> {
        let mut follow = Follow::start(connection, root, interface).await?;
        while let Some(event) = follow.next().await {
            apply(event);
            if lock(&self.shared.model).is_dirty() {
                changed.notify_one();
            }
        }
        Ok(())
    }

    /// Makes a snapshot a while after each change, and sees to what changes without a signal.
    async fn keep_current(&self, changed: &Notify) -> Infallible {
        let mut fru_check = tokio::time::interval(FRU_CHECK);
        let mut publish_at = None;
        let mut settle_at = Some(tokio::time::Instant::now() + SETTLE);
        loop {
            if publish_at.is_none() && lock(&self.shared.model).is_dirty() {
                publish_at = Some(tokio::time::Instant::now() + GATHER);
            }
            tokio::select! {
                () = changed.notified() => {}
                () = sleep_until(publish_at) => {
                    publish_at = None;
                    self.publish();
                }
                () = sleep_until(settle_at) => {
                    settle_at = None;
                    lock(&self.shared.model).settle();
                }
                _ = fru_check.tick() => self.check_frus(),
            }
        }
    }

    fn apply(&self, event: Event) {
        let (mut model, now) = (lock(&self.shared.model), Instant::now());
        match event {
            Event::Loaded { provider, objects } => {
                tracing::debug!("{provider} has {} objects", objects.len());
                model.load(&provider, objects, now);
            }
            Event::Gone { provider } => {
                tracing::info!("{provider} left the bus: its sensors are unavailable");
                model.gone(&provider);
            }
            Event::Added { provider, path, interfaces } => model.add(&provider, &path, &interfaces, now),
            Event::Removed { provider, path, interfaces } => model.remove(&provider, &path, &interfaces),
            Event::Changed { provider, path, interface, properties } => {
                model.change(&provider, &path, &interface, &properties, now);
            }
        }
    }

    fn check_frus(&self) {
        let frus = self.shared.inventory.list();
        lock(&self.shared.model).set_frus(frus);
    }

    /// Makes the snapshot that handlers see from now on.
    fn publish(&self) {
        let mut model = lock(&self.shared.model);
        let (snapshot, assigned) = model.rebuild(self.repository_time());
        self.shared.history.change(|history| history.clone_from(model.history()));
        if assigned && let Err(error) = self.shared.files.numbers.store(model.numbers()) {
            tracing::warn!("sensor numbers may change with the next start: {error}");
        }
        let generation = snapshot.generation;
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        self.shared.generation.send_if_modified(|last| std::mem::replace(last, generation) != generation);
    }

    /// As [`Sensors::change_records`]: nobody sees a change that is not on the medium. One that has begun is brought to its end also
    /// where its client's deadline passes: else the file would have what memory has not, and the next change write beside this one.
    async fn change(&self, change: &RecordChange) -> Result<Result<u16, RecordRefused>, PlatformError> {
        let alone = self.shared.changing.clone().lock_owned().await;
        let outcome = lock(&self.shared.model).changed_records(change);
        let changed = match outcome {
            Ok(changed) => changed,
            Err(refused) => {
                // That there was no room is in the snapshot.
                if refused == RecordRefused::Full {
                    self.publish();
                }
                return Ok(Err(refused));
            }
        };
        if let Some(records) = changed.records {
            let this = self.clone();
            let stored = bmc_daemon::spawn(async move {
                let _alone = alone;
                let (file, value) = (Arc::clone(&this.shared.files.added), records.clone());
                let stored = tokio::task::spawn_blocking(move || file.store(&value)).await;
                stored.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                lock(&this.shared.model).set_added(records);
                this.publish();
                Ok(())
            });
            let stored = stored.await.unwrap_or_else(|error| Err(error.to_string()));
            stored.map_err(PlatformError::Failed)?;
        }
        Ok(Ok(changed.id))
    }

    /// Writes properties, and has the snapshot show them at once: the client that set a threshold reads it back next.
    async fn write(
        &self,
        sensor: &Sensor,
        properties: &[(String, String, f64)],
    ) -> Result<(), PlatformError> {
        let connection = lock(&self.shared.connection).clone().ok_or(PlatformError::Absent("sensord"))?;
        for (interface, property, value) in properties {
            let arguments = (interface, property, Variant::F64(*value));
            let provider = Some(&*sensor.provider);
            let properties = Some("org.freedesktop.DBus.Properties");
            connection
                .call_method(provider, sensor.path.as_str(), properties, "Set", &arguments)
                .boxed()
                .await
                .map_err(|error| failure(&error))?;
            let written = [(property.clone(), (*value).into())].into();
            lock(&self.shared.model).change(
                &sensor.provider,
                &sensor.path,
                interface,
                &written,
                Instant::now(),
            );
        }
        self.publish();
        Ok(())
    }
}

impl Sensors for DbusSensors {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_thresholds<'a>(
        &'a self,
        sensor: &'a Sensor,
        thresholds: &'a [(Threshold, f64)],
    ) -> Pending<'a, ()> {
        Box::pin(async move {
            let properties = thresholds
                .iter()
                .map(|(threshold, value)| (threshold.interface(), threshold.property(), *value))
                .collect::<Vec<_>>();
            self.write(sensor, &properties).await
        })
    }

    fn set_reading<'a>(&'a self, sensor: &'a Sensor, value: f64) -> Pending<'a, ()> {
        Box::pin(
            async move { self.write(sensor, &[(names::VALUE.to_owned(), "Value".to_owned(), value)]).await },
        )
    }

    fn change_records(&self, change: RecordChange) -> Pending<'_, Result<u16, RecordRefused>> {
        Box::pin(async move { self.change(&change).await })
    }

    fn repository_time(&self) -> u32 {
        let now = seconds_since_1970().saturating_add(self.shared.clock_ahead.load(Ordering::Relaxed));
        u32::try_from(now.max(0)).unwrap_or(u32::MAX)
    }

    fn set_repository_time(&self, seconds: u32) {
        self.shared.clock_ahead.store(i64::from(seconds) - seconds_since_1970(), Ordering::Relaxed);
    }

    fn set_hysteresis<'a>(&'a self, sensor: &'a Sensor, hysteresis: Hysteresis) -> Pending<'a, ()> {
        Box::pin(async move {
            let property = |name: &str, value| (names::HYSTERESIS.to_owned(), name.to_owned(), value);
            let properties =
                [property("Positive", hysteresis.positive), property("Negative", hysteresis.negative)];
            self.write(sensor, &properties).await
        })
    }
}

/// What a write failed with: here an object that is not there is a sensor that is not.
fn failure(error: &zbus::Error) -> PlatformError {
    match error_reply(error) {
        Some((name, _)) if NO_OBJECT.contains(&name.as_str()) => PlatformError::NotPresent,
        _ => platform_error(error),
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The system clock.
fn seconds_since_1970() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
