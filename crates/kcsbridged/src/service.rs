//! The channel on the bus.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context as _;
use bmc_dbus::{OwnNameError, Serve as _, direct_line::DirectLine, names::ipmi};
use futures_util::FutureExt as _;
use zbus::{Connection, fdo, object_server::SignalEmitter};

use crate::{channel::HostChannel, counters::Counter, power};

/// Serves on `connection` until it closes; calls `ready` once the channel's name is owned.
///
/// # Errors
/// Where somebody else owns the name, or the bus fails.
pub(crate) async fn serve(
    connection: &Connection,
    channel: &Arc<HostChannel>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let (path, server) = (ipmi::channel_path(&channel.name), connection.object_server());
    server.serve(&path, Sms(Arc::clone(channel))).await.context("cannot serve the attention")?;
    server.serve(&path, Host(Arc::clone(channel))).await.context("cannot serve the channel")?;
    // ipmid knows the channel by this name: before any call to it.
    bmc_dbus::own_name(connection, &format!("{}{}", ipmi::CHANNEL_PREFIX, channel.name)).await?;
    serve_legacy(connection, channel).await?;
    let line = DirectLine::connect(connection).await.context("cannot watch for ipmid")?;
    channel.lines.set(line.clone());
    ready();
    tokio::select! {
        result = power::follow(connection, channel) => result.context("cannot follow powerd"),
        result = tell(connection, channel, &path) => result.context("cannot tell of the host"),
        () = hang_up_before(&line, channel) => Ok(()),
        () = connection.closed() => Err(anyhow::anyhow!("the connection was closed")),
    }
}

/// Where OpenBMC's ipmid looks for attention, whatever the interface is. One channel can have it.
async fn serve_legacy(connection: &Connection, channel: &Arc<HostChannel>) -> anyhow::Result<()> {
    if !channel.legacy_attention {
        return Ok(());
    }
    let server = connection.object_server();
    server.serve(ipmi::HOST_IPMI_PATH, Legacy(Arc::clone(channel))).await.context("cannot serve HostIpmi")?;
    match bmc_dbus::own_name(connection, ipmi::HOST_IPMI_SERVICE).await {
        Err(error @ OwnNameError::Taken { .. }) => {
            tracing::warn!("attention by the old name goes elsewhere: {error}");
            Ok(())
        }
        result => Ok(result?),
    }
}

/// The line of the bus connection before is no use any more once ipmid is on this one.
async fn hang_up_before(line: &DirectLine, channel: &HostChannel) {
    let mut presence = line.presence();
    loop {
        presence.arrived().await;
        channel.lines.drop_before();
        presence.changed().await;
    }
}

/// Tells of what the host did.
async fn tell(connection: &Connection, channel: &HostChannel, path: &str) -> zbus::Result<()> {
    let host = connection.object_server().interface::<_, Host>(path).boxed().await?;
    let emitter = host.signal_emitter();
    let counted = || [Counter::Reset, Counter::PoweredOff].map(|counter| channel.counters.get(counter));
    let ([mut resets, mut power_offs], mut connected) = (counted(), channel.connected());
    loop {
        channel.reported.notified().await;
        let [resets_now, power_offs_now] = counted();
        if resets_now != resets {
            Host::guest_reset(emitter).boxed().await?;
        }
        if power_offs_now != power_offs {
            Host::guest_powered_off(emitter).boxed().await?;
        }
        if channel.connected() != connected {
            host.get().await.guest_connected_changed(emitter).await?;
        }
        (resets, power_offs, connected) = (resets_now, power_offs_now, channel.connected());
    }
}

fn refused(error: &bmc_hw::host_interface::HostError) -> fdo::Error {
    fdo::Error::Failed(error.to_string())
}

/// `xyz.openbmc_project.Ipmi.Channel.SMS`.
struct Sms(Arc<HostChannel>);

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.Channel.SMS")]
impl Sms {
    #[zbus(name = "setAttention")]
    fn set_attention(&self) -> fdo::Result<()> {
        self.0.set_attention(true).map_err(|error| refused(&error))
    }

    #[zbus(name = "clearAttention")]
    fn clear_attention(&self) -> fdo::Result<()> {
        self.0.set_attention(false).map_err(|error| refused(&error))
    }

    #[zbus(name = "forceAbort")]
    fn force_abort(&self) -> fdo::Result<()> {
        self.0.abort().map_err(|error| refused(&error))
    }
}

/// `org.openbmc.HostIpmi`, as far as it is called.
struct Legacy(Arc<HostChannel>);

#[zbus::interface(name = "org.openbmc.HostIpmi")]
impl Legacy {
    /// Zero, or an error of the bus.
    #[zbus(name = "setAttention")]
    fn set_attention(&self) -> fdo::Result<i64> {
        self.0.set_attention(true).map(|()| 0).map_err(|error| refused(&error))
    }
}

/// `org.ferrite.Ipmi.HostChannel`.
struct Host(Arc<HostChannel>);

#[zbus::interface(name = "org.ferrite.Ipmi.HostChannel")]
impl Host {
    #[zbus(property(emits_changed_signal = "const"))]
    fn backend(&self) -> &str {
        self.0.backend
    }

    #[zbus(property)]
    fn guest_connected(&self) -> bool {
        self.0.connected()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn attention(&self) -> bool {
        self.0.attention()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn direct_line(&self) -> bool {
        self.0.lines.best().is_some_and(|line| line.is_direct())
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn counters(&self) -> HashMap<String, u64> {
        self.0.counters.all()
    }

    #[zbus(signal)]
    async fn guest_reset(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn guest_powered_off(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}
