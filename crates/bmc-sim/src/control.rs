//! The control socket's messages, and a client for it. README.md is the reference for people.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::{BoardState, Line};

/// What can be wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Reads of its attribute give `EIO`.
    Fail,
    /// It reports what it last reported.
    Freeze,
    /// Its hwmon device is gone, with every sensor on it.
    Disappear,
    /// Its value is what was set, not what physics says.
    Set,
    /// Reads of its attribute block.
    Stall,
}

/// A front-panel button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Button {
    /// Power.
    Power,
    /// Reset.
    Reset,
    /// Identify.
    Id,
}

/// One line to the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Everything that is to be known.
    State,
    /// Makes a sensor faulty, or whole again where `fault` is absent.
    Sensor {
        /// Its name.
        name: String,
        /// What becomes of it.
        #[serde(default)]
        fault: Option<Fault>,
        /// For `set`: the value in the sensor's unit.
        #[serde(default)]
        value: Option<f64>,
    },
    /// Keeps the main rails from being good, or no longer.
    PowerOk {
        /// Whether they are held.
        hold_low: bool,
    },
    /// Presses a front-panel button.
    Button {
        /// Which.
        button: Button,
        /// For how long.
        #[serde(default = "short_press")]
        milliseconds: u32,
    },
    /// Breaks or mends a power supply.
    Psu {
        /// Its name.
        name: String,
        /// Whether it is broken from now on.
        failed: bool,
    },
    /// Pulls a power supply out of its slot, or puts it back.
    PsuPresence {
        /// Its name.
        name: String,
        /// Whether it is there from now on.
        present: bool,
    },
    /// Moves a line that shows what hands do: opens the chassis, takes a processor out.
    Line {
        /// Which.
        line: Line,
        /// Whether it says what its name says.
        active: bool,
    },
    /// Sets what the host has to do, 0 to 1.
    Load {
        /// The load.
        load: f64,
    },
    /// Cuts or restores the mains.
    Ac {
        /// Whether there is any.
        present: bool,
    },
    /// The operating system stops listening to its power button, or listens again.
    Host {
        /// Whether it is hung.
        hung: bool,
    },
}

fn short_press() -> u32 {
    200
}

/// One line from the board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Done.
    Ok(bool),
    /// The answer to [`Request::State`].
    State(Box<BoardState>),
    /// Refused, and why.
    Error(String),
}

/// A connection to a board's control socket.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// A board answers at once; one that does not is gone.
const PATIENCE: Duration = Duration::from_secs(5);

impl Client {
    /// Connects to `<dir>/run/board.sock`.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub fn connect(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket)
            .with_context(|| format!("no board listens at {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends `request` and waits for its reply.
    ///
    /// # Errors
    /// What the board refuses, in its words, or a lost connection.
    pub fn request(&mut self, request: &Request) -> anyhow::Result<Reply> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        line.clear();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the board closed the connection");
        }
        match serde_json::from_str(&line).context("the board's reply makes no sense")? {
            Reply::Error(message) => bail!("the board refuses: {message}"),
            reply => Ok(reply),
        }
    }

    /// The board's state.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn state(&mut self) -> anyhow::Result<BoardState> {
        match self.request(&Request::State)? {
            Reply::State(state) => Ok(*state),
            other => bail!("the board answered {other:?} to a request for its state"),
        }
    }

    /// Makes a sensor faulty, or whole again with `None`.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn sensor(&mut self, name: &str, fault: Option<Fault>) -> anyhow::Result<()> {
        self.request(&Request::Sensor { name: name.to_owned(), fault, value: None }).map(drop)
    }

    /// Sets what a sensor measures, in its unit.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub fn set(&mut self, name: &str, value: f64) -> anyhow::Result<()> {
        let fault = Some(Fault::Set);
        self.request(&Request::Sensor { name: name.to_owned(), fault, value: Some(value) }).map(drop)
    }
}

/// The request that the words of a command line say.
///
/// # Errors
/// Words that are none.
pub fn parse_words(words: &[String]) -> anyhow::Result<Request> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<f64>().with_context(|| format!("`{text}` is no number"));
    Ok(match words.as_slice() {
        ["state"] => Request::State,
        ["sensor", "set", name, value] => {
            Request::Sensor { name: (*name).to_owned(), fault: Some(Fault::Set), value: Some(number(value)?) }
        }
        ["sensor", action, name] => {
            Request::Sensor { name: (*name).to_owned(), fault: fault(action)?, value: None }
        }
        ["power_ok", "hold-low"] => Request::PowerOk { hold_low: true },
        ["power_ok", "release"] => Request::PowerOk { hold_low: false },
        ["button", "press", button, rest @ ..] => press(button, rest)?,
        ["psu", "fail", name] => Request::Psu { name: (*name).to_owned(), failed: true },
        ["psu", "restore", name] => Request::Psu { name: (*name).to_owned(), failed: false },
        ["psu", "pull", name] => Request::PsuPresence { name: (*name).to_owned(), present: false },
        ["psu", "insert", name] => Request::PsuPresence { name: (*name).to_owned(), present: true },
        ["chassis", "open"] => Request::Line { line: Line::ChassisIntrusion, active: true },
        ["chassis", "close"] => Request::Line { line: Line::ChassisIntrusion, active: false },
        ["line", "activate", name] => Request::Line { line: line(name)?, active: true },
        ["line", "release", name] => Request::Line { line: line(name)?, active: false },
        ["load", "set", load] => Request::Load { load: number(load)? },
        ["ac", "cut"] => Request::Ac { present: false },
        ["ac", "restore"] => Request::Ac { present: true },
        ["host", "hang"] => Request::Host { hung: true },
        ["host", "unhang"] => Request::Host { hung: false },
        _ => bail!("no command `{}`\nhint: bmc-sim --help", words.join(" ")),
    })
}

fn line(name: &str) -> anyhow::Result<Line> {
    Line::by_name(name).with_context(|| format!("no line `{name}`"))
}

fn fault(action: &str) -> anyhow::Result<Option<Fault>> {
    Ok(match action {
        "fail" => Some(Fault::Fail),
        "freeze" => Some(Fault::Freeze),
        "disappear" => Some(Fault::Disappear),
        "stall" => Some(Fault::Stall),
        "restore" => None,
        _ => bail!("no sensor command `{action}`\nhint: one of fail, freeze, disappear, stall, set, restore"),
    })
}

fn press(button: &str, rest: &[&str]) -> anyhow::Result<Request> {
    let button = match button {
        "power" => Button::Power,
        "reset" => Button::Reset,
        "id" => Button::Id,
        _ => bail!("no button `{button}`\nhint: one of power, reset, id"),
    };
    let milliseconds = match rest {
        [] => short_press(),
        [text] => text.parse().with_context(|| format!("`{text}` is no number of milliseconds"))?,
        _ => bail!("too many words after the button"),
    };
    Ok(Request::Button { button, milliseconds })
}
