//! Sensors: polls hwmon and chips without a driver, judges thresholds, publishes on D-Bus.
//!
//! `board` reads what the machine has, `source` and `chip` are where numbers come from, `sensor` is one sensor as a value (no clock, file or bus), `poll` reads the hardware with one
//! thread a bus, `station` holds all sensors, `service` shows them on D-Bus, and `publisher` sends their signals. README.md
//! describes the files.

use std::{convert::Infallible, sync::Arc};

use anyhow::Context as _;
use bmc_daemon::{Context, Daemon, keep_connected};
use bmc_dbus::names::sensors;
use bmc_hw::i2c::DriverlessI2c;
use tokio::sync::watch;
use zbus::Connection;

use crate::{
    overrides::Overrides, poll::Buses, sensor::power::HostPower, settings::Settings, source::Hardware,
    station::Station,
};

mod board;
mod chip;
mod host;
mod overrides;
mod poll;
mod publisher;
mod sensor;
mod service;
mod settings;
mod source;
mod station;
#[cfg(test)]
mod tests;

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "sensord",
    about: "sensors: polls hwmon, judges thresholds, publishes on D-Bus",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    let settings: Settings = context.config()?;
    let hardware = Hardware::new(&settings.sysfs, DriverlessI2c);
    let station = start(&context, &settings, &hardware).await?;
    let (host, power) = watch::channel(HostPower::default());
    // Polling goes on while the bus is away: histories and alarms have no gap.
    let polling = poll::run(station.clone(), settings.bus_deadline(), power);
    let serving = keep_connected(&context, async |connection| {
        let result = serve(&connection, &station, &host, || context.ready()).await;
        station.publisher.attach(None);
        result.map(|never| match never {})
    });
    tokio::select! {
        never = polling => match never {},
        result = serving => result,
    }
}

/// Reads the configuration and starts the buses' workers.
async fn start(context: &Context, settings: &Settings, hardware: &Hardware) -> anyhow::Result<Arc<Station>> {
    settings.check()?;
    let specs = board::load(&context.config_dir().join(&settings.board), settings.poll())?;
    let overrides = Overrides::load(&context.state_file("thresholds.json")?)?;
    let buses = Buses::start(&specs, hardware).context("cannot start a bus' thread")?;
    tracing::info!("{} sensors on {} buses", specs.len(), buses.len());
    Ok(Station::new(specs, settings.policy(), overrides, buses).await)
}

/// Serves the station on `connection` and follows the host's power until the connection ends, which is an error.
async fn serve(
    connection: &Connection,
    station: &Arc<Station>,
    host: &watch::Sender<HostPower>,
    ready: impl FnOnce(),
) -> anyhow::Result<Infallible> {
    service::serve(connection, station).await.context("cannot serve the sensors")?;
    bmc_dbus::own_name(connection, sensors::SERVICE).await?;
    ready();
    host::watch(connection, host).await.context("cannot follow the host's power")?;
    anyhow::bail!("the bus connection ended")
}
