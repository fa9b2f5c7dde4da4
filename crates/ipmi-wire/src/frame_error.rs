//! What is wrong with a received frame.

/// Why bytes from the network are not the frame that they should be. Such a datagram gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A field is cut off.
    #[error("frame is cut off")]
    Truncated,
    /// A length field and the bytes that are there disagree.
    #[error("length field disagrees with the frame")]
    Length,
    /// A fixed field has another value: another version or another format.
    #[error("frame is of another format")]
    Format,
    /// A checksum is wrong.
    #[error("checksum is wrong")]
    Checksum,
    /// An authentication type that has no place here.
    #[error("authentication type {0:#04x} is not accepted")]
    AuthenticationType(u8),
}

/// The next `N` bytes of `rest`.
pub(crate) fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], FrameError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(FrameError::Truncated)?;
    *rest = tail;
    Ok(*head)
}

/// The next `count` bytes of `rest`.
pub(crate) fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], FrameError> {
    let (head, tail) = rest.split_at_checked(count).ok_or(FrameError::Truncated)?;
    *rest = tail;
    Ok(head)
}
