//! The demo's arguments.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context as _, bail};
use lexopt::prelude::{Long, Short, ValueExt as _};

use crate::workspace;

pub(super) const USAGE: &str = "\
Ferrite on a simulated board on this machine, for ipmitool to talk to; ends with Ctrl-C and removes what it made

usage: cargo xtask demo [options]
       cargo xtask demo --stop [--state-dir DIR]

  --detach              return when it answers, and leave it running
  --stop                end a detached demo, if one runs
  --tied                end when standard input closes, for a program that starts the demo
  --json                print one JSON object that describes the demo, and nothing else
  --release             a release build
  --port N              UDP port (default: 6230, or the next free one)
  --user U              name of the administrator (default: a fresh one), 1 to 16 bytes
  --password-file F     file whose first line is the password (default: a fresh one), 1 to 20 bytes
  --cipher-suites LIST  what netipmid offers (default 17), such as 3,17
  --board FILE          the simulated board (default tests/boards/two-socket/sim.toml); board.json and power-config.json beside it
  --host                a Linux guest in QEMU is the board's host, with its IPMI driver on the BMC's system interface
  --state-dir DIR       where everything is (default: ferrite-demo-<uid> in $XDG_RUNTIME_DIR, $TMPDIR or /tmp);
                        a second demo at once needs one of its own, at --stop too
";

/// How the demo is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Until a signal.
    Foreground,
    /// Until standard input closes.
    Tied,
    /// Until `--stop`.
    Detached,
    /// End what `Detached` left.
    Stop,
    /// Say what there is.
    Help,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the demo is run.
    pub mode: Mode,
    /// Whether the description is printed as JSON.
    pub json: bool,
    /// Whether the build is a release.
    pub release: bool,
    /// UDP port; `None` picks a free one.
    pub port: Option<u16>,
    /// Name of the administrator; `None` makes one up.
    pub user: Option<String>,
    /// File of the password; `None` makes one up.
    pub password_file: Option<PathBuf>,
    /// Cipher suites that netipmid offers.
    pub cipher_suites: Vec<u8>,
    /// The simulated board.
    pub board: PathBuf,
    /// Whether a Linux guest is the board's host.
    pub host: bool,
    /// Where everything is.
    pub state_dir: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Foreground,
            json: false,
            release: false,
            port: None,
            user: None,
            password_file: None,
            cipher_suites: vec![17],
            board: workspace::root().join("tests/boards/two-socket/sim.toml"),
            host: false,
            state_dir: default_state_dir(),
        }
    }
}

/// Short, because the path of a socket has 107 bytes.
fn default_state_dir() -> PathBuf {
    let run_time = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|parent| parent.is_dir());
    let parent = run_time.unwrap_or_else(std::env::temp_dir);
    parent.join(format!("ferrite-demo-{}", nix::unistd::geteuid()))
}

impl Options {
    /// Reads the words after `demo`.
    ///
    /// # Errors
    /// Words that make no sense.
    pub fn parse(arguments: Vec<OsString>) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => options.mode = Mode::Help,
                Long("detach") => options.mode = Mode::Detached,
                Long("stop") => options.mode = Mode::Stop,
                Long("tied") => options.mode = Mode::Tied,
                Long("json") => options.json = true,
                Long("release") => options.release = true,
                Long("port") => options.port = Some(parser.value()?.parse()?),
                Long("user") => options.user = Some(parser.value()?.string()?),
                Long("password-file") => options.password_file = Some(parser.value()?.into()),
                Long("cipher-suites") => options.cipher_suites = suites(&parser.value()?.string()?)?,
                Long("board") => options.board = parser.value()?.into(),
                Long("host") => options.host = true,
                Long("state-dir") => options.state_dir = parser.value()?.into(),
                other => return Err(other.unexpected()).context("hint: cargo xtask demo --help"),
            }
        }
        Ok(options)
    }
}

fn suites(text: &str) -> anyhow::Result<Vec<u8>> {
    let suite = |word: &str| match word.trim() {
        "3" => Ok(3),
        "17" => Ok(17),
        other => bail!("no cipher suite `{other}` can be offered\nhint: 3, 17 or both"),
    };
    text.split(',').map(suite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> anyhow::Result<Options> {
        Options::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn the_line_that_scripts_use_is_understood() {
        let options =
            parse("--detach --json --host --port 7000 --user u --password-file p --cipher-suites 3,17")
                .unwrap();
        assert_eq!(options.mode, Mode::Detached);
        assert!(options.json && options.host && !options.release);
        assert_eq!((options.port, options.cipher_suites), (Some(7000), vec![3, 17]));
    }

    #[test]
    fn weak_suites_and_unknown_words_are_refused() {
        for line in ["--cipher-suites 0", "--cipher-suites 17,", "--port x", "--colour", "word"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
