//! A descriptor that gives and takes one message, or some bytes, at a time.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
    path::Path,
    task::{Context, Poll, ready},
};

use nix::{
    libc::O_NONBLOCK,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{Driver, ioctl};

/// A device, or what stands for one in a test: a socket that keeps the bounds of messages.
#[derive(Debug)]
pub struct Device {
    /// Watched for input alone: otherwise each response that the host takes wakes the daemon once more.
    input: AsyncFd<File>,
    /// Made while something could not be written.
    output: Option<AsyncFd<File>>,
}

impl Device {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::new(OpenOptions::new().read(true).write(true).custom_flags(O_NONBLOCK).open(path)?.into())
    }

    /// Takes over a descriptor that does not block.
    ///
    /// # Errors
    /// Where it cannot be polled, or there is no runtime.
    pub fn new(descriptor: OwnedFd) -> io::Result<Self> {
        Ok(Self { input: watch(File::from(descriptor), Interest::READABLE)?, output: None })
    }

    /// As [`Driver::poll_read`] where the driver's `read` blocks whatever the descriptor says.
    pub(super) fn poll_read_blocking(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(context, |mut file| match is_ready(file, PollFlags::POLLIN) {
            true => file.read(buffer),
            false => Err(ErrorKind::WouldBlock.into()),
        })
    }

    fn poll_with(
        &mut self,
        context: &mut Context<'_>,
        mut read: impl FnMut(&File) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.input.poll_read_ready(context))?;
            match guard.try_io(|input| read(input.get_ref())) {
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    /// Reads what is there at this instant, whatever was told of it.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.get_ref().read(buffer)
    }

    /// Whether the driver takes something now.
    pub(super) fn is_writable(&self) -> bool {
        is_ready(self.input.get_ref(), PollFlags::POLLOUT)
    }

    /// Waits until something can be written.
    pub(super) fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_writable() {
            let output = match &self.output {
                Some(output) => output,
                None => self.output.insert(watch(self.input.get_ref().try_clone()?, Interest::WRITABLE)?),
            };
            ready!(output.poll_write_ready(context))?.clear_ready();
        }
        self.output = None;
        Poll::Ready(Ok(()))
    }
}

impl Driver for Device {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_with(context, |mut file| file.read(buffer))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.input.get_ref().write(bytes)
    }

    fn set_attention(&self, on: bool) -> io::Result<()> {
        if on { ioctl::set_sms_attention(self) } else { ioctl::clear_sms_attention(self) }
    }

    fn force_abort(&self) -> io::Result<()> {
        ioctl::force_abort(self)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.get_ref().as_fd()
    }
}

#[allow(
    deprecated,
    reason = "its successor is unsafe, for types that may change their descriptor; this one does not"
)]
fn watch(file: File, interest: Interest) -> io::Result<AsyncFd<File>> {
    AsyncFd::with_interest(file, interest)
}

/// Whether reading or writing would not block.
fn is_ready(file: &File, what: PollFlags) -> bool {
    let mut descriptors = [PollFd::new(file.as_fd(), what)];
    poll(&mut descriptors, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
