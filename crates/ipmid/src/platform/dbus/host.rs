//! What powerd and OpenBMC's settings daemon know of the host, mirrored.

use std::sync::Arc;

use bmc_daemon::Tasks;
use bmc_dbus::names::{ipmi, power as names};
use zbus::Connection;

use super::{
    mirror::{Mirror, Watched},
    variant_of,
};
use crate::{platform::host::Host, restriction::Mode};

const OPERATING_SYSTEM: usize = 0;
const RESTRICTION_MODE: usize = 1;

/// In the order of the constants above.
static WATCHED: [Watched; 2] = [
    Watched {
        what: "the operating system's state",
        services: &[names::OS_SERVICE, names::HOST_SERVICE],
        path: names::HOST_PATH,
        interface: "xyz.openbmc_project.State.OperatingSystem.Status",
    },
    Watched {
        what: "a restriction mode of OpenBMC's settings",
        services: &["xyz.openbmc_project.Settings"],
        path: ipmi::RESTRICTION_MODE_PATH,
        interface: ipmi::RESTRICTION_MODE,
    },
];

/// [`Host`] from mirrored properties.
pub(super) struct DbusHost(Arc<Mirror>);

impl DbusHost {
    pub(super) async fn start(connection: &Connection, tasks: &mut Tasks) -> zbus::Result<Self> {
        Ok(Self(Mirror::start(connection, &WATCHED, tasks).await?))
    }
}

impl Host for DbusHost {
    /// Where nobody tells, the host counts as booted: a restriction does not end with powerd.
    fn booted(&self) -> bool {
        let state: Option<String> = self.0.get(OPERATING_SYSTEM, "OperatingSystemState");
        state.is_none_or(|state| variant_of(&state) != "Inactive")
    }

    fn mode(&self) -> Option<Mode> {
        let mode: String = self.0.get(RESTRICTION_MODE, "RestrictionMode")?;
        let known = Mode::from_name(&mode);
        if known.is_none() {
            tracing::warn!("restriction mode `{mode}` is not known: the host gets what reads");
        }
        // What a newer OpenBMC means by a word is a restriction.
        Some(known.unwrap_or(Mode::Allowlist))
    }
}
