//! ipmid's knowledge of what a D-Bus object is in IPMI, for the daemons that write records.

use serde::Serialize;
use zbus::{Type, proxy};

structure! {
    /// How a sensor's raw byte stands for its value: `(nnnnb)`, the factors of v2.0§36.3.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
    pub struct Factors {
        /// M.
        pub m: i16,
        /// B.
        pub b: i16,
        /// Decimal exponent of B.
        pub b_exponent: i16,
        /// Decimal exponent of the result.
        pub r_exponent: i16,
        /// Whether the byte is in two's complement.
        pub signed: bool,
    }
}

structure! {
    /// What a D-Bus object is in IPMI: `(yyyy(nnnnb)dayqq)`.
    #[derive(Debug, Clone, PartialEq, Serialize, Type)]
    pub struct NumberedSensor {
        /// LUN, 0 to 3.
        pub lun: u8,
        /// Number, 0 to FEh.
        pub number: u8,
        /// Type (v2.0 table 42-3).
        pub sensor_type: u8,
        /// Event/reading type (v2.0 table 42-1).
        pub event_type: u8,
        /// Of its raw byte.
        pub factors: Factors,
        /// From the unit on D-Bus to the one in IPMI.
        pub scale: f64,
        /// Raw thresholds, in the order of v2.0§35.8; none for a discrete sensor.
        pub thresholds: Vec<u8>,
        /// Assertion events that are to be logged.
        pub assertions: u16,
        /// Deassertion events that are to be logged.
        pub deassertions: u16,
    }
}

/// ipmid: which object has which number. It alone knows, for records of the log and of sensors alike.
#[proxy(
    interface = "org.ferrite.Ipmi.SensorNumbers",
    default_service = "xyz.openbmc_project.Ipmi.Host",
    default_path = "/xyz/openbmc_project/Ipmi"
)]
pub trait SensorNumbers {
    /// What `path` is. `org.ferrite.Error.NotPresent` where it is no sensor.
    fn get(&self, path: &str) -> zbus::Result<NumberedSensor>;
    /// Something that `Get` answered is another now.
    #[zbus(signal)]
    fn changed(&self) -> zbus::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_sensor_is_what_the_interface_says() {
        let xml = include_str!("../../../dbus-interfaces/org.ferrite.Ipmi.SensorNumbers.xml");
        assert!(xml.contains(&format!("type=\"{}\"", NumberedSensor::SIGNATURE)));
    }
}
