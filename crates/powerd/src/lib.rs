//! Power: host and chassis state, sequencing over GPIO lines

pub mod config;
pub mod machine;

use bmc_daemon::{Context, Daemon};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "powerd",
    about: "power: host and chassis state, sequencing over GPIO lines",
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
