//! The IPMI command server: one command table over D-Bus.
//!
//! A request comes in through `service`, is checked and decoded by [`dispatch`](dispatch::dispatch) with the entry that
//! [`table`] has for it, runs in one handler of `commands/`, and gets its data through the traits of [`platform`].

mod commands;
pub mod config;
pub mod dispatch;
pub mod guid;
mod identify;
mod ipmid;
pub mod platform;
mod reservation;
pub mod sensors;
pub mod table;

use bmc_daemon::{Context, Daemon};

pub use ipmid::{Ipmid, Kept};

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
