//! Sending a trap: composed from the event and from what ipmid says of the system, sent until it is acknowledged or enough.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bmc_dbus::{
    alerts::Trap,
    execute::{Call, Options},
};
use ipmi_wire::{
    codec::Decode as _,
    command::{
        Command,
        app::{DeviceId, GetDeviceId, GetSystemGuid, Guid},
    },
    pet::{EPOCH, OFFSET_UNSPECIFIED, PlatformEventTrap, SOURCE_IPMI},
    record::sel::{SelBody, SelRecord, SystemEvent},
};
use nix::time::{ClockId, clock_gettime};
use tokio::{sync::oneshot, time::timeout};

use super::configuration::Destination;
use crate::{channel::LanChannel, socket::take_only};

/// How long ipmid may take to say what the system is called.
const PATIENCE: Duration = Duration::from_secs(2);
/// Text of a trap is English (FRU information's language code).
const ENGLISH: u8 = 0x19;
const NO_LANGUAGE: u8 = 0xFF;
/// A UTC offset of the log that is not known.
const OFFSET_UNKNOWN: i16 = 0x7FF;
/// Times before this count from the start of the BMC (v2.0§37.1).
const FIRST_TIME: u32 = 0x2000_0000;

/// Tells `destination`; whether it arrived, as far as that is known.
///
/// # Errors
/// Where the destination has no address, or the trap cannot be composed.
pub(super) async fn send(
    channel: &LanChannel,
    destination: &Destination,
    trap: &Trap,
) -> anyhow::Result<bool> {
    ensure!(!destination.address.is_unspecified(), "the destination has no address");
    let to = SocketAddr::from((destination.address, channel.alerts.port));
    let composed = compose(channel, trap).await?;
    let key = (composed.sequence, composed.local_timestamp);
    let bindings = composed.variable_bindings(&trap.text);
    let community = channel.alerts.configuration.community();
    let uptime = uptime()?;
    let attempt = || {
        let (socket, agent) = open(to, channel.alerts.device.as_deref())?;
        let mut datagram = Vec::new();
        composed.message(bindings.clone(), community.as_bytes(), agent, uptime).emit(&mut datagram);
        socket.send(&datagram)
    };
    let (sender, mut acknowledged) = oneshot::channel();
    channel.alerts.waiting().insert(key, sender);
    let _forgotten = Forgotten(channel, key);
    let arrived = send_often(attempt, destination, &mut acknowledged).await;
    tracing::info!(
        "alert of sensor {:#04x} to {to}: {}",
        composed.sensor,
        match (destination.acknowledged, arrived) {
            (true, true) => "acknowledged",
            (false, true) => "sent",
            (true, false) => "nobody acknowledges it",
            (false, false) => "it cannot be sent",
        }
    );
    Ok(arrived)
}

/// Forgets whom an acknowledgement is for, also where the bus goes away meanwhile.
struct Forgotten<'a>(&'a LanChannel, (u16, u32));

impl Drop for Forgotten<'_> {
    fn drop(&mut self) {
        self.0.alerts.waiting().remove(&self.1);
    }
}

/// One that is not acknowledged is sent as often as it may be: one of them may get through. The way there may come up meanwhile.
async fn send_often(
    attempt: impl Fn() -> std::io::Result<usize>,
    destination: &Destination,
    acknowledged: &mut oneshot::Receiver<()>,
) -> bool {
    let interval = Duration::from_secs(u64::from(destination.interval) + 1);
    let mut sent = false;
    for number in 0..=destination.retries {
        match attempt() {
            Ok(_) => sent = true,
            Err(error) => tracing::debug!("an alert to {}: {error}", destination.address),
        }
        if destination.acknowledged {
            if let Ok(Ok(())) = timeout(interval, &mut *acknowledged).await {
                return true;
            }
        } else if number < destination.retries {
            tokio::time::sleep(interval).await;
        }
    }
    sent && !destination.acknowledged
}

/// A socket to a manager, and the address from which it is reached.
fn open(to: SocketAddr, device: Option<&str>) -> std::io::Result<(UdpSocket, [u8; 4])> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    if let Some(device) = device {
        take_only(&socket, &device.into())?;
    }
    socket.set_nonblocking(true)?;
    socket.connect(to)?;
    let agent = match socket.local_addr()? {
        SocketAddr::V4(address) => address.ip().octets(),
        SocketAddr::V6(_) => [0; 4],
    };
    Ok((socket, agent))
}

/// Hundredths of a second since the BMC started.
fn uptime() -> nix::Result<u32> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
    let hundredths = now.tv_sec().wrapping_mul(100).wrapping_add(now.tv_nsec() / 10_000_000);
    // SNMP's counter starts again after 497 days.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as SNMP counts")]
    Ok(hundredths as u32)
}

/// The trap for an event.
async fn compose(channel: &LanChannel, trap: &Trap) -> anyhow::Result<PlatformEventTrap> {
    let record = SelRecord::from_bytes(&trap.record).ok().context("the trap's record is none")?;
    let SelBody::Event(event) = record.body else { anyhow::bail!("the trap's record is of no event") };
    let guid = match <[u8; 16]>::try_from(trap.guid.as_slice()) {
        Ok(guid) => Some(Guid(guid)),
        Err(_) => ask::<GetSystemGuid>(channel).await,
    };
    let mut guid = guid.unwrap_or_default().0;
    guid.reverse();
    let (manufacturer, system) =
        ask::<GetDeviceId>(channel).await.map_or((0, 0), |id: DeviceId| (id.manufacturer, id.product));
    let language = if trap.text.is_empty() { NO_LANGUAGE } else { ENGLISH };
    let sequence = channel.alerts.next_sequence();
    let utc_offset = Some(trap.utc_offset).filter(|minutes| *minutes != OFFSET_UNKNOWN);
    let event_trap = of_event(&event);
    Ok(PlatformEventTrap {
        guid,
        sequence,
        utc_offset,
        severity: trap.severity,
        language,
        manufacturer,
        system,
        ..event_trap
    })
}

fn of_event(event: &SystemEvent) -> PlatformEventTrap {
    let [first, second, third] = event.data;
    PlatformEventTrap {
        sensor_type: event.sensor_type,
        event_type: event.event_type,
        offset: first & OFFSET_UNSPECIFIED,
        deasserted: event.deasserted,
        guid: [0; 16],
        sequence: 0,
        local_timestamp: if event.timestamp < FIRST_TIME { 0 } else { event.timestamp.saturating_sub(EPOCH) },
        utc_offset: None,
        trap_source: SOURCE_IPMI,
        event_source: SOURCE_IPMI,
        severity: 0,
        sensor_device: event.generator[0],
        sensor: event.sensor,
        entity: 0,
        entity_instance: 0,
        event_data: [first, second, third, 0, 0, 0, 0, 0],
        language: NO_LANGUAGE,
        manufacturer: 0,
        system: 0,
    }
}

/// What ipmid answers to a command without data; `None` where it does not.
async fn ask<C: Command<Request = ()>>(channel: &LanChannel) -> Option<C::Response> {
    let line = channel.lines.best()?;
    // The channel itself asks: no user's slot, no session's ID.
    let (user_id, session_id) = (Some(0), Some(0));
    let privilege = Some(i32::from(u8::from(ipmi_wire::Privilege::User)));
    let options = Options { privilege, user_id, session_id, ..Options::default() };
    let call = Call { net_fn: C::NET_FN.value(), lun: 0, command: C::CMD, data: Vec::new(), options };
    let reply = timeout(PATIENCE, line.execute(call)).await.ok()?.ok()?;
    if reply.completion_code != 0 {
        return None;
    }
    C::Response::from_bytes(&reply.data).ok()
}
