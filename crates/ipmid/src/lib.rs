//! The IPMI command server: one command table over D-Bus

use bmc_daemon::{Context, Daemon};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "ipmid",
    about: "IPMI command server: answers every channel's commands over D-Bus",
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
