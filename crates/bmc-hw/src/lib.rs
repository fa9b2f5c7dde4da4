//! Hardware edges: hwmon attributes and GPIO lines behind small traits, serial ports.

pub mod gpio;
pub mod hwmon;
pub mod serial;
