//! The poll loop: gives due sensors to their buses' workers, takes what comes back, and notices a bus that does not come back.

mod schedule;
mod worker;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bmc_dbus::names::sensors;
use tokio::sync::{oneshot, watch};

use crate::{
    board::SensorSpec,
    sensor::{Sample, Taken, power::HostPower},
    source::Hardware,
    station::{Station, now},
};
use schedule::Schedule;
use worker::{Job, Outcome, Workers};

/// How often `Heartbeat` is told at most.
const BEAT: Duration = Duration::from_secs(5);
/// How long a bus waits for a thread that is busy with another before it gets one of its own.
const PATIENCE: Duration = Duration::from_millis(20);

/// All buses, and who reads them.
#[derive(Debug)]
pub(crate) struct Buses {
    buses: Vec<Bus>,
    /// Bus and member number of each sensor.
    places: Vec<(usize, usize)>,
    workers: Workers,
}

#[derive(Debug)]
struct Bus {
    name: String,
    /// The sensors of its members.
    sensors: Vec<usize>,
}

impl Buses {
    /// Makes ready to read the buses that `specs` name.
    pub(crate) fn start(specs: &[SensorSpec], hardware: &Hardware) -> io::Result<Self> {
        let mut by_bus: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, spec) in specs.iter().enumerate() {
            by_bus.entry(spec.place.bus()).or_default().push(index);
        }
        let mut places = vec![(0, 0); specs.len()];
        let (mut buses, mut members) = (Vec::new(), Vec::new());
        for (number, (name, sensors)) in by_bus.into_iter().enumerate() {
            for (member, sensor) in sensors.iter().enumerate() {
                places[*sensor] = (number, member);
            }
            members.push(sensors.iter().map(|sensor| hardware.open(&specs[*sensor].place)).collect());
            buses.push(Bus { name, sensors });
        }
        Ok(Self { buses, places, workers: Workers::start(members)? })
    }

    /// How many buses there are.
    pub(crate) fn len(&self) -> usize {
        self.buses.len()
    }

    /// Writes `value` to the attribute of sensor `index`.
    pub(crate) async fn write(&self, index: usize, value: i64, deadline: Duration) -> Result<(), String> {
        let (number, member) = *self.places.get(index).ok_or("no such sensor")?;
        let bus = self.buses.get(number).ok_or("no such sensor")?;
        let (done, result) = oneshot::channel();
        self.workers
            .give(number, Job::Write { member, value, done })
            .map_err(|_| format!("bus {} has too much to do", bus.name))?;
        self.workers.hurry();
        match tokio::time::timeout(deadline, result).await {
            Ok(result) => result.unwrap_or_else(|_| Err(format!("bus {} has ended", bus.name))),
            Err(_) => Err(format!("bus {} has not answered within {deadline:?}", bus.name)),
        }
    }
}

/// Polls until it is dropped.
pub(crate) async fn run(
    station: Arc<Station>,
    deadline: Duration,
    mut host: watch::Receiver<HostPower>,
) -> Infallible {
    let mut poller = Poller::new(station, deadline);
    let power = *host.borrow_and_update();
    poller.set_power(power).await;
    loop {
        poller.collect().await;
        poller.find_hung().await;
        poller.hand_out().await;
        poller.hurry();
        poller.beat().await;
        let wake = poller.wake_at();
        tokio::select! {
            () = tokio::time::sleep_until(wake.into()) => {}
            () = poller.station.buses.workers.done() => {}
            () = changed(&mut host) => {
                let power = *host.borrow_and_update();
                poller.set_power(power).await;
            }
        }
    }
}

/// A sender that is gone will never say anything again.
async fn changed(host: &mut watch::Receiver<HostPower>) {
    if host.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A bus as the loop sees it.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Since when nothing has come back, while a batch is under way.
    waiting_since: Option<Instant>,
    /// Whether the deadline has passed.
    hung: bool,
}

struct Poller {
    station: Arc<Station>,
    deadline: Duration,
    schedule: Schedule,
    progress: Vec<Progress>,
    last_beat: Option<Instant>,
    /// When to see whether a bus still waits for a thread.
    look: Option<Instant>,
}

impl Poller {
    fn new(station: Arc<Station>, deadline: Duration) -> Self {
        let schedule = Schedule::new(Instant::now(), station.sensors.iter().map(|handle| handle.spec.poll));
        let progress = vec![Progress::default(); station.buses.len()];
        Self { station, deadline, schedule, progress, last_beat: None, look: None }
    }

    /// When there is something to do without anything having come back.
    fn wake_at(&self) -> Instant {
        let deadlines = self
            .progress
            .iter()
            .filter(|progress| !progress.hung)
            .filter_map(|progress| progress.waiting_since.map(|since| since + self.deadline));
        // Without sensors there is only the heartbeat.
        deadlines.chain(self.schedule.next()).chain(self.look).min().unwrap_or_else(|| Instant::now() + BEAT)
    }

    /// Takes what has come back.
    async fn collect(&mut self) {
        let station = self.station.clone();
        for outcome in station.buses.workers.take() {
            match outcome {
                Outcome::Begun { bus, at } => self.came_back(bus, at),
                Outcome::Sampled { bus, member, taken, sample, why } => {
                    self.came_back(bus, taken.at);
                    if let Some(sensor) = station.buses.buses.get(bus).and_then(|bus| bus.sensors.get(member))
                    {
                        self.apply(*sensor, taken, sample, why.as_deref()).await;
                    }
                }
                Outcome::Finished { bus } => {
                    if let Some(progress) = self.progress.get_mut(bus) {
                        *progress = Progress::default();
                    }
                }
            }
        }
    }

    /// A bus was taken up or a read came back, so that the bus is alive however long its batch takes.
    fn came_back(&mut self, bus: usize, at: Instant) {
        let Some(progress) = self.progress.get_mut(bus) else { return };
        if let Some(since) = &mut progress.waiting_since {
            *since = at.max(*since);
        }
        if progress.hung {
            progress.hung = false;
            if let Some(bus) = self.station.buses.buses.get(bus) {
                tracing::info!("bus {} answers again", bus.name);
            }
        }
    }

    /// Marks the sensors of each bus that has not come back within the deadline.
    async fn find_hung(&mut self) {
        let station = self.station.clone();
        for (number, bus) in station.buses.buses.iter().enumerate() {
            let progress = &mut self.progress[number];
            let late = progress.waiting_since.is_some_and(|since| since.elapsed() >= self.deadline);
            if !late || progress.hung {
                continue;
            }
            progress.hung = true;
            let count = bus.sensors.len();
            tracing::warn!(
                "bus {} has not answered for {:?}; its {count} sensors are unavailable",
                bus.name,
                self.deadline
            );
            for sensor in &bus.sensors {
                self.apply(*sensor, now(), Sample::Hung, None).await;
            }
        }
    }

    /// Gives each idle bus its due sensors in one batch. A busy bus gets none: its sensors are read at their next instant; on a bus
    /// that hangs, each missed instant is a failure.
    async fn hand_out(&mut self) {
        let mut batches: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for sensor in self.schedule.take_due(Instant::now()) {
            if !self.station.sensors[sensor].state().powered() {
                continue;
            }
            let (bus, member) = self.station.buses.places[sensor];
            match self.progress[bus] {
                Progress { hung: true, .. } => self.apply(sensor, now(), Sample::Hung, None).await,
                Progress { waiting_since: Some(_), .. } => {}
                Progress { .. } => batches.entry(bus).or_default().push(member),
            }
        }
        for (bus, members) in batches {
            if self.station.buses.workers.give(bus, Job::Read(members)).is_ok() {
                self.progress[bus].waiting_since = Some(Instant::now());
            }
            self.look = Some(Instant::now());
        }
    }

    /// Has waiting buses read: by one thread at first, by one more each time that some have not come to their turn.
    fn hurry(&mut self) {
        let (now, workers) = (Instant::now(), &self.station.buses.workers);
        match self.look {
            Some(look) if look <= now => self.look = workers.hurry().then(|| now + PATIENCE),
            Some(_) if !workers.are_behind() => self.look = None,
            _ => {}
        }
    }

    /// Judges a sample and makes known what it changed.
    async fn apply(&self, sensor: usize, taken: Taken, sample: Sample, why: Option<&str>) {
        let Some(handle) = self.station.sensors.get(sensor) else { return };
        let (changes, failures, failed_before) = {
            let mut state = handle.state();
            let before = state.failures();
            let changes = state.sample(taken, sample);
            (changes, state.failures(), before)
        };
        let limit = self.station.policy.failures.unavailable;
        if let Some(why) = why
            && failures == limit
        {
            tracing::warn!("{}: unavailable: {why}", handle.path);
        }
        if changes.available == Some(true) && failed_before >= limit {
            tracing::info!("{}: available again", handle.path);
        }
        self.station.announce(sensor, &changes).await;
    }

    /// The host's power changed: gates sensors, and reads at once those whose power came.
    async fn set_power(&mut self, power: HostPower) {
        let mut came = Vec::new();
        for (index, handle) in self.station.sensors.iter().enumerate() {
            let powered = power.allows(handle.spec.power);
            let was = handle.state().powered();
            let changes = handle.state().set_powered(Instant::now(), powered);
            self.station.announce(index, &changes).await;
            if powered && !was {
                came.push(index);
            }
        }
        self.schedule.hasten(Instant::now(), came);
    }

    /// Says that polling lives.
    async fn beat(&mut self) {
        let now = Instant::now();
        if self.last_beat.is_some_and(|last| now - last < BEAT) {
            return;
        }
        self.last_beat = Some(now);
        let ms = u64::try_from((now - self.station.start).as_millis()).unwrap_or(u64::MAX);
        self.station.heartbeat.store(ms, Ordering::Relaxed);
        let station = &self.station;
        station.publisher.property(sensors::ROOT, sensors::SENSOR_TABLE, "Heartbeat", ms.into()).await;
    }
}
