//! The System Event Log

#[cfg(test)]
mod bus_tests;
mod clock;
mod objects;
pub mod store;
mod storm;

use std::sync::{Arc, Mutex};

use bmc_daemon::{Context, Daemon};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "seld",
    about: "System Event Log: keeps events through power cuts",
    run: |context| Box::pin(run(context)),
};

/// `seld.toml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Records that fit; at most 65,534, which is all that IDs can tell apart.
    capacity: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { capacity: 3639 }
    }
}

async fn run(context: Context) -> anyhow::Result<()> {
    let settings: Settings = context.config()?;
    if !(1..=0xFFFE).contains(&settings.capacity) {
        return Err(context.config_error("capacity", &"capacity: 1 to 65534").into());
    }
    let store = store::Store::open(&context.state_path("sel.log")?, settings.capacity.into())?;
    let store = Arc::new(Mutex::new(store));
    bmc_daemon::keep_connected(&context, async |connection| {
        objects::serve(&connection, &store).await?;
        context.ready();
        context.shutdown().requested().await;
        Ok(())
    })
    .await
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
