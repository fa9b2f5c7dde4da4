//! The one snapshot of all sensors on the bus, and the records made from it.
//!
//! [`DbusSensors`] subscribes once and feeds a [`Model`], which is pure. Static facts (range, thresholds, names) are encoded into
//! records when they change; readings go straight into a cell that every snapshot shares, so that reading a sensor is a look-up
//! and neither waits for the bus nor copies anything.

mod added;
mod associations;
mod discrete;
mod enables;
mod facts;
mod history;
mod items;
mod kind;
mod model;
mod names;
mod numbers;
mod reading;
mod record;
mod snapshot;
mod vendor;
mod watch;

pub(crate) use added::MOST_ADDED;
pub use added::{AddedRecords, RecordChange, RecordRefused};
pub use associations::{Contains, Part};
pub use discrete::Discrete;
pub(crate) use discrete::{OwnSource, Source};
pub(crate) use enables::{Enabled, EventEnables};
pub use facts::{Facts, Hysteresis, Threshold};
pub use history::{Changes, History};
pub use model::Model;
pub use numbers::{Address, Numbers};
pub use reading::{Reading, Status};
pub(crate) use snapshot::record_of;
pub use snapshot::{Record, Sensor, Snapshot};
pub use vendor::{OemRecord, Vendor};
pub use watch::{DbusSensors, SensorFiles};

/// How many sensors a snapshot holds; more are passed over, with a warning.
pub const MAX_SENSORS: usize = 1000;
