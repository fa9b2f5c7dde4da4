//! `/dev/ipmi-kcsN`, the kernel's KCS interface (`kcs_bmc_cdev_ipmi`).
//!
//! The driver runs the handshake of v2.0§9 and gives whole messages. An abort by the host is not told: the response to the aborted
//! request is refused (EINVAL), and the next request supersedes it.

use std::{
    io,
    task::{Context, Poll, ready},
};

use ipmi_wire::{
    CompletionCode,
    system_interface::{Request, TooShort},
};

use super::{Driver, HostError, HostEvent, HostInterface, LENGTH_INVALID, Tag};

/// The driver's buffer, each way.
const LONGEST: usize = 1000;

/// A KCS interface.
#[derive(Debug)]
pub struct Kcs<D> {
    driver: D,
}

impl<D> Kcs<D> {
    /// On an open device, or what behaves like one.
    pub fn new(driver: D) -> Self {
        Self { driver }
    }
}

impl<D: Driver> HostInterface for Kcs<D> {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<HostEvent, HostError>> {
        // One byte more than the driver gives: a longer message is noticed, not cut.
        let mut buffer = [0; LONGEST + 1];
        Poll::Ready(match ready!(self.driver.poll_read(context, &mut buffer)) {
            Ok(0) => Err(HostError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(length) => Ok(event(buffer.get(..length).unwrap_or_default())),
            // The driver had to abort a message that is longer than we take.
            Err(error) if error.raw_os_error() == Some(nix::libc::EOVERFLOW) => Ok(HostEvent::Refused),
            Err(error) => Err(HostError::Lost(error)),
        })
    }

    fn respond(&mut self, _tag: Tag, response: &[u8]) -> Result<(), HostError> {
        if response.len() > LONGEST {
            return Err(HostError::TooLong);
        }
        match self.driver.write(response) {
            Ok(_) => Ok(()),
            // Another phase than the one that waits for a response.
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => Err(HostError::Withdrawn),
            Err(error) => Err(HostError::Lost(error)),
        }
    }

    fn set_attention(&mut self, on: bool) -> Result<(), HostError> {
        self.driver.set_attention(on).map_err(HostError::Driver)
    }

    fn force_abort(&mut self) -> Result<(), HostError> {
        self.driver.force_abort().map_err(HostError::Driver)
    }
}

/// A message without a number of its own, of KCS or SSIF.
pub(super) fn event_up_to(longest: usize, message: &[u8]) -> HostEvent {
    match Request::parse(message) {
        Ok(request) if message.len() > longest => {
            HostEvent::Malformed(Tag::default(), request.header, CompletionCode::REQUEST_DATA_TRUNCATED)
        }
        Ok(request) => HostEvent::Request(Tag::default(), request),
        Err(TooShort { header }) => HostEvent::Malformed(Tag::default(), header, LENGTH_INVALID),
    }
}

fn event(message: &[u8]) -> HostEvent {
    event_up_to(LONGEST, message)
}
