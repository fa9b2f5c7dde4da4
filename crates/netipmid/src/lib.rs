//! The LAN channel: UDP 623, RMCP+ sessions, requests forwarded to ipmid

use bmc_daemon::{Context, Daemon};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "netipmid",
    about: "LAN channel: RMCP+ sessions on UDP 623, commands forwarded to ipmid",
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
