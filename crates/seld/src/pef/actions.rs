//! What changes the host's state, and the event that tells of it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use bmc_dbus::{
    error_reply, is_absence,
    power::{CHASSIS_TRANSITION, ChassisProxy, HOST_TRANSITION, HostProxy, NmiProxy},
};
use futures_util::FutureExt as _;
use ipmi_wire::{pef::action, record::sel::SystemEvent};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout_at},
};
use zbus::{Connection, proxy::CacheProperties};

use super::{Decision, Pef};
use crate::record::filters_acted;

/// How long powerd may be away, or take to accept a request.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(500);
/// Requests that wait for powerd. One beyond them is not done: so many say what is to become of the host.
const WAITING: usize = 64;

/// An event, and what is to be done about it.
#[derive(Debug, Clone)]
pub(super) struct Act {
    pub(super) event: SystemEvent,
    pub(super) decision: Decision,
    /// What was done is an event itself.
    pub(super) tells: bool,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Actions {
    waiting: Mutex<VecDeque<Act>>,
    more: Notify,
}

impl Actions {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Act>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something as soon as what was asked for before is done.
    pub(super) fn queue(&self, act: Act) {
        let mut waiting = self.waiting();
        if waiting.len() == WAITING {
            tracing::error!(
                "event filter: nothing is done for sensor {:#04x}: powerd is away",
                act.event.sensor
            );
            return;
        }
        waiting.push_back(act);
        self.more.notify_one();
    }
}

/// Does what is to be done, until the bus is gone. What it was gone for is done on the next one.
pub(super) async fn do_all(pef: &Pef, connection: &Connection) {
    loop {
        let next = pef.actions.waiting().front().cloned();
        let Some(act) = next else {
            pef.actions.more.notified().await;
            continue;
        };
        let done = perform(connection, &act).await;
        pef.actions.waiting().pop_front();
        if act.tells && done != 0 {
            pef.log.note(filters_acted(done, pef.log.time())).await;
        }
    }
}

/// Does it; what was done, as bits of [`action`]. Alerts are on their way already.
async fn perform(connection: &Connection, Act { event, decision, .. }: &Act) -> u8 {
    let alerts = decision.actions() & action::ALERT;
    let Some(action) = decision.action else { return alerts };
    let (name, sensor, sensor_type) = (name(action), event.sensor, event.sensor_type);
    match request(connection, action).await {
        Ok(()) => {
            tracing::warn!("{name} by an event filter: sensor {sensor:#04x}, type {sensor_type:#04x}");
            alerts | action
        }
        Err(error) => {
            tracing::error!(
                "no {name}, which an event filter asks for: sensor {sensor:#04x}, type {sensor_type:#04x}: {error:#}"
            );
            alerts
        }
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

/// Asks powerd, which may be starting.
async fn request(connection: &Connection, action: u8) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = timeout_at(deadline, request_once(connection, action)).await;
        match asked.context("powerd does not answer")? {
            Ok(()) => return Ok(()),
            Err(error) if is_away(&error) && Instant::now() + RETRY < deadline => sleep(RETRY).await,
            Err(error) => return Err(error).context("powerd refuses"),
        }
    }
}

fn is_away(error: &zbus::Error) -> bool {
    error_reply(error).is_some_and(|(name, _)| is_absence(&name))
}

async fn request_once(connection: &Connection, action: u8) -> zbus::Result<()> {
    let host = async |transition: &str| {
        let host =
            HostProxy::builder(connection).cache_properties(CacheProperties::No).build().boxed().await?;
        host.set_requested_host_transition(&format!("{HOST_TRANSITION}{transition}")).await
    };
    match action {
        action::POWER_DOWN => {
            let chassis = ChassisProxy::builder(connection)
                .cache_properties(CacheProperties::No)
                .build()
                .boxed()
                .await?;
            chassis.set_requested_power_transition(&format!("{CHASSIS_TRANSITION}Off")).boxed().await
        }
        action::POWER_CYCLE => host("Reboot").await,
        action::RESET => host("ForceWarmReboot").await,
        _ => NmiProxy::new(connection).await?.nmi().boxed().await,
    }
}
