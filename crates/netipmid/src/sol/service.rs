//! SOL on the bus: its configuration, and what it follows there.

use std::sync::Arc;

use bmc_dbus::{
    Serve as _,
    console::{self, ConsoleUartProxy},
    error_reply, is_absence,
    names::ipmi,
    power::{ChassisProxy, POWER_STATE},
};
use futures_util::{FutureExt as _, StreamExt as _};
use zbus::{Connection, fdo};

use super::configuration::{Kept, Refused};
use crate::channel::LanChannel;

/// Serves the configuration of a channel.
pub(crate) async fn publish(connection: &Connection, channel: &Arc<LanChannel>) -> zbus::Result<()> {
    let objects = connection.object_server();
    let path = ipmi::sol_path(&channel.name);
    objects.serve(path.as_str(), Sol(Arc::clone(channel))).await?;
    objects.serve(path.as_str(), More(Arc::clone(channel))).await?;
    Ok(())
}

/// `xyz.openbmc_project.Ipmi.SOL`.
struct Sol(Arc<LanChannel>);

/// Changes what is kept, and has the endpoint act by it.
fn change(channel: &LanChannel, change: impl FnOnce(&mut Kept)) -> zbus::Result<()> {
    channel.sol.change(change).map_err(|refused| match refused {
        Refused::Range { .. } => fdo::Error::InvalidArgs(refused.to_string()),
        Refused::Storage(_) => fdo::Error::IOError(refused.to_string()),
    })?;
    let parameters = channel.sol.parameters();
    channel.act(|endpoint| endpoint.set_sol_parameters(parameters));
    Ok(())
}

impl Sol {
    fn kept<T>(&self, value: impl FnOnce(&Kept) -> T) -> T {
        value(&self.0.sol.now().kept)
    }
}

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.SOL")]
impl Sol {
    #[zbus(property)]
    fn progress(&self) -> u8 {
        self.0.sol.now().progress
    }

    #[zbus(property)]
    fn set_progress(&self, progress: u8) -> zbus::Result<()> {
        if progress > 1 {
            return Err(fdo::Error::InvalidArgs(format!("Progress: {progress} is not 0 or 1")).into());
        }
        self.0.sol.now().progress = progress;
        Ok(())
    }

    #[zbus(property)]
    fn enable(&self) -> bool {
        self.kept(|kept| kept.enable)
    }

    #[zbus(property)]
    fn set_enable(&self, enable: bool) -> zbus::Result<()> {
        change(&self.0, |kept| kept.enable = enable)
    }

    #[zbus(property)]
    fn force_encryption(&self) -> bool {
        self.kept(|kept| kept.force_encryption)
    }

    #[zbus(property)]
    fn set_force_encryption(&self, force: bool) -> zbus::Result<()> {
        change(&self.0, |kept| kept.force_encryption = force)
    }

    #[zbus(property)]
    fn force_authentication(&self) -> bool {
        self.kept(|kept| kept.force_authentication)
    }

    #[zbus(property)]
    fn set_force_authentication(&self, force: bool) -> zbus::Result<()> {
        change(&self.0, |kept| kept.force_authentication = force)
    }

    #[zbus(property)]
    fn privilege(&self) -> u8 {
        self.kept(|kept| kept.privilege)
    }

    #[zbus(property)]
    fn set_privilege(&self, privilege: u8) -> zbus::Result<()> {
        change(&self.0, |kept| kept.privilege = privilege)
    }

    #[zbus(property, name = "AccumulateIntervalMS")]
    fn accumulate_interval(&self) -> u8 {
        self.kept(|kept| kept.accumulate_interval)
    }

    #[zbus(property, name = "AccumulateIntervalMS")]
    fn set_accumulate_interval(&self, interval: u8) -> zbus::Result<()> {
        change(&self.0, |kept| kept.accumulate_interval = interval)
    }

    #[zbus(property)]
    fn threshold(&self) -> u8 {
        self.kept(|kept| kept.threshold)
    }

    #[zbus(property)]
    fn set_threshold(&self, threshold: u8) -> zbus::Result<()> {
        change(&self.0, |kept| kept.threshold = threshold)
    }

    #[zbus(property)]
    fn retry_count(&self) -> u8 {
        self.kept(|kept| kept.retry_count)
    }

    #[zbus(property)]
    fn set_retry_count(&self, count: u8) -> zbus::Result<()> {
        change(&self.0, |kept| kept.retry_count = count)
    }

    #[zbus(property, name = "RetryIntervalMS")]
    fn retry_interval(&self) -> u8 {
        self.kept(|kept| kept.retry_interval)
    }

    #[zbus(property, name = "RetryIntervalMS")]
    fn set_retry_interval(&self, interval: u8) -> zbus::Result<()> {
        change(&self.0, |kept| kept.retry_interval = interval)
    }
}

/// `org.ferrite.Ipmi.Sol`.
struct More(Arc<LanChannel>);

#[zbus::interface(name = "org.ferrite.Ipmi.Sol")]
impl More {
    #[zbus(property)]
    fn bit_rate(&self) -> u64 {
        self.0.sol.now().kept.bit_rate
    }

    #[zbus(property)]
    async fn set_bit_rate(
        &self,
        rate: u64,
        #[zbus(signal_emitter)] emitter: zbus::object_server::SignalEmitter<'_>,
    ) -> zbus::Result<()> {
        change(&self.0, |kept| kept.bit_rate = rate)?;
        self.apply(rate);
        self.volatile_bit_rate_changed(&emitter).await
    }

    #[zbus(property)]
    fn volatile_bit_rate(&self) -> u64 {
        self.0.sol.now().volatile_rate
    }

    #[zbus(property)]
    fn set_volatile_bit_rate(&self, rate: u64) {
        self.apply(rate);
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn consoles(&self) -> Vec<String> {
        self.0.sol.consoles.clone()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn payload_channel(&self) -> u8 {
        self.0.number
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn payload_port(&self) -> u16 {
        self.0.sol.port
    }
}

impl More {
    fn apply(&self, rate: u64) {
        self.0.sol.now().volatile_rate = rate;
        self.0.sol.rate_changed.notify_one();
    }
}

/// Sets the first console to the configured bit rate, now and each time it changes or consoled comes back.
pub(crate) async fn follow_bit_rate(connection: &Connection, channel: &LanChannel) -> zbus::Result<()> {
    let id = channel.sol.console(1);
    let proxy = ConsoleUartProxy::builder(connection)
        .destination(console::service(id))
        .path(console::path(id))
        .cache_properties(zbus::proxy::CacheProperties::No)
        .build()
        .boxed()
        .await?;
    let mut owners = proxy.inner().receive_owner_changed().boxed().await?;
    loop {
        let rate = channel.sol.now().volatile_rate;
        if rate != 0
            && let Err(error) = proxy.set_baud(rate).boxed().await
            && !error_reply(&error).is_some_and(|(name, _)| is_absence(&name))
        {
            tracing::warn!("console {id} does not take {rate} bit/s: {error}");
        }
        tokio::select! {
            Some(_) = owners.next() => {}
            () = channel.sol.rate_changed.notified() => {}
            else => std::future::pending().await,
        }
    }
}

/// Keeps `channel.host_on` what powerd says; where nobody says, the host is taken to be on.
pub(crate) async fn follow_power(connection: &Connection, channel: &LanChannel) -> zbus::Result<()> {
    let chassis = ChassisProxy::builder(connection)
        .cache_properties(zbus::proxy::CacheProperties::Lazily)
        .build()
        .boxed()
        .await?;
    let mut changes = chassis.receive_current_power_state_changed().boxed().await;
    let mut owners = chassis.inner().receive_owner_changed().boxed().await?;
    loop {
        let state = chassis.current_power_state().boxed().await;
        let off = state.is_ok_and(|state| state.strip_prefix(POWER_STATE) == Some("Off"));
        channel.host_on.send_if_modified(|on| std::mem::replace(on, !off) == off);
        tokio::select! {
            Some(_) = changes.next() => {}
            Some(_) = owners.next() => {}
            else => std::future::pending().await,
        }
    }
}
