//! Whole D-Bus messages out of a byte stream.

use std::{
    io::{self, ErrorKind, Read as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use futures_util::FutureExt as _;
use tokio::io::unix::AsyncFdReadyGuard;
use zbus::{Message, connection::socket::ReadHalf, export::async_trait::async_trait};

/// The longest message taken: IPMI data is at most a few hundred bytes, so this only stops a peer that is out of step.
const MAX_MESSAGE: usize = 64 * 1024;

/// The fixed part of a message's header (D-Bus specification, "Message Format").
const PRIMARY_HEADER: usize = 16;

/// How much is read at once: some twenty commands.
const READ: usize = 4096;

/// Bytes that have arrived, cut into messages. Keeps a half message across calls, so that reading may be cancelled.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    count: u64,
}

impl Frames {
    /// Takes what has arrived; `false` where the peer has closed.
    ///
    /// # Errors
    /// What the kernel says of the socket.
    pub(super) fn read(&mut self, mut ready: AsyncFdReadyGuard<'_, UnixStream>) -> io::Result<bool> {
        let mut chunk = [0; READ];
        let mut stream = ready.get_inner();
        let length = match stream.read(&mut chunk) {
            Ok(0) => return Ok(false),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if length < READ {
            // That was all; the kernel tells when there is more.
            ready.clear_ready();
        }
        self.push(chunk.get(..length).unwrap_or_default());
        Ok(true)
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if it is there, read with `decode` or else by zbus.
    ///
    /// # Errors
    /// Where the stream is no longer in step; it must be closed.
    pub(super) fn next<T>(&mut self, decode: fn(&[u8]) -> Option<T>) -> zbus::Result<Option<Frame<T>>> {
        let length = match message_length(&self.bytes) {
            Some(length) if length > MAX_MESSAGE => return Err(zbus::Error::ExcessData),
            Some(length) if length <= self.bytes.len() => length,
            _ => return Ok(None),
        };
        if let Some(decoded) = self.bytes.get(..length).and_then(decode) {
            self.bytes.drain(..length);
            return Ok(Some(Frame::Decoded(decoded)));
        }
        self.count += 1;
        let mut no_descriptors = Vec::new();
        let mut memory = Memory;
        let parsed = memory.receive_message(self.count, &mut self.bytes, &mut no_descriptors);
        // All of the message is in memory: there is nothing to wait for.
        let parsed = parsed.now_or_never().unwrap_or(Err(zbus::Error::ExcessData));
        parsed.map(|message| Some(Frame::Other(message)))
    }
}

/// A message.
#[derive(Debug)]
pub(super) enum Frame<T> {
    /// Of the kind and layout that is usual.
    Decoded(T),
    /// Any other.
    Other(Message),
}

/// The length of the message that `bytes` begin with, as far as its header is there.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let header = bytes.get(..PRIMARY_HEADER)?;
    let word = |at: usize| {
        let word: [u8; 4] = header.get(at..at + 4)?.try_into().ok()?;
        let little = header.first() == Some(&b'l');
        let value = if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) };
        usize::try_from(value).ok()
    };
    let fields = word(12)?.checked_add(PRIMARY_HEADER)?.checked_next_multiple_of(8)?;
    fields.checked_add(word(4)?)
}

/// zbus parses (and checks) a message only as the read half of a socket; this one has nothing more to read.
#[derive(Debug)]
struct Memory;

#[async_trait]
impl ReadHalf for Memory {
    async fn recvmsg(&mut self, _: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        Ok((0, Vec::new()))
    }
}
