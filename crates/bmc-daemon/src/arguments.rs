//! The arguments that every daemon takes.

use std::{ffi::OsString, path::PathBuf};

/// Where a daemon finds its configuration and keeps its state, and which instance it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Directory of `<daemon>.toml`, `channels.toml` and the board files.
    pub config_dir: PathBuf,
    /// The daemon's own configuration file, where it is not `<daemon>.toml` of that directory.
    pub config: Option<PathBuf>,
    /// Directory that outlives a restart, this daemon's own. systemd names it in `$STATE_DIRECTORY`.
    pub state_dir: PathBuf,
    /// What the daemon serves where there are several of it: an interface, a host channel, a console.
    pub instance: Option<String>,
    /// The least severe level that is logged.
    pub log_level: tracing::Level,
}

/// Arguments that make no sense, or a request for help.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentsError {
    /// `--help` was given.
    #[error("help was asked for")]
    Help,
    /// What lexopt says of the argument.
    #[error(transparent)]
    Invalid(#[from] lexopt::Error),
    /// A log level that does not exist.
    #[error("unknown log level `{0}`\nhint: one of error, warn, info, debug, trace")]
    LogLevel(String),
}

impl Arguments {
    /// Reads `arguments`, which do not hold the program's name.
    ///
    /// # Errors
    /// [`ArgumentsError`] with a text for the user.
    pub fn parse(
        daemon: &str,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ArgumentsError> {
        use lexopt::prelude::{Long, Short, ValueExt};
        let mut parsed = Self {
            config_dir: PathBuf::from("/etc/ferrite"),
            config: None,
            state_dir: default_state_dir(daemon),
            instance: None,
            log_level: tracing::Level::INFO,
        };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Err(ArgumentsError::Help),
                Long("config") => parsed.config = Some(parser.value()?.into()),
                Long("config-dir") => parsed.config_dir = parser.value()?.into(),
                Long("state-dir") => parsed.state_dir = parser.value()?.into(),
                Long("instance") => parsed.instance = Some(parser.value()?.string()?),
                Long("log-level") => {
                    let level = parser.value()?.string()?;
                    parsed.log_level = level.parse().map_err(|_| ArgumentsError::LogLevel(level))?;
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(parsed)
    }

    /// The text of `--help`.
    pub fn usage(daemon: &str, about: &str) -> String {
        format!(
            "{about}\n\n\
             usage: ferrite {daemon} [options]\n\n\
             options:\n  \
               --config-dir DIR   where {daemon}.toml, channels.toml and the board files are (default /etc/ferrite)\n  \
               --config FILE      a file in the place of {daemon}.toml\n  \
               --state-dir DIR    what must outlive a restart (default $STATE_DIRECTORY, else /var/lib/ferrite/{daemon})\n  \
               --instance NAME    which one this is, where there are several (an interface, a console)\n  \
               --log-level LEVEL  error, warn, info, debug or trace (default info)\n  \
               -h, --help         this text\n\n\
             The bus is the system bus, or what DBUS_SYSTEM_BUS_ADDRESS names.\n"
        )
    }
}

/// systemd gives the directory in `$STATE_DIRECTORY`; of several (`a:b`) the first is the daemon's own.
fn default_state_dir(daemon: &str) -> PathBuf {
    match std::env::var("STATE_DIRECTORY") {
        Ok(list) if !list.is_empty() => PathBuf::from(list.split(':').next().unwrap_or_default()),
        _ => PathBuf::from("/var/lib/ferrite").join(daemon),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, ArgumentsError> {
        Arguments::parse("sensord", arguments.iter().map(OsString::from))
    }

    #[test]
    fn every_option_is_read() {
        let parsed = parse(&[
            "--config-dir",
            "/c",
            "--config",
            "/f",
            "--state-dir=/s",
            "--instance",
            "eth0",
            "--log-level",
            "debug",
        ])
        .unwrap();
        assert_eq!(
            parsed,
            Arguments {
                config_dir: "/c".into(),
                config: Some("/f".into()),
                state_dir: "/s".into(),
                instance: Some("eth0".into()),
                log_level: tracing::Level::DEBUG
            }
        );
    }

    #[test]
    fn an_unknown_option_or_level_is_refused_by_name() {
        assert!(parse(&["--colour"]).unwrap_err().to_string().contains("--colour"));
        assert!(parse(&["--log-level", "loud"]).unwrap_err().to_string().contains("`loud`"));
        assert!(matches!(parse(&["-h"]), Err(ArgumentsError::Help)));
    }
}
