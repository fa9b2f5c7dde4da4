//! Our own interfaces: hysteresis, history, and the table of everything.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use zbus::{OwnedObjectPath, interface};

use super::{Refusal, View};
use crate::{
    overrides::Setting,
    sensor::{history::Span, threshold::Side},
    station::{Handle, Station},
};

#[derive(Debug)]
pub(super) struct Hysteresis(pub(super) View);

impl Hysteresis {
    fn get(&self, side: Side) -> f64 {
        self.0.handle().state().hysteresis(side)
    }

    async fn set(&self, side: Side, value: f64) -> Result<(), Refusal> {
        if !value.is_finite() || value < 0.0 {
            return Err(Refusal::InvalidArgument("a hysteresis is a number and not negative".to_owned()));
        }
        self.0.set(Setting::Hysteresis(side), value).await
    }
}

#[interface(name = "org.ferrite.Sensor.Hysteresis")]
impl Hysteresis {
    #[zbus(property)]
    fn positive(&self) -> f64 {
        self.get(Side::High)
    }

    #[zbus(property)]
    async fn set_positive(&self, value: f64) -> Result<(), Refusal> {
        self.set(Side::High, value).await
    }

    #[zbus(property)]
    fn negative(&self) -> f64 {
        self.get(Side::Low)
    }

    #[zbus(property)]
    async fn set_negative(&self, value: f64) -> Result<(), Refusal> {
        self.set(Side::Low, value).await
    }
}

#[derive(Debug)]
pub(super) struct History(pub(super) View);

#[interface(name = "org.ferrite.Sensor.History")]
impl History {
    fn raw(&self) -> Vec<(u64, f64)> {
        let state = self.0.handle().state();
        state.history().readings().map(|reading| (reading.at, f64::from(reading.value))).collect()
    }

    fn minutes(&self) -> Vec<(u64, f64, f64, f64)> {
        self.0.handle().state().history().minutes().map(row).collect()
    }

    fn hours(&self) -> Vec<(u64, f64, f64, f64)> {
        self.0.handle().state().history().hours().map(row).collect()
    }
}

fn row((start, span): (u64, Span)) -> (u64, f64, f64, f64) {
    (start, f64::from(span.min), f64::from(span.mean), f64::from(span.max))
}

/// One row of the table: path, value, unit, available, functional, age in ms, alarms that are on.
type Row = (OwnedObjectPath, f64, &'static str, bool, bool, u64, Vec<String>);

#[derive(Debug)]
pub(super) struct SensorTable(pub(super) Arc<Station>);

#[interface(name = "org.ferrite.SensorTable")]
impl SensorTable {
    fn read(&self) -> Vec<Row> {
        let now = Instant::now();
        self.0.sensors.iter().filter_map(|handle| table_row(handle, now)).collect()
    }

    #[zbus(property)]
    fn heartbeat(&self) -> u64 {
        self.0.heartbeat.load(Ordering::Relaxed)
    }
}

fn table_row(handle: &Handle, now: Instant) -> Option<Row> {
    let path = OwnedObjectPath::try_from(handle.path.as_str()).ok()?;
    let state = handle.state();
    // A sensor that was never read is infinitely old.
    let age = state.age(now).map_or(u64::MAX, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let alarms =
        state.alarms().map(|(level, side)| format!("{}Alarm{}", level.name(), side.name())).collect();
    let unit = handle.spec.quantity.unit();
    Some((path, state.value(), unit, state.available(), state.functional(), age, alarms))
}
