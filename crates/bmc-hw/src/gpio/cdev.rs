//! The kernel's GPIO character devices, v1 ABI.

use std::{collections::HashMap, os::fd::AsFd as _};

use gpio_cdev::{EventRequestFlags, EventType, Line, LineEventHandle, LineHandle, LineRequestFlags};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::{io::unix::AsyncFd, sync::mpsc};

use super::{GpioError, LineEvent, Outputs};

/// Who holds the lines, as `gpioinfo` shows it.
const CONSUMER: &str = "ferrite";

type Events = mpsc::Sender<Result<LineEvent, GpioError>>;

/// Output lines, each requested at its first use and held from then on.
pub(super) struct Chips {
    held: HashMap<String, LineHandle>,
}

#[allow(
    deprecated,
    reason = "`AsyncFd::register` wants AsFd, which LineEventHandle lacks; the handle owns its file"
)]
pub(super) fn open(inputs: &[String], events: &Events) -> Result<Chips, GpioError> {
    for name in inputs {
        let line = find(name)?;
        let handle = line
            .events(LineRequestFlags::INPUT, EventRequestFlags::BOTH_EDGES, CONSUMER)
            .map_err(|error| refused(name, &error))?;
        let descriptor = AsyncFd::new(handle).map_err(|error| refused(name, &error))?;
        tokio::spawn(watch(name.clone(), descriptor, events.clone()));
    }
    Ok(Chips { held: HashMap::new() })
}

impl Outputs for Chips {
    fn set(&mut self, line: &str, high: bool) -> Result<(), GpioError> {
        let value = u8::from(high);
        if let Some(handle) = self.held.get(line) {
            return handle.set_value(value).map_err(|error| refused(line, &error));
        }
        let handle = find(line)?
            .request(LineRequestFlags::OUTPUT, value, CONSUMER)
            .map_err(|error| refused(line, &error))?;
        self.held.insert(line.to_owned(), handle);
        Ok(())
    }
}

fn refused(line: &str, error: &dyn std::fmt::Display) -> GpioError {
    GpioError::Line { line: line.to_owned(), reason: error.to_string() }
}

fn find(name: &str) -> Result<Line, GpioError> {
    let chips = gpio_cdev::chips().map_err(|error| refused(name, &error))?;
    chips
        .flatten()
        .flat_map(|chip| chip.lines())
        .find(|line| line.info().is_ok_and(|info| info.name() == Some(name)))
        .ok_or_else(|| GpioError::NoLine(name.to_owned()))
}

/// Sends the level now and at each change, until nobody listens.
async fn watch(name: String, mut descriptor: AsyncFd<LineEventHandle>, events: Events) {
    let mut levels = match descriptor.get_ref().get_value() {
        Ok(value) => Ok(vec![value != 0]),
        Err(error) => Err(refused(&name, &error)),
    };
    loop {
        match levels {
            Ok(levels) => {
                for high in levels {
                    if events.send(Ok(LineEvent { line: name.clone(), high })).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                let _ = events.send(Err(GpioError::Lost(error.to_string()))).await;
                return;
            }
        }
        levels = tokio::select! {
            levels = changes(&name, &mut descriptor) => levels,
            () = events.closed() => return,
        };
    }
}

/// The levels after each edge that the kernel queued, and the level now where the queue overflowed (it holds 16).
async fn changes(name: &str, descriptor: &mut AsyncFd<LineEventHandle>) -> Result<Vec<bool>, GpioError> {
    let mut guard = descriptor.readable_mut().await.map_err(|error| refused(name, &error))?;
    let mut levels = Vec::new();
    while levels.len() < 16 && queued(guard.get_inner()) {
        let event = guard.get_inner_mut().get_event().map_err(|error| refused(name, &error))?;
        levels.push(event.event_type() == EventType::RisingEdge);
    }
    if !queued(guard.get_inner()) {
        guard.clear_ready();
    }
    let now = guard.get_inner().get_value().map_err(|error| refused(name, &error))? != 0;
    if levels.last() != Some(&now) {
        levels.push(now);
    }
    Ok(levels)
}

/// Whether a read would not block: the descriptor is a blocking one.
fn queued(handle: &LineEventHandle) -> bool {
    let mut descriptors = [PollFd::new(handle.file().as_fd(), PollFlags::POLLIN)];
    poll(&mut descriptors, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
