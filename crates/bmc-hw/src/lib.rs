//! Hardware edges: hwmon attributes, GPIO lines and the host interface behind small traits; serial ports.
//! Hardware edges: hwmon attributes, GPIO lines and I2C transfers behind small traits.

pub mod gpio;
pub mod host_interface;
pub mod hwmon;
pub mod i2c;
pub mod serial;
