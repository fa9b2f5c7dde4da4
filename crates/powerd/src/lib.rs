//! Power: host and chassis state, sequencing over GPIO lines

#[cfg(test)]
mod bus_tests;
pub mod config;
mod core;
pub mod machine;
mod notice;
mod objects;
mod on_time;
mod watchdog;

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;
use bmc_daemon::{Context, Daemon, Shutdown};
use tokio::{sync::mpsc, task::JoinHandle};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "powerd",
    about: "power: host and chassis state, sequencing over GPIO lines",
    run: |context| Box::pin(run(context)),
};

/// Requests that wait for the core.
const QUEUE: usize = 16;

async fn run(context: Context) -> anyhow::Result<()> {
    let settings: config::Settings = context.config()?;
    if settings.power_ok_debounce_ms > 1000 {
        return Err(context.config_error("power_ok_debounce_ms", &"power_ok_debounce_ms: 0 to 1000").into());
    }
    let board = config::Board::read(&context.config_dir().join(&settings.power_config))?;
    let source = settings.gpio.parse().map_err(|error| anyhow::anyhow!("powerd.toml: gpio: {error}"))?;
    let (core, view) = core::Core::new(&settings, board, source, context.state_path("power.json")?)?;
    let watch = watchdog::Watch::new(runtime_path(&context, "watchdog.json")?, core::boot_id()?);
    let parts = Parts::start(core, view, Arc::new(watch));
    parts.serve(&context).await
}

/// Where what outlives powerd, but not the BMC, is kept: in memory where systemd gave a directory for it.
fn runtime_path(context: &Context, file: &str) -> anyhow::Result<PathBuf> {
    match std::env::var_os("RUNTIME_DIRECTORY").filter(|directory| !directory.is_empty()) {
        Some(directory) => Ok(PathBuf::from(directory).join(file)),
        None => Ok(context.state_path(file)?),
    }
}

/// What runs while the bus comes and goes, and how the bus reaches it.
struct Parts {
    handle: objects::Handle,
    watch: Arc<watchdog::Watch>,
    core: JoinHandle<()>,
    watchdog: JoinHandle<()>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Parts {
    fn start(
        core: core::Core,
        view: tokio::sync::watch::Receiver<core::View>,
        watch: Arc<watchdog::Watch>,
    ) -> Self {
        let (ask, asked) = mpsc::channel(QUEUE);
        let (stop, stopped) = Shutdown::channel();
        let notices = core.notices();
        let keeper = watchdog::Keeper::new(Arc::clone(&watch), ask.clone(), notices.subscribe());
        Self {
            handle: objects::Handle { view, ask, notices },
            watch,
            core: tokio::spawn(core.run(asked, stopped.clone())),
            watchdog: tokio::spawn(keeper.run(stopped)),
            stop,
        }
    }

    /// Serves everything on each connection, until the end of powerd or of one of its parts.
    async fn serve(mut self, context: &Context) -> anyhow::Result<()> {
        let (handle, watch) = (&self.handle, &self.watch);
        let served = bmc_daemon::keep_connected(context, async |connection| {
            on_bus(&connection, handle, watch, || context.ready()).await
        });
        let served = tokio::select! {
            ended = &mut self.core => anyhow::bail!("what runs the host's power has died: {ended:?}"),
            ended = &mut self.watchdog => anyhow::bail!("what runs the watchdog has died: {ended:?}"),
            served = served => served,
        };
        // However the bus ended: no button stays pressed.
        let _ = self.stop.send(true);
        self.core.await.context("what runs the host's power has died")?;
        served
    }
}

/// Serves all objects on `connection` for as long as it lives.
async fn on_bus(
    connection: &zbus::Connection,
    handle: &objects::Handle,
    watch: &Arc<watchdog::Watch>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let shown = objects::serve(connection, handle).await?;
    watchdog::serve(connection, watch).await?;
    ready();
    tokio::try_join!(
        objects::announce(connection, handle, shown),
        objects::signal(connection, handle),
        watchdog::announce(connection, watch),
    )?;
    Ok(())
}
