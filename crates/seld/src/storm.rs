//! A sensor that flaps must not wear out the flash nor fill the log. Pure: time and events come in, what to log comes out.
//!
//! A sensor of thresholds has one limit. Of a discrete sensor each state has its own, so that wrong passwords do not hide a lockout.
//!
//! A sensor's first [`Limits::burst`] events within [`Limits::period`] are logged. With the next one a storm begins: it is logged that
//! logging stops (sensor type 10h, offset 01h), and from then on events are counted. At the end of the period, and then of periods
//! that double up to a day, comes a summary: how many events were withheld, and the last of them, so that the log ends with the truth.
//! A period without an event ends the storm. A sensor that flaps for ever thus costs eight records, then two at 1, 3, 7, 15 … minutes,
//! and in the end two a day.
//!
//! The summary is an OEM record with a time (v2.0§32.2), type [`SUMMARY`], manufacturer 0; its data are sensor type, sensor number,
//! event direction and type of the last event, generator LUN, and the count (LE 16, FFFFh is that or more).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use ipmi_wire::record::event::{SENSOR_SPECIFIC, THRESHOLD};

use crate::store::NewRecord;

/// Record type of a summary.
pub(crate) const SUMMARY: u8 = 0xDE;
/// The longest period between summaries.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How many sensors are told apart; all others share one limit.
const SENSORS: usize = 1024;

/// How much a sensor may log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Events that are logged one by one.
    pub(crate) burst: u32,
    /// In how much time.
    pub(crate) period: Duration,
}

/// Event type, a discrete sensor's state, and path; without a path, generator (LE), sensor type and number with the event type.
type Sensor = ([u8; 2], u8, u8, u8, Option<u8>, String);

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is logged.
    Log(NewRecord),
    /// A storm begins: this is logged instead.
    Begins(NewRecord),
    /// It is counted.
    Withheld,
}

#[derive(Debug)]
struct Watch {
    ends: Instant,
    period: Duration,
    logged: u32,
    storming: bool,
    withheld: u32,
    last: Option<NewRecord>,
}

/// All sensors that had an event lately.
#[derive(Debug)]
pub(crate) struct Storms {
    limits: Limits,
    sensors: HashMap<Sensor, Watch>,
}

/// The sensor that `record` is of; `None` for other records than events.
fn sensor_of(record: &NewRecord) -> Option<Sensor> {
    let [_, _, 0x02, _, _, _, _, low, high, _, kind, number, event, ..] = record.bytes else { return None };
    let (event, state) = (event & 0x7F, state_of(record));
    // An object is itself also while ipmid has no number for it.
    Some(match record.path.as_str() {
        "" => ([low, high], kind, number, event, state, String::new()),
        path => ([0, 0], 0, 0, event, state, path.to_owned()),
    })
}

/// The state that an event of a discrete sensor tells of.
fn state_of(record: &NewRecord) -> Option<u8> {
    let [.., event, data, _, _] = record.bytes;
    (event & 0x7F != THRESHOLD).then_some(data & 0x0F)
}

impl Storms {
    /// No events yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, sensors: HashMap::new() }
    }

    /// Judges an event; records of other types are always logged.
    pub(crate) fn judge(&mut self, now: Instant, record: NewRecord) -> Verdict {
        let Some(mut sensor) = sensor_of(&record) else { return Verdict::Log(record) };
        if self.sensors.len() >= SENSORS && !self.sensors.contains_key(&sensor) {
            sensor = Sensor::default();
        }
        let period = self.limits.period;
        let watch = self.sensors.entry(sensor).or_insert_with(|| Watch {
            ends: now + period,
            period,
            logged: 0,
            storming: false,
            withheld: 0,
            last: None,
        });
        if watch.logged < self.limits.burst {
            watch.logged += 1;
            return Verdict::Log(record);
        }
        watch.withheld = watch.withheld.saturating_add(1);
        let verdict = if std::mem::replace(&mut watch.storming, true) {
            Verdict::Withheld
        } else {
            Verdict::Begins(logging_stops(&record))
        };
        watch.last = Some(record);
        verdict
    }

    /// When [`Storms::summaries`] has something to do next.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.sensors.values().map(|watch| watch.ends).min()
    }

    /// What is to be logged of the periods that ended; `at` is the log's time.
    pub(crate) fn summaries(&mut self, now: Instant, at: u32) -> Vec<NewRecord> {
        let mut records = Vec::new();
        self.sensors.retain(|_, watch| {
            if watch.ends > now {
                return true;
            }
            watch.summarise(at, &mut records);
            watch.period = (watch.period * 2).min(LONGEST);
            watch.ends = now + watch.period;
            std::mem::take(&mut watch.withheld) > 0
        });
        records
    }

    /// What is to be logged of all periods, for the daemon ends.
    pub(crate) fn end(&mut self, at: u32) -> Vec<NewRecord> {
        let mut records = Vec::new();
        self.sensors.drain().for_each(|(_, mut watch)| watch.summarise(at, &mut records));
        records
    }
}

impl Watch {
    fn summarise(&mut self, at: u32, records: &mut Vec<NewRecord>) {
        if let Some(last) = self.last.take() {
            records.push(summary(&last, at, self.withheld));
            records.push(last);
        }
    }
}

/// "Event type logging disabled" (v2.0 table 42-3, type 10h, offset 01h) for the sensor of `record`: event data 2 is the event type,
/// event data 3 says that all its events are concerned, or which state and direction it was that went over the limit.
fn logging_stops(record: &NewRecord) -> NewRecord {
    const EVENT_LOGGING_DISABLED: u8 = 0x10;
    const BOTH_BYTES_SPECIFIC: u8 = 0xF0;
    const ALL_EVENTS: u8 = 0x20;
    const ASSERTION: u8 = 0x10;
    let mut bytes = record.bytes;
    let event = bytes[12] & 0x7F;
    bytes[10] = EVENT_LOGGING_DISABLED;
    let direction = if bytes[12] & 0x80 == 0 { ASSERTION } else { 0 };
    let which = state_of(record).map_or(ALL_EVENTS, |state| direction | state);
    bytes[12..].copy_from_slice(&[SENSOR_SPECIFIC, BOTH_BYTES_SPECIFIC | 0x01, event, which]);
    NewRecord { bytes, ..record.clone() }
}

fn summary(last: &NewRecord, at: u32, withheld: u32) -> NewRecord {
    let [low, high] = u16::try_from(withheld).unwrap_or(u16::MAX).to_le_bytes();
    let [.., generator, _, kind, number, event, _, _, _] = last.bytes;
    let bytes = [0, 0, SUMMARY, 0, 0, 0, 0, 0, 0, 0, kind, number, event, generator, low, high];
    NewRecord { bytes, at, path: last.path.clone() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { burst: 8, period: Duration::from_secs(60) };

    fn event(sensor: u8, at: u32) -> NewRecord {
        let direction = if at.is_multiple_of(2) { 0x01 } else { 0x81 };
        let bytes = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, sensor, direction, 0x57, 2, 3];
        NewRecord { bytes, at, path: format!("/t/{sensor}") }
    }

    fn count(summary: &NewRecord) -> u32 {
        assert_eq!(summary.bytes[2], SUMMARY);
        u16::from_le_bytes([summary.bytes[14], summary.bytes[15]]).into()
    }

    #[test]
    fn a_storm_is_announced_counted_and_ends_with_the_truth() {
        let (mut storms, start) = (Storms::new(LIMITS), Instant::now());
        let verdicts: Vec<_> = (0..20).map(|at| storms.judge(start, event(7, at))).collect();
        assert!(verdicts[..8].iter().all(|verdict| matches!(verdict, Verdict::Log(_))));
        let Verdict::Begins(record) = &verdicts[8] else { panic!("{:?}", verdicts[8]) };
        assert_eq!(record.bytes[10..], [0x10, 7, 0x6F, 0xF1, 0x01, 0x20]);
        assert!(verdicts[9..].iter().all(|verdict| *verdict == Verdict::Withheld));
        assert!(
            matches!(storms.judge(start, event(8, 0)), Verdict::Log(_)),
            "its neighbour is not concerned"
        );
        let end = start + LIMITS.period;
        assert_eq!(storms.next(), Some(end));
        let records = storms.summaries(end, 99);
        assert_eq!(records.len(), 2);
        assert_eq!((count(&records[0]), records[0].at), (12, 99));
        assert_eq!(records[0].bytes[10..14], [1, 7, 0x81, 0]);
        assert_eq!(records[1], event(7, 19));
    }

    #[test]
    fn wrong_passwords_do_not_hide_a_lockout() {
        let (mut storms, now) = (Storms::new(LIMITS), Instant::now());
        let session = |offset: u8| {
            let bytes = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 0x2A, 0xF7, 0x6F, 0xF0 | offset, 2, 1];
            NewRecord { bytes, at: 1, path: "/session".to_owned() }
        };
        let verdicts: Vec<_> = (0..10).map(|_| storms.judge(now, session(2))).collect();
        let Verdict::Begins(record) = &verdicts[8] else { panic!("{:?}", verdicts[8]) };
        assert_eq!(record.bytes[10..], [0x10, 0xF7, 0x6F, 0xF1, 0x6F, 0x12]);
        assert_eq!(verdicts[9], Verdict::Withheld);
        assert_eq!(storms.judge(now, session(3)), Verdict::Log(session(3)));
    }

    #[test]
    fn a_sensor_that_never_rests_costs_two_records_a_day_in_the_end() {
        let (mut storms, start) = (Storms::new(LIMITS), Instant::now());
        let (mut logged, mut withheld, mut now) = (0, 0, start);
        for second in 0..30 * 24 * 60 * 60_u32 {
            now = start + Duration::from_secs(second.into());
            let summaries = storms.summaries(now, second);
            withheld += summaries.chunks(2).map(|pair| count(&pair[0])).sum::<u32>();
            logged += summaries.len();
            logged += usize::from(storms.judge(now, event(7, second)) != Verdict::Withheld);
        }
        assert!(logged < 9 + 2 * (11 + 30), "{logged}");
        assert!(withheld > 65_535 * 10, "every summary says as many as it can");
        assert!(storms.summaries(now + 2 * LONGEST, 0).len() == 2);
        assert!(storms.summaries(now + 5 * LONGEST, 0).is_empty() && storms.next().is_none(), "forgotten");
        assert!(matches!(storms.judge(now + 5 * LONGEST, event(7, 0)), Verdict::Log(_)));
    }

    #[test]
    fn what_is_no_event_is_never_withheld() {
        let (mut storms, start) = (Storms::new(LIMITS), Instant::now());
        let oem = NewRecord { bytes: [0xE0; 16], at: 0, path: String::new() };
        assert!((0..100).all(|_| storms.judge(start, oem.clone()) == Verdict::Log(oem.clone())));
    }

    #[test]
    fn ten_thousand_sensors_cannot_flood_the_log_either() {
        let (mut storms, start) = (Storms::new(LIMITS), Instant::now());
        let event = |number: u32| {
            let path = format!("/t/{number}");
            NewRecord { path, ..event(1, 0) }
        };
        let logged = (0..10_000).filter(|it| storms.judge(start, event(*it)) != Verdict::Withheld).count();
        assert!(logged <= SENSORS + 9, "{logged}");
    }

    proptest! {
        #[test]
        fn every_event_is_logged_or_counted(gaps in proptest::collection::vec((0..200_u64, 0..3_u8), 1..300)) {
            let (mut storms, mut now) = (Storms::new(LIMITS), Instant::now());
            let (mut logged, mut counted) = (0, 0);
            for (gap, sensor) in &gaps {
                now += Duration::from_secs(*gap);
                counted += storms.summaries(now, 0).chunks(2).map(|pair| count(&pair[0])).sum::<u32>();
                logged += u32::from(matches!(storms.judge(now, event(*sensor, 0)), Verdict::Log(_)));
            }
            counted += storms.end(0).chunks(2).map(|pair| count(&pair[0])).sum::<u32>();
            prop_assert_eq!(logged + counted, u32::try_from(gaps.len()).unwrap());
        }
    }
}
