//! What a channel may send, beyond the privilege that the specification asks for.
//!
//! The host is not trusted: its operator is not the machine's owner where machines are rented. Three things hold it, each kept
//! over restarts, and each lets a normal Linux host work as it comes:
//!
//! - a privilege limit of its channel (Set Channel Access), Administrator by default as OpenBMC has it, since firmware sets the
//!   BMC up over it;
//! - the restriction mode ([`Mode`], OpenBMC's `RestrictionMode` property), None by default;
//! - the firmware firewall ([`firewall`]), which holds LAN channels too, and has everything enabled by default.
//!
//! The host cannot lock out the LAN administrator: it changes none of the three for another channel than its own, and on its own
//! it can only take rights away. And nobody can disable the commands by which a right comes back ([`firewall::FIXED`]).

pub(crate) mod firewall;
mod mode;

use bmc_daemon::ChannelMedium;
use ipmi_wire::{CompletionCode, Privilege, command::Access};
use serde::{Deserialize, Serialize};

use crate::dispatch::{Caller, Entry};
use firewall::Firewall;
pub use mode::Mode;

/// The restrictions, `restrictions.json` of the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OnFlash")]
pub(crate) struct Restrictions {
    /// The restriction mode, where OpenBMC's settings daemon has none.
    pub(crate) mode: Mode,
    /// The highest privilege of the host after the next start, 2 to 4.
    pub(crate) stored_limit: u8,
    /// The same until then.
    #[serde(skip)]
    pub(crate) host_limit: u8,
    /// What is disabled.
    pub(crate) firewall: Firewall,
}

/// As it is read: the limit in force is the one that was stored.
#[derive(Deserialize)]
#[serde(default)]
struct OnFlash {
    mode: Mode,
    stored_limit: u8,
    firewall: Firewall,
}

impl Default for OnFlash {
    fn default() -> Self {
        Self {
            mode: Mode::None,
            stored_limit: Privilege::Administrator.into(),
            firewall: Firewall::default(),
        }
    }
}

impl From<OnFlash> for Restrictions {
    fn from(OnFlash { mode, stored_limit, firewall }: OnFlash) -> Self {
        Self { mode, stored_limit, host_limit: stored_limit, firewall }
    }
}

impl Default for Restrictions {
    fn default() -> Self {
        OnFlash::default().into()
    }
}

/// What the host is, as far as a mode asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostState {
    /// The mode in force.
    pub(crate) mode: Mode,
    /// Whether its firmware handed over to an operating system.
    pub(crate) booted: bool,
}

impl Restrictions {
    /// What `caller` may do at most.
    fn privilege(&self, caller: &Caller) -> Option<Privilege> {
        match caller.medium {
            ChannelMedium::SystemInterface => caller.privilege.min(Privilege::from_u8(self.host_limit)),
            _ => caller.privilege,
        }
    }

    /// Whether `caller` may have `entry` run with `data`.
    ///
    /// # Errors
    /// [`CompletionCode::INSUFFICIENT_PRIVILEGE`] for privilege, origin, mode and disabled commands alike (v2.0 table 5-2 names
    /// the firmware firewall there); [`CompletionCode::SUB_FUNCTION_DISABLED`].
    pub(crate) fn admit(
        &self,
        caller: &Caller,
        entry: &Entry,
        data: &[u8],
        state: impl FnOnce() -> HostState,
    ) -> Result<(), CompletionCode> {
        let is_host = caller.medium == ChannelMedium::SystemInterface;
        let admitted = match entry.access {
            Access::BeforeSession => true,
            Access::AtLeast(least) => self.privilege(caller).is_some_and(|privilege| privilege >= least),
            Access::SystemInterface => is_host,
        };
        let refused_by_mode = || is_host && !state().admits(entry);
        if !admitted || self.firewall.is_disabled(caller.channel, entry) || refused_by_mode() {
            return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
        }
        self.firewall.admit_sub_function(caller.channel, entry, data)
    }
}

#[cfg(test)]
mod tests;
