//! The timer's records in the event log, and the queue in which they wait for seld.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use bmc_dbus::{error_reply, sel::EventLogProxy};
use futures_util::FutureExt as _;
use ipmi_wire::{
    codec::Encode as _,
    command::watchdog::{PreTimeoutInterrupt, SENSOR_NUMBER, SENSOR_TYPE, TimeoutAction, TimerUse},
    record::sel::{SelBody, SelRecord, SystemEvent},
};
use tokio::sync::Notify;

use super::machine::Expiration;

/// Records that wait. A timer ends at most once per boot of the host, as a rule; seld is back within seconds.
const WAITING: usize = 16;
/// How long seld is left alone where it did not take a record.
const RETRY: Duration = Duration::from_secs(2);
/// Offset of the event "timer interrupt"; the others are the action's code (v2.0 table 42-3).
const TIMER_INTERRUPT: u8 = 8;
/// What seld answers where the log has no room.
const FULL: &str = "org.ferrite.Error.Full";
/// Event data 2 is what the sensor type says, event data 3 is not used (v2.0 table 29-6).
const DATA_2_IS_SPECIFIC: u8 = 0xC0;
const UNUSED: u8 = 0xFF;
/// Event/reading type "sensor-specific".
const SENSOR_SPECIFIC: u8 = 0x6F;
/// Written by the BMC, on LUN 0.
const GENERATOR: [u8; 2] = [0x20, 0x00];
/// Event messages as of IPMI 1.5.
const REVISION: u8 = 0x04;

/// What happened to the timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its pre-timeout interval was reached.
    Interrupt,
    /// It ended.
    Expired,
}

/// The record of it (v2.0 table 42-3, sensor type 23h). Its time is when seld takes it.
pub(super) fn record(kind: Kind, about: &Expiration) -> Vec<u8> {
    let offset = match (kind, about.action) {
        (Kind::Interrupt, _) => TIMER_INTERRUPT,
        (Kind::Expired, TimeoutAction::None) => 0,
        (Kind::Expired, action) => action.code(),
    };
    let timer_use = about.timer_use.map_or(0, TimerUse::code);
    let interrupt = PreTimeoutInterrupt::code(about.interrupt) << 4;
    let body = SelBody::Event(SystemEvent {
        timestamp: 0,
        generator: GENERATOR,
        revision: REVISION,
        sensor_type: SENSOR_TYPE,
        sensor: SENSOR_NUMBER,
        deasserted: false,
        event_type: SENSOR_SPECIFIC,
        data: [DATA_2_IS_SPECIFIC | offset, interrupt | timer_use, UNUSED],
    });
    SelRecord { id: 0, body }.to_bytes()
}

/// Records on their way to seld, oldest first; they outlive the bus and seld, not powerd.
#[derive(Debug, Default)]
pub(super) struct Queue {
    records: Mutex<VecDeque<Vec<u8>>>,
    added: Notify,
}

impl Queue {
    /// Adds a record; the oldest makes way where there are too many.
    pub(super) fn add(&self, record: Vec<u8>) {
        let mut records = super::keeper::lock(&self.records);
        if records.len() == WAITING {
            tracing::error!("the event log is away for too long: an event of the watchdog is lost");
            records.pop_front();
        }
        records.push_back(record);
        self.added.notify_one();
    }

    fn first(&self) -> Option<Vec<u8>> {
        super::keeper::lock(&self.records).front().cloned()
    }

    /// Removes `record`, which is in the log, unless it made way meanwhile.
    fn done(&self, record: &[u8]) {
        let mut records = super::keeper::lock(&self.records);
        if records.front().is_some_and(|first| first == record) {
            records.pop_front();
        }
    }

    /// Hands the records to seld for as long as `connection` lives.
    pub(super) async fn deliver(&self, connection: &zbus::Connection) -> anyhow::Result<()> {
        let log = EventLogProxy::new(connection).boxed().await?;
        let mut told = false;
        loop {
            let Some(record) = self.first() else {
                self.added.notified().await;
                continue;
            };
            match log.report(&record).boxed().await {
                Ok(_) => {
                    told = false;
                    self.done(&record);
                }
                // The event filters have seen it all the same, and would see it with each attempt.
                Err(error) if error_reply(&error).is_some_and(|(name, _)| name == FULL) => {
                    tracing::warn!("an event of the watchdog has no room in the log");
                    self.done(&record);
                }
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!("an event of the watchdog is not in the log yet: {error}");
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(action: TimeoutAction) -> Expiration {
        Expiration {
            timer_use: Some(TimerUse::SmsOs),
            action,
            interrupt: PreTimeoutInterrupt::Nmi,
            log: true,
        }
    }

    #[test]
    fn a_hard_reset_by_the_systems_watchdog_has_these_bytes() {
        let bytes = record(Kind::Expired, &about(TimeoutAction::HardReset));
        assert_eq!(bytes, [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 0x23, 0xF8, 0x6F, 0xC1, 0x24, 0xFF]);
    }

    #[test]
    fn each_end_and_the_interrupt_have_their_offset() {
        let offset = |kind, action| record(kind, &about(action))[13] & 0x0F;
        let ends = TimeoutAction::ALL.iter().map(|action| offset(Kind::Expired, *action));
        assert_eq!(ends.collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(offset(Kind::Interrupt, TimeoutAction::PowerCycle), 8);
    }

    #[test]
    fn a_log_that_stays_away_costs_the_oldest_records_and_no_more_memory() {
        let queue = Queue::default();
        for number in 0..20 {
            queue.add(vec![number]);
        }
        assert_eq!(queue.records.lock().unwrap().len(), WAITING);
        assert_eq!(queue.first(), Some(vec![4]));
        queue.done(&[3]);
        assert_eq!(queue.first(), Some(vec![4]), "that one made way before");
        queue.done(&[4]);
        assert_eq!(queue.first(), Some(vec![5]));
    }
}
