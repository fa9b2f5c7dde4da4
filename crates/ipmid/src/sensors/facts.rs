//! What a sensor is: everything that a record says of it. Readings are apart, in [`reading`](super::reading).

use std::collections::HashMap;

use bmc_dbus::names::sensors as names;
use zbus::OwnedVariant;

/// Properties of one interface, by name.
pub(crate) type Properties = HashMap<String, OwnedVariant>;

/// A threshold, in the order of the bits in every mask of v2.0§35.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// Its bit and its place in a list of six.
    pub index: usize,
    level: &'static str,
    side: &'static str,
}

impl Threshold {
    /// All six. IPMI's non-recoverable is OpenBMC's hard shutdown.
    pub const ALL: [Self; 6] = [
        Self { index: 0, level: "Warning", side: "Low" },
        Self { index: 1, level: "Critical", side: "Low" },
        Self { index: 2, level: "HardShutdown", side: "Low" },
        Self { index: 3, level: "Warning", side: "High" },
        Self { index: 4, level: "Critical", side: "High" },
        Self { index: 5, level: "HardShutdown", side: "High" },
    ];

    /// Whether readings rise to it.
    pub fn is_upper(self) -> bool {
        self.index >= 3
    }

    /// Its bit in a mask.
    pub fn bit(self) -> u8 {
        1 << self.index
    }

    /// Its interface on D-Bus.
    pub fn interface(self) -> String {
        format!("{}{}", names::THRESHOLD_PREFIX, self.level)
    }

    /// Its property there.
    pub fn property(self) -> String {
        format!("{}{}", self.level, self.side)
    }

    /// The property that says whether it is reached.
    pub(crate) fn alarm_property(self) -> String {
        format!("{}Alarm{}", self.level, self.side)
    }

    /// The thresholds on `interface`.
    pub(crate) fn on(interface: &str) -> impl Iterator<Item = Self> {
        let level = interface.strip_prefix(names::THRESHOLD_PREFIX).unwrap_or_default().to_owned();
        Self::ALL.into_iter().filter(move |threshold| threshold.level == level)
    }
}

/// Hysteresis of a sensor, in its unit on D-Bus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hysteresis {
    /// Of thresholds that readings rise to.
    pub positive: f64,
    /// Of thresholds that readings fall to.
    pub negative: f64,
}

/// What a sensor is, as its provider tells; all values in the unit on D-Bus.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Lowest value, NaN where it is not told.
    pub min: f64,
    /// Highest value, NaN where it is not told.
    pub max: f64,
    /// `Unit` property.
    pub unit: String,
    /// Thresholds in the order of [`Threshold::ALL`]; NaN is not set, `None` is not there.
    pub thresholds: [Option<f64>; 6],
    /// Hysteresis, where the provider offers it.
    pub hysteresis: Option<Hysteresis>,
    /// Entity ID and instance, where the provider tells them.
    pub entity: Option<(u8, u8)>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            min: f64::NAN,
            max: f64::NAN,
            unit: String::new(),
            thresholds: [None; 6],
            hysteresis: None,
            entity: None,
        }
    }
}

/// Two facts are the same where a record made of them is: not set equals not set.
impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        fn bits(facts: &Facts) -> ([u64; 4], [Option<u64>; 6]) {
            let hysteresis = facts.hysteresis.map_or((-1.0, -1.0), |h| (h.positive, h.negative));
            let values = [facts.min, facts.max, hysteresis.0, hysteresis.1];
            (values.map(f64::to_bits), facts.thresholds.map(|value| value.map(f64::to_bits)))
        }
        bits(self) == bits(other) && self.unit == other.unit && self.entity == other.entity
    }
}

impl Facts {
    /// Takes what `properties` of `interface` tell; whether anything changed.
    pub(crate) fn update(&mut self, interface: &str, properties: &Properties) -> bool {
        let before = self.clone();
        match interface {
            names::VALUE => self.update_value(properties),
            names::HYSTERESIS => self.update_hysteresis(properties),
            names::DECORATOR_IPMI => self.update_entity(properties),
            _ => self.update_thresholds(interface, properties),
        }
        *self != before
    }

    fn update_value(&mut self, properties: &Properties) {
        self.min = number(properties, "MinValue").unwrap_or(self.min);
        self.max = number(properties, "MaxValue").unwrap_or(self.max);
        if let Some(unit) = properties.get("Unit").and_then(|unit| <&str>::try_from(unit).ok())
            && unit != self.unit
        {
            unit.clone_into(&mut self.unit);
        }
    }

    fn update_hysteresis(&mut self, properties: &Properties) {
        let hysteresis = self.hysteresis.get_or_insert(Hysteresis { positive: 0.0, negative: 0.0 });
        hysteresis.positive = number(properties, "Positive").unwrap_or(hysteresis.positive);
        hysteresis.negative = number(properties, "Negative").unwrap_or(hysteresis.negative);
    }

    fn update_entity(&mut self, properties: &Properties) {
        let (id, instance) = self.entity.unwrap_or((0, 1));
        let byte = |name| number(properties, name).and_then(byte_from);
        if let Some(id) = byte("EntityId").or((id != 0).then_some(id)) {
            self.entity = Some((id, byte("EntityInstance").unwrap_or(instance)));
        }
    }

    fn update_thresholds(&mut self, interface: &str, properties: &Properties) {
        for threshold in Threshold::on(interface) {
            if let (Some(slot), Some(value)) =
                (self.thresholds.get_mut(threshold.index), number(properties, &threshold.property()))
            {
                *slot = Some(value);
            }
        }
    }

    /// Drops the thresholds of an interface that is no more.
    pub(crate) fn forget_thresholds(&mut self, interface: &str) {
        for threshold in Threshold::on(interface) {
            if let Some(slot) = self.thresholds.get_mut(threshold.index) {
                *slot = None;
            }
        }
    }

    /// The thresholds that are set.
    pub fn set_thresholds(&self) -> impl Iterator<Item = (Threshold, f64)> {
        Threshold::ALL.into_iter().zip(self.thresholds).filter_map(|(threshold, value)| {
            let value = value?;
            (!value.is_nan()).then_some((threshold, value))
        })
    }
}

/// A property of any number type: providers differ (`EntityId` is `t` here and `y` there).
pub(crate) fn number(properties: &Properties, name: &str) -> Option<f64> {
    use zbus::Variant;
    Some(match &**properties.get(name)? {
        Variant::F64(value) => *value,
        Variant::U8(value) => f64::from(*value),
        Variant::I16(value) => f64::from(*value),
        Variant::U16(value) => f64::from(*value),
        Variant::I32(value) => f64::from(*value),
        Variant::U32(value) => f64::from(*value),
        #[allow(clippy::cast_precision_loss, reason = "the numbers wanted here are small")]
        Variant::I64(value) => *value as f64,
        #[allow(clippy::cast_precision_loss, reason = "the numbers wanted here are small")]
        Variant::U64(value) => *value as f64,
        _ => return None,
    })
}

/// A property that is a flag.
pub(crate) fn flag(properties: &Properties, name: &str) -> Option<bool> {
    properties.get(name).and_then(|value| bool::try_from(value).ok())
}

fn byte_from(value: f64) -> Option<u8> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
    (0.0..=255.0).contains(&value).then_some(value as u8)
}
