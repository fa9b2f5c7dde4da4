//! What a board description comes to.

use std::time::Duration;

use crate::{
    sensor::{
        LevelThresholds,
        power::PowerState,
        quantity::{Quantity, Range, Scale},
    },
    source::Place,
};

/// One sensor of the board.
#[derive(Debug, Clone)]
pub(crate) struct SensorSpec {
    /// Valid as the last segment of an object path.
    pub(crate) name: String,
    pub(crate) quantity: Quantity,
    pub(crate) place: Place,
    pub(crate) scale: Scale,
    pub(crate) range: Range,
    pub(crate) poll: Duration,
    pub(crate) power: PowerState,
    pub(crate) levels: Vec<LevelThresholds>,
    pub(crate) entity: Entity,
    /// Whether `Value` may be written.
    pub(crate) mutable: bool,
    /// The board it is on, valid as the last segment of an object path.
    pub(crate) board: String,
}

/// IPMI's entity (v2.0§43.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) id: u8,
    pub(crate) instance: u8,
}

impl SensorSpec {
    /// The object path.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", bmc_dbus::names::sensors::ROOT, self.quantity.segment(), self.name)
    }
}

/// `name` with every character that an object path cannot hold made `_`, as dbus-sensors does.
pub(crate) fn path_segment(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
