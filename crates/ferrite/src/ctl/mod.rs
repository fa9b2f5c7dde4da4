//! `ferrite ctl`: what the stack is doing, for people and for scripts.
//!
//! Each command is one file: it asks the bus for a model (plain data), and renders that as text or as JSON. Rendering knows no bus.

mod bus;
mod console;
mod fru;
mod line;
mod password;
mod power;
mod sel;
mod sel_text;
mod sensors;
mod sessions;
mod status;
mod table;
mod user;

use std::{ffi::OsString, future::Future, io::Write as _, pin::Pin, process::ExitCode};

use line::Line;

const HELP: &str = "\
Asks and steers the Ferrite daemons of this BMC, over the system bus.

usage: ferrite ctl <command> [options]

commands:
  status     which daemons run, power, sensors in alarm, sessions, thrown-away datagrams
  sensors    all readings with unit, age and threshold state
  power      show or change the host's power
  sel        show, save or clear the system event log
  sessions   list IPMI LAN sessions, close one
  fru        what the board says of itself: show, change, save
  console    attach to the host's serial console, show its log
  user       list, add, change and delete IPMI users

options of every command:
  --json      one JSON value instead of text
  -h, --help  more about a command

exit codes:
  0  done
  1  refused or failed; the text says why
  2  the command line makes no sense
  3  the bus, or a daemon that is needed, is not there

The bus is the system bus, or what DBUS_SYSTEM_BUS_ADDRESS names.
";

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The bus is not there.
    #[error(
        "cannot reach the system bus: {0}\nhint: does dbus run? DBUS_SYSTEM_BUS_ADDRESS names another bus"
    )]
    NoBus(zbus::Error),
    /// A daemon is not there.
    #[error("{daemon} is not on the bus\nhint: systemctl status {unit}")]
    Missing {
        /// Its name.
        daemon: &'static str,
        /// The unit to look at.
        unit: &'static str,
    },
    /// Whatever else; the text is for people.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NoBus(_) | Self::Missing { .. } => 3,
        }
    }
}

/// What a command ends with: text for stdout, and whether a daemon was missing that `status` tells of.
struct Output {
    text: String,
    exit: u8,
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self { text, exit: 0 }
    }
}

type CommandFuture = Pin<Box<dyn Future<Output = Result<Output, Failure>>>>;

struct Command {
    name: &'static str,
    help: &'static str,
    /// Options without and with a value, beside `--json` and `--help`.
    flags: &'static [&'static str],
    values: &'static [&'static str],
    run: fn(Line) -> CommandFuture,
}

const COMMANDS: [Command; 8] = [
    status::COMMAND,
    sensors::COMMAND,
    power::COMMAND,
    sel::COMMAND,
    sessions::COMMAND,
    console::COMMAND,
    fru::COMMAND,
    user::COMMAND,
];

/// Runs `ferrite ctl` with what follows on the command line.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = parse(arguments).and_then(|work| match work {
        Work::Help(text) => Ok(Output::from(text.to_owned())),
        Work::Run(command, line) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
            runtime.block_on((command.run)(line))
        }
    });
    match result {
        Ok(output) => {
            show(&output.text);
            ExitCode::from(output.exit)
        }
        Err(failure) => {
            eprintln!("ferrite ctl: {failure}");
            if matches!(failure, Failure::Usage(_)) {
                eprintln!("hint: ferrite ctl --help");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

enum Work {
    Help(&'static str),
    Run(&'static Command, Line),
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Work, Failure> {
    static TABLE: [Command; COMMANDS.len()] = COMMANDS;
    let mut arguments = arguments.into_iter();
    let name = arguments.next().unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::Usage("which command?".into()));
    }
    if name == "--help" || name == "-h" || name == "help" {
        return Ok(Work::Help(HELP));
    }
    let Some(command) = TABLE.iter().find(|command| name == command.name) else {
        return Err(Failure::Usage(format!("unknown command `{}`", name.to_string_lossy())));
    };
    let line = Line::parse(arguments, command.flags, command.values)?;
    Ok(if line.has("help") { Work::Help(command.help) } else { Work::Run(command, line) })
}

/// A reader that went away (`| head`) is no error.
fn show(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// `model` as JSON, or as what `render` makes of it.
fn present<T: serde::Serialize>(line: &Line, model: &T, render: fn(&T) -> String) -> Result<String, Failure> {
    if !line.has("json") {
        return Ok(render(model));
    }
    match serde_json::to_string_pretty(model) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(Failure::Failed(format!("cannot write JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests;
