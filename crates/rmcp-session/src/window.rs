//! Which inbound session sequence numbers are acceptable (v2.0§6.12.13).
//!
//! The specification counts authenticated and unauthenticated packets apart. Here every packet of a session is authenticated, or it is
//! discarded before it gets this far, so that one window is all there is.

use crate::Discard;

/// Numbers this far above the highest one received are accepted.
const AHEAD: u32 = 15;
/// Numbers this far below it are accepted if they were not received before.
const BEHIND: u32 = 16;

/// A sliding window over sequence numbers: each is accepted once.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    highest: u32,
    /// Bit n: `highest - n` was received.
    received: u32,
}

impl Window {
    /// A window before the first packet, whose number is 1.
    pub(crate) fn new() -> Self {
        // What lies before the first packet counts as received.
        Self { highest: 0, received: u32::MAX }
    }

    /// Whether a packet with `sequence` is acceptable now.
    ///
    /// Asked before the packet's integrity is verified, so it changes nothing.
    pub(crate) fn check(&self, sequence: u32) -> Result<(), Discard> {
        if sequence == 0 {
            return Err(Discard::OutOfWindow);
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if (1..=AHEAD).contains(&ahead) {
            return Ok(());
        }
        let behind = self.highest.wrapping_sub(sequence);
        if behind > BEHIND {
            return Err(Discard::OutOfWindow);
        }
        if self.received & (1 << behind) != 0 { Err(Discard::Replayed) } else { Ok(()) }
    }

    /// The newest number that was received.
    pub(crate) fn highest(&self) -> u32 {
        self.highest
    }

    /// Records a packet that [`Window::check`] accepted and whose integrity holds.
    pub(crate) fn record(&mut self, sequence: u32) {
        let ahead = sequence.wrapping_sub(self.highest);
        if (1..=AHEAD).contains(&ahead) {
            self.highest = sequence;
            self.received = (self.received << ahead) | 1;
        } else {
            let behind = self.highest.wrapping_sub(sequence);
            self.received |= 1u32.checked_shl(behind).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offer(window: &mut Window, sequence: u32) -> Result<(), Discard> {
        window.check(sequence)?;
        window.record(sequence);
        Ok(())
    }

    #[test]
    fn numbers_are_accepted_once_and_in_any_near_order() {
        let mut window = Window::new();
        assert_eq!(offer(&mut window, 1), Ok(()));
        assert_eq!(offer(&mut window, 4), Ok(()));
        assert_eq!(offer(&mut window, 2), Ok(()));
        assert_eq!(offer(&mut window, 2), Err(Discard::Replayed));
        assert_eq!(offer(&mut window, 4), Err(Discard::Replayed));
        assert_eq!(offer(&mut window, 3), Ok(()));
    }

    #[test]
    fn the_edges_are_15_ahead_and_16_behind() {
        let mut window = Window { highest: 100, received: 1 };
        assert_eq!(window.check(116), Err(Discard::OutOfWindow));
        assert_eq!(window.check(83), Err(Discard::OutOfWindow));
        assert_eq!(offer(&mut window, 84), Ok(()));
        assert_eq!(offer(&mut window, 84), Err(Discard::Replayed));
        assert_eq!(offer(&mut window, 115), Ok(()));
        assert_eq!(window.check(98), Err(Discard::OutOfWindow));
        assert_eq!(window.check(100), Err(Discard::Replayed));
    }

    #[test]
    fn zero_is_never_accepted_and_numbers_wrap_past_it() {
        let mut window = Window { highest: u32::MAX, received: 1 };
        assert_eq!(window.check(0), Err(Discard::OutOfWindow));
        assert_eq!(offer(&mut window, 1), Ok(()));
        assert_eq!(window.check(u32::MAX), Err(Discard::Replayed));
        assert_eq!(offer(&mut window, u32::MAX - 1), Ok(()));
    }

    #[test]
    fn nothing_from_before_the_first_packet_is_accepted() {
        let mut window = Window::new();
        assert_eq!(offer(&mut window, 3), Ok(()));
        assert_eq!(window.check(u32::MAX), Err(Discard::Replayed));
    }

    proptest! {
        #[test]
        fn no_number_is_accepted_twice(start: u32, steps in prop::collection::vec(-20i64..20, 1..200)) {
            let mut window = Window { highest: start, received: 1 };
            let mut seen = std::collections::HashSet::from([start]);
            for step in steps {
                let sequence = window.highest.wrapping_add_signed(i32::try_from(step).unwrap());
                if offer(&mut window, sequence).is_ok() {
                    prop_assert!(seen.insert(sequence));
                }
            }
        }
    }
}
