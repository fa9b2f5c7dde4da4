//! What the kernel knows of time and of this start.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::clock::Reading;

/// The clocks now.
pub(crate) fn clocks() -> Reading {
    let realtime = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX / 2),
        Err(_) => 0,
    };
    Reading { realtime, uptime: uptime() }
}

/// Seconds since the kernel started, suspended ones included; 0 where `/proc` is not there.
fn uptime() -> i64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

/// Names this start of the kernel.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
