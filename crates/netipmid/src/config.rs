//! `netipmid.toml`.

use std::{net::SocketAddr, time::Duration};

use bmc_daemon::{ChannelMedium, ChannelTable};
use rmcp_session::{CipherSuite, Limits, Lockout, Settings};
use serde::Deserialize;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The interface served; `--instance` goes before it. Default: eth0.
    interface: String,
    /// Where to listen when systemd passes no socket. Default: `[::]:623`, which takes IPv4 as well.
    listen: SocketAddr,
    /// Whether to take only what arrives on the interface. Default: where `--instance` names it.
    bind_to_device: Option<bool>,
    /// The channel's name in `channels.toml`. Default: the interface.
    channel: Option<String>,
    /// Cipher suites, 17 and 3 (v2.0§13.20). Default: 17 alone.
    cipher_suites: Vec<u8>,
    /// Open sessions at once, 1 to 63. Default: 15.
    sessions: usize,
    /// Open sessions of one user, 1 to 63. Default: 15.
    sessions_per_user: usize,
    /// Handshakes under way at once, 1 to 4096. Default: 256.
    half_open: usize,
    /// Handshakes under way from one source, 1 to 4096. Default: 8.
    half_open_per_source: usize,
    /// Seconds of silence that end a session, 10 to 3600. Default: 60.
    idle_seconds: u64,
    /// Failed logins that lock a user out, up to 255; 0 never does. Default: 10.
    lockout_user_failures: u32,
    /// Failed logins that lock a source out, up to 255; 0 never does. Default: 20.
    lockout_source_failures: u32,
    /// Whether a login that is given up after RAKP message 2 is a failed one too. Honest clients (ipmitool) see there that the
    /// password is wrong and send no message 3, so that only `true` counts their failures; but message 1 names any user and costs
    /// its sender nothing, so that `true` lets whoever reaches the port lock users out. Default: no.
    lockout_count_abandoned: bool,
    /// Seconds that a lockout lasts and that failures count, 1 to 86400. Default: 300.
    lockout_seconds: u64,
    /// Whether sessions that are opened and closed stand in the event log too; logins that fail and lockouts always do. Default: no.
    log_sessions: bool,
    /// The host's consoles that Serial over LAN reaches, by SOL instance from instance 1, at most 15. Default: `default` alone.
    consoles: Vec<String>,
    /// The UDP port where SNMP managers take alerts. Default: 162.
    trap_port: u16,
}

impl Default for Config {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            interface: "eth0".into(),
            listen: SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 623)),
            bind_to_device: None,
            channel: None,
            cipher_suites: vec![17],
            sessions: limits.sessions,
            sessions_per_user: limits.sessions_per_user,
            half_open: limits.half_open,
            half_open_per_source: limits.half_open_per_source,
            idle_seconds: 60,
            lockout_user_failures: 10,
            lockout_source_failures: 20,
            lockout_count_abandoned: false,
            lockout_seconds: 300,
            log_sessions: false,
            consoles: vec!["default".into()],
            trap_port: ipmi_wire::pet::PORT,
        }
    }
}

/// The file checked.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) listen: SocketAddr,
    pub(crate) device: Option<String>,
    pub(crate) channel: String,
    pub(crate) settings: Settings,
    pub(crate) consoles: Vec<String>,
    pub(crate) log_sessions: bool,
    pub(crate) trap_port: u16,
}

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "cipher_suites: suite {0} is not allowed\nhint: 17, or 3 for old clients; suite 0 has no password check and is never offered"
    )]
    Suite(u8),
    #[error("cipher_suites: none is left, so that nobody could log in\nhint: cipher_suites = [17]")]
    NoSuite,
    #[error("{field}: {value} is not {low} to {high}")]
    Range { field: &'static str, value: u64, low: u64, high: u64 },
    #[error("channel: no LAN channel `{0}`\nhint: channels.toml names the channels, with medium = \"lan\"")]
    Channel(String),
    #[error("consoles: `{0}` is no console's id: letters, digits and `_`")]
    Console(String),
}

impl ConfigError {
    /// The setting that is wrong.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::Suite(_) | Self::NoSuite => "cipher_suites",
            Self::Range { field, .. } => field,
            Self::Channel(_) => "channel",
            Self::Console(_) => "consoles",
        }
    }
}

impl Config {
    /// Checks every value; `instance` is the interface where it is given.
    pub(crate) fn check(
        self,
        instance: Option<&str>,
        channels: &ChannelTable,
    ) -> Result<Checked, ConfigError> {
        let interface = instance.map_or(self.interface.clone(), str::to_owned);
        let name = self.channel.clone().unwrap_or_else(|| interface.clone());
        let channel = channels
            .by_name(&name)
            .filter(|channel| channel.medium == ChannelMedium::Lan)
            .ok_or_else(|| ConfigError::Channel(name.clone()))?;
        self.check_ranges()?;
        let settings = Settings {
            channel: channel.number,
            instance: instance_of(channel.number, channels),
            suites: self.suites()?,
            limits: self.limits(),
            lockout: self.lockout(),
            ..Settings::default()
        };
        // systemd before 258 passes over `BindToDevice=%i`: an instance that serves one interface sees to it itself.
        let device = self.bind_to_device.unwrap_or(instance.is_some()).then_some(interface);
        let consoles = self.consoles()?;
        Ok(Checked {
            listen: self.listen,
            device,
            channel: name,
            settings,
            consoles,
            log_sessions: self.log_sessions,
            trap_port: self.trap_port,
        })
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        let size = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let ranges = [
            ("sessions", size(self.sessions), 1, 63),
            ("sessions_per_user", size(self.sessions_per_user), 1, 63),
            ("half_open", size(self.half_open), 1, 4096),
            ("half_open_per_source", size(self.half_open_per_source), 1, 4096),
            ("idle_seconds", self.idle_seconds, 10, 3600),
            // As many are remembered of each user and source.
            ("lockout_user_failures", self.lockout_user_failures.into(), 0, 255),
            ("lockout_source_failures", self.lockout_source_failures.into(), 0, 255),
            ("lockout_seconds", self.lockout_seconds, 1, 86400),
        ];
        match ranges.into_iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((field, value, low, high)) => Err(ConfigError::Range { field, value, low, high }),
            None => Ok(()),
        }
    }

    fn consoles(&self) -> Result<Vec<String>, ConfigError> {
        // A console's id is a part of its bus name and its path.
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let valid = |id: &&String| !id.is_empty() && id.len() <= 64 && id.chars().all(letter);
        let number = u64::try_from(self.consoles.len()).unwrap_or(u64::MAX);
        match self.consoles.iter().find(|id| !valid(id)) {
            Some(id) => Err(ConfigError::Console(id.clone())),
            None if number > 15 => {
                Err(ConfigError::Range { field: "consoles", value: number, low: 0, high: 15 })
            }
            None => Ok(self.consoles.clone()),
        }
    }

    fn suites(&self) -> Result<Vec<CipherSuite>, ConfigError> {
        if self.cipher_suites.is_empty() {
            return Err(ConfigError::NoSuite);
        }
        let suite = |id: &u8| CipherSuite::from_id(*id).ok_or(ConfigError::Suite(*id));
        self.cipher_suites.iter().map(suite).collect()
    }

    fn limits(&self) -> Limits {
        Limits {
            sessions: self.sessions,
            sessions_per_user: self.sessions_per_user,
            half_open: self.half_open,
            half_open_per_source: self.half_open_per_source,
            idle: Duration::from_secs(self.idle_seconds),
            ..Limits::default()
        }
    }

    fn lockout(&self) -> Option<Lockout> {
        let time = Duration::from_secs(self.lockout_seconds);
        Some(Lockout {
            user_failures: self.lockout_user_failures,
            source_failures: self.lockout_source_failures,
            window: time,
            duration: time,
            count_abandoned: self.lockout_count_abandoned,
        })
    }
}

/// Where the channel stands among the LAN channels of the table.
fn instance_of(number: u8, channels: &ChannelTable) -> u8 {
    let lan = channels.iter().filter(|channel| channel.medium == ChannelMedium::Lan);
    let place = lan.take_while(|channel| channel.number != number).count();
    // The endpoint counts modulo four.
    u8::try_from(place % 4).unwrap_or(0)
}

#[cfg(test)]
impl Config {
    pub(crate) fn for_test(listen: SocketAddr) -> Self {
        Self { listen, ..Self::default() }
    }

    pub(crate) fn with_lockout(self, failures: u32) -> Self {
        Self { lockout_source_failures: failures, ..self }
    }

    pub(crate) fn with_trap_port(self, trap_port: u16) -> Self {
        Self { trap_port, ..self }
    }

    pub(crate) fn with_suites(self, suites: &[u8]) -> Self {
        Self { cipher_suites: suites.to_vec(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_names_every_key_with_its_default() {
        let example: Config = system_tests::read_example_config("netipmid");
        let defaults =
            Config { channel: Some("eth0".to_owned()), bind_to_device: Some(true), ..Config::default() };
        assert_eq!(format!("{example:?}"), format!("{defaults:?}"));
    }
}
