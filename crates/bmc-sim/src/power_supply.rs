//! A power supply.

use crate::{config::SupplyConfig, sensor::Unit};

/// What a supply measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SupplyQuantity {
    VoltsIn,
    AmperesIn,
    WattsIn,
    VoltsOut,
    AmperesOut,
    WattsOut,
    Temperature,
    Fan,
}

/// A supply's sensors as the kernel's pmbus driver lays them out: quantity, ending of the name, attribute, label, unit.
pub(crate) const CHANNELS: [(SupplyQuantity, &str, &str, Option<&str>, Unit); 8] = [
    (SupplyQuantity::VoltsIn, "Vin", "in1", Some("vin"), Unit::Volts),
    (SupplyQuantity::VoltsOut, "Vout", "in2", Some("vout1"), Unit::Volts),
    (SupplyQuantity::AmperesIn, "Iin", "curr1", Some("iin"), Unit::Amperes),
    (SupplyQuantity::AmperesOut, "Iout", "curr2", Some("iout1"), Unit::Amperes),
    (SupplyQuantity::WattsIn, "Pin", "power1", Some("pin"), Unit::Watts),
    (SupplyQuantity::WattsOut, "Pout", "power2", Some("pout1"), Unit::Watts),
    (SupplyQuantity::Temperature, "Temp", "temp1", None, Unit::Celsius),
    (SupplyQuantity::Fan, "Fan", "fan1", None, Unit::Rpm),
];

/// When an alarm is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SupplyAlarm {
    NoInput,
    NoOutput,
    Never,
}

/// A supply's alarms: those of the kernel's pmbus driver that tell broken supplies from fed ones.
pub(crate) const ALARMS: [(&str, SupplyAlarm); 5] = [
    ("in1_lcrit_alarm", SupplyAlarm::NoInput),
    ("in2_lcrit_alarm", SupplyAlarm::NoOutput),
    ("fan1_fault", SupplyAlarm::NoOutput),
    ("curr2_crit_alarm", SupplyAlarm::Never),
    ("temp1_crit_alarm", SupplyAlarm::Never),
];

/// A supply and what it carries.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    pub(crate) config: SupplyConfig,
    pub(crate) failed: bool,
    pub(crate) ac: bool,
    /// In its slot.
    pub(crate) present: bool,
    /// Watts it gives.
    pub(crate) load: f64,
    temperature: f64,
}

/// Out of 100 watts from the mains, 94 arrive.
const EFFICIENCY: f64 = 0.94;
/// Rise above ambient at full power, °C, and the time constant of it.
const RISE: f64 = 30.0;
const SECONDS: f64 = 40.0;

impl Supply {
    pub(crate) fn new(config: SupplyConfig, ambient: f64) -> Self {
        Self { config, failed: false, ac: true, present: true, load: 0.0, temperature: ambient + 5.0 }
    }

    pub(crate) fn gives(&self) -> bool {
        self.present && self.ac && !self.failed
    }

    /// Whether an alarm of [`ALARMS`] is raised.
    pub(crate) fn raises(&self, alarm: SupplyAlarm) -> bool {
        match alarm {
            SupplyAlarm::NoInput => !self.ac,
            SupplyAlarm::NoOutput => self.ac && self.failed,
            SupplyAlarm::Never => false,
        }
    }

    pub(crate) fn step(&mut self, dt: f64, watts: f64, ambient: f64) {
        self.load = if self.gives() { watts } else { 0.0 };
        let target = ambient + 5.0 + RISE * self.load / self.config.max_watts;
        self.temperature += (target - self.temperature) * (1.0 - (-dt / SECONDS).exp());
    }

    pub(crate) fn value(&self, quantity: SupplyQuantity) -> f64 {
        let volts_in = if self.ac { self.config.volts_in } else { 0.0 };
        let watts_in = self.load / EFFICIENCY;
        match quantity {
            SupplyQuantity::VoltsIn => volts_in,
            SupplyQuantity::WattsIn => watts_in,
            SupplyQuantity::AmperesIn => watts_in / self.config.volts_in,
            SupplyQuantity::VoltsOut if self.gives() => self.config.volts_out,
            SupplyQuantity::VoltsOut => 0.0,
            SupplyQuantity::WattsOut => self.load,
            SupplyQuantity::AmperesOut => self.load / self.config.volts_out,
            SupplyQuantity::Temperature => self.temperature,
            SupplyQuantity::Fan if self.gives() => {
                self.config.fan_max_rpm * (0.3 + 0.7 * self.load / self.config.max_watts).min(1.0)
            }
            SupplyQuantity::Fan => 0.0,
        }
    }
}
