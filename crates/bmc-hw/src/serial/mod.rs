//! Serial ports: a UART of the board, a VUART, or a pty where the board is simulated.
//!
//! [`Port`] moves raw bytes, both ways at once; [`Marks`] takes breaks out of what the kernel hands over; [`lpc`] sets up what the
//! host sees of a VUART and where UARTs are routed to; [`appearance`] waits for a device that is not there.

pub mod appearance;
pub mod lpc;
mod marks;
mod modem;

pub use marks::Marks;

use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, OFlags},
    io::Errno,
    termios::{ControlModes, InputModes, OptionalActions, Termios},
};
use tokio::io::Interest;

use crate::readiness::ready;

/// How long a break may wait for output that the other side does not take.
const BREAK_PATIENCE: Duration = Duration::from_secs(5);
/// How long a break lasts on a pty; tcsendbreak(3) takes 250 ms and more.
const BREAK: Duration = Duration::from_millis(300);
/// Bits per second at which a NUL is as long as a break at any rate in use.
const BREAK_BAUD: u32 = 50;
/// The major numbers of Unix98 pty slaves (the kernel's devices.txt).
const PTY_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;

/// Who may hold up the other's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowControl {
    /// Nobody.
    #[default]
    None,
    /// RTS and CTS.
    Hardware,
    /// XON and XOFF in the data.
    Software,
}

/// A port that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum SerialError {
    /// The kernel does not give it.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The device file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Somebody else has it.
    #[error("{path} is in use\nhint: does another consoled or obmc-console-server run?")]
    InUse {
        /// The device file.
        path: PathBuf,
    },
    /// It is no serial port, or does not take the settings.
    #[error("cannot set up {path}: {source}")]
    SetUp {
        /// The device file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// An open serial port in raw mode. Reading and writing do not wait for each other.
#[derive(Debug)]
pub struct Port {
    fd: OwnedFd,
    is_pty: bool,
    /// A break that waits for output to drain keeps a thread; there is never a second one.
    breaking: Arc<AtomicBool>,
}

impl Port {
    /// Opens `path` alone: raw, 8 bits, no parity, breaks marked ([`Marks`] reads them), at `baud` bits per second or at what it has.
    ///
    /// # Errors
    /// [`SerialError`].
    pub fn open(path: &Path, baud: Option<u32>, flow: FlowControl) -> Result<Self, SerialError> {
        let set_up = |source: io::Error| SerialError::SetUp { path: path.to_owned(), source };
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
        let file = file.map_err(|source| SerialError::Open { path: path.to_owned(), source })?;
        let device = file.metadata().map_err(set_up)?.rdev();
        let is_pty = PTY_MAJORS.contains(&rustix::fs::major(device));
        let fd = OwnedFd::from(file);
        // A lock goes with its holder; TIOCEXCL alone would outlive it on a pty, whose other users keep the tty open.
        rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| SerialError::InUse { path: path.to_owned() })?;
        if !is_pty {
            rustix::termios::ioctl_tiocexcl(&fd).map_err(|error| set_up(error.into()))?;
        }
        raw(&fd, baud, flow).map_err(set_up)?;
        Ok(Self { fd, is_pty, breaking: Arc::default() })
    }

    /// Bits per second.
    ///
    /// # Errors
    /// What the kernel says; the port is gone then.
    pub fn baud(&self) -> io::Result<u32> {
        Ok(rustix::termios::tcgetattr(&self.fd)?.output_speed())
    }

    /// Changes the rate.
    ///
    /// # Errors
    /// What the kernel says, of a rate of 0 too, which would hang up.
    pub fn set_baud(&self, baud: u32) -> io::Result<()> {
        let mut termios = rustix::termios::tcgetattr(&self.fd)?;
        set_speed(&mut termios, baud)?;
        Ok(rustix::termios::tcsetattr(&self.fd, OptionalActions::Now, &termios)?)
    }

    /// Waits for input and reads it into `buffer`, as the kernel marks it. Between two calls what comes wakes nobody.
    ///
    /// # Errors
    /// `UnexpectedEof` where the port has vanished, and what else the kernel says.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(&self.fd, &mut *buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => return Ok(length),
                Err(Errno::AGAIN) => ready(self.fd.as_fd(), Interest::READABLE).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes all of `bytes`; waits while the other side holds them up.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Errno::AGAIN) => {
                    // A descriptor of its own: the reader may be waiting.
                    ready(self.fd.try_clone()?.as_fd(), Interest::WRITABLE).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Asserts or deasserts DTR, at once. A null modem has it at the other side's DCD and DSR.
    ///
    /// # Errors
    /// `Unsupported` of a port without modem lines, as a pty is, and what else the kernel says.
    pub fn set_dtr(&self, asserted: bool) -> io::Result<()> {
        modem::set_dtr(&self.fd, asserted).map_err(|error| match error.raw_os_error() {
            // Which of the two depends on the kernel's version.
            Some(nix::libc::ENOTTY | nix::libc::EINVAL) => io::ErrorKind::Unsupported.into(),
            _ => error,
        })
    }

    /// Sends a break, after what has been written; returns when the line is released.
    ///
    /// # Errors
    /// What the kernel says, or `TimedOut` where the other side does not take the output before it.
    pub async fn send_break(&self) -> io::Result<()> {
        if self.is_pty { self.long_nul().await } else { self.uart_break().await }
    }

    /// A pty has no line to hold. A NUL at a rate far below the other side's is how a break looks on the wire, and the simulated
    /// host takes it for one.
    async fn long_nul(&self) -> io::Result<()> {
        let before = self.baud()?;
        self.set_baud(BREAK_BAUD)?;
        let written = self.write_all(&[0]).await;
        tokio::time::sleep(BREAK).await;
        self.set_baud(before)?;
        written
    }

    async fn uart_break(&self) -> io::Result<()> {
        if self.breaking.swap(true, Ordering::AcqRel) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (fd, breaking) = (self.fd.try_clone()?, Arc::clone(&self.breaking));
        let send = tokio::task::spawn_blocking(move || {
            let sent = rustix::termios::tcsendbreak(fd);
            breaking.store(false, Ordering::Release);
            sent
        });
        match tokio::time::timeout(BREAK_PATIENCE, send).await {
            Ok(sent) => Ok(sent.map_err(io::Error::other)??),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

fn raw(fd: &OwnedFd, baud: Option<u32>, flow: FlowControl) -> io::Result<()> {
    let mut termios = rustix::termios::tcgetattr(fd)?;
    termios.make_raw();
    // A break comes as FF 00 00 in the data, and FF as FF FF.
    termios
        .input_modes
        .remove(InputModes::IGNBRK | InputModes::BRKINT | InputModes::IGNPAR | InputModes::INPCK);
    termios.input_modes.insert(InputModes::PARMRK);
    termios.control_modes.insert(ControlModes::CREAD | ControlModes::CLOCAL);
    termios.control_modes.remove(ControlModes::CSTOPB | ControlModes::HUPCL);
    termios.control_modes.set(ControlModes::CRTSCTS, flow == FlowControl::Hardware);
    termios.input_modes.set(InputModes::IXON | InputModes::IXOFF, flow == FlowControl::Software);
    if let Some(baud) = baud {
        set_speed(&mut termios, baud)?;
    }
    Ok(rustix::termios::tcsetattr(fd, OptionalActions::Now, &termios)?)
}

fn set_speed(termios: &mut Termios, baud: u32) -> io::Result<()> {
    if baud == 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(termios.set_speed(baud)?)
}

#[cfg(test)]
mod tests;
