//! Signals, while there is a bus to send them on.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bmc_dbus::names::sensors;
use zbus::{Connection, Variant, fdo::Properties, names::InterfaceName, object_server::SignalEmitter};

use crate::{
    sensor::{AlarmChange, Changes},
    station::Handle,
};

/// A bus that takes no signal for this long is left alone: the readings must not wait for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends signals on the current connection; without one they are not needed, because objects are served afresh on the next.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    connection: Mutex<Option<Connection>>,
}

impl Publisher {
    /// Sends signals on `connection` from now on.
    pub(crate) fn attach(&self, connection: Option<Connection>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    fn connection(&self) -> Option<Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends what `changes` of a sensor say.
    pub(crate) async fn emit(&self, handle: &Handle, changes: &Changes) {
        if changes.is_empty() {
            return;
        }
        self.send(&handle.path, async |emitter| emit_changes(emitter, changes).await).await;
    }

    /// Sends the new value of one property.
    pub(crate) async fn property(&self, path: &str, interface: &str, name: &str, value: Variant<'_>) {
        self.send(path, async |emitter| {
            properties(emitter, interface, HashMap::from([(name, value.try_clone()?)])).await
        })
        .await;
    }

    async fn send(&self, path: &str, send: impl AsyncFnOnce(&SignalEmitter<'_>) -> zbus::Result<()>) {
        let Some(connection) = self.connection() else { return };
        let sent =
            tokio::time::timeout(PATIENCE, async { send(&SignalEmitter::new(&connection, path)?).await });
        match sent.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("{path}: signal not sent: {error}"),
            Err(_) => tracing::warn!("{path}: the bus has taken no signal for {PATIENCE:?}"),
        }
    }
}

async fn emit_changes(emitter: &SignalEmitter<'_>, changes: &Changes) -> zbus::Result<()> {
    if let Some(value) = changes.value {
        properties(emitter, sensors::VALUE, HashMap::from([("Value", value.into())])).await?;
    }
    if let Some(available) = changes.available {
        properties(emitter, sensors::AVAILABILITY, HashMap::from([("Available", available.into())])).await?;
    }
    if let Some(functional) = changes.functional {
        let changed = HashMap::from([("Functional", functional.into())]);
        properties(emitter, sensors::OPERATIONAL_STATUS, changed).await?;
    }
    for alarm in &changes.alarms {
        emit_alarm(emitter, alarm).await?;
    }
    Ok(())
}

/// An alarm is told three times: as a property, by the signal that phosphor-sel-logger listens to, and by that of
/// phosphor-dbus-interfaces.
async fn emit_alarm(emitter: &SignalEmitter<'_>, alarm: &AlarmChange) -> zbus::Result<()> {
    let (level, side) = (alarm.level.name(), alarm.side.name());
    let interface = format!("{}{level}", sensors::THRESHOLD_PREFIX);
    let property = format!("{level}Alarm{side}");
    let changed = HashMap::from([(property.as_str(), alarm.asserted.into())]);
    properties(emitter, &interface, changed).await?;
    let name = emitter.path().rsplit('/').next().unwrap_or_default();
    let body = (name, interface.as_str(), property.as_str(), alarm.asserted, alarm.value);
    emitter.emit(interface.as_str(), "ThresholdAsserted", &body).await?;
    let change = if alarm.asserted { "Asserted" } else { "Deasserted" };
    emitter.emit(interface.as_str(), format!("{level}{side}Alarm{change}"), &alarm.value).await
}

async fn properties(
    emitter: &SignalEmitter<'_>,
    interface: &str,
    changed: HashMap<&str, Variant<'_>>,
) -> zbus::Result<()> {
    Properties::properties_changed(emitter, InterfaceName::try_from(interface)?, changed, (&[][..]).into())
        .await
}
