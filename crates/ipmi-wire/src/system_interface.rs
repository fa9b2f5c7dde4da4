//! The message of a system interface, the same behind KCS, SSIF, BT and a virtual machine (v2.0§9.2, §9.3).
//!
//! ```text
//! request:  | NetFn (6) LUN (2) | command | data ...
//! response: | NetFn (6) LUN (2) | command | completion code | data ...
//! ```

use std::fmt;

use crate::{CompletionCode, Lun, NetFn};

/// What the host asks. Its data is never printed: it can be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What a response to it begins with.
    pub header: Header,
    /// Data after the command number.
    pub data: Vec<u8>,
}

/// The bytes that a request and its response have in common, but for the NetFn's lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Network function of the request.
    pub net_fn: NetFn,
    /// Logical unit.
    pub lun: Lun,
    /// Command number.
    pub command: u8,
}

/// A request that ends before its command number. Its sender gets C7h (v2.0§5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request ends before its command number")]
pub struct TooShort {
    /// What a response can begin with: what is missing is zero.
    pub header: Header,
}

impl Header {
    const fn new(function_and_lun: u8, command: u8) -> Self {
        let (Some(net_fn), Some(lun)) = (NetFn::new(function_and_lun >> 2), Lun::new(function_and_lun & 3))
        else {
            // Six bits and two.
            unreachable!()
        };
        Self { net_fn, lun, command }
    }

    /// What a response to `request` begins with; bytes that are not there count as zero.
    pub fn of(request: &[u8]) -> Self {
        let byte = |at| request.get(at).copied().unwrap_or_default();
        Self::new(byte(0), byte(1))
    }

    /// The response of this request.
    pub fn response(self, code: CompletionCode, data: &[u8]) -> Vec<u8> {
        let mut response = Vec::with_capacity(3 + data.len());
        response.extend([self.net_fn.response().value() << 2 | self.lun.value(), self.command, code.0]);
        response.extend_from_slice(data);
        response
    }
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`TooShort`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TooShort> {
        let header = Header::of(bytes);
        let [_, _, data @ ..] = bytes else { return Err(TooShort { header }) };
        Ok(Self { header, data: data.to_vec() })
    }

    /// Appends the request to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let Header { net_fn, lun, command } = self.header;
        out.extend([net_fn.value() << 2 | lun.value(), command]);
        out.extend_from_slice(&self.data);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { net_fn, lun, command } = self.header;
        write!(f, "Request({net_fn}/{} {command:02X}h, {} bytes)", lun.value(), self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_and_its_response_have_the_specified_bytes() {
        let request = Request::parse(&[0x18, 0x01, 0xAA]).unwrap();
        assert_eq!((request.header.net_fn, request.header.command), (NetFn::APP, 0x01));
        assert_eq!(request.data, [0xAA]);
        assert_eq!(request.header.response(CompletionCode::OK, &[7]), [0x1C, 0x01, 0x00, 7]);
    }

    #[test]
    fn a_request_without_a_command_can_still_be_answered() {
        let TooShort { header } = Request::parse(&[0x19]).unwrap_err();
        assert_eq!(header.response(CompletionCode::REQUEST_DATA_LENGTH_INVALID, &[]), [0x1D, 0, 0xC7]);
        assert!(Request::parse(&[]).is_err());
    }

    #[test]
    fn data_is_not_printed() {
        let text = format!("{:?}", Request::parse(&[0x18, 0x47, 250, 251]).unwrap());
        assert_eq!(text, "Request(06h/0 47h, 2 bytes)");
    }

    proptest! {
        #[test]
        fn requests_read_back(bytes in prop::collection::vec(any::<u8>(), 2..300)) {
            let mut out = Vec::new();
            Request::parse(&bytes).unwrap().emit(&mut out);
            prop_assert_eq!(out, bytes);
        }
    }
}
