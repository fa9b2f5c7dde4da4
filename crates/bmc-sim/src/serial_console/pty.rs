//! The console on a pty, which the BMC takes for its UART.

use std::{
    cell::RefCell,
    ffi::OsString,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStringExt as _, fs::symlink},
    },
    path::Path,
    rc::Rc,
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt},
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
    time::Instant,
};

use super::SerialConsole;

/// Printed at once.
const PIECE: usize = 4096;
/// How finely a rate is kept.
const GRAIN: Duration = Duration::from_millis(5);
/// At this rate and below a NUL is a break, which a pty has no other way to send.
const BREAK_BAUD: u32 = 50;

/// A pty whose far end is the host.
#[derive(Debug)]
pub(crate) struct Pty {
    host: AsyncFd<OwnedFd>,
    /// Kept, so that the terminal stays as it is while the BMC has it closed.
    _bmc: OwnedFd,
}

impl Pty {
    /// Makes one, and `link` to it.
    #[allow(deprecated, reason = "an OwnedFd keeps its descriptor, and what replaces AsyncFd::new is unsafe")]
    pub(crate) fn create(link: &Path) -> io::Result<Self> {
        let host = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&host)?;
        unlockpt(&host)?;
        let bmc = ioctl_tiocgptpeer(&host, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        let mut termios = tcgetattr(&bmc)?;
        termios.make_raw();
        termios.set_speed(115_200)?;
        tcsetattr(&bmc, OptionalActions::Now, &termios)?;
        rustix::io::ioctl_fionbio(&host, true)?;
        let name = OsString::from_vec(ptsname(&host, Vec::new())?.into_bytes());
        if let Some(directory) = link.parent() {
            fs::create_dir_all(directory)?;
        }
        match fs::remove_file(link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => symlink(name, link)?,
        }
        Ok(Self { host: AsyncFd::new(host)?, _bmc: bmc })
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.host.async_io(Interest::READABLE, |fd| Ok(rustix::io::read(fd, &mut *buffer)?)).await
    }

    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written =
                self.host.async_io(Interest::WRITABLE, |fd| Ok(rustix::io::write(fd, bytes)?)).await?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn is_at_break_rate(&self) -> bool {
        tcgetattr(self.host.get_ref()).is_ok_and(|termios| termios.output_speed() <= BREAK_BAUD)
    }
}

/// Moves bytes between `pty` and `console` for ever. `printed`: the console has something to print. At `baud` bits per second, where
/// there is a rate.
pub(crate) async fn run(
    pty: Pty,
    console: Rc<RefCell<SerialConsole>>,
    printed: Rc<Notify>,
    baud: Option<u32>,
) -> anyhow::Result<()> {
    tokio::select! {
        ended = listen(&pty, &console, &printed) => ended?,
        ended = print(&pty, &console, &printed, baud) => ended?,
    }
    Ok(())
}

async fn listen(pty: &Pty, console: &RefCell<SerialConsole>, printed: &Notify) -> io::Result<()> {
    let mut buffer = [0; PIECE];
    loop {
        let length = pty.read(&mut buffer).await?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.contains(&0) && pty.is_at_break_rate() {
            for part in bytes.split_inclusive(|byte| *byte == 0) {
                let (text, is_break) = part.strip_suffix(&[0]).map_or((part, false), |text| (text, true));
                console.borrow_mut().receive(text);
                if is_break {
                    console.borrow_mut().receive_break();
                }
            }
        } else {
            console.borrow_mut().receive(bytes);
        }
        printed.notify_one();
    }
}

async fn print(
    pty: &Pty,
    console: &RefCell<SerialConsole>,
    printed: &Notify,
    baud: Option<u32>,
) -> io::Result<()> {
    let mut pace = Pace::new(baud);
    loop {
        let bytes = console.borrow_mut().output(pace.allowed());
        if bytes.is_empty() {
            if console.borrow().has_output() {
                tokio::time::sleep(GRAIN).await;
            } else {
                printed.notified().await;
            }
            continue;
        }
        pace.spend(bytes.len());
        pty.write_all(&bytes).await?;
    }
}

/// How many bytes may be printed by now.
struct Pace {
    bytes_per_second: Option<f64>,
    budget: f64,
    at: Instant,
}

impl Pace {
    fn new(baud: Option<u32>) -> Self {
        // Start bit, eight bits, stop bit.
        Self { bytes_per_second: baud.map(|baud| f64::from(baud) / 10.0), budget: 1.0, at: Instant::now() }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=PIECE before")]
    fn allowed(&mut self) -> usize {
        let Some(rate) = self.bytes_per_second else { return PIECE };
        let now = Instant::now();
        // No more than what a few grains are worth is saved up: a UART does not print faster after a rest.
        let most = (rate * GRAIN.as_secs_f64() * 4.0).max(1.0);
        self.budget = (self.budget + rate * (now - self.at).as_secs_f64()).min(most);
        self.at = now;
        self.budget.clamp(0.0, PIECE as f64) as usize
    }

    fn spend(&mut self, bytes: usize) {
        if self.bytes_per_second.is_some() {
            self.budget -= bytes as f64;
        }
    }
}
