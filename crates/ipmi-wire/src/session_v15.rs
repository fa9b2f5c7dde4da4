//! The IPMI 1.5 session header, only as it stands outside a session (v2.0§13.6, table 13-8).
//!
//! ```text
//! | auth type 00h | sequence 00000000h (4) | session ID 00000000h (4) | length | message ... | [pad]
//! ```
//! Sessions of IPMI 1.5 are deliberately absent: their authentication is broken.

use crate::{
    FrameError,
    frame_error::{array, take},
};

/// The authentication type "none".
pub const AUTHENTICATION_NONE: u8 = 0x00;

/// A message in IPMI 1.5 framing outside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The LAN message.
    pub message: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads what follows an RMCP header of class IPMI.
    ///
    /// One byte may follow the message: clients of old network chips fill frames of certain lengths with it (v2.0§13.6).
    ///
    /// # Errors
    /// [`FrameError::AuthenticationType`] for any but "none"; [`FrameError::Format`] for a session ID or sequence number other
    /// than 0; [`FrameError::Truncated`] and [`FrameError::Length`] where bytes are missing or left over.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let mut rest = bytes;
        let [authentication_type] = array(&mut rest)?;
        if authentication_type != AUTHENTICATION_NONE {
            return Err(FrameError::AuthenticationType(authentication_type));
        }
        if array::<8>(&mut rest)? != [0; 8] {
            return Err(FrameError::Format);
        }
        let [length] = array(&mut rest)?;
        let message = take(&mut rest, usize::from(length))?;
        if rest.len() > 1 {
            return Err(FrameError::Length);
        }
        Ok(Self { message })
    }

    /// Appends the packet to `out`; `false`, and nothing appended, where the message is longer than 255 bytes.
    #[must_use]
    pub fn emit(&self, out: &mut Vec<u8>) -> bool {
        let Ok(length) = u8::try_from(self.message.len()) else { return false };
        out.extend([0; 9]);
        out.push(length);
        out.extend(self.message);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packets_read_back(message in prop::collection::vec(any::<u8>(), 0..=255)) {
            let mut bytes = Vec::new();
            let packet = Packet { message: &message };
            prop_assert!(packet.emit(&mut bytes));
            prop_assert_eq!(Packet::parse(&bytes), Ok(packet));
            bytes.push(0);
            prop_assert_eq!(Packet::parse(&bytes), Ok(packet));
            bytes.push(0);
            prop_assert_eq!(Packet::parse(&bytes), Err(FrameError::Length));
        }

        #[test]
        fn any_input_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Packet::parse(&bytes);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_not_sent() {
        assert!(!Packet { message: &[0; 256] }.emit(&mut Vec::new()));
    }

    #[test]
    fn packets_of_a_session_or_with_authentication_are_refused() {
        assert_eq!(Packet::parse(&[2, 0, 0]), Err(FrameError::AuthenticationType(2)));
        assert_eq!(Packet::parse(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(FrameError::Format));
    }
}
