//! Which events were acted on lately.

use std::{collections::HashMap, time::Duration};

use ipmi_wire::record::sel::SystemEvent;
use tokio::time::Instant;

/// An event like one that was acted on is another one after this time.
const PERIOD: Duration = Duration::from_secs(60);
/// Events that are remembered. Beyond these none that is not in the log is new: whoever makes up so many is not to be heard.
const REMEMBERED: usize = 1024;

/// Generator, sensor and what happened to it.
type Key = ([u8; 2], u8, u8, bool, u8, u8);

/// When each kind of event was last acted on.
#[derive(Debug, Default)]
pub(super) struct Recent(HashMap<Key, Instant>);

impl Recent {
    /// Whether none like this was acted on lately; from now on one was.
    pub(super) fn is_new(&mut self, event: &SystemEvent, now: Instant) -> bool {
        let offset = event.data[0] & 0x0F;
        let key =
            (event.generator, event.sensor_type, event.sensor, event.deasserted, event.event_type, offset);
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, last| now.saturating_duration_since(*last) < PERIOD);
        }
        let known = self.0.get(&key).is_some_and(|last| now.saturating_duration_since(*last) < PERIOD);
        let has_room = self.0.len() < REMEMBERED || self.0.contains_key(&key);
        if !known && has_room {
            self.0.insert(key, now);
        }
        !known && has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: SystemEvent = SystemEvent {
        timestamp: 1,
        generator: [0x20, 0],
        revision: 4,
        sensor_type: 1,
        sensor: 0x30,
        deasserted: false,
        event_type: 1,
        data: [0x59, 97, 95],
    };

    #[test]
    fn an_event_is_new_again_after_a_minute_and_another_one_at_once() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        assert!(recent.is_new(&EVENT, now));
        assert!(!recent.is_new(&SystemEvent { data: [0x59, 99, 95], ..EVENT }, now + PERIOD / 2));
        assert!(recent.is_new(&SystemEvent { data: [0x5B, 99, 95], ..EVENT }, now));
        assert!(recent.is_new(&EVENT, now + PERIOD));
    }

    #[test]
    fn made_up_events_fill_no_memory_and_age() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        let number = |number: u16| SystemEvent { generator: number.to_le_bytes(), ..EVENT };
        let taken = (0..5000).filter(|n| recent.is_new(&number(*n), now)).count();
        assert_eq!((taken, recent.0.len()), (REMEMBERED, REMEMBERED));
        assert!(recent.is_new(&number(5000), now + PERIOD));
    }
}
