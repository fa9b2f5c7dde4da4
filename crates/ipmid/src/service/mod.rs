//! ipmid on the bus: `execute` for everybody whom the bus' policy lets call it, a direct line for owners of a channel.

mod channel_owners;
mod direct_line;
mod front;
mod host_objects;
mod sensor_numbers;

use std::{collections::HashMap, sync::Arc};

use anyhow::Context as _;
use bmc_daemon::{ChannelTable, Tasks};
use bmc_dbus::{
    Serve as _,
    execute::{Call, Options, Reply},
    names::ipmi,
    own_name,
};
use zbus::{Connection, OwnedVariant, message::Header};

use crate::host::{attention::Attention, signals::Signals};
use crate::{
    config::Config,
    fru::{self, FruFiles},
    guid::Guids,
    ipmid::{Ipmid, Kept},
    platform,
    sensors::DbusSensors,
};
use channel_owners::ChannelOwners;
use direct_line::DirectLine;
use front::Front;
use sensor_numbers::SensorNumbers;

/// What outlives a connection to the bus.
pub struct Settings {
    /// `ipmid.toml`.
    pub config: Config,
    /// The GUIDs for good.
    pub guids: Guids,
    /// `channels.toml`.
    pub channels: Arc<ChannelTable>,
    /// Sensors, their numbers and records.
    pub sensors: DbusSensors,
    /// FRU devices.
    pub frus: Arc<FruFiles>,
    /// Timers and the like.
    pub kept: Arc<Kept>,
}

/// Serves on `connection`; calls `ready` once the name is owned.
///
/// # Errors
/// Always in the end: somebody else owns the name, or the bus failed or closed the connection.
pub async fn serve(connection: &Connection, settings: &Settings, ready: impl FnOnce()) -> anyhow::Result<()> {
    let Settings { config, guids, channels, sensors, frus, kept } = settings;
    // Ends the tasks when this function does, however it does.
    let mut tasks = Tasks::default();
    let platform = platform::dbus::connect(connection, channels, sensors, &mut tasks).await?;
    let power = Arc::clone(&platform.power);
    let owners = ChannelOwners::start(connection, channels, &mut tasks).await?;
    tasks.spawn(Attention::start(connection, channels).await?.follow(kept.messages.subscribe()));
    let (signals, followed) = (Signals::start(connection).await?, Arc::clone(kept));
    tasks.spawn(async move { signals.follow(&followed).await });
    let ipmid = Ipmid::new(config, *guids, Arc::clone(channels), platform, Arc::clone(kept));
    let front = Arc::new(Front::new(ipmid, owners));
    let objects = connection.object_server();
    let line = DirectLine::new(Arc::clone(&front));
    objects.serve(ipmi::PATH, line).await.context("cannot serve the direct line")?;
    objects.serve(ipmi::PATH, Server(front)).await.context("cannot serve the command queue")?;
    host_objects::serve(connection, kept, &mut tasks).await.context("cannot serve the host's settings")?;
    let numbers = SensorNumbers { sensors: sensors.clone(), kept: Arc::clone(kept) };
    objects.serve(ipmi::PATH, numbers).await.context("cannot serve the sensor numbers")?;
    tasks.spawn(sensor_numbers::announce(connection.clone(), sensors.clone(), Arc::clone(kept)));
    own_name(connection, ipmi::SERVICE).await?;
    ready();
    tokio::select! {
        () = kept.identify.run(power.as_ref()) => anyhow::bail!("the identify timer ended"),
        ended = fru::objects::publish(connection, frus) => ended.context("cannot publish the inventory"),
        () = connection.closed() => anyhow::bail!("the connection was closed"),
    }
}

/// `xyz.openbmc_project.Ipmi.Server`.
struct Server(Arc<Front>);

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.Server")]
impl Server {
    /// One struct comes back, not five values: a tuple of one is how that is said.
    #[zbus(name = "execute")]
    async fn execute(
        &self,
        #[zbus(header)] header: Header<'_>,
        net_fn: u8,
        lun: u8,
        command: u8,
        data: Vec<u8>,
        options: HashMap<String, OwnedVariant>,
    ) -> (Reply,) {
        let options = Options::from_dict(&options);
        let call = Call { net_fn, lun, command, data, options };
        let sender = header.sender().map(|sender| sender.as_str()).unwrap_or_default();
        (self.0.execute(sender, call).await,)
    }
}

#[cfg(test)]
mod tests;
