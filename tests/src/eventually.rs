//! Waiting for what happens in another process and tells nobody.

#![allow(clippy::panic, reason = "a failure here is the caller's test failing")]

use std::time::{Duration, Instant};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds, by asking again and again.
///
/// # Panics
/// Where it does not within a minute.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {} s for {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}
