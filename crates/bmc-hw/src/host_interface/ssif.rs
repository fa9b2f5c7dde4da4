//! `/dev/ipmi-ssif-host`, the kernel's SSIF interface (`ssif_bmc`): the host reaches the BMC over SMBus.
//!
//! A message is `struct ipmi_ssif_msg`: its length as a native 32-bit number, then up to 254 bytes.

use std::{
    io,
    task::{Context, Poll, ready},
};

use ipmi_wire::system_interface::Header;

use super::{Driver, HostError, HostEvent, HostInterface, LENGTH_INVALID, Tag, kcs::event_up_to};

/// `IPMI_SSIF_PAYLOAD_MAX`.
const LONGEST: usize = 254;
const LENGTH: usize = size_of::<u32>();

/// An SSIF interface.
#[derive(Debug)]
pub struct Ssif<D> {
    driver: D,
}

impl<D> Ssif<D> {
    /// On an open device, or what behaves like one.
    pub fn new(driver: D) -> Self {
        Self { driver }
    }
}

impl<D: Driver> HostInterface for Ssif<D> {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<HostEvent, HostError>> {
        let mut buffer = [0; LENGTH + LONGEST + 1];
        Poll::Ready(match ready!(self.driver.poll_read(context, &mut buffer)) {
            Ok(0) => Err(HostError::Lost(io::ErrorKind::UnexpectedEof.into())),
            Ok(length) => Ok(event(buffer.get(..length).unwrap_or_default())),
            Err(error) => Err(HostError::Lost(error)),
        })
    }

    fn respond(&mut self, _tag: Tag, response: &[u8]) -> Result<(), HostError> {
        let Some(length) = u32::try_from(response.len()).ok().filter(|_| response.len() <= LONGEST) else {
            return Err(HostError::TooLong);
        };
        let message = [&length.to_ne_bytes(), response].concat();
        match self.driver.write(&message) {
            Ok(_) => Ok(()),
            // The driver gave the host up after half a second, or still sends the response before.
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => Err(HostError::Withdrawn),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(HostError::Withdrawn),
            Err(error) => Err(HostError::Lost(error)),
        }
    }

    fn set_attention(&mut self, _on: bool) -> Result<(), HostError> {
        Err(HostError::Unsupported("the SSIF driver has no attention"))
    }

    fn force_abort(&mut self) -> Result<(), HostError> {
        Err(HostError::Unsupported("the SSIF driver has no abort"))
    }
}

fn event(bytes: &[u8]) -> HostEvent {
    let message = bytes.split_first_chunk::<LENGTH>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
        rest.get(..length)
    });
    match message {
        Some(message) => event_up_to(LONGEST, message),
        None => {
            let header = Header::of(bytes.get(LENGTH..).unwrap_or_default());
            HostEvent::Malformed(Tag::default(), header, LENGTH_INVALID)
        }
    }
}
