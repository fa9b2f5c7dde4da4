//! The RMCP+ session header and trailer (v2.0§13.6, table 13-8).
//!
//! ```text
//! | 06h | payload type | [OEM IANA (4) | OEM ID (2)] | session ID (4) | sequence (4) | length (2) | payload ...
//! | [integrity pad FFh ... | pad length | next header 07h | AuthCode ...]
//! ```
//! The trailer is there when the payload type's "authenticated" bit is. The AuthCode covers all from the first byte up to the next
//! header, whose number is a multiple of four; the pad sees to that.

use crate::{
    FrameError,
    frame_error::{array, take},
};

/// The value of the authentication type field that marks RMCP+ framing.
pub const AUTHENTICATION_TYPE: u8 = 0x06;

const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;
const PAD: u8 = 0xFF;
const NEXT_HEADER: u8 = 0x07;

/// The kind of a payload (v2.0§13.27.3, table 13-16). Six bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// An IPMI message.
    pub const IPMI: Self = Self(0x00);
    /// Serial over LAN.
    pub const SOL: Self = Self(0x01);
    /// Named by an enterprise number and an ID of its own.
    pub const OEM_EXPLICIT: Self = Self(0x02);
    /// RMCP+ Open Session Request.
    pub const OPEN_SESSION_REQUEST: Self = Self(0x10);
    /// RMCP+ Open Session Response.
    pub const OPEN_SESSION_RESPONSE: Self = Self(0x11);
    /// RAKP message 1.
    pub const RAKP_1: Self = Self(0x12);
    /// RAKP message 2.
    pub const RAKP_2: Self = Self(0x13);
    /// RAKP message 3.
    pub const RAKP_3: Self = Self(0x14);
    /// RAKP message 4.
    pub const RAKP_4: Self = Self(0x15);

    /// A payload type from its six bits; `None` where `value` has more.
    pub const fn new(value: u8) -> Option<Self> {
        if value < 0x40 { Some(Self(value)) } else { None }
    }

    /// The six bits.
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// The fields of an RMCP+ session header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether the payload is encrypted.
    pub encrypted: bool,
    /// Whether a trailer with an AuthCode follows.
    pub authenticated: bool,
    /// The kind of payload.
    pub payload_type: PayloadType,
    /// The receiver's session ID; 0 outside a session.
    pub session_id: u32,
    /// The sender's session sequence number; 0 outside a session.
    pub sequence: u32,
}

impl Header {
    /// Length in bytes, without the fields of an OEM explicit payload.
    pub const LENGTH: usize = 12;

    /// The header of a payload outside any session.
    pub const fn sessionless(payload_type: PayloadType) -> Self {
        Self { encrypted: false, authenticated: false, payload_type, session_id: 0, sequence: 0 }
    }

    /// Appends the header of a payload of `length` bytes to `out`.
    ///
    /// Not for [`PayloadType::OEM_EXPLICIT`], which nothing here sends.
    pub fn emit(&self, length: u16, out: &mut Vec<u8>) {
        let flags =
            if self.encrypted { ENCRYPTED } else { 0 } | if self.authenticated { AUTHENTICATED } else { 0 };
        out.extend([AUTHENTICATION_TYPE, flags | self.payload_type.0]);
        out.extend(self.session_id.to_le_bytes());
        out.extend(self.sequence.to_le_bytes());
        out.extend(length.to_le_bytes());
    }
}

/// An RMCP+ packet, read but not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header's fields.
    pub header: Header,
    /// The payload as it was sent.
    pub payload: &'a [u8],
    /// All bytes from the authentication type on.
    bytes: &'a [u8],
    /// Where the payload ends in `bytes`.
    payload_end: usize,
}

/// The parts of an authenticated packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated<'a> {
    /// What the AuthCode was computed of.
    pub covered: &'a [u8],
    /// The AuthCode.
    pub code: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads what follows an RMCP header of class IPMI.
    ///
    /// # Errors
    /// [`FrameError::AuthenticationType`] where it is not RMCP+; [`FrameError::Truncated`]; [`FrameError::Length`] where bytes
    /// follow the payload of a packet that is not authenticated.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let mut rest = bytes;
        let [authentication_type] = array(&mut rest)?;
        if authentication_type != AUTHENTICATION_TYPE {
            return Err(FrameError::AuthenticationType(authentication_type));
        }
        let [kind] = array(&mut rest)?;
        let payload_type = PayloadType(kind & 0x3F);
        if payload_type == PayloadType::OEM_EXPLICIT {
            // Enterprise number and payload ID: nothing here answers any of them.
            array::<6>(&mut rest)?;
        }
        let session_id = u32::from_le_bytes(array(&mut rest)?);
        let sequence = u32::from_le_bytes(array(&mut rest)?);
        let length = u16::from_le_bytes(array(&mut rest)?);
        let payload = take(&mut rest, usize::from(length))?;
        let authenticated = kind & AUTHENTICATED != 0;
        if !authenticated && !rest.is_empty() {
            return Err(FrameError::Length);
        }
        let header =
            Header { encrypted: kind & ENCRYPTED != 0, authenticated, payload_type, session_id, sequence };
        Ok(Self { header, payload, bytes, payload_end: bytes.len() - rest.len() })
    }

    /// The covered bytes and the AuthCode of `code_length` bytes at the end of an authenticated packet.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] where there is no room for a trailer; [`FrameError::Length`] where the pad length disagrees with
    /// the trailer; [`FrameError::Format`] for another next header.
    pub fn authenticated(&self, code_length: usize) -> Result<Authenticated<'a>, FrameError> {
        let covered_length = self.bytes.len().checked_sub(code_length).ok_or(FrameError::Truncated)?;
        let (covered, code) = self.bytes.split_at_checked(covered_length).ok_or(FrameError::Truncated)?;
        let trailer = covered.get(self.payload_end..).ok_or(FrameError::Truncated)?;
        let [pad @ .., pad_length, next_header] = trailer else { return Err(FrameError::Truncated) };
        if *next_header != NEXT_HEADER {
            return Err(FrameError::Format);
        }
        if usize::from(*pad_length) != pad.len() {
            return Err(FrameError::Length);
        }
        Ok(Authenticated { covered, code })
    }
}

/// Appends pad, pad length and next header to a packet whose session header begins at `start` of `out`. The AuthCode of
/// `out[start..]` comes next.
pub fn emit_trailer(start: usize, out: &mut Vec<u8>) {
    let unpadded = out.len().saturating_sub(start) + 2;
    let pad: u8 = match unpadded % 4 {
        0 => 0,
        1 => 3,
        2 => 2,
        _ => 1,
    };
    out.extend(std::iter::repeat_n(PAD, usize::from(pad)));
    out.extend([pad, NEXT_HEADER]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> impl Strategy<Value = Header> {
        (any::<(bool, bool, u32, u32)>(), (0u8..0x40).prop_filter("has no OEM fields", |kind| *kind != 2))
            .prop_map(|((encrypted, authenticated, session_id, sequence), kind)| Header {
                encrypted,
                authenticated,
                payload_type: PayloadType(kind),
                session_id,
                sequence,
            })
    }

    fn emitted(header: Header, payload: &[u8], code: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xAA; 4];
        header.emit(u16::try_from(payload.len()).unwrap(), &mut bytes);
        bytes.extend(payload);
        if header.authenticated {
            emit_trailer(4, &mut bytes);
            bytes.extend(code);
        }
        bytes.split_off(4)
    }

    proptest! {
        #[test]
        fn packets_read_back(header in header(), payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = emitted(header, &payload, &[7; 16]);
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(packet.header, header);
            prop_assert_eq!(packet.payload, &payload);
            if header.authenticated {
                let parts = packet.authenticated(16).unwrap();
                prop_assert_eq!(parts.code, &[7; 16]);
                prop_assert_eq!(parts.covered.len() % 4, 0);
                prop_assert_eq!(parts.covered.len() + 16, bytes.len());
            }
        }

        #[test]
        fn any_input_is_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..60), code in 0usize..70) {
            if let Some(first) = bytes.first_mut() { *first = 6 }
            if let Ok(packet) = Packet::parse(&bytes) {
                let _ = packet.authenticated(code);
            }
        }
    }

    #[test]
    fn a_trailer_that_contradicts_itself_is_refused() {
        let header = Header { authenticated: true, ..Header::sessionless(PayloadType::IPMI) };
        let good = emitted(header, &[1, 2, 3], &[0; 12]);
        let next_header = good.len() - 13;
        let with = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            Packet::parse(&bytes).unwrap().authenticated(12).err()
        };
        assert_eq!(with(next_header, 6), Some(FrameError::Format));
        assert_eq!(with(next_header - 1, 200), Some(FrameError::Length));
        assert_eq!(Packet::parse(&good[..16]).unwrap().authenticated(12), Err(FrameError::Truncated));
    }

    #[test]
    fn bytes_after_an_unauthenticated_payload_are_refused() {
        let mut bytes = emitted(Header::sessionless(PayloadType::RAKP_1), &[1], &[]);
        bytes.push(0);
        assert_eq!(Packet::parse(&bytes), Err(FrameError::Length));
    }
}
