//! The System Event Log

#[cfg(test)]
mod bus_tests;
mod clock;
mod kernel;
mod log;
mod numbers;
mod objects;
mod pef;
mod record;
mod remarks;
mod sources;
pub mod store;
mod storm;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bmc_daemon::{Context, Daemon};
use zbus::Connection;

use log::{Log, Queue};
use numbers::Numbers;
use pef::Pef;
use sources::Sources;
use store::Store;

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "seld",
    about: "System Event Log: keeps events through power cuts",
    run: |context| Box::pin(run(context)),
};

/// `seld.toml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Settings {
    /// Records that fit; at most 65,534, which is all that IDs can tell apart.
    capacity: u16,
    /// Events of a sensor that are logged one by one within `storm-period`.
    storm_burst: u32,
    /// Seconds.
    storm_period: u32,
    /// A system's clock before this (seconds since 1970) was not set yet.
    earliest_time: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity: 3639, storm_burst: 8, storm_period: 60, earliest_time: clock::FIRST_TIME }
    }
}

impl Settings {
    fn limits(&self) -> storm::Limits {
        storm::Limits { burst: self.storm_burst, period: Duration::from_secs(self.storm_period.into()) }
    }
}

async fn run(context: Context) -> anyhow::Result<()> {
    let settings: Settings = context.config()?;
    if !(1..=0xFFFE).contains(&settings.capacity) {
        return Err(context.config_error("capacity", &"capacity: 1 to 65534").into());
    }
    if settings.storm_period == 0 {
        return Err(context.config_error("storm-period", &"storm-period: 1 or more").into());
    }
    let store = open(&context.state_path("sel.log")?, settings.capacity.into())?;
    let file = context.state_file("sel-settings.json")?;
    let (log, queue) = Log::new(store, file, settings.earliest_time, settings.limits());
    // Alerts alone need the channels, and events are logged without alerts.
    let channels =
        context.channels().inspect_err(|error| tracing::error!("no alerts can be sent: {error}")).ok();
    let pef = Pef::new(&log, channels, context.state_file("pef.json")?);
    let served = serve_on_any_bus(&context, &log, queue, &pef).await;
    log.end();
    served
}

/// Opens the log, and tells how long that took: it delays the start.
fn open(path: &Path, capacity: usize) -> std::io::Result<Store> {
    let start = Instant::now();
    let store = Store::open(path, capacity)?;
    let (records, elapsed) = (store.records().len(), start.elapsed().as_micros());
    tracing::info!("the log is open: {records} records in {elapsed} us");
    Ok(store)
}

async fn serve_on_any_bus(
    context: &Context,
    log: &Arc<Log>,
    queue: Queue,
    pef: &Arc<Pef>,
) -> anyhow::Result<()> {
    let numbers = Arc::new(Numbers::default());
    let sources = Sources::new(log.clone(), numbers.clone());
    let served = bmc_daemon::keep_connected(context, async |connection| {
        serve(&connection, log, &numbers, &sources, pef, || context.ready()).await
    });
    tokio::select! {
        served = served => served,
        () = log.write(queue) => anyhow::bail!("the log takes no more records"),
        () = log.tend() => anyhow::bail!("the log is not looked after any more"),
    }
}

/// Serves the log on `connection` and listens to events, until the bus is gone.
async fn serve(
    connection: &Connection,
    log: &Arc<Log>,
    numbers: &Arc<Numbers>,
    sources: &Arc<Sources>,
    pef: &Arc<Pef>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let news = log.news();
    let heard = sources.subscribe(connection).await?;
    objects::serve(connection, log, numbers, sources, pef).await?;
    ready();
    tokio::select! {
        announced = objects::announce(connection, news) => announced?,
        ended = sources.run(connection, heard) => ended?,
        () = pef.run(connection) => {}
    }
    anyhow::bail!("the connection was closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_names_every_key_with_its_default() {
        let example: Settings = system_tests::read_example_config("seld");
        assert_eq!(format!("{example:?}"), format!("{:?}", Settings::default()));
    }
}
