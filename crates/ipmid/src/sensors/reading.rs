//! The changing half of a sensor: value, alarms, whether it can be had, and how old it is.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bmc_dbus::names::sensors as names;

use super::facts::{Properties, Threshold, flag, number};

/// How long a provider that has a heartbeat may miss it before its readings count as stale: three beats.
pub(crate) const HEARTBEAT_LIMIT: Duration = Duration::from_secs(15);

/// What is known of a sensor's state now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// In the unit on D-Bus; NaN where there is none.
    pub value: f64,
    /// The provider can read it now.
    pub available: bool,
    /// The sensor works.
    pub functional: bool,
    /// Thresholds whose alarms the provider keeps, one bit each.
    pub alarms_known: u8,
    /// Those of them that are raised.
    pub alarms: u8,
    /// When its provider last told.
    pub told: Instant,
}

/// A [`Reading`] that the bus writes and handlers read.
#[derive(Debug)]
pub(crate) struct ReadingCell {
    reading: Mutex<Reading>,
    provider: Mutex<Arc<Provider>>,
}

/// The life of a provider, shared by all its sensors.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    state: Mutex<ProviderState>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ProviderState {
    gone: bool,
    heartbeat: Option<Instant>,
}

/// Whether a reading can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Somebody polls the sensor.
    pub scanned: bool,
    /// There is a reading.
    pub available: bool,
    /// How old the reading is: since it last changed, or since its provider last said that all readings are fresh.
    pub age: Duration,
}

impl Provider {
    pub(crate) fn vanish(&self) {
        lock(&self.state).gone = true;
    }

    pub(crate) fn beat(&self, now: Instant) {
        lock(&self.state).heartbeat = Some(now);
    }

    /// Whether it is there and its readings are fresh.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        self.life(now).0
    }

    /// Whether it polls, and when it last said so.
    fn life(&self, now: Instant) -> (bool, Option<Instant>) {
        let state = *lock(&self.state);
        let late = state.heartbeat.is_some_and(|beat| now.saturating_duration_since(beat) > HEARTBEAT_LIMIT);
        (!state.gone && !late, state.heartbeat)
    }
}

impl ReadingCell {
    pub(crate) fn new(provider: Arc<Provider>, now: Instant) -> Self {
        let reading = Reading {
            value: f64::NAN,
            available: true,
            functional: true,
            alarms_known: 0,
            alarms: 0,
            told: now,
        };
        Self { reading: Mutex::new(reading), provider: Mutex::new(provider) }
    }

    /// Hands the sensor to a provider: its own that came back, or another.
    pub(crate) fn adopt(&self, provider: Arc<Provider>) {
        *lock(&self.provider) = provider;
    }

    /// Takes what `properties` of `interface` tell.
    pub(crate) fn update(&self, interface: &str, properties: &Properties, now: Instant) {
        let mut reading = lock(&self.reading);
        match interface {
            names::VALUE => {
                if let Some(value) = number(properties, "Value") {
                    (reading.value, reading.told) = (value, now);
                }
            }
            names::AVAILABILITY => {
                reading.available = flag(properties, "Available").unwrap_or(reading.available);
            }
            names::OPERATIONAL_STATUS => {
                reading.functional = flag(properties, "Functional").unwrap_or(reading.functional);
            }
            _ => {
                for threshold in Threshold::on(interface) {
                    if let Some(raised) = flag(properties, &threshold.alarm_property()) {
                        reading.alarms_known |= threshold.bit();
                        reading.alarms &= !threshold.bit();
                        reading.alarms |= if raised { threshold.bit() } else { 0 };
                    }
                }
            }
        }
    }

    /// The reading, and whether it can be trusted at `now`.
    pub(crate) fn read(&self, now: Instant) -> (Reading, Status) {
        let reading = *lock(&self.reading);
        let (scanned, heartbeat) = lock(&self.provider).life(now);
        let fresh = heartbeat.map_or(reading.told, |beat| beat.max(reading.told));
        let available = scanned && reading.available && reading.functional && !reading.value.is_nan();
        (reading, Status { scanned, available, age: now.saturating_duration_since(fresh) })
    }
}

/// The values behind these locks are whole at every instant: a panic elsewhere cannot tear them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
