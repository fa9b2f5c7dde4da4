//! Passing on to the virtual machine what powerd does to the host.

use bmc_dbus::power::{ChassisProxy, HOST_TRANSITION, HostProxy, POWER_STATE, PowerStatusProxy};
use bmc_hw::host_interface::PowerControl;
use futures_util::{FutureExt as _, StreamExt as _};
use zbus::Connection;

use crate::channel::HostChannel;

/// Follows powerd on `connection`, whether it is there yet or not. Never ends but with an error of the bus.
pub(crate) async fn follow(connection: &Connection, channel: &HostChannel) -> zbus::Result<()> {
    if !channel.follow_power {
        return std::future::pending().await;
    }
    let (chassis, host) =
        (ChassisProxy::new(connection).boxed().await?, HostProxy::new(connection).boxed().await?);
    let status = PowerStatusProxy::new(connection).boxed().await?;
    let mut states = chassis.receive_current_power_state_changed().boxed().await;
    let mut transitions = host.receive_requested_host_transition_changed().boxed().await;
    let (mut resets, mut nmis) =
        (status.receive_host_reset().boxed().await?, status.receive_host_nmi().boxed().await?);
    // What was there before is no change.
    let (mut state, mut transition) = (None, None);
    loop {
        let control = tokio::select! {
            Some(change) = states.next() => change.get().await.ok().and_then(|to| turned_to(&mut state, to, POWER_STATE))
                .map(|()| PowerControl::Off),
            Some(change) = transitions.next() => change.get().await.ok().and_then(|to| turned_to(&mut transition, to, HOST_TRANSITION))
                .map(|()| PowerControl::GracefulShutdown),
            Some(_) = resets.next() => Some(PowerControl::Reset),
            Some(_) = nmis.next() => Some(PowerControl::Nmi),
            else => return Ok(()),
        };
        if let Some(control) = control {
            pass_on(channel, control);
        }
    }
}

/// Whether `known` has turned to `Off` with this value of a property.
fn turned_to(known: &mut Option<String>, to: String, prefix: &str) -> Option<()> {
    let before = known.replace(to);
    let is_off = |value: &String| value.strip_prefix(prefix) == Some("Off");
    (before.is_some_and(|before| !is_off(&before)) && known.as_ref().is_some_and(is_off)).then_some(())
}

fn pass_on(channel: &HostChannel, control: PowerControl) {
    match channel.control(control) {
        Ok(()) => tracing::info!("told the virtual machine: {control:?}"),
        Err(error) => tracing::info!("not told to the virtual machine: {control:?}: {error}"),
    }
}
