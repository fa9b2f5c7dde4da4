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
use ipmi_wire::{
    codec::Encode as _,
    pef::{AlertPolicy, GuidOfTraps, SendWhen, alert_status},
    record::sel::{SelBody, SelRecord, SystemEvent},
};
use tokio::sync::Notify;
use zbus::Connection;

use super::Pef;

/// Alerts that wait while others are sent, which may take minutes where nobody acknowledges them.
const WAITING: usize = 256;

/// An event, and where to tell of it.
#[derive(Debug)]
pub(super) struct Alert {
    pub(super) event: SystemEvent,
    /// As [`ipmi_wire::pef::EventFilter`] has it.
    pub(super) severity: u8,
    /// The policy's entries, with the text that each sends.
    pub(super) entries: Vec<(AlertPolicy, String)>,
}

/// The alerts that are to be sent.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    waiting: Mutex<VecDeque<Alert>>,
    more: Notify,
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
        if waiting.len() == WAITING {
            tracing::warn!("no alert of sensor {:#04x}: {WAITING} others are to be sent", alert.event.sensor);
            return;
        }
        waiting.push_back(alert);
        self.more.notify_one();
    }

    /// Sends an alert that a client asked for; whether none of these is on its way.
    pub(super) fn send_at_once(&self, alert: Alert) -> bool {
        let mut immediate = lock(&self.immediate);
        let is_free = immediate.status != alert_status::PENDING;
        if is_free {
            *immediate = Immediate { status: alert_status::PENDING, alert: Some(alert) };
            self.more.notify_one();
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

/// Sends what is to be sent, until the bus is gone.
pub(super) async fn send_all(pef: &Pef, connection: &Connection) {
    let alerts = &pef.alerts;
    loop {
        let immediate = lock(&alerts.immediate).alert.take();
        if let Some(alert) = immediate {
            let arrived = follow_policy(pef, connection, &alert).await;
            let status = if arrived { alert_status::DONE } else { alert_status::NOT_ACKNOWLEDGED };
            lock(&alerts.immediate).status = status;
            continue;
        }
        let next = lock(&alerts.waiting).pop_front();
        match next {
            Some(alert) => drop(follow_policy(pef, connection, &alert).await),
            None => alerts.more.notified().await,
        }
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
    let channel = pef.channels.by_number(entry.channel);
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
        .await?;
    Ok(alerts.send(entry.destination, &trap).await?)
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
