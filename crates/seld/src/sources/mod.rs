//! Where events come from: threshold alarms of whoever has sensors, what powerd tells of the host, what inventory items and detectors
//! say of themselves, and LAN channels of logins.
//!
//! Sources turn signals into [`Happening`]s and put them into one queue. [`Sources::record`] takes them from there in their order, asks
//! for the sensor's number and hands the record to the log. While ipmid is away events wait in the queue; as it gets full they are
//! logged with what is known, so that none is lost and their order stays.

mod alarms;
mod host;
mod items;
mod sessions;
mod thresholds;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use bmc_dbus::sensor_numbers::{ChangedStream, NumberedSensor};
use tokio::{
    sync::{Mutex as Turn, mpsc},
    time::Instant,
};
use zbus::{Connection, MessageStream};

use crate::{
    log::Log,
    numbers::Numbers,
    record::{Happening, What},
};
use alarms::Alarms;
use host::Host;
use items::Items;

/// Events that wait for ipmid: a storm on a board of a thousand sensors, several times over. It takes memory only while one is there,
/// unlike the rings of the bus connection, which must not fill: while one is full, no answer of ipmid's comes through either.
const WAITING: usize = 8192;
/// How many make a crowd in which none waits longer.
const CROWD: usize = 768;

/// The sources of a log. They outlive a connection.
pub(crate) struct Sources {
    log: Arc<Log>,
    numbers: Arc<Numbers>,
    alarms: Mutex<Alarms>,
    host: Mutex<Host>,
    items: Mutex<Items>,
    waiting: mpsc::Sender<(Happening, Instant)>,
    /// Events in the queue and the one that was taken from it last.
    under_way: AtomicUsize,
    /// One connection at a time takes from the queue.
    queue: Turn<mpsc::Receiver<(Happening, Instant)>>,
}

/// What was subscribed to.
pub(crate) struct Subscriptions {
    numbers: ChangedStream,
    thresholds: thresholds::Signals,
    host: host::Signals,
    sessions: MessageStream,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sources {
    /// Sources of `log`; which alarms are on is what the log last said of them.
    pub(crate) fn new(log: Arc<Log>, numbers: Arc<Numbers>) -> Arc<Self> {
        let (waiting, queue) = mpsc::channel(WAITING);
        let alarms = Alarms::from_log(log.store().records().values());
        let items = Items::from_log(log.store().records().values());
        Arc::new(Self {
            log,
            numbers,
            alarms: Mutex::new(alarms),
            host: Mutex::default(),
            items: Mutex::new(items),
            waiting,
            under_way: AtomicUsize::new(0),
            queue: Turn::new(queue),
        })
    }

    /// Begins to listen on `connection`: no event from now on is missed.
    pub(crate) async fn subscribe(&self, connection: &Connection) -> zbus::Result<Subscriptions> {
        Ok(Subscriptions {
            numbers: self.numbers.subscribe(connection).await?,
            thresholds: thresholds::subscribe(connection).await?,
            host: host::subscribe(connection).await?,
            sessions: sessions::subscribe(connection).await?,
        })
    }

    /// Logs what happens, until the bus is gone.
    pub(crate) async fn run(&self, connection: &Connection, heard: Subscriptions) -> zbus::Result<()> {
        tokio::select! {
            () = self.numbers.follow(heard.numbers) => Ok(()),
            () = self.record(connection) => Ok(()),
            result = thresholds::follow(self, connection, heard.thresholds) => result,
            result = host::follow(self, connection, heard.host) => result,
            result = items::follow(self, connection) => result,
            result = sessions::follow(self, heard.sessions) => result,
        }
    }

    /// Logs again what is on now: of the sensor at `path`, or of all where it is empty; only events whose bit is set.
    pub(crate) async fn rearm(&self, path: &str, events: u16) {
        let mut again = lock(&self.alarms).rearm(path, events);
        again.extend(lock(&self.items).rearm(path, events));
        self.happen(again).await;
    }

    /// Something happened, now.
    async fn happen(&self, things: Vec<(String, What)>) {
        if !self.log.receives().load(Ordering::Relaxed) {
            return;
        }
        let at = self.log.time();
        for (path, what) in things {
            let happening = Happening { path, what, at };
            let known = self.numbers.fresh(&happening.path);
            if self.under_way.load(Ordering::Relaxed) == 0 && known.is_some() {
                self.submit(&happening, known.as_ref()).await;
                continue;
            }
            self.under_way.fetch_add(1, Ordering::Relaxed);
            // The queue closes with the daemon alone.
            let _ = self.waiting.send((happening, Instant::now())).await;
        }
    }

    async fn record(&self, connection: &Connection) {
        let mut queue = self.queue.lock().await;
        while let Some((happening, since)) = queue.recv().await {
            let path = &happening.path;
            let sensor = if queue.len() > CROWD && self.numbers.are_away() {
                self.numbers.known(path)
            } else {
                self.numbers.find(connection, path, since).await
            };
            self.submit(&happening, sensor.as_ref()).await;
            self.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn submit(&self, happening: &Happening, sensor: Option<&NumberedSensor>) {
        if let Some(record) = happening.record(sensor) {
            self.log.submit(record).await;
        }
    }
}
