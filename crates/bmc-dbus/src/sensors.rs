//! sensord's objects as clients see them.
//!
//! A client that wants every sensor calls `GetManagedObjects` on [`crate::names::sensors::ROOT`], or [`SensorTableProxy::read`]; these
//! proxies are for one sensor at a time. The threshold interfaces differ only in names and are read as plain properties.

use serde::Serialize;
use zbus::{OwnedObjectPath, Type, proxy};

structure! {
    /// One row of [`SensorTableProxy::read`].
    #[derive(Debug, Clone, PartialEq, Serialize, Type)]
    pub struct SensorRow {
        /// The sensor's object.
        pub path: OwnedObjectPath,
        /// The reading in `unit`, NaN where there is none.
        pub value: f64,
        /// `xyz.openbmc_project.Sensor.Value.Unit.*`.
        pub unit: String,
        /// Whether there is a reading.
        pub available: bool,
        /// Whether the sensor works.
        pub functional: bool,
        /// Age of the last good reading in ms; `u64::MAX` where there never was one.
        pub age_ms: u64,
        /// Alarm properties that are on, such as `CriticalAlarmHigh`.
        pub alarms: Vec<String>,
    }
}

/// Ours: every sensor in one call.
#[proxy(
    interface = "org.ferrite.SensorTable",
    default_service = "xyz.openbmc_project.FerriteSensor",
    default_path = "/xyz/openbmc_project/sensors"
)]
pub trait SensorTable {
    /// All sensors, in the order of the board description.
    fn read(&self) -> zbus::Result<Vec<SensorRow>>;

    /// When polling was last seen alive, ms since sensord's start; told every 5 s.
    #[zbus(property)]
    fn heartbeat(&self) -> zbus::Result<u64>;
}

/// A reading and its range.
#[proxy(
    interface = "xyz.openbmc_project.Sensor.Value",
    default_service = "xyz.openbmc_project.FerriteSensor"
)]
pub trait SensorValue {
    /// The reading, NaN where there is none.
    #[zbus(property)]
    fn value(&self) -> zbus::Result<f64>;

    /// Puts a value in the place of readings; refused unless the sensor is mutable.
    #[zbus(property)]
    fn set_value(&self, value: f64) -> zbus::Result<()>;

    /// The largest value the sensor can have.
    #[zbus(property(emits_changed_signal = "const"))]
    fn max_value(&self) -> zbus::Result<f64>;

    /// The smallest value the sensor can have.
    #[zbus(property(emits_changed_signal = "const"))]
    fn min_value(&self) -> zbus::Result<f64>;

    /// `xyz.openbmc_project.Sensor.Value.Unit.*`.
    #[zbus(property(emits_changed_signal = "const"))]
    fn unit(&self) -> zbus::Result<String>;
}

/// Ours: how far a value must come back until an alarm ends.
#[proxy(interface = "org.ferrite.Sensor.Hysteresis", default_service = "xyz.openbmc_project.FerriteSensor")]
pub trait SensorHysteresis {
    /// For high alarms, in the sensor's unit.
    #[zbus(property)]
    fn positive(&self) -> zbus::Result<f64>;

    /// Sets that of high alarms; not negative.
    #[zbus(property)]
    fn set_positive(&self, value: f64) -> zbus::Result<()>;

    /// For low alarms, in the sensor's unit.
    #[zbus(property)]
    fn negative(&self) -> zbus::Result<f64>;

    /// Sets that of low alarms; not negative.
    #[zbus(property)]
    fn set_negative(&self, value: f64) -> zbus::Result<()>;
}

/// Ours: what a sensor showed.
#[proxy(interface = "org.ferrite.Sensor.History", default_service = "xyz.openbmc_project.FerriteSensor")]
pub trait SensorHistory {
    /// The last readings, oldest first: ms since the epoch, value.
    fn raw(&self) -> zbus::Result<Vec<(u64, f64)>>;

    /// Finished minutes, oldest first: start in ms since the epoch, minimum, mean, maximum.
    fn minutes(&self) -> zbus::Result<Vec<(u64, f64, f64, f64)>>;

    /// Finished hours, oldest first: start in ms since the epoch, minimum, mean, maximum.
    fn hours(&self) -> zbus::Result<Vec<(u64, f64, f64, f64)>>;
}

/// The duty of a fan, on `/xyz/openbmc_project/control/fanpwm/<name>`.
#[proxy(
    interface = "xyz.openbmc_project.Control.FanPwm",
    default_service = "xyz.openbmc_project.FerriteSensor"
)]
pub trait FanPwm {
    /// 0 to 255.
    #[zbus(property)]
    fn target(&self) -> zbus::Result<u64>;

    /// Sets it, 0 to 255.
    #[zbus(property)]
    fn set_target(&self, target: u64) -> zbus::Result<()>;
}
