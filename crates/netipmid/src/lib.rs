//! The LAN channel: UDP 623, RMCP+ sessions, requests forwarded to ipmid.
//!
//! The [`rmcp_session::Endpoint`] and the socket live as long as the process, so that sessions survive a restart of the bus, of
//! ipmid and of userd; what stands on the bus is made anew on each connection.

mod alerts;
mod audit;
mod channel;
mod config;
mod credentials;
mod driver;
mod neighbors;
mod service;
mod session_events;
mod sessions;
mod socket;
mod sol;

use std::sync::Arc;

use bmc_daemon::{Context, Daemon};

use crate::{channel::LanChannel, config::Config, socket::Socket};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "netipmid",
    about: "LAN channel: RMCP+ sessions on UDP 623, commands forwarded to ipmid",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    let config = context.config::<Config>()?.check(context.instance(), &context.channels()?);
    let config = config.map_err(|error| context.config_error(error.field(), &error))?;
    let socket = Socket::open(&config)?;
    let kept = context.state_file(&format!("sol-{}.json", config.channel))?;
    let alerts = context.state_file(&format!("alerts-{}.json", config.channel))?;
    let channel = Arc::new(LanChannel::new(&config, socket.address(), kept, alerts));
    tracing::info!(channel = channel.name, number = channel.number, listen = %channel.listen, "listening");
    let mut driver = bmc_daemon::spawn(driver::drive(Arc::clone(&channel), socket));
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
