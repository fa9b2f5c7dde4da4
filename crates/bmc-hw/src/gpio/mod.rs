//! GPIO lines by name: inputs as a stream of levels, outputs to set.
//!
//! Two backends stand behind [`Outputs`]: the kernel's character devices ([`cdev`]) and a board that speaks JSON lines over a
//! Unix socket ([`socket`]). Levels are those on the line, true = high; polarity is the caller's business.

mod cdev;
mod socket;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, str::FromStr};

use tokio::sync::mpsc;

/// Events that wait for the caller. More than this many unread changes stop the backend, not the memory.
const QUEUE: usize = 64;

/// Why a line cannot be used, or no line can any more.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// No chip has a line of this name.
    #[error("no gpio line is named `{0}`\nhint: `gpioinfo` lists the names, which come from the device tree")]
    NoLine(String),
    /// The kernel refuses the line, mostly because something else holds it.
    #[error("gpio line `{line}`: {reason}")]
    Line {
        /// The line's name.
        line: String,
        /// What the kernel says.
        reason: String,
    },
    /// The board at the socket refuses what was asked.
    #[error("the board refuses: {0}")]
    Refused(String),
    /// What the lines came from is gone; connect again.
    #[error("the source of the gpio lines is gone: {0}")]
    Lost(String),
}

impl GpioError {
    /// Whether no line works any more, as opposed to one of them.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

/// The level of an input, at the start and after each change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEvent {
    /// The line's name.
    pub line: String,
    /// Whether it is high.
    pub high: bool,
}

/// What drives output lines.
pub trait Outputs: Send {
    /// Drives `line` high or low. A line is not touched before the first call.
    ///
    /// # Errors
    /// [`GpioError`] where there is no such line, or none any more.
    fn set(&mut self, line: &str, high: bool) -> Result<(), GpioError>;
}

/// Where the lines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// All of `/dev/gpiochip*`.
    Cdev,
    /// A board that listens at this Unix socket.
    Socket(PathBuf),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => Ok(Self::Socket(path.into())),
            _ if text == "cdev" => Ok(Self::Cdev),
            _ => Err(format!("`{text}` is no source of gpio lines\nhint: \"cdev\" or \"unix:PATH\"")),
        }
    }
}

/// Lines in use.
pub struct Lines {
    outputs: Box<dyn Outputs>,
    events: mpsc::Receiver<Result<LineEvent, GpioError>>,
}

impl Lines {
    /// Opens `source` and watches `inputs`; each gives one event now and one at every change.
    ///
    /// # Errors
    /// [`GpioError`] where the source or one of the inputs is not there.
    pub async fn open(source: &Source, inputs: &[String]) -> Result<Self, GpioError> {
        let (sender, events) = mpsc::channel(QUEUE);
        let outputs: Box<dyn Outputs> = match source {
            Source::Cdev => Box::new(cdev::open(inputs, &sender)?),
            Source::Socket(path) => Box::new(socket::open(path, inputs, sender).await?),
        };
        Ok(Self { outputs, events })
    }

    /// The next level of an input. Safe to cancel.
    ///
    /// # Errors
    /// [`GpioError`]; after one that [is lost](GpioError::is_lost) nothing comes any more.
    pub async fn next(&mut self) -> Result<LineEvent, GpioError> {
        let ended = || Err(GpioError::Lost("it ended".to_owned()));
        self.events.recv().await.unwrap_or_else(ended)
    }

    /// Drives an output; see [`Outputs::set`].
    ///
    /// # Errors
    /// As [`Outputs::set`].
    pub fn set(&mut self, line: &str, high: bool) -> Result<(), GpioError> {
        self.outputs.set(line, high)
    }
}
