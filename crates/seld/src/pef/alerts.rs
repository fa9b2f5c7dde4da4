//! Alerts: an event goes to the destinations of a policy, one after the other (v2.0§17.11). The channels' owners send them.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use bmc_daemon::ChannelMedium;
use bmc_dbus::{
    alerts::{AlertsProxy, Trap},
    names::ipmi,
};
use futures_util::FutureExt as _;
use ipmi_wire::{
    codec::Encode as _,
    pef::{AlertPolicy, GuidOfTraps, SendWhen, alert_status},
    record::sel::{SelBody, SelRecord, SystemEvent},
};
use tokio::sync::Notify;
use zbus::Connection;

use super::{Configuration, Decision, Pef};

/// Alerts that wait while others are sent, which may take minutes where nobody acknowledges them.
const WAITING: usize = 256;

/// An event, and where to tell of it.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    pub(super) event: SystemEvent,
    /// As [`ipmi_wire::pef::EventFilter`] has it.
    pub(super) severity: u8,
    /// The policy's entries, with the text that each sends.
    pub(super) entries: Vec<(AlertPolicy, String)>,
}

impl Alert {
    /// What was decided about `event`, to all policies that are to tell of it.
    pub(super) fn of(configuration: &Configuration, event: &SystemEvent, decision: &Decision) -> Self {
        let entries = decision.alerts.iter().flat_map(|(policy, filter)| {
            let entries = configuration.policies(*policy).into_iter();
            entries.map(|entry| (entry, configuration.text(&entry, *filter)))
        });
        Self { event: *event, severity: decision.severity, entries: entries.collect() }
    }
}

/// The alerts that are to be sent.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    waiting: Mutex<VecDeque<Alert>>,
    more: Notify,
    at_once: Notify,
    /// What became of the last one that a client had sent, see [`alert_status`].
    immediate: Mutex<Immediate>,
}

#[derive(Debug, Default)]
struct Immediate {
    status: u8,
    alert: Option<Alert>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Alerts {
    /// Sends an alert as soon as those before it are sent.
    pub(super) fn queue(&self, alert: Alert) {
        let mut waiting = lock(&self.waiting);
        waiting.push_back(alert);
        if waiting.len() > WAITING {
            // The first is being sent.
            let least = (1..waiting.len()).min_by_key(|place| waiting[*place].severity);
            let dropped = least.and_then(|place| waiting.remove(place));
            let sensor = dropped.map_or(0, |alert| alert.event.sensor);
            tracing::warn!("no alert of sensor {sensor:#04x}: {WAITING} others are to be sent");
        }
        self.more.notify_one();
    }

    /// Sends an alert that a client asked for; whether none of these is on its way.
    pub(super) fn send_at_once(&self, alert: Alert) -> bool {
        let mut immediate = lock(&self.immediate);
        let is_free = immediate.status != alert_status::PENDING;
        if is_free {
            *immediate = Immediate { status: alert_status::PENDING, alert: Some(alert) };
            self.at_once.notify_one();
        }
        is_free
    }

    /// What became of it.
    pub(super) fn status(&self) -> u8 {
        lock(&self.immediate).status
    }

    /// Forgets that, unless it is on its way.
    pub(super) fn forget_status(&self) {
        let mut immediate = lock(&self.immediate);
        if immediate.status != alert_status::PENDING {
            immediate.status = alert_status::NONE;
        }
    }
}

/// Sends what is to be sent, until the bus is gone. What was on its way then is sent again on the next one.
pub(super) async fn send_all(pef: &Pef, connection: &Connection) {
    tokio::join!(send_waiting(pef, connection), send_immediate(pef, connection));
}

async fn send_waiting(pef: &Pef, connection: &Connection) {
    let alerts = &pef.alerts;
    loop {
        let next = lock(&alerts.waiting).front().cloned();
        let Some(alert) = next else {
            alerts.more.notified().await;
            continue;
        };
        follow_policy(pef, connection, &alert).await;
        lock(&alerts.waiting).pop_front();
    }
}

async fn send_immediate(pef: &Pef, connection: &Connection) {
    let alerts = &pef.alerts;
    loop {
        let next = lock(&alerts.immediate).alert.clone();
        let Some(alert) = next else {
            alerts.at_once.notified().await;
            continue;
        };
        let arrived = follow_policy(pef, connection, &alert).await;
        let status = if arrived { alert_status::DONE } else { alert_status::NOT_ACKNOWLEDGED };
        *lock(&alerts.immediate) = Immediate { status, alert: None };
    }
}

/// Tells the destinations of a policy; whether it arrived at the last one that was told.
async fn follow_policy(pef: &Pef, connection: &Connection, alert: &Alert) -> bool {
    let mut arrived = false;
    let mut previous: Option<&AlertPolicy> = None;
    for (entry, text) in &alert.entries {
        match next_step(entry, previous, arrived) {
            Step::Send => {
                arrived = match send(pef, connection, alert, entry, text).await {
                    Ok(arrived) => arrived,
                    Err(error) => {
                        let (channel, destination) = (entry.channel, entry.destination);
                        tracing::warn!(
                            "no alert to destination {destination} of channel {channel}: {error:#}"
                        );
                        false
                    }
                };
                previous = Some(entry);
            }
            Step::Skip => {}
            Step::Stop => break,
        }
    }
    arrived
}

/// What a policy's entry comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Send,
    Skip,
    Stop,
}

/// What `entry` comes to after the alert to `previous` has `arrived` or not. All destinations are of one type here.
fn next_step(entry: &AlertPolicy, previous: Option<&AlertPolicy>, arrived: bool) -> Step {
    match entry.when {
        _ if !arrived => Step::Send,
        SendWhen::Always => Step::Send,
        SendWhen::NotYetThenStop => Step::Stop,
        SendWhen::NotYetThenGoOn | SendWhen::NotYetThenOtherType => Step::Skip,
        SendWhen::NotYetThenOtherChannel => {
            if previous.is_some_and(|previous| previous.channel == entry.channel) {
                Step::Skip
            } else {
                Step::Send
            }
        }
    }
}

/// Has the channel's owner tell a destination; whether it arrived, as far as that is known.
async fn send(
    pef: &Pef,
    connection: &Connection,
    alert: &Alert,
    entry: &AlertPolicy,
    text: &str,
) -> anyhow::Result<bool> {
    let channel = pef.channels.as_ref().and_then(|channels| channels.by_number(entry.channel));
    let channel =
        channel.filter(|channel| channel.medium == ChannelMedium::Lan).context("it is no LAN channel")?;
    let record = SelRecord { id: 0, body: SelBody::Event(alert.event) }.to_bytes();
    let guid = match pef.state().configuration.guid {
        GuidOfTraps::System => Vec::new(),
        GuidOfTraps::Own(guid) => guid.0.to_vec(),
    };
    let utc_offset = pef.log.kept().utc_offset;
    let trap = Trap { severity: alert.severity, record, utc_offset, guid, text: text.to_owned() };
    let alerts = AlertsProxy::builder(connection)
        .destination(format!("{}{}", ipmi::CHANNEL_PREFIX, channel.name))
        .path(ipmi::channel_path(&channel.name))
        .build()
        .boxed()
        .await?;
    Ok(alerts.send(entry.destination, &trap).boxed().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(when: SendWhen, channel: u8) -> AlertPolicy {
        AlertPolicy { enabled: true, when, channel, ..AlertPolicy::default() }
    }

    #[test]
    fn after_an_alert_that_did_not_arrive_every_entry_is_followed() {
        for when in [SendWhen::Always, SendWhen::NotYetThenGoOn, SendWhen::NotYetThenStop] {
            assert_eq!(next_step(&entry(when, 1), Some(&entry(SendWhen::Always, 1)), false), Step::Send);
        }
    }

    #[test]
    fn after_one_that_arrived_the_entry_says_what_follows() {
        let first = entry(SendWhen::Always, 1);
        let steps = [
            (entry(SendWhen::Always, 1), Step::Send),
            (entry(SendWhen::NotYetThenGoOn, 2), Step::Skip),
            (entry(SendWhen::NotYetThenStop, 2), Step::Stop),
            (entry(SendWhen::NotYetThenOtherChannel, 1), Step::Skip),
            (entry(SendWhen::NotYetThenOtherChannel, 2), Step::Send),
            (entry(SendWhen::NotYetThenOtherType, 2), Step::Skip),
        ];
        for (entry, step) in steps {
            assert_eq!(next_step(&entry, Some(&first), true), step, "{entry:?}");
        }
    }
}
