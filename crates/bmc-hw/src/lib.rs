//! Hardware edges: hwmon attributes, GPIO lines and I2C transfers behind small traits.

pub mod gpio;
pub mod hwmon;
pub mod i2c;
