//! Users: slots, names, privileges and the secrets RAKP needs

use bmc_daemon::{Context, Daemon};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "userd",
    about: "users: slots, names, privileges and the secrets that RAKP needs",
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
