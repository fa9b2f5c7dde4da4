//! What is measured: its D-Bus type segment, unit and sane range.

/// A measured quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Quantity {
    Temperature,
    Voltage,
    Current,
    Power,
    FanTach,
    FanPwm,
}

impl Quantity {
    /// The segment of the object path below the sensors' root.
    pub(crate) fn segment(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::Voltage => "voltage",
            Self::Current => "current",
            Self::Power => "power",
            Self::FanTach => "fan_tach",
            Self::FanPwm => "fan_pwm",
        }
    }

    /// `Unit` of `xyz.openbmc_project.Sensor.Value`.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Temperature => "xyz.openbmc_project.Sensor.Value.Unit.DegreesC",
            Self::Voltage => "xyz.openbmc_project.Sensor.Value.Unit.Volts",
            Self::Current => "xyz.openbmc_project.Sensor.Value.Unit.Amperes",
            Self::Power => "xyz.openbmc_project.Sensor.Value.Unit.Watts",
            Self::FanTach => "xyz.openbmc_project.Sensor.Value.Unit.RPMS",
            Self::FanPwm => "xyz.openbmc_project.Sensor.Value.Unit.Percent",
        }
    }

    /// What hwmon's whole number is divided by to get the unit: m°C, mV, mA, µW, RPM, 0 to 255.
    pub(crate) fn divisor(self) -> f64 {
        match self {
            Self::Temperature | Self::Voltage | Self::Current => 1e3,
            Self::Power => 1e6,
            Self::FanTach => 1.0,
            Self::FanPwm => 2.55,
        }
    }

    /// The range of a sensor whose record gives none (as dbus-sensors has it).
    pub(crate) fn range(self) -> Range {
        let (min, max) = match self {
            Self::Temperature => (-128.0, 127.0),
            Self::Voltage | Self::Current => (0.0, 255.0),
            Self::Power => (0.0, 3000.0),
            Self::FanTach => (0.0, 25000.0),
            Self::FanPwm => (0.0, 100.0),
        };
        Range { min, max }
    }
}

/// The values a sensor can have, in its unit; `min < max`, both finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Range {
    pub(crate) fn width(self) -> f64 {
        self.max - self.min
    }
}

/// From hwmon's number to the sensor's unit: `raw / divisor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) divisor: f64,
    pub(crate) offset: f64,
}

impl Scale {
    /// The reading in the sensor's unit. Exact up to 2^53, far beyond what a device gives.
    #[allow(clippy::cast_precision_loss, reason = "numbers of more than 53 bits are no readings")]
    pub(crate) fn value(self, raw: i64) -> f64 {
        raw as f64 / self.divisor + self.offset
    }
}
