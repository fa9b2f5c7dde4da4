//! The Block Transfer interface's frame (v2.0§11.4), as the kernel's `bt-bmc` device carries it.
//!
//! ```text
//! request:  | length | NetFn (6) LUN (2) | sequence | command | data ...
//! response: | length | NetFn (6) LUN (2) | sequence | command | completion code | data ...
//! ```
//!
//! The length counts what follows it.

use crate::{
    FrameError,
    system_interface::{Header, Request},
};

/// The most bytes after the length that a frame has.
pub const MAX_LENGTH: usize = 255;

/// A request of the host's, and the number that its response has to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BtRequest {
    /// Told by the host; comes back in the response.
    pub sequence: u8,
    /// What it asks.
    pub request: Request,
}

/// The sequence number and header of whatever the host sent, for a response to what is no [`BtRequest`].
pub fn head(frame: &[u8]) -> (u8, Header) {
    let byte = |at| frame.get(at).copied().unwrap_or_default();
    (byte(2), Header::of(&[byte(1), byte(3)]))
}

impl BtRequest {
    /// Reads a frame.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] where it ends before its command; [`FrameError::Length`] where it is not as long as it says.
    pub fn parse(frame: &[u8]) -> Result<Self, FrameError> {
        let [length, rest @ ..] = frame else { return Err(FrameError::Truncated) };
        let [_, sequence, _, data @ ..] = rest else { return Err(FrameError::Truncated) };
        if usize::from(*length) != rest.len() {
            return Err(FrameError::Length);
        }
        let (_, header) = head(frame);
        Ok(Self { sequence: *sequence, request: Request { header, data: data.to_vec() } })
    }

    /// Appends the frame to `out`.
    ///
    /// # Errors
    /// [`FrameError::Length`] where it would be longer than [`MAX_LENGTH`].
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let mut bytes = Vec::with_capacity(2 + self.request.data.len());
        self.request.emit(&mut bytes);
        emit(self.sequence, &bytes, out)
    }
}

/// Appends the frame of `message` (NetFn and LUN, command, and the rest) to `out`.
///
/// # Errors
/// [`FrameError::Length`] where it would be longer than [`MAX_LENGTH`].
pub fn emit(sequence: u8, message: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let [function_and_lun, rest @ ..] = message else { return Err(FrameError::Truncated) };
    let length = u8::try_from(2 + rest.len()).map_err(|_| FrameError::Length)?;
    out.extend([length, *function_and_lun, sequence]);
    out.extend_from_slice(rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CompletionCode;

    #[test]
    fn get_device_id_has_the_specified_bytes() {
        let frame = [3, 0x18, 0x42, 0x01];
        let request = BtRequest::parse(&frame).unwrap();
        assert_eq!((request.sequence, request.request.header.command), (0x42, 1));
        let mut out = Vec::new();
        let response = request.request.header.response(CompletionCode::OK, &[9]);
        emit(0x42, &response, &mut out).unwrap();
        assert_eq!(out, [5, 0x1C, 0x42, 0x01, 0x00, 9]);
    }

    #[test]
    fn a_frame_that_is_cut_or_longer_than_it_says_is_refused_and_can_be_answered() {
        for length in 0..4 {
            assert_eq!(BtRequest::parse(&[3, 0x18, 7, 1][..length]), Err(FrameError::Truncated));
        }
        assert_eq!(BtRequest::parse(&[3, 0x18, 7, 1, 0]), Err(FrameError::Length));
        assert_eq!(BtRequest::parse(&[4, 0x18, 7, 1]), Err(FrameError::Length));
        let (sequence, header) = head(&[2, 0x18, 7]);
        assert_eq!((sequence, header.net_fn.value(), header.command), (7, 6, 0));
    }

    #[test]
    fn a_response_that_fits_no_frame_is_refused() {
        let header = Header::of(&[0x18, 1]);
        let mut out = Vec::new();
        let fits = |length, out: &mut Vec<u8>| {
            emit(1, &header.response(CompletionCode::OK, &vec![0; length]), out).is_ok()
        };
        assert!(fits(MAX_LENGTH - 4, &mut out) && !fits(MAX_LENGTH - 3, &mut out));
        assert_eq!(out.len(), 1 + MAX_LENGTH, "nothing is written of what does not fit");
    }

    proptest! {
        #[test]
        fn frames_read_back(sequence: u8, bytes in prop::collection::vec(any::<u8>(), 2..254)) {
            let request = BtRequest { sequence, request: Request::parse(&bytes).unwrap() };
            let mut out = Vec::new();
            request.emit(&mut out).unwrap();
            prop_assert_eq!(BtRequest::parse(&out), Ok(request));
        }

        #[test]
        fn any_input_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (BtRequest::parse(&bytes), head(&bytes));
        }
    }
}
