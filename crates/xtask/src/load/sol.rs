//! Serial over LAN: a client alone on a host that prints as fast as it is read, and several on one that prints at a UART's pace.

use std::{thread::sleep, time::Instant};

use super::{
    Bench, SETTLE,
    board::{BAUD, WATCHERS},
    millions,
    report::Target,
    usage,
};
use crate::step::step;

/// Bytes to the client that is alone.
const OUTPUT: &str = "8000000";
/// Keys pressed, one at a time, some 50 ms apart.
const KEYS: &str = "200";
/// How long the watched host prints.
const WATCHED_SECONDS: usize = 10;

impl Bench<'_> {
    /// One client with the parameters that a channel has by default.
    pub(super) fn sol(&mut self) -> anyhow::Result<()> {
        let output = self.client(&["sol-output", "--count", OUTPUT])?;
        self.add("SOL output to 1 client", "B/s", Target::AtLeast(1e6), &output, "bytes_per_second")?;
        let keys = self.client(&["sol-keys", "--count", KEYS])?;
        for (what, field) in [("median", "p50_us"), ("99th percentile", "p99_us")] {
            self.add(&format!("SOL key to its echo: {what}"), "us", Target::AtMost(15_000.0), &keys, field)?;
        }
        Ok(())
    }

    /// Processor time of all servers while several clients follow one console; what they do when idle is in it.
    pub(super) fn watchers(&mut self, rounds: usize) -> anyhow::Result<()> {
        sleep(SETTLE);
        for round in 1..=rounds {
            step(&format!("SOL clients, round {round} of {rounds}"), || self.watched())?;
        }
        Ok(())
    }

    fn watched(&mut self) -> anyhow::Result<()> {
        let (sessions, bytes) = (WATCHERS.to_string(), (BAUD / 10 * WATCHED_SECONDS).to_string());
        let (before, start) = (usage::cpu_ns(&self.servers)?, Instant::now());
        let watched = self.client(&["sol-watchers", "--sessions", &sessions, "--count", &bytes])?;
        let elapsed = start.elapsed().as_secs_f64();
        let used = usage::growth(&before, &usage::cpu_ns(&self.servers)?);
        let what = format!("SOL output to {WATCHERS} clients at {BAUD} baud");
        self.add(&format!("{what}: each"), "B/s", Target::None, &watched, "bytes_per_second")?;
        let busy = millions(used.values().sum()) / elapsed / 10.0;
        self.record.figures.add(format!("{what}: CPU"), "% of core", Target::AtMost(2.0), busy);
        self.record.raw.push(serde_json::json!({ "watched_seconds": elapsed, "cpu_ns": used }));
        Ok(())
    }
}
