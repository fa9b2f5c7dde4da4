//! Hardware edges: hwmon attributes, i2c-dev and GPIO lines behind small traits.

pub mod gpio;
pub mod hwmon;
