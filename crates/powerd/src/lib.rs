//! Power: host and chassis state, sequencing over GPIO lines

#[cfg(test)]
mod bus_tests;
pub mod config;
mod core;
pub mod machine;
mod notice;
mod objects;
mod on_time;

use anyhow::Context as _;
use bmc_daemon::{Context, Daemon, Shutdown};
use tokio::sync::mpsc;

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
    let (ask, asked) = mpsc::channel(QUEUE);
    let (stop, stopped) = Shutdown::channel();
    let handle = objects::Handle { view, ask, notices: core.notices() };
    let mut core = tokio::spawn(core.run(asked, stopped));
    let served = bmc_daemon::keep_connected(&context, async |connection| {
        let shown = objects::serve(&connection, &handle).await?;
        context.ready();
        tokio::try_join!(
            objects::announce(&connection, &handle, shown),
            objects::signal(&connection, &handle)
        )?;
        Ok(())
    });
    let served = tokio::select! {
        ended = &mut core => anyhow::bail!("what runs the host's power has died: {ended:?}"),
        served = served => served,
    };
    // However the bus ended: no button stays pressed.
    let _ = stop.send(true);
    core.await.context("what runs the host's power has died")?;
    served
}
