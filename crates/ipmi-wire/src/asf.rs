//! ASF presence ping and pong (v2.0§13.2.3, §13.2.4; ASF 2.0 §3.2.4).
//!
//! ```text
//! | IANA 4542, big-endian (4) | type | tag | reserved | data length | data ...
//! ```

use crate::{
    FrameError,
    frame_error::{array, take},
};

/// The enterprise number of the Alert Standard Forum.
const ASF_IANA: u32 = 4542;
const PRESENCE_PING: u8 = 0x80;
const PRESENCE_PONG: u8 = 0x40;
/// Supported entities: IPMI (bit 7), ASF version 1.0 (bits 3:0).
const IPMI_SUPPORTED: u8 = 0x81;

/// An ASF message of the two that IPMI needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// "Is a managed system there?"
    Ping {
        /// Comes back in the pong. FFh asks for no answer.
        tag: u8,
    },
    /// "Yes, and it speaks IPMI."
    Pong {
        /// The ping's tag.
        tag: u8,
        /// Whether the managed system speaks IPMI.
        ipmi: bool,
    },
}

impl Message {
    /// Reads what follows an RMCP header of class ASF.
    ///
    /// # Errors
    /// [`FrameError::Truncated`]; [`FrameError::Format`] for another enterprise or message type.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut rest = bytes;
        let iana = u32::from_be_bytes(array(&mut rest)?);
        let [kind, tag, _reserved, length] = array(&mut rest)?;
        let mut data = take(&mut rest, usize::from(length))?;
        match (iana, kind) {
            (ASF_IANA, PRESENCE_PING) => Ok(Self::Ping { tag }),
            (ASF_IANA, PRESENCE_PONG) => {
                let [_, _, _, _, _, _, _, _, entities, ..] = array::<16>(&mut data)?;
                Ok(Self::Pong { tag, ipmi: entities & 0x80 != 0 })
            }
            _ => Err(FrameError::Format),
        }
    }

    /// Appends the message to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend(ASF_IANA.to_be_bytes());
        match *self {
            Self::Ping { tag } => out.extend([PRESENCE_PING, tag, 0, 0]),
            Self::Pong { tag, ipmi } => {
                out.extend([PRESENCE_PONG, tag, 0, 16]);
                out.extend(ASF_IANA.to_be_bytes());
                out.extend([0; 4]);
                out.push(if ipmi { IPMI_SUPPORTED } else { IPMI_SUPPORTED & 0x7F });
                out.extend([0; 7]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(message: Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.emit(&mut bytes);
        bytes
    }

    #[test]
    fn messages_read_back() {
        for message in [
            Message::Ping { tag: 7 },
            Message::Pong { tag: 0, ipmi: true },
            Message::Pong { tag: 9, ipmi: false },
        ] {
            assert_eq!(Message::parse(&emitted(message)), Ok(message));
        }
    }

    #[test]
    fn a_cut_message_is_refused_at_every_length() {
        let pong = emitted(Message::Pong { tag: 1, ipmi: true });
        for length in 0..pong.len() {
            assert_eq!(Message::parse(&pong[..length]), Err(FrameError::Truncated));
        }
    }

    #[test]
    fn another_enterprise_is_refused() {
        assert_eq!(Message::parse(&[0, 0, 0, 1, 0x80, 0, 0, 0]), Err(FrameError::Format));
    }
}
