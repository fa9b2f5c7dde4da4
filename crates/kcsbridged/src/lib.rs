//! The host channel: KCS, BT, SSIF or a virtual machine, requests forwarded to ipmid.
//!
//! The host is not trusted and not patient. It asks one thing at a time, and each request gets exactly one well-formed response:
//! ipmid's, or a completion code of ours where ipmid gives none before the host's driver would give up. A request that is
//! superseded, aborted or overdue is forgotten together with the way its answer would have come, so that a late answer cannot
//! become the answer of another request.
//!
//! The interface and the exchange under way live as long as the process; what stands on the bus is made anew on each connection.

mod channel;
mod config;
mod counters;
mod driver;
mod power;
mod service;

use std::sync::Arc;

use bmc_daemon::{Context, Daemon};

use crate::{channel::HostChannel, config::Config};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "kcsbridged",
    about: "host channel: KCS, BT, SSIF or a virtual machine, commands forwarded to ipmid",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    let config = context.config::<Config>()?.check(context.instance(), &context.channels()?);
    let config = config.map_err(|error| context.config_error(error.field(), &error))?;
    let channel = Arc::new(HostChannel::open(&config)?);
    tracing::info!(channel = channel.name, backend = channel.backend, "serving the host");
    let mut driver =
        bmc_daemon::spawn(driver::drive(Arc::clone(&channel), config.deadline, driver::by_ipmid(&channel)));
    let bus = bmc_daemon::keep_connected(&context, async |connection| {
        service::serve(&connection, &channel, || context.ready()).await
    });
    let result = tokio::select! {
        result = bus => result,
        ended = &mut driver => ended?,
    };
    driver.abort();
    result
}

#[cfg(test)]
mod tests;
