//! What the type in a sensor's path and the unit on its interface mean in IPMI.

use ipmi_wire::record::sdr::SensorUnit;

/// A type of sensor, by the segment of its path after `sensors/`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kind {
    segment: &'static str,
    /// Sensor type (v2.0 table 42-3).
    pub(crate) sensor_type: u8,
    /// Entity (v2.0 table 43-13) of a sensor that does not say what it is on.
    pub(crate) entity: u8,
    /// Range of a sensor that does not say one.
    pub(crate) range: (f64, f64),
}

const TEMPERATURE: u8 = 0x01;
const VOLTAGE: u8 = 0x02;
const CURRENT: u8 = 0x03;
const FAN: u8 = 0x04;
const OTHER_UNITS: u8 = 0x0B;

const POWER_SUPPLY: u8 = 0x0A;
const SYSTEM_BOARD: u8 = 0x07;
const FAN_DEVICE: u8 = 0x1D;

const KINDS: &[Kind] = &[
    kind("temperature", TEMPERATURE, SYSTEM_BOARD, -128.0, 127.0),
    kind("voltage", VOLTAGE, SYSTEM_BOARD, 0.0, 255.0),
    kind("current", CURRENT, POWER_SUPPLY, 0.0, 255.0),
    kind("power", OTHER_UNITS, POWER_SUPPLY, 0.0, 5100.0),
    kind("energy", OTHER_UNITS, POWER_SUPPLY, 0.0, 255e6),
    kind("fan_tach", FAN, FAN_DEVICE, 0.0, 25500.0),
    kind("fan_pwm", FAN, FAN_DEVICE, 0.0, 100.0),
    kind("airflow", OTHER_UNITS, SYSTEM_BOARD, 0.0, 1000.0),
    kind("liquidflow", OTHER_UNITS, SYSTEM_BOARD, 0.0, 255.0),
    kind("utilization", OTHER_UNITS, SYSTEM_BOARD, 0.0, 100.0),
    kind("humidity", OTHER_UNITS, SYSTEM_BOARD, 0.0, 100.0),
    kind("frequency", OTHER_UNITS, SYSTEM_BOARD, 0.0, 1e10),
];

/// What any other type is.
const OTHER: Kind = kind("", OTHER_UNITS, SYSTEM_BOARD, 0.0, 255.0);

const fn kind(segment: &'static str, sensor_type: u8, entity: u8, min: f64, max: f64) -> Kind {
    Kind { segment, sensor_type, entity, range: (min, max) }
}

impl Kind {
    /// The kind of the sensor at `path`.
    pub(crate) fn of(path: &str) -> Self {
        let segment = path.rsplit('/').nth(1).unwrap_or_default();
        KINDS.iter().find(|kind| kind.segment == segment).copied().unwrap_or(OTHER)
    }
}

/// A unit of `Sensor.Value`, and how its values become values in IPMI's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    name: &'static str,
    /// The unit in a sensor data record.
    pub(crate) wire: SensorUnit,
    /// Factor from D-Bus to IPMI.
    pub(crate) scale: f64,
}

/// "per minute" of the rate field.
const PER_MINUTE: u8 = 4;
/// "base * modifier" of the modifier field.
const TIMES: u8 = 2;
const HOUR: u8 = 24;

/// Base units are numbers of v2.0 table 43-15.
const UNITS: &[Unit] = &[
    unit("DegreesC", 1),
    unit("Volts", 4),
    unit("Amperes", 5),
    unit("Watts", 6),
    unit("Joules", 7),
    unit("CFM", 17),
    unit("RPMS", 18),
    unit("Hertz", 19),
    unit("Meters", 34),
    unit("Radians", 39),
    Unit { wire: SensorUnit { percent: true, ..BASE }, ..unit("Percent", 0) },
    Unit { wire: SensorUnit { percent: true, ..BASE }, ..unit("PercentRH", 0) },
    // kPa is the only metric pressure there.
    Unit { scale: 0.001, ..unit("Pascals", 14) },
    Unit { wire: SensorUnit { base: 37, rate: PER_MINUTE, ..BASE }, ..unit("LPM", 37) },
    Unit {
        wire: SensorUnit { base: 5, modifier: HOUR, modifier_use: TIMES, ..BASE },
        ..unit("AmpereHours", 5)
    },
];

const BASE: SensorUnit = SensorUnit { base: 0, modifier: 0, modifier_use: 0, rate: 0, percent: false };

const fn unit(name: &'static str, base: u8) -> Unit {
    Unit { name, wire: SensorUnit { base, ..BASE }, scale: 1.0 }
}

impl Unit {
    /// The unit that the `Unit` property names; unspecified for one that is not known.
    pub(crate) fn named(property: &str) -> Self {
        let name = property.rsplit('.').next().unwrap_or_default();
        UNITS.iter().find(|unit| unit.name == name).copied().unwrap_or(unit("", 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_from_the_path_and_units_from_the_last_word() {
        assert_eq!(Kind::of("/xyz/openbmc_project/sensors/fan_tach/Fan_1").sensor_type, FAN);
        assert_eq!(Kind::of("/xyz/openbmc_project/sensors/valve/V1"), OTHER);
        assert_eq!(Kind::of("x"), OTHER);
        assert_eq!(Unit::named("xyz.openbmc_project.Sensor.Value.Unit.RPMS").wire.base, 18);
        assert!(Unit::named("xyz.openbmc_project.Sensor.Value.Unit.Percent").wire.percent);
        assert_eq!(Unit::named("nonsense").wire, BASE);
    }
}
