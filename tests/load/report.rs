//! What was measured, for people and for scripts.

use std::time::Duration;

use serde::Serialize;

/// Latencies and rate of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    what: String,
    count: usize,
    seconds: f64,
    per_second: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    max_us: f64,
}

impl Report {
    /// Sums up `latencies` of a run that took `elapsed`.
    pub(crate) fn new(what: String, mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        let at = |percent: usize| {
            let index = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        let count = latencies.len();
        let seconds = elapsed.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a count of requests is far below 2^52")]
        let per_second = count as f64 / seconds;
        Self {
            count,
            seconds,
            per_second,
            p50_us: at(50),
            p90_us: at(90),
            p99_us: at(99),
            max_us: at(100),
            what,
        }
    }

    /// Prints one line.
    pub(crate) fn print(&self, json: bool) {
        if json {
            match serde_json::to_string(self) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("ferrite-load: {error}"),
            }
            return;
        }
        println!(
            "{:<44} {:>8} in {:>6.2} s  {:>9.0} /s   p50 {:>7.0} us  p90 {:>7.0} us  p99 {:>7.0} us  max {:>8.0} us",
            self.what,
            self.count,
            self.seconds,
            self.per_second,
            self.p50_us,
            self.p90_us,
            self.p99_us,
            self.max_us
        );
    }
}
