//! Messages between the host's software and remote consoles, which pass through (v2.0§6.13).

use ipmi_wire::{lan_message::LanMessage, rmcp_plus::PayloadType};

use crate::{Discard, Event, Message, Random, endpoint::Endpoint};

/// Bytes that a message to a console may have: more than the longest that a system interface takes.
const LONGEST: usize = 272;

/// Why a message did not go to a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SendError {
    /// No open session has that handle.
    #[error("no such session")]
    NoSession,
    /// It is longer than any IPMI message.
    #[error("the message is too long")]
    TooLong,
    /// There are no random bytes to encrypt it with.
    #[error("no random bytes")]
    NoRandom,
}

impl Endpoint {
    /// Sends a LAN message to the console of the open session `handle`, under the session's protection. The session does not count
    /// as active by it.
    ///
    /// # Errors
    /// [`SendError`]; nothing is sent then.
    pub fn send_message(
        &mut self,
        handle: u8,
        message: &[u8],
        random: &mut dyn Random,
    ) -> Result<(), SendError> {
        if message.len() > LONGEST {
            return Err(SendError::TooLong);
        }
        let session = self.sessions.iter_mut().find(|session| session.handle == handle);
        let session = session.ok_or(SendError::NoSession)?;
        let to = session.peer;
        let datagram = session.seal(PayloadType::IPMI, message, random).ok_or(SendError::NoRandom)?;
        self.transmit(to, datagram);
        Ok(())
    }

    /// Tells of a console's response to the host's software. The packet was verified, and is one that did not come before.
    pub(crate) fn tell_response(&mut self, id: u32, bytes: Vec<u8>) -> Result<(), Discard> {
        let session = self.session_mut(id).ok_or(Discard::SessionGone)?.reference();
        let LanMessage { net_fn, command, .. } = LanMessage::parse(&bytes)?;
        self.tell(Event::Message(Message { session, net_fn, command, bytes }));
        Ok(())
    }
}

/// Whether a LAN message is a response to the host's software.
pub(crate) fn is_response_to_host(bytes: &[u8]) -> bool {
    LanMessage::parse(bytes).is_ok_and(|message| message.net_fn.is_response() && message.is_to_host())
}
