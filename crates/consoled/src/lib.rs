//! The host's serial console: one UART, any number of readers.
//!
//! One instance for each console. What comes from the UART goes into a [`ring`], where every reader has a place of its own: a slow one
//! loses its own oldest bytes and is told how many, and holds up neither the others nor the UART. The ring's copy in tmpfs ([`keep`])
//! outlives this process, so that a restart neither loses nor repeats a byte. Sockets, UART and log know no bus; what stands on the bus
//! is made anew on each connection.

mod carrier;
mod client;
mod config;
mod console;
mod gather;
mod keep;
mod log;
mod logger;
mod ring;
mod ring_indicator;
mod service;
mod sockets;
mod uart;

use std::path::PathBuf;

use anyhow::Context as _;
use bmc_daemon::{Context, Daemon};

use crate::{
    config::Settings, console::Console, keep::Keep, log::Log, ring_indicator::RingIndicator, sockets::Sockets,
};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "consoled",
    about: "the host's serial console: one UART, any number of readers",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    // What the host prints may hold secrets: no file of ours is for others.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let (config, settings) = config::find(&context)?;
    let gpio = config.gpio.parse().map_err(|error| anyhow::anyhow!("consoled.toml: gpio: {error}"))?;
    let ring_indicator = std::sync::Arc::new(RingIndicator::new(gpio, settings.ring_line.clone()));
    // First: where another instance has them, it has the ring's copy too.
    let sockets = Sockets::open(&settings)?;
    let (console, input) = start(&context, &settings)?;
    let mut uart = bmc_daemon::spawn(uart::run(settings.clone(), config.sysfs, console.clone(), input));
    let sockets = bmc_daemon::spawn(sockets.serve(console.clone()));
    let bus = bmc_daemon::keep_connected(&context, async |connection| {
        service::serve(&connection, &console, &ring_indicator, &settings, || context.ready()).await
    });
    let result = tokio::select! {
        result = bus => result,
        ended = &mut uart => ended.context("what serves the UART has died"),
    };
    uart.abort();
    sockets.abort();
    result
}

/// The console with the ring that it had, and its log.
fn start(
    context: &Context,
    settings: &Settings,
) -> anyhow::Result<(std::sync::Arc<Console>, tokio::sync::mpsc::Receiver<console::Input>)> {
    let path = runtime_path(context, &settings.id)?;
    let kept = Keep::open(&path, settings.ring_size);
    let (keep, ring, logged) = kept.with_context(|| format!("cannot keep the ring in {}", path.display()))?;
    let (console, input) = Console::new(ring, Some(keep), settings.readers);
    if let Some(settings) = &settings.log {
        let place = console.ring().place_at(logged);
        match Log::open(settings.clone()) {
            Ok(log) => _ = bmc_daemon::spawn(logger::run(log, console.clone(), place)),
            // The console matters more than its log.
            Err(error) => tracing::error!("no log: cannot open {}: {error}", settings.path.display()),
        }
    }
    Ok((console, input))
}

/// Where the ring's copy is: systemd names a directory of tmpfs; elsewhere the state directory will do.
fn runtime_path(context: &Context, id: &str) -> anyhow::Result<PathBuf> {
    let file = format!("{id}.ring");
    match std::env::var("RUNTIME_DIRECTORY") {
        Ok(list) if !list.is_empty() => {
            Ok(PathBuf::from(list.split(':').next().unwrap_or_default()).join(file))
        }
        _ => Ok(context.state_path(&file)?),
    }
}

#[cfg(test)]
mod tests;
