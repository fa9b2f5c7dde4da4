//! What the log says of itself: that it was cleared, that it is almost full, that it is full (v2.0 table 42-3, type 10h). Pure.

use bmc_dbus::sel::ALMOST_FULL_PERCENT;

use crate::{record::of_the_log, store::NewRecord};

const CLEARED: u8 = 0x02;
const FULL: u8 = 0x04;
const ALMOST_FULL: u8 = 0x05;
const UNSPECIFIED: u8 = 0xFF;
/// Event data 3 is what the sensor type says: here how full, in percent.
const DATA_3_IS_SPECIFIC: u8 = 0x30;

/// Almost full is this many percent; as much below it the log has to come before that is said again.
const PERCENT: usize = ALMOST_FULL_PERCENT as usize;
const HYSTERESIS: usize = 10;
/// A log with less room than this spends none of it on remarks.
const WORTH_IT: usize = 32;

/// The log was cleared at `at`.
pub(crate) fn cleared(at: u32) -> NewRecord {
    of_the_log([CLEARED, UNSPECIFIED, UNSPECIFIED], at)
}

/// What was last said of how full the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fullness {
    Roomy,
    Almost,
    Full,
}

impl Fullness {
    /// How full a log is in which `used` records stand and `free` have room. One place is only left where one was deleted after it was
    /// said that the log is full.
    pub(crate) fn of(used: usize, free: usize) -> Self {
        match free {
            0 | 1 => Self::Full,
            _ if used * 100 >= (used + free) * PERCENT => Self::Almost,
            _ => Self::Roomy,
        }
    }

    /// What is to be said beside `new` records: remarks, and before which of the new records each stands. That the log is full takes
    /// its last place, so that whoever reads it sees why nothing follows.
    pub(crate) fn remarks(
        &mut self,
        used: usize,
        free: usize,
        new: usize,
        at: u32,
    ) -> Vec<(usize, NewRecord)> {
        let capacity = used + free;
        if used * 100 < capacity * (PERCENT - HYSTERESIS) {
            *self = Self::Roomy;
        }
        let mut remarks = Vec::new();
        if capacity < WORTH_IT {
            return remarks;
        }
        let mut will_be = used + new;
        if *self < Self::Almost && will_be * 100 >= capacity * PERCENT {
            *self = Self::Almost;
            let percent = u8::try_from(will_be.min(capacity) * 100 / capacity).unwrap_or(UNSPECIFIED);
            remarks.push((new, of_the_log([DATA_3_IS_SPECIFIC | ALMOST_FULL, UNSPECIFIED, percent], at)));
            will_be += 1;
        }
        if *self < Self::Full && will_be >= capacity.saturating_sub(1) && free > 0 {
            *self = Self::Full;
            remarks.push((free - 1, of_the_log([FULL, UNSPECIFIED, UNSPECIFIED], at)));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said while a log of 100 records fills, as its size and the event's offset.
    fn said(fullness: &mut Fullness, used: &mut usize, news: &[usize]) -> Vec<(usize, u8)> {
        let mut said = Vec::new();
        for new in news {
            let remarks = fullness.remarks(*used, 100 - *used, *new, 1);
            said.extend(remarks.iter().map(|(place, record)| (*used + place, record.bytes[13] & 0x0F)));
            *used = (*used + new + remarks.len()).min(100);
        }
        said
    }

    #[test]
    fn each_is_said_once_until_there_is_room_again() {
        let (mut fullness, mut used) = (Fullness::of(0, 100), 0);
        assert!(said(&mut fullness, &mut used, &[50, 39]).is_empty());
        assert_eq!(said(&mut fullness, &mut used, &[1, 1]), [(90, ALMOST_FULL)]);
        assert_eq!(used, 92);
        assert_eq!(said(&mut fullness, &mut used, &[6]), []);
        assert_eq!(said(&mut fullness, &mut used, &[1]), [(99, FULL)]);
        used = 99;
        assert_eq!(said(&mut fullness, &mut used, &[1]), [], "one was deleted: its place is for an event");
        used = 10;
        assert_eq!(said(&mut fullness, &mut used, &[85]), [(95, ALMOST_FULL)]);
    }

    #[test]
    fn a_crowd_of_events_does_not_take_the_last_place() {
        let (mut fullness, mut used) = (Fullness::of(80, 20), 80);
        let said = said(&mut fullness, &mut used, &[256]);
        assert!(said.contains(&(99, FULL)), "{said:?}");
        assert_eq!(fullness, Fullness::Full);
    }

    #[test]
    fn a_restart_says_nothing_again_and_a_small_log_nothing_at_all() {
        assert!(Fullness::of(95, 5).remarks(95, 5, 1, 1).is_empty());
        assert!(Fullness::of(1, 2).remarks(1, 2, 5, 1).is_empty());
    }

    #[test]
    fn the_one_place_of_a_full_log_is_for_an_event_after_a_restart_too() {
        assert!(Fullness::of(99, 1).remarks(99, 1, 1, 1).is_empty());
    }

    #[test]
    fn an_almost_full_log_says_how_full_it_is_at_that_time() {
        let percent = |used: usize, new| Fullness::Roomy.remarks(used, 100 - used, new, 1)[0].1.bytes[15];
        assert_eq!([percent(89, 1), percent(10, 85), percent(10, 256)], [90, 95, 100]);
    }

    #[test]
    fn the_records_are_of_the_event_log() {
        let record = cleared(7);
        assert_eq!(record.bytes[7..], [0x20, 0, 4, 0x10, 0xF5, 0x6F, 2, 0xFF, 0xFF]);
        let almost = &Fullness::Roomy.remarks(89, 11, 1, 7)[0].1;
        assert_eq!(almost.bytes[13..], [0x35, 0xFF, 90]);
    }
}
