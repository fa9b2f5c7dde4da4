//! Sensors: polls hwmon and chips without a driver, judges thresholds, publishes on D-Bus.
//!
//! `board` reads what the machine has, `source` and `chip` are where numbers come from, `sensor` is one sensor as a value (no clock,
//! file or bus), `poll` reads the hardware with one thread a bus, `station` holds all sensors, `items` what is there or not, `service`
//! shows them on D-Bus, and `publisher` sends their signals. README.md
//! describes the files.

use std::{convert::Infallible, sync::Arc};

use anyhow::Context as _;
use bmc_daemon::{Context, Daemon, keep_connected};
use bmc_dbus::names::sensors;
use bmc_hw::{hwmon::SysfsHwmon, i2c::DriverlessI2c};
use tokio::sync::watch;
use zbus::Connection;

use crate::{
    items::Items, overrides::Overrides, poll::Buses, sensor::power::HostPower, settings::Settings,
    source::Hardware, station::Station,
};

mod board;
mod chip;
mod host;
mod items;
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
    let (items, findings) = start_items(&context, &settings)?;
    let source = settings.gpio.parse().map_err(|error| anyhow::anyhow!("sensord.toml: gpio: {error}"))?;
    let (host, power) = watch::channel(HostPower::default());
    // Polling goes on while the bus is away: histories and alarms have no gap.
    let polling = poll::run(station.clone(), settings.bus_deadline(), power);
    let watching = items::run(&items, &station.publisher, &source, findings);
    let serving = keep_connected(&context, async |connection| {
        let result = serve(&connection, &station, &items, &host, || context.ready()).await;
        station.publisher.attach(None);
        result.map(|never| match never {})
    });
    tokio::select! {
        never = polling => match never {},
        never = watching => match never {},
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

/// Reads which items the board has and what its detectors saw, and starts to look at their alarms.
fn start_items(context: &Context, settings: &Settings) -> anyhow::Result<(Arc<Items>, items::Findings)> {
    let specs = board::load_items(&context.config_dir().join(&settings.board), settings.poll())?;
    let items = Items::new(specs, context.state_file("intrusions.json")?);
    let findings = items::start(&items, &SysfsHwmon::new(&settings.sysfs))
        .context("cannot start a thread for power supplies")?;
    Ok((items, findings))
}

/// Serves the station on `connection` and follows the host's power until the connection ends, which is an error.
async fn serve(
    connection: &Connection,
    station: &Arc<Station>,
    items: &Arc<Items>,
    host: &watch::Sender<HostPower>,
    ready: impl FnOnce(),
) -> anyhow::Result<Infallible> {
    service::serve(connection, station).await.context("cannot serve the sensors")?;
    bmc_dbus::own_name(connection, sensors::SERVICE).await?;
    ready();
    tokio::select! {
        followed = host::watch(connection, host) => followed.context("cannot follow the host's power")?,
        served = service::items::serve(connection, items, station) => {
            match served.context("cannot serve power supplies and processors")? {}
        }
    }
    anyhow::bail!("the bus connection ended")
}
