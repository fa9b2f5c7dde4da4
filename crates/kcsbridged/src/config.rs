//! `kcsbridged.toml`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use bmc_daemon::{ChannelMedium, ChannelTable};
use bmc_hw::host_interface::{Backend, ListenError};
use serde::Deserialize;

/// The instance where none is named: OpenBMC's host channel.
const DEFAULT_CHANNEL: &str = "ipmi_kcs3";

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// By the channel's name in `channels.toml`.
    channel: BTreeMap<String, ChannelConfig>,
}

/// One host channel. At most one of `kcs`, `bt`, `ssif` and `vm` says where the host is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ChannelConfig {
    /// A KCS device. Default, where no other backend is named: `/dev/` and the channel's name with `-` for `_`.
    kcs: Option<PathBuf>,
    /// A BT device.
    bt: Option<PathBuf>,
    /// An SSIF device.
    ssif: Option<PathBuf>,
    /// Where virtual machines connect: `unix:PATH` or `tcp:ADDRESS:PORT` of the loopback.
    vm: Option<String>,
    /// Milliseconds until a request that ipmid has not answered gets C3h, 50 to 4500. Default: 3000, and 400 for SSIF.
    deadline_ms: Option<u64>,
    /// Whether powerd's power-off, reset, NMI and soft-off go to the virtual machine. Default: no.
    follow_power: bool,
    /// Whether to own `org.openbmc.HostIpmi`, where OpenBMC's ipmid asks for attention. Default: yes.
    legacy_attention: bool,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            kcs: None,
            bt: None,
            ssif: None,
            vm: None,
            deadline_ms: None,
            follow_power: false,
            legacy_attention: true,
        }
    }
}

/// The file checked, as far as one channel goes.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) channel: String,
    pub(crate) backend: Backend,
    pub(crate) deadline: Duration,
    pub(crate) follow_power: bool,
    pub(crate) legacy_attention: bool,
}

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "channel: no host channel `{0}`\nhint: channels.toml names the channels, with medium = \"system-interface\""
    )]
    Channel(String),
    #[error("{0}: `{1}` is named as well\nhint: one of kcs, bt, ssif and vm")]
    Backends(&'static str, &'static str),
    #[error("vm: {0}")]
    Listen(#[from] ListenError),
    #[error("deadline_ms: {0} is not 50 to 4500")]
    Deadline(u64),
    #[error(
        "follow_power: only a virtual machine is powered through its interface\nhint: vm = \"unix:PATH\""
    )]
    FollowPower,
}

impl ConfigError {
    /// The setting that is wrong.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Channel(_) => "channel",
            Self::Backends(field, _) => field,
            Self::Listen(_) => "vm",
            Self::Deadline(_) => "deadline_ms",
            Self::FollowPower => "follow_power",
        }
    }
}

impl Config {
    /// Checks the values of the channel `instance`, which may be written as OpenBMC's units have it, with `-` for `_`.
    pub(crate) fn check(
        &self,
        instance: Option<&str>,
        channels: &ChannelTable,
    ) -> Result<Checked, ConfigError> {
        let instance = instance.unwrap_or(DEFAULT_CHANNEL);
        let name = [instance.to_owned(), instance.replace('-', "_")].into_iter().find(|name| {
            channels.by_name(name).is_some_and(|channel| channel.medium == ChannelMedium::SystemInterface)
        });
        let name = name.ok_or_else(|| ConfigError::Channel(instance.to_owned()))?;
        self.channel.get(&name).cloned().unwrap_or_default().check(name)
    }
}

impl ChannelConfig {
    fn check(self, channel: String) -> Result<Checked, ConfigError> {
        let deadline = self.deadline()?;
        let (follow_power, legacy_attention) = (self.follow_power, self.legacy_attention);
        let backend = self.backend(&channel)?;
        if follow_power && !matches!(backend, Backend::Vm(_)) {
            return Err(ConfigError::FollowPower);
        }
        let deadline = deadline.unwrap_or_else(|| patience(&backend));
        Ok(Checked { channel, backend, deadline, follow_power, legacy_attention })
    }

    fn deadline(&self) -> Result<Option<Duration>, ConfigError> {
        match self.deadline_ms {
            Some(ms) if !(50..=4500).contains(&ms) => Err(ConfigError::Deadline(ms)),
            ms => Ok(ms.map(Duration::from_millis)),
        }
    }

    fn backend(self, channel: &str) -> Result<Backend, ConfigError> {
        let vm = self.vm.map(|text| text.parse()).transpose()?.map(Backend::Vm);
        let named = [
            ("kcs", self.kcs.map(Backend::Kcs)),
            ("bt", self.bt.map(Backend::Bt)),
            ("ssif", self.ssif.map(Backend::Ssif)),
            ("vm", vm),
        ];
        let mut named = named.into_iter().filter_map(|(key, backend)| Some((key, backend?)));
        match (named.next(), named.next()) {
            (Some((first, _)), Some((second, _))) => Err(ConfigError::Backends(second, first)),
            (Some((_, backend)), None) => Ok(backend),
            (None, _) => Ok(Backend::Kcs(PathBuf::from("/dev").join(channel.replace('_', "-")))),
        }
    }
}

/// How long the host's side waits, less a margin: Linux gives up on KCS and BT after 5 s and QEMU after 4 s; the kernel's SSIF
/// driver gives the host up after 500 ms.
fn patience(backend: &Backend) -> Duration {
    Duration::from_millis(match backend {
        Backend::Ssif(_) => 400,
        Backend::Kcs(_) | Backend::Bt(_) | Backend::Vm(_) => 3000,
    })
}

#[cfg(test)]
mod tests;
