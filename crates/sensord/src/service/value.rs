//! `xyz.openbmc_project.Sensor.Value` and whether it may be written.

use zbus::interface;

use super::View;
use crate::station;

/// A write to a value that is measured. dbus-sensors spells the prefix with an s, and clients look for that.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "xyz.openbmc_project.Common.Errors")]
pub(super) enum ValueError {
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The sensor is not `Mutable`.
    NotAllowed(String),
}

#[derive(Debug)]
pub(super) struct Value(pub(super) View);

#[interface(name = "xyz.openbmc_project.Sensor.Value")]
impl Value {
    #[zbus(property)]
    fn value(&self) -> f64 {
        self.0.handle().state().value()
    }

    #[zbus(property)]
    async fn set_value(&self, value: f64) -> Result<(), ValueError> {
        let handle = self.0.handle();
        if !handle.spec.mutable {
            return Err(ValueError::NotAllowed(format!("{} is measured and not set", handle.path)));
        }
        if value.is_infinite() {
            return Err(ValueError::NotAllowed("an infinite value".to_owned()));
        }
        let changes = handle.state().set_override(station::now(), value);
        tracing::info!("{}: value overridden with {value}", handle.path);
        self.0.station.announce(self.0.index, &changes).await;
        Ok(())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn max_value(&self) -> f64 {
        self.0.handle().spec.range.max
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn min_value(&self) -> f64 {
        self.0.handle().spec.range.min
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn unit(&self) -> &str {
        self.0.handle().spec.quantity.unit()
    }
}

#[derive(Debug)]
pub(super) struct ValueMutability(pub(super) View);

#[interface(name = "xyz.openbmc_project.Sensor.ValueMutability")]
impl ValueMutability {
    #[zbus(property(emits_changed_signal = "const"))]
    fn mutable(&self) -> bool {
        self.0.handle().spec.mutable
    }
}
