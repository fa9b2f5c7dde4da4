//! The firmware firewall: which commands and sub-functions a channel has (v2.0§21), derived from the command table.

use std::collections::{BTreeMap, BTreeSet};

use bmc_daemon::ChannelMedium;
use ipmi_wire::{
    CompletionCode, NetFn,
    command::{
        Access, Command as _, app, app_channel,
        chassis::ChassisControl,
        firmware_firewall::{Definer, SetCommandEnables, SetCommandSubFunctionEnables},
        session,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    dispatch::{Entry, Units, entry::key},
    table,
};

/// What is disabled, by channel. What a later version of Ferrite adds is enabled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Firewall {
    /// Keys of disabled commands.
    commands: BTreeMap<u8, BTreeSet<u32>>,
    /// Disabled sub-functions, a bit each, by the command's key.
    sub_functions: BTreeMap<u8, BTreeMap<u32, u32>>,
}

/// Commands that cannot be disabled: a client finds the BMC and opens its session with these, and rights come back with the
/// last three.
pub(crate) const FIXED: [u8; 9] = [
    app::GetDeviceId::CMD,
    app::GetSystemGuid::CMD,
    session::GetChannelAuthenticationCapabilities::CMD,
    session::GetChannelCipherSuites::CMD,
    session::SetSessionPrivilegeLevel::CMD,
    session::CloseSession::CMD,
    SetCommandEnables::CMD,
    SetCommandSubFunctionEnables::CMD,
    app_channel::SetChannelAccess::CMD,
];

/// Commands with sub-functions (v2.0 appendix H): how many, and which one a request is.
const SUB_FUNCTIONS: [(u32, u32, fn(&[u8]) -> Option<u8>); 1] =
    [(key(NetFn::CHASSIS.value(), ChassisControl::CMD, None), 0b11_1111, |data| {
        // Power down, power up, cycle, hard reset, diagnostic interrupt, soft shutdown.
        data.first().map(|action| action & 0x0F)
    })];

/// The body code that a request names, as the table has it.
pub(crate) fn group(definer: Definer) -> Option<u8> {
    match definer {
        Definer::Group(code) => Some(code),
        Definer::Ipmi | Definer::Oem(_) => None,
    }
}

/// Whether a channel of `medium` has `command` at all.
pub(crate) fn has_command(medium: ChannelMedium, net_fn: NetFn, command: u8, definer: Definer) -> bool {
    if matches!(definer, Definer::Oem(_)) {
        return false;
    }
    match table::find(net_fn.value(), command, group(definer)) {
        Some(entry) => is_for(medium, entry),
        None => {
            medium == ChannelMedium::Lan
                && net_fn == NetFn::APP
                && answered_by_the_session().contains(&command)
        }
    }
}

/// Commands that the endpoint of a LAN session answers, so that they are not in ipmid's table.
fn answered_by_the_session() -> [u8; 1] {
    [session::SetSessionPrivilegeLevel::CMD]
}

/// Whether an entry exists for a channel of `medium`.
pub(crate) fn is_for(medium: ChannelMedium, entry: &Entry) -> bool {
    entry.access != Access::SystemInterface || medium == ChannelMedium::SystemInterface
}

/// Whether an entry exists on a logical unit.
pub(crate) fn is_on(lun: u8, entry: &Entry) -> bool {
    match entry.units {
        Units::Bmc => lun == 0,
        // Sensors fill LUN 2, the host's queue, last; commands are not promised there.
        Units::Any => lun != 2,
    }
}

/// Whether a command can be disabled.
pub(crate) fn is_configurable(net_fn: NetFn, command: u8) -> bool {
    net_fn != NetFn::APP || !FIXED.contains(&command)
}

/// The sub-functions of a command, a bit each.
pub(crate) fn sub_functions(command_key: u32) -> u32 {
    SUB_FUNCTIONS.iter().find(|(its, ..)| *its == command_key).map_or(0, |(_, mask, _)| *mask)
}

impl Firewall {
    pub(crate) fn is_disabled(&self, channel: u8, entry: &Entry) -> bool {
        self.is_key_disabled(channel, entry.key())
    }

    /// The same for a key.
    pub(crate) fn is_key_disabled(&self, channel: u8, command_key: u32) -> bool {
        self.commands.get(&channel).is_some_and(|disabled| disabled.contains(&command_key))
    }

    /// Enables or disables a command.
    pub(crate) fn set(&mut self, channel: u8, command_key: u32, enabled: bool) {
        let disabled = self.commands.entry(channel).or_default();
        if enabled {
            disabled.remove(&command_key);
        } else {
            disabled.insert(command_key);
        }
    }

    /// The disabled sub-functions of a command.
    pub(crate) fn disabled_sub_functions(&self, channel: u8, command_key: u32) -> u32 {
        self.sub_functions.get(&channel).and_then(|all| all.get(&command_key)).copied().unwrap_or(0)
    }

    /// Disables these sub-functions of a command, and no others.
    pub(crate) fn set_disabled_sub_functions(&mut self, channel: u8, command_key: u32, disabled: u32) {
        self.sub_functions.entry(channel).or_default().insert(command_key, disabled);
    }

    /// Whether the sub-function that `data` asks for is enabled.
    pub(super) fn admit_sub_function(
        &self,
        channel: u8,
        entry: &Entry,
        data: &[u8],
    ) -> Result<(), CompletionCode> {
        let disabled = self.disabled_sub_functions(channel, entry.key());
        if disabled == 0 {
            return Ok(());
        }
        let of = SUB_FUNCTIONS.iter().find(|(its, ..)| *its == entry.key()).map(|(.., of)| of);
        let bit = of.and_then(|of| of(data)).and_then(|number| 1u32.checked_shl(number.into()));
        match bit {
            Some(bit) if disabled & bit != 0 => Err(CompletionCode::SUB_FUNCTION_DISABLED),
            _ => Ok(()),
        }
    }
}
