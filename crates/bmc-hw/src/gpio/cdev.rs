//! The kernel's GPIO character devices, v1 ABI.

use std::{collections::HashMap, os::fd::AsFd as _};

use gpio_cdev::{Chip, EventRequestFlags, EventType, Line, LineEventHandle, LineHandle, LineRequestFlags};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::{io::unix::AsyncFd, sync::mpsc};

use super::{GpioError, LineEvent, Outputs, no_lines};

/// Who holds the lines, as `gpioinfo` shows it.
const CONSUMER: &str = "ferrite";

type Events = mpsc::Sender<Result<LineEvent, GpioError>>;

/// Output lines, each requested when it is set and held until it is released.
pub(super) struct Chips {
    outputs: HashMap<String, Line>,
    held: HashMap<String, LineHandle>,
}

#[allow(
    deprecated,
    reason = "`register` is unsafe for descriptors that may be swapped; the handle owns its file"
)]
pub(super) fn open(inputs: &[String], outputs: &[String], events: &Events) -> Result<Chips, GpioError> {
    // All are looked for before the first is requested: a board that is not complete yet is left alone.
    let mut found = find(inputs.iter().chain(outputs))?;
    for name in inputs {
        let Some(line) = found.get(name) else { continue };
        let handle = line
            .events(LineRequestFlags::INPUT, EventRequestFlags::BOTH_EDGES, CONSUMER)
            .map_err(|error| refused(line, name, &error))?;
        let descriptor = AsyncFd::new(handle).map_err(|error| refused(line, name, &error))?;
        tokio::spawn(watch(name.clone(), descriptor, events.clone()));
    }
    found.retain(|name, _| outputs.contains(name));
    Ok(Chips { outputs: found, held: HashMap::new() })
}

impl Outputs for Chips {
    fn set(&mut self, name: &str, high: bool) -> Result<(), GpioError> {
        let value = u8::from(high);
        let line = self
            .outputs
            .get(name)
            .ok_or_else(|| GpioError::NoLine { lines: name.to_owned(), chips: String::new() })?;
        if let Some(handle) = self.held.get(name) {
            return handle.set_value(value).map_err(|error| refused(line, name, &error));
        }
        let handle = line
            .request(LineRequestFlags::OUTPUT, value, CONSUMER)
            .map_err(|error| refused(line, name, &error))?;
        self.held.insert(name.to_owned(), handle);
        Ok(())
    }

    fn release(&mut self, name: &str) {
        self.held.remove(name);
    }
}

/// What the kernel says, with the chip and whoever holds the line.
fn refused(line: &Line, name: &str, error: &dyn std::fmt::Display) -> GpioError {
    let holder = line.info().ok().and_then(|info| info.consumer().map(str::to_owned));
    let holder = holder.map(|holder| format!(" (held by `{holder}`)")).unwrap_or_default();
    let chip = line.chip();
    GpioError::Line {
        line: name.to_owned(),
        place: format!("{} line {}", chip.path().display(), line.offset()),
        reason: format!("{error}{holder}"),
    }
}

/// The lines of these names, on whichever chip each is; where several have one name, the first of the lowest chip.
fn find<'a>(names: impl Iterator<Item = &'a String>) -> Result<HashMap<String, Line>, GpioError> {
    let none = |error: &dyn std::fmt::Display| GpioError::Lost(format!("/dev: {error}"));
    let (mut chips, mut seen) = (Vec::<Chip>::new(), Vec::new());
    for chip in gpio_cdev::chips().map_err(|error| none(&error))? {
        match chip {
            Ok(chip) => chips.push(chip),
            Err(error) => seen.push(format!("a chip that cannot be opened: {error}")),
        }
    }
    chips.sort_by(|one, other| one.path().cmp(other.path()));
    let mut all = HashMap::new();
    for chip in &chips {
        seen.push(format!("{} [{}]: {} lines", chip.path().display(), chip.label(), chip.num_lines()));
        for line in chip.lines() {
            if let Some(name) = line.info().ok().and_then(|info| info.name().map(str::to_owned)) {
                all.entry(name).or_insert(line);
            }
        }
    }
    let mut found = HashMap::new();
    let mut missing = Vec::new();
    for name in names {
        match all.get(name) {
            Some(line) => drop(found.insert(name.clone(), line.clone())),
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(no_lines(&missing, &seen)) }
}

/// Sends the level now and at each change, until nobody listens.
async fn watch(name: String, mut descriptor: AsyncFd<LineEventHandle>, events: Events) {
    let mut levels = match descriptor.get_ref().get_value() {
        Ok(value) => Ok(vec![value != 0]),
        Err(error) => Err(lost(&name, &error)),
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
                let _ = events.send(Err(error)).await;
                return;
            }
        }
        levels = tokio::select! {
            levels = changes(&name, &mut descriptor) => levels,
            () = events.closed() => return,
        };
    }
}

fn lost(name: &str, error: &dyn std::fmt::Display) -> GpioError {
    GpioError::Lost(format!("gpio line `{name}`: {error}"))
}

/// The levels after each edge that the kernel queued, and the level now where the queue overflowed (it holds 16).
async fn changes(name: &str, descriptor: &mut AsyncFd<LineEventHandle>) -> Result<Vec<bool>, GpioError> {
    let mut guard = descriptor.readable_mut().await.map_err(|error| lost(name, &error))?;
    let mut levels = Vec::new();
    while levels.len() < 16 && queued(guard.get_inner()) {
        let event = guard.get_inner_mut().get_event().map_err(|error| lost(name, &error))?;
        levels.push(event.event_type() == EventType::RisingEdge);
    }
    if !queued(guard.get_inner()) {
        guard.clear_ready();
    }
    let now = guard.get_inner().get_value().map_err(|error| lost(name, &error))? != 0;
    if levels.last() != Some(&now) {
        levels.push(now);
    }
    Ok(levels)
}

/// Whether a read would not block: the descriptor is a blocking one.
fn queued(handle: &LineEventHandle) -> bool {
    let mut descriptors = [PollFd::new(handle.as_fd(), PollFlags::POLLIN)];
    poll(&mut descriptors, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
