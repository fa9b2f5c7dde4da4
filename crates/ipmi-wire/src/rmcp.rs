//! The RMCP header (v2.0§13.1.3, table 13-1).
//!
//! ```text
//! | version 06h | reserved 00h | sequence | class | message ...
//! ```

use crate::{FrameError, frame_error::array};

/// The primary RMCP port of a managed system.
pub const PORT: u16 = 623;

/// The sequence number of a message that wants no acknowledgement, as IPMI messages are.
pub const NO_ACKNOWLEDGE: u8 = 0xFF;

const VERSION: u8 = 0x06;

/// What an RMCP message carries: bit 7 marks an acknowledgement, bits 4:0 are the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class(pub u8);

impl Class {
    /// ASF messages: presence ping and pong.
    pub const ASF: Self = Self(0x06);
    /// IPMI messages, of 1.5 and 2.0.
    pub const IPMI: Self = Self(0x07);
}

/// The header in front of every datagram of port 623.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Counts messages that want an RMCP acknowledgement; [`NO_ACKNOWLEDGE`] wants none.
    pub sequence: u8,
    /// What follows.
    pub class: Class,
}

impl Header {
    /// The header of an IPMI message.
    pub const IPMI: Self = Self { sequence: NO_ACKNOWLEDGE, class: Class::IPMI };

    /// Length in bytes.
    pub const LENGTH: usize = 4;

    /// Splits a datagram into its header and what follows.
    ///
    /// # Errors
    /// [`FrameError::Truncated`]; [`FrameError::Format`] for another RMCP version.
    pub fn parse(datagram: &[u8]) -> Result<(Self, &[u8]), FrameError> {
        let mut rest = datagram;
        let [version, _reserved, sequence, class] = array(&mut rest)?;
        if version != VERSION {
            return Err(FrameError::Format);
        }
        Ok((Self { sequence, class: Class(class) }, rest))
    }

    /// Appends the header to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend([VERSION, 0, self.sequence, self.class.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        let mut bytes = Vec::new();
        Header::IPMI.emit(&mut bytes);
        assert_eq!(bytes, [0x06, 0x00, 0xFF, 0x07]);
        assert_eq!(Header::parse(&bytes), Ok((Header::IPMI, &[][..])));
    }

    #[test]
    fn another_version_or_a_short_datagram_is_refused() {
        assert_eq!(Header::parse(&[0x05, 0, 0xFF, 7]), Err(FrameError::Format));
        assert_eq!(Header::parse(&[0x06, 0, 0xFF]), Err(FrameError::Truncated));
    }
}
