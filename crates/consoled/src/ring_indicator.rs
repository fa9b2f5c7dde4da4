//! The host's ring indicator, for wake on ring (v2.0 table 15-2).
//!
//! A BMC's UART takes the ring indicator as an input, so what rings the host is a GPIO line that the board names. It is pulsed whatever
//! power the host has: one that sleeps is whom it is for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bmc_hw::gpio::{GpioError, Lines, Source};
use tokio::sync::Mutex;

use crate::config::RingLine;

/// How long the line is asserted. Chipsets debounce the signal for some tens of milliseconds.
const PULSE: Duration = Duration::from_millis(500);

/// Why the host was not rung.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRing {
    #[error("the board names no line for the ring indicator (ring_gpio)")]
    Unconfigured,
    #[error(transparent)]
    Gpio(#[from] GpioError),
    #[error("the pulse was cut short")]
    CutShort,
}

/// A console's ring indicator.
#[derive(Debug)]
pub(crate) struct RingIndicator {
    source: Source,
    line: Option<RingLine>,
    ringing: Arc<Mutex<()>>,
    told: AtomicBool,
}

impl RingIndicator {
    pub(crate) fn new(source: Source, line: Option<RingLine>) -> Self {
        Self { source, line, ringing: Arc::default(), told: AtomicBool::new(false) }
    }

    /// Rings; returns when the line is released. Rings meanwhile are one with this.
    pub(crate) async fn ring(&self) -> Result<(), NoRing> {
        let Some(line) = self.line.clone() else {
            if !self.told.swap(true, Ordering::Relaxed) {
                tracing::info!("the host is not rung: ring_gpio of its [[console]] would name the line");
            }
            return Err(NoRing::Unconfigured);
        };
        let Ok(turn) = Arc::clone(&self.ringing).try_lock_owned() else { return Ok(()) };
        let source = self.source.clone();
        // A task of its own: the line is released also where the bus goes away under who asked.
        let pulse = bmc_daemon::spawn(async move {
            let pulsed = pulse(&source, line).await;
            drop(turn);
            pulsed
        });
        let pulsed = pulse.await.map_err(|_| NoRing::CutShort)?;
        pulsed.inspect_err(|error| tracing::warn!("the host is not rung: {error}")).map_err(NoRing::from)
    }
}

async fn pulse(source: &Source, RingLine { name, high }: RingLine) -> Result<(), GpioError> {
    let mut lines = Lines::open(source, &[], std::slice::from_ref(&name)).await?;
    let mut pulsed = lines.set(&name, high);
    if pulsed.is_ok() {
        tokio::time::sleep(PULSE).await;
        pulsed = lines.set(&name, !high);
    }
    lines.release(&name);
    lines.close().await;
    pulsed
}
