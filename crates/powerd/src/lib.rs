//! Power: host and chassis state, sequencing over GPIO lines

mod boot;
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
    let boot_id = core::boot_id()?;
    let options = boot::Boot::new(context.state_path("boot.json")?, &boot_id)?;
    let watch = watchdog::Watch::new(runtime_path(&context, "watchdog.json")?, boot_id);
    Parts::start(core, view, watch, options).serve(&context).await
}

/// Where what outlives powerd, but not the BMC, is kept: in memory where systemd gave a directory for it.
fn runtime_path(context: &Context, file: &str) -> anyhow::Result<PathBuf> {
    match std::env::var_os("RUNTIME_DIRECTORY").filter(|directory| !directory.is_empty()) {
        Some(directory) => Ok(PathBuf::from(directory).join(file)),
        None => Ok(context.state_path(file)?),
    }
}

/// What the bus shows.
struct Objects {
    handle: objects::Handle,
    watch: Arc<watchdog::Watch>,
    boot: Arc<boot::Boot>,
}

/// What runs while the bus comes and goes, and what the bus shows of it.
struct Parts {
    objects: Objects,
    core: JoinHandle<()>,
    watchdog: JoinHandle<()>,
    boot: JoinHandle<()>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Parts {
    fn start(
        core: core::Core,
        view: tokio::sync::watch::Receiver<core::View>,
        watch: watchdog::Watch,
        options: boot::Boot,
    ) -> Self {
        let (watch, options) = (Arc::new(watch), Arc::new(options));
        let (ask, asked) = mpsc::channel(QUEUE);
        let (stop, stopped) = Shutdown::channel();
        let notices = core.notices();
        let keeper = watchdog::Keeper::new(Arc::clone(&watch), ask.clone(), notices.subscribe());
        let boot = boot::keep(Arc::clone(&options), notices.subscribe(), stopped.clone());
        let handle = objects::Handle { view, ask, notices };
        Self {
            objects: Objects { handle, watch, boot: options },
            core: bmc_daemon::spawn(core.run(asked, stopped.clone())),
            watchdog: bmc_daemon::spawn(keeper.run(stopped)),
            boot: bmc_daemon::spawn(boot),
            stop,
        }
    }

    /// Serves everything on each connection, until the end of powerd or of one of its parts.
    async fn serve(mut self, context: &Context) -> anyhow::Result<()> {
        let objects = &self.objects;
        let served = bmc_daemon::keep_connected(context, async |connection| {
            objects.on_bus(&connection, || context.ready()).await
        });
        let served = tokio::select! {
            ended = &mut self.core => anyhow::bail!("what runs the host's power has died: {ended:?}"),
            ended = &mut self.watchdog => anyhow::bail!("what runs the watchdog has died: {ended:?}"),
            ended = &mut self.boot => anyhow::bail!("what keeps the boot options has died: {ended:?}"),
            served = served => served,
        };
        // However the bus ended: no button stays pressed.
        let _ = self.stop.send(true);
        self.core.await.context("what runs the host's power has died")?;
        served
    }
}

impl Objects {
    /// Serves all objects on `connection` for as long as it lives.
    async fn on_bus(&self, connection: &zbus::Connection, ready: impl FnOnce()) -> anyhow::Result<()> {
        let Self { handle, watch, boot } = self;
        let shown = objects::serve(connection, handle).await?;
        watchdog::serve(connection, watch).await?;
        boot::serve(connection, boot).await?;
        ready();
        tokio::try_join!(
            objects::announce(connection, handle, shown),
            objects::signal(connection, handle),
            watchdog::announce(connection, watch),
            boot::announce(connection, boot),
        )?;
        Ok(())
    }
}
