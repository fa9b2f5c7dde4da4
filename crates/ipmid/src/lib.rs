//! The IPMI command server: one command table over D-Bus.
//!
//! A request comes in through `service`, is checked and decoded by [`dispatch`](dispatch::dispatch) with the entry that
//! [`table`] has for it, runs in one handler of `commands/`, and gets its data through the traits of [`platform`].

mod commands;
pub mod config;
pub mod dispatch;
pub mod fru;
pub mod guid;
mod host;
mod identify;
mod ipmid;
mod partial_record;
pub mod platform;
mod reservation;
pub mod restriction;
pub mod sensors;
pub mod service;
mod stored;
pub mod table;
mod update_mode;

use std::sync::Arc;

use bmc_daemon::{Context, Daemon};
use bmc_hw::i2c::{DriverlessI2c, I2c};

use config::Config;
use fru::FruFiles;
use guid::Guids;
use sensors::{DbusSensors, SensorFiles};
use service::Settings;

pub use ipmid::{Ipmid, Kept};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "ipmid",
    about: "IPMI command server: answers every channel's commands over D-Bus",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    let config: Config = context.config()?;
    let driverless: Arc<dyn I2c> = Arc::new(DriverlessI2c);
    let frus = Arc::new(FruFiles::new(config.fru.clone(), &driverless));
    let host_file = context.state_file("host.json")?;
    let restrictions_file = context.state_file("restrictions.json")?;
    let host = host_file.load()?.unwrap_or_default();
    let restrictions = restrictions_file.load()?.unwrap_or_default();
    let kept = Arc::new(Kept::new(host, restrictions));
    let sensor_files = SensorFiles::in_directory(&context.state_path("")?);
    let sensors = DbusSensors::new(sensor_files, frus.clone(), config.vendor());
    let settings = Settings {
        sensors: sensors.clone(),
        frus,
        config,
        guids: Guids::load(&context)?,
        channels: Arc::new(context.channels()?),
        kept: Arc::clone(&kept),
    };
    let serve = bmc_daemon::keep_connected(&context, async |connection| {
        service::serve(&connection, &settings, || context.ready()).await
    });
    let result = tokio::select! {
        result = serve => result,
        () = kept.host.keep(&host_file) => Ok(()),
        () = kept.restrictions.keep(&restrictions_file) => Ok(()),
        () = sensors.keep_history() => Ok(()),
    };
    kept.host.write(&host_file);
    kept.restrictions.write(&restrictions_file);
    sensors.write_history();
    result
}
