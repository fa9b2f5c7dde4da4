//! When the repository changed. Clients keep its records in a cache for as long as these times stay: they move when the content
//! does, and a restart is no change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Record, added::FIRST_ADDED, record::FIRST_SENSOR_RECORD};

/// What Get SDR Repository Info and Get Device SDR Info say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// When a record came or became another, in seconds since 1970.
    pub last_addition: u32,
    /// When a record went, likewise.
    pub last_erase: u32,
    /// Counts changes of which sensors there are.
    pub population: u32,
    /// Whether a record was refused for want of room since the last one was deleted.
    pub overflow: bool,
}

/// "Never" or "unspecified" (v2.0§37).
const NEVER: u32 = u32::MAX;
/// How far a time may run ahead of the clock where changes follow each other in less than a second: none has the time of another.
const AHEAD_MAX: u32 = 3600;

impl Default for Changes {
    fn default() -> Self {
        Self { last_addition: NEVER, last_erase: NEVER, population: 0, overflow: false }
    }
}

/// The changes, and what the content was after the last one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    changes: Changes,
    /// Checksums of records, by ID.
    records: BTreeMap<u16, u64>,
    /// Whether a client saw other records than these since the start: what it keeps of them has the times of the whole content.
    incomplete_shown: bool,
    /// Whether all records that were there before the start have been there again, or had the time for it.
    #[serde(skip)]
    settled: bool,
}

impl History {
    /// The changes so far.
    pub(crate) fn changes(&self) -> Changes {
        self.changes
    }

    /// Who had sensors before the start has had the time to tell of them.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
    }

    /// Whether nothing from before the start is waited for.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// A client was shown the content before it was settled.
    pub(crate) fn incomplete_shown(&mut self) {
        self.incomplete_shown = true;
    }

    /// Whether one was, and no time has moved for it yet.
    pub(crate) fn is_incomplete_shown(&self) -> bool {
        self.incomplete_shown
    }

    /// A record was refused for want of room.
    pub(crate) fn overflowed(&mut self) {
        self.changes.overflow = true;
    }

    /// The content is `records` at `now`. Until it is settled, only what clients add and delete counts: after a start, sensors come
    /// one after the other. Where a client was shown some of them meanwhile, the whole content is another one for it.
    pub(crate) fn note(&mut self, records: &[Record], now: u32) {
        let current: BTreeMap<u16, u64> =
            records.iter().map(|record| (record.id, checksum(&record.bytes))).collect();
        self.settled |= self.records.iter().all(|(id, sum)| current.get(id) == Some(sum));
        let counts = |id: u16| self.settled || id >= FIRST_ADDED;
        let come = current.iter().filter(|(id, sum)| counts(**id) && self.records.get(id) != Some(sum));
        let come: Vec<(u16, u64)> = come.map(|(id, sum)| (*id, *sum)).collect();
        let gone = self.records.keys().filter(|id| counts(**id) && !current.contains_key(id));
        let gone: Vec<u16> = gone.copied().collect();
        let is_new = |(id, _): &&(u16, u64)| !self.records.contains_key(id);
        let completed = self.settled && std::mem::take(&mut self.incomplete_shown);
        let population = come.iter().filter(is_new).map(|(id, _)| id).chain(&gone).any(|id| is_sensor(*id));
        if completed || !come.is_empty() {
            self.changes.last_addition = after(self.changes.last_addition, now);
        }
        if !gone.is_empty() {
            self.changes.last_erase = after(self.changes.last_erase, now);
        }
        self.changes.population = self.changes.population.wrapping_add(u32::from(completed || population));
        self.changes.overflow &= !gone.iter().any(|id| *id >= FIRST_ADDED);
        self.records.extend(come);
        self.records.retain(|id, _| !gone.contains(id));
    }
}

/// The time of a change: now, or just after the one before.
fn after(last: u32, now: u32) -> u32 {
    let is_ahead = last != NEVER && (now..=now.saturating_add(AHEAD_MAX)).contains(&last);
    if is_ahead { last.saturating_add(1) } else { now }
}

fn is_sensor(id: u16) -> bool {
    (FIRST_SENSOR_RECORD..FIRST_ADDED).contains(&id)
}

/// FNV-1a: the same in every run, which the standard library's hash does not promise.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u16, content: u8) -> Record {
        Record { id, bytes: [content].as_slice().into() }
    }

    fn noted(history: &mut History, records: &[Record], now: u32) -> (u32, u32, u32) {
        history.note(records, now);
        let Changes { last_addition, last_erase, population, .. } = history.changes();
        (last_addition, last_erase, population)
    }

    /// As it comes back from its file.
    fn restarted(history: &History) -> History {
        serde_json::from_str(&serde_json::to_string(history).unwrap()).unwrap()
    }

    #[test]
    fn times_move_when_the_content_does_and_only_then() {
        let mut history = History::default();
        let both = [record(0x1001, 1), record(0x1002, 1)];
        assert_eq!(noted(&mut history, &both[..1], 100), (100, NEVER, 1));
        assert_eq!(noted(&mut history, &both[..1], 200), (100, NEVER, 1), "a poll");
        assert_eq!(noted(&mut history, &both, 300), (300, NEVER, 2), "a sensor more");
        let other = [record(0x1001, 1), record(0x1002, 2)];
        assert_eq!(noted(&mut history, &other, 400), (400, NEVER, 2), "a threshold");
        assert_eq!(noted(&mut history, &both[..1], 500), (400, 500, 3), "a sensor less");
    }

    #[test]
    fn two_changes_never_have_the_same_time() {
        let mut history = History::default();
        let times: Vec<u32> = (0..4).map(|n| noted(&mut history, &[record(1, n)], 100).0).collect();
        assert_eq!(times, [100, 101, 102, 103]);
        assert_eq!(noted(&mut history, &[record(1, 9)], 50).0, 104);
        assert_eq!(noted(&mut history, &[record(1, 8)], 90_000).0, 90_000);
        assert_eq!(noted(&mut history, &[record(1, 7)], 10).0, 10, "the clock was set back by far");
    }

    #[test]
    fn a_restart_with_the_same_sensors_changes_nothing_however_late_they_come() {
        let mut history = History::default();
        let all = [record(1, 0), record(0x1001, 1), record(0x1002, 1)];
        let before = noted(&mut history, &all, 100);
        let mut history = restarted(&history);
        assert_eq!(noted(&mut history, &all[..1], 200), before);
        assert_eq!(
            noted(&mut history, &[all[0].clone(), record(0x1001, 9)], 201),
            before,
            "half of its facts"
        );
        assert!(!history.is_settled());
        assert_eq!(noted(&mut history, &all, 202), before);
        assert!(history.is_settled());
        assert_eq!(noted(&mut history, &all[..2], 300), (100, 300, 2), "from now on all counts");
    }

    #[test]
    fn who_was_shown_half_of_the_sensors_after_a_restart_learns_of_the_rest() {
        let mut history = History::default();
        let all = [record(0x1001, 1), record(0x1002, 1)];
        let before = noted(&mut history, &all, 100);
        let mut history = restarted(&history);
        assert_eq!(noted(&mut history, &all[..1], 200), before);
        history.incomplete_shown();
        let mut history = restarted(&history);
        assert_eq!(noted(&mut history, &all[..1], 300), before, "nothing has come yet");
        assert_eq!(noted(&mut history, &all, 301), (301, NEVER, 2));
        assert_eq!(noted(&mut history, &all, 400), (301, NEVER, 2), "once");
    }

    #[test]
    fn what_did_not_come_back_in_time_is_gone() {
        let mut history = History::default();
        let all = [record(0x1001, 1), record(0x1002, 1)];
        noted(&mut history, &all, 100);
        let mut history = restarted(&history);
        noted(&mut history, &all[..1], 200);
        history.settle();
        assert_eq!(noted(&mut history, &all[..1], 260), (100, 260, 2));
    }

    #[test]
    fn what_clients_change_counts_at_once_and_ends_an_overflow() {
        let mut history = History::default();
        noted(&mut history, &[record(0x1001, 1)], 100);
        let mut history = restarted(&history);
        assert_eq!(noted(&mut history, &[record(0x2000, 1)], 200), (200, NEVER, 1));
        history.overflowed();
        assert!(history.changes().overflow);
        assert_eq!(noted(&mut history, &[], 300), (200, 300, 1));
        assert!(!history.changes().overflow && !history.is_settled());
    }
}
