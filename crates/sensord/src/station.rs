//! All sensors of the board, with their state: what the poll loop and the D-Bus objects share, and what outlives a bus restart.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    board::SensorSpec,
    overrides::{Overrides, Setting},
    poll::Buses,
    publisher::Publisher,
    sensor::{Changes, Policy, Sensor, Taken},
};

/// A sensor: what it is and how it is.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) spec: SensorSpec,
    pub(crate) path: String,
    state: Mutex<Sensor>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) sensors: Vec<Handle>,
    pub(crate) policy: Policy,
    pub(crate) buses: Buses,
    pub(crate) publisher: Publisher,
    pub(crate) overrides: Overrides,
    /// When polling was last seen alive, in ms since [`Station::start`].
    pub(crate) heartbeat: AtomicU64,
    pub(crate) start: Instant,
}

impl Handle {
    fn new(spec: SensorSpec, policy: Policy) -> Self {
        let sensor = Sensor::new(spec.scale, spec.range, spec.levels.clone(), policy);
        Self { path: spec.path(), spec, state: Mutex::new(sensor) }
    }

    /// The state. Never held across an await; a panic elsewhere leaves it as good as it was.
    pub(crate) fn state(&self) -> MutexGuard<'_, Sensor> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the sensor is called in the file of overrides.
    fn key(&self) -> String {
        format!("{}/{}", self.spec.quantity.segment(), self.spec.name)
    }
}

impl Station {
    /// The sensors of `specs`, with what was set over D-Bus earlier in force.
    pub(crate) async fn new(
        specs: Vec<SensorSpec>,
        policy: Policy,
        overrides: Overrides,
        buses: Buses,
    ) -> Arc<Self> {
        let sensors: Vec<_> = specs.into_iter().map(|spec| Handle::new(spec, policy)).collect();
        for handle in &sensors {
            let key = handle.key();
            let kept = overrides.of(&key).await;
            kept.apply(&mut handle.state());
        }
        Arc::new(Self {
            sensors,
            policy,
            buses,
            publisher: Publisher::default(),
            overrides,
            heartbeat: AtomicU64::new(0),
            start: Instant::now(),
        })
    }

    /// Sets a threshold or a hysteresis: first on the medium, then in force, then on the bus.
    pub(crate) async fn set(&self, index: usize, setting: Setting, value: f64) -> anyhow::Result<()> {
        let Some(handle) = self.sensors.get(index) else { return Ok(()) };
        self.overrides.keep(&handle.key(), setting, value).await?;
        tracing::info!("{}: {} set to {value}", handle.path, setting.key());
        let changes = match setting {
            Setting::Threshold(level, side) => handle.state().set_threshold(level, side, value),
            Setting::Hysteresis(side) => handle.state().set_hysteresis(side, value),
        };
        self.announce(index, &changes).await;
        Ok(())
    }

    /// Makes `changes` of a sensor known, in the log and on the bus.
    pub(crate) async fn announce(&self, index: usize, changes: &Changes) {
        let Some(handle) = self.sensors.get(index) else { return };
        for alarm in &changes.alarms {
            let (level, side) = (alarm.level.name(), alarm.side.name());
            let state = if alarm.asserted { "began" } else { "ended" };
            tracing::warn!("{}: alarm {level} {side} {state} at {}", handle.path, alarm.value);
        }
        self.publisher.emit(handle, changes).await;
    }
}

/// Now, by both clocks.
pub(crate) fn now() -> Taken {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Taken { at: Instant::now(), wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX) }
}
