//! consoled: a host's serial console. One instance serves one console, and its bus name and path end in the console's id.

use zbus::{OwnedFd, proxy};

use crate::names::console;

/// How much recent output a socket of `Access.Connect` starts with, in bytes.
pub const DEFAULT_BACKLOG: u64 = 8 * 1024;

/// A console's bus name.
#[must_use]
pub fn service(id: &str) -> String {
    format!("{}{id}", console::SERVICE_PREFIX)
}

/// A console's object.
#[must_use]
pub fn path(id: &str) -> String {
    format!("{}/{id}", console::ROOT)
}

/// OpenBMC's way to a console's bytes; [`service`] and [`path`] say where.
#[proxy(interface = "xyz.openbmc_project.Console.Access")]
pub trait ConsoleAccess {
    /// A stream socket of raw bytes both ways. It starts with the last [`DEFAULT_BACKLOG`] bytes of output and goes on live.
    ///
    /// A reader that falls behind by more than the ring loses the oldest bytes it has not read, and finds a line in their
    /// place that says how many.
    fn connect(&self) -> zbus::Result<OwnedFd>;
}

/// The UART's rate.
#[proxy(interface = "xyz.openbmc_project.Console.UART")]
pub trait ConsoleUart {
    /// Bits per second.
    #[zbus(property)]
    fn baud(&self) -> zbus::Result<u64>;
    /// Changes it, for as long as the instance runs; refused where the UART cannot.
    #[zbus(property)]
    fn set_baud(&self, baud: u64) -> zbus::Result<()>;
}

/// Ours, beside the two: what they lack.
#[proxy(interface = "org.ferrite.Console")]
pub trait Console {
    /// As `Access.Connect`, with the last `backlog` bytes first (at most the ring). `notices`: whether a line stands where the
    /// reader lost bytes.
    fn attach(&self, backlog: u64, notices: bool) -> zbus::Result<OwnedFd>;
    /// A socket of raw bytes both ways that starts at `position`, and the position that it does start at: a client that counts what
    /// it reads can so go on after this daemon's restart without a byte lost or twice.
    ///
    /// Where the ring no longer has `position`, the stream starts at the oldest byte it has; so it does for a position that is yet to
    /// come, which is of another ring. No notices: a reader that is too slow has its socket closed, resumes, and knows from the
    /// position what it lost.
    fn resume(&self, position: u64) -> zbus::Result<(OwnedFd, u64)>;
    /// Sends a break to the host, after the input that is on its way. Returns when the line is released.
    fn send_break(&self) -> zbus::Result<()>;
    /// Asserts the ring indicator towards the host for a moment, whatever power it has. Returns when the line is released; rings
    /// meanwhile are one with it. `UnsupportedRequest` where the board's configuration names no line.
    fn ring(&self) -> zbus::Result<()>;
    /// Deasserts DCD and DSR towards the host for as long as the descriptor is open, in whichever process: they are asserted again
    /// when the last holder's is closed.
    fn drop_carrier(&self) -> zbus::Result<OwnedFd>;
    /// The last `bytes` of output, at most the ring.
    fn backlog(&self, bytes: u64) -> zbus::Result<Vec<u8>>;
    /// The log's files for reading, the oldest first; none where no log is kept.
    fn open_log(&self) -> zbus::Result<Vec<OwnedFd>>;
    /// Whether the UART is there. False while it has vanished; it is opened again when it comes back.
    #[zbus(property)]
    fn present(&self) -> zbus::Result<bool>;
    /// Whether DCD and DSR towards the host are asserted.
    #[zbus(property)]
    fn carrier(&self) -> zbus::Result<bool>;
    /// The position of the next byte of output: how many there were since the ring was made, which a restart does not change.
    #[zbus(property(emits_changed_signal = "false"))]
    fn position(&self) -> zbus::Result<u64>;
    /// Output that readers lost because they were slow, in bytes, of all readers since the start.
    #[zbus(property(emits_changed_signal = "false"))]
    fn lost(&self) -> zbus::Result<u64>;
    /// How many readers there are.
    #[zbus(property(emits_changed_signal = "false"))]
    fn readers(&self) -> zbus::Result<u32>;
    /// The UART's device file.
    #[zbus(property(emits_changed_signal = "const"))]
    fn tty(&self) -> zbus::Result<String>;
    /// The path of the Unix socket beside the abstract one; empty where there is none.
    #[zbus(property(emits_changed_signal = "const"))]
    fn socket(&self) -> zbus::Result<String>;
    /// The host sent a break.
    #[zbus(signal, name = "Break")]
    fn break_received(&self) -> zbus::Result<()>;
}
