//! Where events come from: threshold alarms of whoever has sensors, and what powerd tells of the host.
//!
//! Sources turn signals into [`Happening`]s and put them into one queue. [`Sources::record`] takes them from there in their order, asks
//! for the sensor's number and hands the record to the log. While ipmid is away events wait in the queue; where it is full they are
//! logged without a number at once, so that none is lost and no signal waits.

mod alarms;
mod host;
mod thresholds;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering};

use tokio::{
    sync::{Mutex as Turn, mpsc},
    time::Instant,
};
use zbus::Connection;

use crate::{
    log::Log,
    numbers::Numbers,
    record::{Happening, What},
};
use alarms::Alarms;
use host::Host;

/// Events that wait for ipmid.
const WAITING: usize = 1024;

/// The sources of a log. They outlive a connection.
pub(crate) struct Sources {
    log: Arc<Log>,
    numbers: Arc<Numbers>,
    alarms: Mutex<Alarms>,
    host: Mutex<Host>,
    waiting: mpsc::Sender<(Happening, Instant)>,
    /// One connection at a time takes from the queue.
    queue: Turn<mpsc::Receiver<(Happening, Instant)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sources {
    /// Sources of `log`; which alarms are on is what the log last said of them.
    pub(crate) fn new(log: Arc<Log>, numbers: Arc<Numbers>) -> Arc<Self> {
        let (waiting, queue) = mpsc::channel(WAITING);
        let alarms = Alarms::from_log(log.store().records().values());
        Arc::new(Self {
            log,
            numbers,
            alarms: Mutex::new(alarms),
            host: Mutex::default(),
            waiting,
            queue: Turn::new(queue),
        })
    }

    /// Listens on `connection` and logs what happens, until the bus is gone.
    pub(crate) async fn run(&self, connection: &Connection) -> zbus::Result<()> {
        tokio::try_join!(
            self.numbers.follow(connection),
            self.record(connection),
            thresholds::follow(self, connection),
            host::follow(self, connection),
        )
        .map(drop)
    }

    /// Logs again what is on now: of the sensor at `path`, or of all where it is empty; only events whose bit is set.
    pub(crate) async fn rearm(&self, path: &str, events: u16) {
        let again = lock(&self.alarms).rearm(path, events);
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
            if let Err(full) = self.waiting.try_send((happening, Instant::now())) {
                let (happening, _) = full.into_inner();
                self.submit(&happening, None).await;
            }
        }
    }

    async fn record(&self, connection: &Connection) -> zbus::Result<()> {
        let mut queue = self.queue.lock().await;
        while let Some((happening, since)) = queue.recv().await {
            let sensor = self.numbers.find(connection, &happening.path, since).await;
            self.submit(&happening, sensor.as_ref()).await;
        }
        Ok(())
    }

    async fn submit(&self, happening: &Happening, sensor: Option<&bmc_dbus::sensor_numbers::NumberedSensor>) {
        if let Some(record) = happening.record(sensor) {
            self.log.submit(record).await;
        }
    }
}
