//! Progress: what is being done, and how long it took. On stderr, so that stdout is the answer alone.

use std::time::Instant;

use anyhow::Context as _;

/// Does `action` and says so.
///
/// # Errors
/// What `action` says, with `what` before it.
pub fn step<T>(what: &str, action: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    eprintln!("==> {what}");
    let start = Instant::now();
    let result = action().with_context(|| format!("{what} failed"));
    let seconds = start.elapsed().as_secs_f64();
    match &result {
        Ok(_) => eprintln!("    done in {seconds:.1} s"),
        Err(_) => eprintln!("    failed after {seconds:.1} s"),
    }
    result
}
