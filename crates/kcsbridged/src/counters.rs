//! What happened on the channel, counted.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What is counted, and its name on the bus.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Counter { $($(#[$doc])* $name,)* }

        impl Counter {
            const ALL: &[(Self, &str)] = &[$((Self::$name, $text),)*];
        }
    };
}

counters! {
    /// Requests that were read.
    Request = "requests",
    /// Requests that ipmid answered and the host took.
    Response = "responses",
    /// Requests that got C3h because ipmid gave no answer in time.
    Timeout = "timeouts",
    /// Requests that the host gave up, or asked anew over.
    Abort = "aborts",
    /// Messages that were no request, and got C6h or C7h or were refused by the driver.
    Malformed = "malformed",
    /// Responses that were too long for the interface, and got CAh instead.
    TooLong = "too long",
    /// Virtual machines that connected.
    Connection = "connections",
    /// Virtual machines that came while another was there.
    TurnedAway = "turned away",
    /// Resets that the virtual machine told of.
    Reset = "resets",
    /// Power-offs that the virtual machine told of.
    PoweredOff = "power offs",
}

/// All counters of a channel.
#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; Counter::ALL.len()]);

impl Counters {
    pub(crate) fn count(&self, counter: Counter) {
        if let Some(value) = self.0.get(counter as usize) {
            value.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).map_or(0, |value| value.load(Ordering::Relaxed))
    }

    /// Each with its name.
    pub(crate) fn all(&self) -> HashMap<String, u64> {
        Counter::ALL.iter().map(|(counter, name)| ((*name).to_owned(), self.get(*counter))).collect()
    }
}
