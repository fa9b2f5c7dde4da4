//! `/dev/ipmi-bt-host`, the kernel's Block Transfer interface (`bt-bmc`).
//!
//! The driver's `read` and `write` wait for the host whatever the descriptor says, so that each is asked first.

use std::{
    io,
    task::{Context, Poll, ready},
};

use ipmi_wire::bt::{self, BtRequest, MAX_LENGTH};

use super::{Driver as _, HostError, HostEvent, HostInterface, LENGTH_INVALID, Tag, device::Device};

/// A BT interface.
#[derive(Debug)]
pub struct Bt {
    device: Device,
    /// A response that the host has no room for yet. A newer one goes in its place.
    waiting: Option<Vec<u8>>,
}

impl Bt {
    /// On an open device.
    pub fn new(device: Device) -> Self {
        Self { device, waiting: None }
    }

    /// Sends the response that waits, once the host takes it.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.waiting.is_none() || self.device.poll_writable(context)?.is_pending() {
            return Ok(());
        }
        if let Some(frame) = self.waiting.take() {
            self.device.write(&frame)?;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Bt {
    pub(super) fn waiting(&self) -> Option<&[u8]> {
        self.waiting.as_deref()
    }
}

impl HostInterface for Bt {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<HostEvent, HostError>> {
        self.poll_flush(context).map_err(HostError::Lost)?;
        let mut buffer = [0; 1 + MAX_LENGTH];
        let length = match ready!(self.device.poll_read_blocking(context, &mut buffer)) {
            Ok(0) => return Poll::Ready(Err(HostError::Lost(io::ErrorKind::UnexpectedEof.into()))),
            Ok(length) => length,
            Err(error) => return Poll::Ready(Err(HostError::Lost(error))),
        };
        self.waiting = None;
        Poll::Ready(Ok(event(buffer.get(..length).unwrap_or_default())))
    }

    fn respond(&mut self, Tag(sequence): Tag, response: &[u8]) -> Result<(), HostError> {
        let mut frame = Vec::with_capacity(2 + response.len());
        bt::emit(sequence, response, &mut frame).map_err(|_| HostError::TooLong)?;
        if self.device.is_writable() {
            self.device.write(&frame).map_err(HostError::Lost)?;
        } else {
            self.waiting = Some(frame);
        }
        Ok(())
    }

    /// The host clears the bit itself.
    fn set_attention(&mut self, on: bool) -> Result<(), HostError> {
        if on { self.device.set_attention(true).map_err(HostError::Driver) } else { Ok(()) }
    }

    fn force_abort(&mut self) -> Result<(), HostError> {
        Err(HostError::Unsupported("BT has no abort"))
    }
}

fn event(frame: &[u8]) -> HostEvent {
    match BtRequest::parse(frame) {
        Ok(BtRequest { sequence, request }) => HostEvent::Request(Tag(sequence), request),
        Err(_) => {
            let (sequence, header) = bt::head(frame);
            HostEvent::Malformed(Tag(sequence), header, LENGTH_INVALID)
        }
    }
}
