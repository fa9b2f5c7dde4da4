//! Sensors: polls hwmon, judges thresholds, publishes on D-Bus

use bmc_daemon::{Context, Daemon};

mod board;
mod sensor;

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "sensord",
    about: "sensors: polls hwmon, judges thresholds, publishes on D-Bus",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    bmc_daemon::keep_connected(&context, async |_connection| {
        context.ready();
        context.shutdown().requested().await;
        Ok(())
    })
    .await
}
