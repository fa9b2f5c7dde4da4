//! One sensor: what it measures, what it reports, what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::{
    Fault,
    config::{FanModel, TemperatureModel, VoltageModel},
    noise::Noise,
    power_supply::SupplyQuantity,
};

/// How a sensor's value comes about.
#[derive(Debug, Clone)]
pub(crate) enum Model {
    Temperature(TemperatureModel),
    Voltage(VoltageModel),
    Fan(FanModel),
    /// Of the power supply with this index.
    Supply(usize, SupplyQuantity),
}

/// A sensor of the board.
#[derive(Debug, Clone)]
pub(crate) struct Sensor {
    pub(crate) name: String,
    /// Index of its hwmon device.
    pub(crate) device: usize,
    /// hwmon's name without `_input`.
    pub(crate) attribute: String,
    pub(crate) label: Option<String>,
    pub(crate) model: Model,
    pub(crate) unit: Unit,
    /// The truth, in the unit.
    pub(crate) value: f64,
    /// What the attribute says, in hwmon's unit.
    pub(crate) raw: i64,
    pub(crate) fault: Option<Fault>,
}

/// hwmon's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Degrees Celsius; hwmon says millidegrees.
    #[serde(rename = "degrees C")]
    Celsius,
    /// Volts; millivolts.
    Volts,
    /// Amperes; milliamperes.
    Amperes,
    /// Watts; microwatts.
    Watts,
    /// Revolutions per minute; as they are.
    #[serde(rename = "RPM")]
    Rpm,
}

impl Unit {
    /// hwmon's number for one of the unit, the smallest step a device shows, and its noise (both in hwmon's number).
    fn figures(self) -> (f64, f64, f64) {
        match self {
            Self::Celsius => (1000.0, 125.0, 90.0),
            Self::Volts => (1000.0, 1.0, 1.2),
            Self::Amperes => (1000.0, 10.0, 15.0),
            Self::Watts => (1e6, 1e6, 1.2e6),
            Self::Rpm => (1.0, 10.0, 12.0),
        }
    }
}

/// A sensor as the control socket shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorState {
    /// Its name.
    pub name: String,
    /// What it should measure, in `unit` (for an ADC: volts of the rail).
    pub value: f64,
    /// What `value` is in.
    pub unit: Unit,
    /// What its attribute reports, in hwmon's unit; stands still while the sensor is frozen, and a failed one reports nothing.
    pub raw: i64,
    /// The attribute's path below `sys/` of the board's directory, while the device is there.
    pub attribute: Option<String>,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

impl Sensor {
    /// Measures: the value with noise in hwmon's unit, at the device's resolution.
    pub(crate) fn sample(&mut self, noise: &mut Noise) {
        if self.fault == Some(Fault::Freeze) {
            return;
        }
        if self.fault == Some(Fault::Set) {
            self.raw = self.to_raw(self.value, 0.0, 1.0);
            return;
        }
        let (_, step, amplitude) = self.unit.figures();
        // What is off reads exactly zero.
        let noise = if self.value == 0.0 { 0.0 } else { noise.within(amplitude) };
        self.raw = self.to_raw(self.value, noise, step);
    }

    fn to_raw(&self, value: f64, noise: f64, step: f64) -> i64 {
        let (scale, ..) = self.unit.figures();
        let divider = match &self.model {
            Model::Voltage(model) => model.divider,
            _ => 1.0,
        };
        let steps = ((value * divider * scale + noise) / step).round() * step;
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and no reading comes near")]
        let raw = steps as i64;
        raw
    }
}
