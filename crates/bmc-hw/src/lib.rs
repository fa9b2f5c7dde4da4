//! Hardware edges: hwmon attributes, GPIO lines, I2C transfers and the host interface behind small traits; serial ports.

pub mod gpio;
pub mod host_interface;
pub mod hwmon;
pub mod i2c;
pub mod readiness;
pub mod serial;
