//! Users: slots, names, privileges and the secrets RAKP needs.
//!
//! `table` holds the rules and knows neither files nor D-Bus; `store` makes each change durable before it is believed;
//! `service` puts both on the bus. OpenBMC's `User.Manager` can become a second service over the same store: it names users where
//! IPMI numbers them, and needs nothing else from the table.

mod service;
mod store;
mod table;

use bmc_daemon::{ChannelMedium, Context, Daemon};
use bmc_dbus::names::users;
use serde::Deserialize;

pub use service::{Shared, serve};
pub use store::{Store, StoreError};
pub use table::{NULL_USER, User, UserTable};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "userd",
    about: "users: slots, names, privileges and the secrets that RAKP needs",
    run: |context| Box::pin(run(context)),
};

/// `userd.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// How many slots the table has, the null user's included: 2 to 63.
    slots: u8,
}

impl Default for Config {
    fn default() -> Self {
        // OpenBMC's number.
        Self { slots: 15 }
    }
}

async fn run(context: Context) -> anyhow::Result<()> {
    let config: Config = context.config()?;
    anyhow::ensure!(
        (2..=table::MOST_SLOTS).contains(&config.slots),
        "{}: slots = {} is not 2 to {}",
        context.config_dir().join("userd.toml").display(),
        config.slots,
        table::MOST_SLOTS
    );
    let lan =
        context.channels()?.iter().filter(|c| c.medium == ChannelMedium::Lan).map(|c| c.number).collect();
    let store =
        Store::open(context.state_file("users.json")?, context.state_file("secrets.json")?, config.slots)?;
    let shared = Shared::new(store, lan);
    bmc_daemon::keep_connected(&context, async |connection| {
        serve(&connection, shared.clone()).await?;
        bmc_dbus::own_name(&connection, users::SERVICE).await?;
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
        let example: Config = system_tests::read_example_config("userd");
        assert_eq!(format!("{example:?}"), format!("{:?}", Config::default()));
    }
}
