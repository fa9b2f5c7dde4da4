//! How long a host that prints is left to print before it is read again.
//!
//! A UART hands over a few bytes at a time, and each piece wakes this process, every reader and whoever is behind it. The kernel's
//! buffer holds what comes meanwhile, so the pieces may as well be larger: what comes after silence is read at once, and what follows
//! it in a window's time is read together.

use std::time::{Duration, Instant};

/// A window of a host of which no more than an echo or a prompt is known.
const SHORT: Duration = Duration::from_millis(8);
/// A window of a host that prints. What is behind a reader has a wake or two for each packet of 255 characters, so three of them at
/// 115200 baud come at once; a screen that is drawn in more than one window takes longer than that to be sent.
const LONG: Duration = Duration::from_millis(66);
/// Bytes of a window that no echo of a key has.
const LINE: usize = 32;
/// Bytes of a window above which there is no pause: half of what a pty holds, and 310 kbaud.
const BULK: usize = 2048;

/// What was read in this window and in the one before.
#[derive(Debug)]
pub(crate) struct Gather {
    ends: Instant,
    bytes: usize,
    before: usize,
}

impl Gather {
    /// Nothing was read yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { ends: now, bytes: 0, before: 0 }
    }

    /// Takes note of `length` bytes that were read at `now`; until when the next read waits, if it does.
    pub(crate) fn read(&mut self, now: Instant, length: usize) -> Option<Instant> {
        if now >= self.ends {
            let silent = now >= self.ends + SHORT;
            self.before = if silent { 0 } else { self.bytes };
            self.bytes = 0;
            self.ends = now + if self.before < LINE { SHORT } else { LONG };
        }
        self.bytes = self.bytes.saturating_add(length);
        (self.bytes.max(self.before) < BULK).then_some(self.ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a host that prints a byte each `every` is read in a second, by somebody who waits as told.
    fn reads_in_a_second(every: Duration) -> u32 {
        let start = Instant::now();
        let (mut gather, mut now, mut taken, mut reads) = (Gather::new(start), start, 0, 0);
        while now < start + Duration::from_secs(1) {
            let printed = (now - start).as_nanos() / every.as_nanos();
            let length = usize::try_from(printed - taken).unwrap();
            taken = printed;
            reads += 1;
            now = gather.read(now, length).unwrap_or(now).max(now + every);
        }
        reads
    }

    #[test]
    fn a_host_at_115200_baud_is_read_fifteen_times_a_second() {
        assert!((15..18).contains(&reads_in_a_second(Duration::from_micros(87))));
    }

    #[test]
    fn what_comes_after_silence_is_read_at_once() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        for key in 0..20 {
            let pressed = start + Duration::from_millis(50) * key;
            let next = gather.read(pressed, 3).unwrap();
            assert!(next <= pressed + SHORT, "a key's echo waits for its predecessor");
        }
    }

    #[test]
    fn a_host_that_prints_faster_than_any_uart_is_never_waited_for() {
        let start = Instant::now();
        let mut gather = Gather::new(start);
        assert!(gather.read(start, 100).is_some(), "nobody knows yet");
        let later = start + SHORT;
        assert_eq!(gather.read(later, 4095), None);
        for read in 0..1000 {
            assert_eq!(gather.read(later + Duration::from_micros(60) * read, 100), None);
        }
    }
}
