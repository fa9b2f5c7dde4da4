//! Minutes of operation, and how rarely they are written.

/// Minutes that may be lost in a power cut: what is written between changes of power is at most 24 small files a day.
const UNSAVED: u32 = 60;

/// A counter of minutes with host power on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnTime {
    minutes: u32,
    saved: u32,
}

impl OnTime {
    /// The counter as the last run left it.
    pub(crate) fn new(minutes: u32) -> Self {
        Self { minutes, saved: minutes }
    }

    /// Another minute with power on.
    pub(crate) fn count(&mut self) {
        self.minutes = self.minutes.saturating_add(1);
    }

    /// What to store.
    pub(crate) fn minutes(self) -> u32 {
        self.minutes
    }

    /// Whether so much is unsaved that it is time to store it.
    pub(crate) fn is_due(self) -> bool {
        self.minutes - self.saved >= UNSAVED
    }

    /// Whether anything is unsaved.
    pub(crate) fn is_unsaved(self) -> bool {
        self.minutes != self.saved
    }

    /// It is stored.
    pub(crate) fn saved(&mut self) {
        self.saved = self.minutes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_minutes_is_written_once_an_hour() {
        let mut time = OnTime::new(7);
        let mut writes = 0;
        for _ in 0..24 * 60 {
            time.count();
            if time.is_due() {
                writes += 1;
                time.saved();
            }
        }
        assert_eq!((writes, time.minutes(), time.is_unsaved()), (24, 7 + 24 * 60, false));
    }
}
