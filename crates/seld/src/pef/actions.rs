//! What changes the host's state, and the event that tells of it.

use std::time::Duration;

use anyhow::Context as _;
use bmc_dbus::power::{CHASSIS_TRANSITION, ChassisProxy, HOST_TRANSITION, HostProxy, NmiProxy};
use ipmi_wire::{
    pef::{action, control},
    record::sel::SystemEvent,
};
use tokio::time::timeout;
use zbus::{Connection, proxy::CacheProperties};

use super::{Decision, Pef, alerts::Alert};
use crate::record::filters_acted;

/// How long powerd may take to accept a request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does what was decided about `event`.
pub(super) async fn act(pef: &Pef, connection: &Connection, event: &SystemEvent, decision: Decision) {
    let actions = decision.actions();
    if actions == 0 {
        return;
    }
    let configuration = pef.state().configuration.clone();
    if configuration.control & control::EVENTS != 0 {
        pef.log.note(filters_acted(actions, pef.log.time())).await;
    }
    if let Some(action) = decision.action {
        let done = timeout(PATIENCE, request(connection, action)).await;
        let done = done.unwrap_or_else(|_| Err(anyhow::anyhow!("powerd does not answer")));
        let (name, sensor, sensor_type) = (name(action), event.sensor, event.sensor_type);
        match done {
            Ok(()) => {
                tracing::warn!("{name} by an event filter: sensor {sensor:#04x}, type {sensor_type:#04x}")
            }
            Err(error) => tracing::error!(
                "no {name}, which an event filter asks for: sensor {sensor:#04x}, type {sensor_type:#04x}: {error:#}"
            ),
        }
    }
    for (policy, filter) in decision.alerts {
        let entries = configuration.policies(policy).into_iter();
        let entries = entries.map(|entry| (entry, configuration.text(&entry, filter))).collect();
        pef.alerts.queue(Alert { event: *event, severity: decision.severity, entries });
    }
}

/// What each action is called in the journal.
fn name(action: u8) -> &'static str {
    match action {
        action::POWER_DOWN => "power-off",
        action::POWER_CYCLE => "power cycle",
        action::RESET => "reset",
        _ => "diagnostic interrupt",
    }
}

async fn request(connection: &Connection, action: u8) -> anyhow::Result<()> {
    let host = async |transition: &str| {
        let host = HostProxy::builder(connection).cache_properties(CacheProperties::No).build().await?;
        host.set_requested_host_transition(&format!("{HOST_TRANSITION}{transition}")).await
    };
    let done = match action {
        action::POWER_DOWN => {
            let chassis =
                ChassisProxy::builder(connection).cache_properties(CacheProperties::No).build().await?;
            chassis.set_requested_power_transition(&format!("{CHASSIS_TRANSITION}Off")).await
        }
        action::POWER_CYCLE => host("Reboot").await,
        action::RESET => host("ForceWarmReboot").await,
        _ => NmiProxy::new(connection).await?.nmi().await,
    };
    done.context("powerd refuses")
}
