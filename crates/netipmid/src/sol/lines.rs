//! The lines beside the characters: DCD with DSR, and the ring indicator. They do not wait for characters that the host has not taken.

use std::{convert::Infallible, sync::Arc};

use bmc_dbus::console::ConsoleProxy;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use zbus::OwnedFd;

use super::link::DEADLINE;

/// What the client of one instance wants of them.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Whether DCD and DSR are to be asserted.
    pub(super) carrier: watch::Receiver<bool>,
    /// Rings that come too fast are one.
    pub(super) ring: Arc<Notify>,
}

/// Drives them for as long as it is polled; DCD and DSR are asserted when it is dropped. `proxy`: `None` where OpenBMC's own console
/// server runs, which has neither.
pub(super) async fn drive(
    proxy: Option<ConsoleProxy<'static>>,
    console: String,
    wanted: Wanted,
) -> Infallible {
    let Some(proxy) = proxy else { return without_lines(&console, wanted).await };
    tokio::select! {
        never = follow_carrier(&proxy, &console, wanted.carrier) => never,
        never = ring(&proxy, &console, &wanted.ring) => never,
    }
}

async fn without_lines(console: &str, mut wanted: Wanted) -> Infallible {
    tokio::select! {
        Ok(_) = wanted.carrier.wait_for(|carrier| !carrier) => {}
        () = wanted.ring.notified() => {}
    }
    tracing::info!("console {console} has neither DCD nor a ring indicator");
    std::future::pending().await
}

async fn follow_carrier(
    proxy: &ConsoleProxy<'static>,
    console: &str,
    mut wanted: watch::Receiver<bool>,
) -> Infallible {
    // Whoever has it open holds DCD and DSR down: this process's end lets go of them too.
    let mut _hold = None;
    loop {
        let asserted = *wanted.borrow_and_update();
        _hold = if asserted { None } else { hold_down(proxy, console).await };
        if wanted.changed().await.is_err() {
            // The instance has ended, and whoever polls this is about to see it.
            drop(_hold);
            return std::future::pending().await;
        }
    }
}

async fn hold_down(proxy: &ConsoleProxy<'static>, console: &str) -> Option<OwnedFd> {
    match timeout(DEADLINE, proxy.drop_carrier()).await {
        Ok(Ok(hold)) => return Some(hold),
        Ok(Err(error)) => tracing::warn!("console {console} keeps its carrier: {error}"),
        Err(_) => tracing::warn!("console {console} has not dropped its carrier in {DEADLINE:?}"),
    }
    None
}

async fn ring(proxy: &ConsoleProxy<'static>, console: &str, wanted: &Notify) -> Infallible {
    loop {
        wanted.notified().await;
        match timeout(DEADLINE, proxy.ring()).await {
            Ok(Ok(())) => {}
            // consoled has said what to configure, or what is wrong with the line.
            Ok(Err(error)) => tracing::debug!("console {console} does not ring: {error}"),
            Err(_) => tracing::warn!("console {console} has not rung in {DEADLINE:?}"),
        }
    }
}
