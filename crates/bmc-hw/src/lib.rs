//! Hardware edges: hwmon attributes and GPIO lines behind small traits.

pub mod gpio;
pub mod hwmon;
