//! The sensors of the board.

use std::sync::Arc;

use super::Pending;
use crate::sensors::{Hysteresis, Sensor, Snapshot, Threshold};

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
}
