//! OpenBMC's restriction modes.

use ipmi_wire::{
    NetFn, Privilege,
    command::{Access, Command as _, acpi, host_message, system_info},
};
use serde::{Deserialize, Serialize};

use super::HostState;
use crate::dispatch::{Entry, entry::key};

/// What the host may send (`xyz.openbmc_project.Control.Security.RestrictionMode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Mode {
    /// Everything.
    #[default]
    None,
    /// What reads, and what a host's drivers need.
    Allowlist,
    /// All but what configures the BMC.
    Blocklist,
    /// Everything, while the machine is set up.
    Provisioning,
    /// Everything until the firmware hands over, then [`Mode::Allowlist`].
    ProvisionedHostAllowlist,
    /// Everything until the firmware hands over, then nothing.
    ProvisionedHostDisabled,
}

/// What each value of the property begins with.
const PREFIX: &str = "xyz.openbmc_project.Control.Security.RestrictionMode.Modes.";

impl Mode {
    const ALL: [(Self, &'static str); 6] = [
        (Self::None, "None"),
        (Self::Allowlist, "Allowlist"),
        (Self::Blocklist, "Blocklist"),
        (Self::Provisioning, "Provisioning"),
        (Self::ProvisionedHostAllowlist, "ProvisionedHostAllowlist"),
        (Self::ProvisionedHostDisabled, "ProvisionedHostDisabled"),
    ];

    /// As the property has it.
    pub(crate) fn name(self) -> String {
        let name = Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name);
        format!("{PREFIX}{name}")
    }

    /// Reads the property's value; OpenBMC's earlier words too.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let name =
            name.strip_prefix(PREFIX)?.replace("Whitelist", "Allowlist").replace("Blacklist", "Blocklist");
        Self::ALL.iter().find(|(_, its)| *its == name).map(|(mode, _)| *mode)
    }
}

/// What the drivers and the firmware of a host send beside what reads: without these an allow list would keep Linux from working.
/// A few of them are Administrator's commands by the specification, because a LAN user should not send them.
const FOR_DRIVERS: [(NetFn, u8); 9] = [
    (NetFn::APP, acpi::SetAcpiPowerState::CMD),
    (NetFn::APP, system_info::SetSystemInfoParameters::CMD),
    (NetFn::APP, host_message::SendMessage::CMD),
    // Reset and Set Watchdog Timer.
    (NetFn::APP, 0x22),
    (NetFn::APP, 0x24),
    // Platform Event Message, Add SEL Entry, Set SEL Time.
    (NetFn::SENSOR_EVENT, 0x02),
    (NetFn::STORAGE, 0x44),
    (NetFn::STORAGE, 0x49),
    // Set System Boot Options: the firmware acknowledges its flags.
    (NetFn::CHASSIS, 0x08),
];

fn is_for_drivers(entry: &Entry) -> bool {
    FOR_DRIVERS.iter().any(|(net_fn, command)| key(net_fn.value(), *command, None) == entry.key())
}

/// Whether a command needs no more than `privilege`.
fn is_within(entry: &Entry, privilege: Privilege) -> bool {
    match entry.access {
        Access::BeforeSession | Access::SystemInterface => true,
        Access::AtLeast(least) => least <= privilege,
    }
}

impl HostState {
    /// Whether the mode lets the host send `entry`.
    pub(crate) fn admits(self, entry: &Entry) -> bool {
        let in_allowlist = || is_within(entry, Privilege::User) || is_for_drivers(entry);
        match self.mode {
            Mode::None | Mode::Provisioning => true,
            Mode::Allowlist => in_allowlist(),
            Mode::Blocklist => is_within(entry, Privilege::Operator) || is_for_drivers(entry),
            Mode::ProvisionedHostAllowlist => !self.booted || in_allowlist(),
            Mode::ProvisionedHostDisabled => !self.booted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_property_are_openbmcs_old_and_new() {
        for (mode, _) in Mode::ALL {
            assert_eq!(Mode::from_name(&mode.name()), Some(mode));
        }
        let old = format!("{PREFIX}ProvisionedHostWhitelist");
        assert_eq!(Mode::from_name(&old), Some(Mode::ProvisionedHostAllowlist));
        assert_eq!(Mode::from_name("Allowlist"), None);
    }
}
