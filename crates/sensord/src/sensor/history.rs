//! What a sensor showed: the last readings, and minimum, mean and maximum of each past minute and hour.
//!
//! Everything is in memory and bounded: a reading is 16 bytes, a minute or an hour 16 bytes. The default depths (60 readings, 60
//! minutes, 24 hours) come to 2304 bytes a sensor, 0.7 MB for 300. Values are kept as `f32`: seven digits are more than
//! any of these sensors has.

use std::collections::VecDeque;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Depth {
    /// Readings, 0 to 10000.
    pub(crate) readings: usize,
    /// Minutes, 0 to 10000.
    pub(crate) minutes: usize,
    /// Hours, 0 to 10000.
    pub(crate) hours: usize,
}

impl Default for Depth {
    fn default() -> Self {
        Self { readings: 60, minutes: 60, hours: 24 }
    }
}

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    /// Wall clock, ms since the epoch.
    pub(crate) at: u64,
    pub(crate) value: f32,
}

/// A past minute or hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// Which one since the epoch.
    pub(crate) number: u32,
    pub(crate) min: f32,
    pub(crate) mean: f32,
    pub(crate) max: f32,
}

/// The rings of one sensor.
#[derive(Debug)]
pub(crate) struct History {
    depth: Depth,
    readings: VecDeque<Reading>,
    minutes: Spans<60_000>,
    hours: Spans<3_600_000>,
}

impl History {
    /// Takes the room for all of it at once, and touches it: what sensors will need in a day is seen at the start.
    pub(crate) fn new(depth: Depth) -> Self {
        let (minutes, hours) = (Spans::with_room(depth.minutes), Spans::with_room(depth.hours));
        Self { depth, readings: room(depth.readings, Reading { at: 0, value: 0.0 }), minutes, hours }
    }

    /// Takes a reading of the wall clock's instant `at`, in ms since the epoch. NaN is passed over.
    pub(crate) fn push(&mut self, at: u64, value: f64) {
        if value.is_nan() {
            return;
        }
        push_bounded(&mut self.readings, self.depth.readings, Reading { at, value: narrow(value) });
        self.minutes.push(at, value, self.depth.minutes);
        self.hours.push(at, value, self.depth.hours);
    }

    /// The last readings, oldest first.
    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading> + '_ {
        self.readings.iter().copied()
    }

    /// Finished minutes, oldest first: start in ms since the epoch, and the minute.
    pub(crate) fn minutes(&self) -> impl Iterator<Item = (u64, Span)> + '_ {
        self.minutes.iter()
    }

    /// Finished hours, oldest first: start in ms since the epoch, and the hour.
    pub(crate) fn hours(&self) -> impl Iterator<Item = (u64, Span)> + '_ {
        self.hours.iter()
    }
}

/// Spans of `MS` milliseconds, and the one that is being filled.
#[derive(Debug, Default)]
struct Spans<const MS: u64> {
    done: VecDeque<Span>,
    number: u32,
    count: u32,
    sum: f64,
    min: f32,
    max: f32,
}

impl<const MS: u64> Spans<MS> {
    fn with_room(depth: usize) -> Self {
        Self { done: room(depth, Span { number: 0, min: 0.0, mean: 0.0, max: 0.0 }), ..Self::default() }
    }

    fn push(&mut self, at: u64, value: f64, depth: usize) {
        let number = u32::try_from(at / MS).unwrap_or(u32::MAX);
        if self.count > 0 && number != self.number {
            let mean = narrow(self.sum / f64::from(self.count));
            let span = Span { number: self.number, min: self.min, mean, max: self.max };
            push_bounded(&mut self.done, depth, span);
            self.count = 0;
        }
        let narrowed = narrow(value);
        if self.count == 0 {
            (self.number, self.sum, self.min, self.max) = (number, 0.0, narrowed, narrowed);
        }
        self.count = self.count.saturating_add(1);
        self.sum += value;
        self.min = self.min.min(narrowed);
        self.max = self.max.max(narrowed);
    }

    fn iter(&self) -> impl Iterator<Item = (u64, Span)> + '_ {
        self.done.iter().map(|span| (u64::from(span.number) * MS, *span))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "seven digits are enough, see the module")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// An empty ring whose memory is all there already.
fn room<T: Clone>(depth: usize, blank: T) -> VecDeque<T> {
    let mut ring = VecDeque::from(vec![blank; depth]);
    ring.clear();
    ring
}

fn push_bounded<T>(ring: &mut VecDeque<T>, depth: usize, item: T) {
    if depth == 0 {
        return;
    }
    if ring.len() == depth {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_readings_are_kept_oldest_first() {
        let mut history = History::new(Depth { readings: 3, ..Depth::default() });
        (0..5u32).for_each(|n| history.push(u64::from(n), f64::from(n)));
        let kept: Vec<_> = history.readings().map(|reading| (reading.at, reading.value)).collect();
        assert_eq!(kept, [(2, 2.0), (3, 3.0), (4, 4.0)]);
    }

    #[test]
    fn a_finished_minute_and_hour_say_minimum_mean_and_maximum() {
        let mut history = History::new(Depth::default());
        for (at, value) in [(60_000, 1.0), (90_000, 3.0), (119_999, 8.0), (120_000, 50.0)] {
            history.push(at, value);
        }
        let minute = Span { number: 1, min: 1.0, mean: 4.0, max: 8.0 };
        assert_eq!(history.minutes().collect::<Vec<_>>(), [(60_000, minute)]);
        assert_eq!(history.hours().count(), 0);
        history.push(3_600_000, 0.0);
        let hour = Span { number: 0, min: 1.0, mean: 15.5, max: 50.0 };
        assert_eq!(history.hours().collect::<Vec<_>>(), [(0, hour)]);
    }

    #[test]
    fn a_span_without_a_reading_is_left_out() {
        let mut history = History::new(Depth::default());
        history.push(0, 1.0);
        history.push(30_000, f64::NAN);
        history.push(600_000, 1.0);
        history.push(660_000, 1.0);
        let starts: Vec<_> = history.minutes().map(|(start, _)| start).collect();
        assert_eq!(starts, [0, 600_000]);
    }

    #[test]
    fn the_rings_hold_what_the_module_says_and_no_more() {
        let mut history = History::new(Depth::default());
        (0..200_000u64).for_each(|n| history.push(n * 1000, 1.0));
        let bytes = history.readings.capacity() * size_of::<Reading>()
            + (history.minutes.done.capacity() + history.hours.done.capacity()) * size_of::<Span>();
        assert_eq!(bytes, 2304);
    }
}
