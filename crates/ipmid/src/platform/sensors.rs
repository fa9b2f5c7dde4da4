//! The sensors of the board.

use std::sync::Arc;

use super::Pending;
use crate::sensors::{Hysteresis, RecordChange, RecordRefused, Sensor, Snapshot, Threshold};

/// The seam to sensord, or to any other providers of sensor objects.
pub trait Sensors: Send + Sync {
    /// All records and sensors now; readings in it go on changing. Never waits.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// Sets thresholds of `sensor`, in the unit on D-Bus.
    fn set_thresholds<'a>(
        &'a self,
        sensor: &'a Sensor,
        thresholds: &'a [(Threshold, f64)],
    ) -> Pending<'a, ()>;
    /// Sets the hysteresis of `sensor`, in the unit on D-Bus.
    fn set_hysteresis<'a>(&'a self, sensor: &'a Sensor, hysteresis: Hysteresis) -> Pending<'a, ()>;
    /// Sets the reading of `sensor`, in the unit on D-Bus, where it is not measured.
    fn set_reading<'a>(&'a self, sensor: &'a Sensor, value: f64) -> Pending<'a, ()>;
    /// Changes the records that clients added, and gives the ID of the record that it was about. What is changed outlives a power
    /// cut once this is done.
    fn change_records(&self, change: RecordChange) -> Pending<'_, Result<u16, RecordRefused>>;
    /// The repository's clock, in seconds since 1970.
    fn repository_time(&self) -> u32;
    /// Sets it, until ipmid starts again; the system's clock stays.
    fn set_repository_time(&self, seconds: u32);
}
