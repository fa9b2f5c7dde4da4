//! GPIO lines by name: inputs as a stream of levels, outputs to set.
//!
//! Two backends stand behind [`Outputs`]: the kernel's character devices (`cdev`) and a board that speaks JSON lines over a
//! Unix socket (`socket`). Levels are those on the line, true = high; polarity is the caller's business.

mod cdev;
mod socket;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, str::FromStr};

use tokio::{sync::mpsc, task::JoinHandle};

/// Events that wait for the caller. More than this many unread changes stop the backend, not the memory.
const QUEUE: usize = 64;

/// Why a line cannot be used, or no line can any more.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// No chip has lines of these names.
    #[error(
        "no gpio line is named {lines}{chips}\nhint: `gpioinfo` lists the names, which come from the device tree; the chip's driver \
         may still be loading"
    )]
    NoLine {
        /// The names, each quoted.
        lines: String,
        /// Where they were looked for.
        chips: String,
    },
    /// The kernel refuses the line, mostly because something else holds it.
    #[error("gpio line `{line}` ({place}): {reason}")]
    Line {
        /// The line's name.
        line: String,
        /// Chip and offset.
        place: String,
        /// What the kernel says, and who holds the line.
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

/// What is missing, and where it was looked for.
fn no_lines(missing: &[&str], chips: &[String]) -> GpioError {
    let lines = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let chips = match chips {
        [] => ": there is no gpio chip in /dev".to_owned(),
        chips => format!(" (searched {})", chips.join("; ")),
    };
    GpioError::NoLine { lines, chips }
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

    /// Holds `line` no longer, so that what else is wired to it (a front panel's button, say) can drive it.
    fn release(&mut self, line: &str);
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
    /// What still has to reach a socket.
    sending: Option<JoinHandle<()>>,
}

impl Lines {
    /// Opens `source` and watches `inputs`; each gives one event now and one at every change. `outputs` are not touched, but the
    /// kernel's must be there.
    ///
    /// # Errors
    /// [`GpioError`] where the source or lines are not there: all that are missing are named.
    pub async fn open(source: &Source, inputs: &[String], outputs: &[String]) -> Result<Self, GpioError> {
        let (sender, events) = mpsc::channel(QUEUE);
        match source {
            Source::Cdev => {
                let outputs = Box::new(cdev::open(inputs, outputs, &sender)?);
                Ok(Self { outputs, events, sending: None })
            }
            Source::Socket(path) => {
                let (board, sending) = socket::open(path, inputs, sender).await?;
                Ok(Self { outputs: Box::new(board), events, sending: Some(sending) })
            }
        }
    }

    /// Ends once the outputs that were set have reached the board. Every line is released.
    pub async fn close(self) {
        drop(self.outputs);
        if let Some(sending) = self.sending {
            // It fails only if it panicked; there is nothing left to send then.
            let _ = sending.await;
        }
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

    /// Holds an output no longer; see [`Outputs::release`].
    pub fn release(&mut self, line: &str) {
        self.outputs.release(line);
    }
}
