//! The BMC's end of a system interface: KCS, BT and SSIF devices of the kernel, and virtual machines.
//!
//! Each backend stands behind [`HostInterface`]: one request comes out at a time, and its response goes in. A request that the
//! backend gives supersedes the one before; only the newest may be responded to.

mod bt;
mod device;
mod ioctl;
mod kcs;
mod ssif;
#[cfg(test)]
mod tests;
mod vm;

use std::{
    io,
    path::{Path, PathBuf},
    task::{Context, Poll},
};

use ipmi_wire::{
    CompletionCode,
    system_interface::{Header, Request},
};

pub use bt::Bt;
pub use device::Device;
pub use kcs::Kcs;
pub use ssif::Ssif;
pub use vm::{Listen, ListenError, Vm};

/// What the sender of a message that is too short gets (v2.0§5.2).
const LENGTH_INVALID: CompletionCode = CompletionCode::REQUEST_DATA_LENGTH_INVALID;

/// What the host does.
#[derive(Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// It asks. Whatever it asked before, it waits for this alone.
    Request(Tag, Request),
    /// It sent what is no request and waits for a response with this completion code.
    Malformed(Tag, Header, CompletionCode),
    /// It sent what is no request, and the driver has told it so.
    Refused,
    /// A virtual machine is there.
    Connected,
    /// It is gone, and with it who waited for a response.
    Disconnected,
    /// Another one came while it is there, and was turned away.
    TurnedAway,
    /// The virtual machine was reset, which ends what it waited for.
    Reset,
    /// The virtual machine says that it powered itself off.
    PoweredOff,
}

/// Ties a response to its request on interfaces that have a number for that (BT's sequence, the VM's id).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tag(u8);

/// What the host's power control does to a virtual machine; real hosts have lines for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerControl {
    /// Off at once.
    Off,
    /// Reset at once.
    Reset,
    /// Non-maskable interrupt.
    Nmi,
    /// Ask the operating system to shut down.
    GracefulShutdown,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The device cannot be opened, or the socket not be listened on.
    #[error("cannot open {path}: {source}\nhint: {hint}")]
    Open {
        /// The device or address.
        path: String,
        /// What the kernel says.
        source: io::Error,
        /// What to look at.
        hint: &'static str,
    },
    /// The interface is gone for good.
    #[error("the host interface is gone: {0}")]
    Lost(io::Error),
    /// The host no longer waits for this response: it gave up, was reset, or asked anew.
    #[error("the host no longer waits for this response")]
    Withdrawn,
    /// The response is longer than the interface carries.
    #[error("the response is longer than the interface carries")]
    TooLong,
    /// This interface has no such thing.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The driver refused.
    #[error("the driver refused: {0}")]
    Driver(io::Error),
}

/// The BMC's end of one system interface.
///
/// Nothing here waits: what cannot be sent now is kept, one response or as much as a bound allows, and sent by `poll_event`, which
/// the owner polls again after each call of another method.
pub trait HostInterface: Send {
    /// What the host does next.
    ///
    /// # Errors
    /// [`HostError::Lost`]: open it anew.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<HostEvent, HostError>>;

    /// Sends the response of the newest request: NetFn and LUN, command, completion code, data.
    ///
    /// # Errors
    /// [`HostError::Withdrawn`], [`HostError::TooLong`], [`HostError::Lost`].
    fn respond(&mut self, tag: Tag, response: &[u8]) -> Result<(), HostError>;

    /// Tells the host that there is something to fetch, or no longer.
    ///
    /// # Errors
    /// [`HostError::Unsupported`], [`HostError::Driver`].
    fn set_attention(&mut self, on: bool) -> Result<(), HostError>;

    /// Ends the transfer under way with an error that the host sees.
    ///
    /// # Errors
    /// [`HostError::Unsupported`], [`HostError::Driver`].
    fn force_abort(&mut self) -> Result<(), HostError>;

    /// Lets responses raise the interface's interrupt, or not (v2.0§22.1). Where the hardware does that by itself, nothing.
    fn set_interrupt(&mut self, _on: bool) {}

    /// Acts on the power of a virtual machine.
    ///
    /// # Errors
    /// [`HostError::Unsupported`] for every other host, or a machine that cannot do it or is not there.
    fn control(&mut self, _control: PowerControl) -> Result<(), HostError> {
        Err(HostError::Unsupported("only a virtual machine is powered through its interface"))
    }
}

/// The system calls of a driver that gives and takes one message at a time. Beside a [`Device`], whatever behaves like one.
pub trait Driver: Send {
    /// Reads a message, or for a stream what is there. 0 is the end.
    ///
    /// # Errors
    /// What the driver says.
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes a message, or for a stream what is taken now. Does not wait.
    ///
    /// # Errors
    /// What the driver says.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Sets or clears the SMS attention bit.
    ///
    /// # Errors
    /// What the driver says.
    fn set_attention(&self, on: bool) -> io::Result<()>;

    /// Puts the interface into its error state.
    ///
    /// # Errors
    /// What the driver says.
    fn force_abort(&self) -> io::Result<()>;
}

/// Which interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// `/dev/ipmi-kcsN`.
    Kcs(PathBuf),
    /// `/dev/ipmi-bt-host`.
    Bt(PathBuf),
    /// `/dev/ipmi-ssif-host`.
    Ssif(PathBuf),
    /// Virtual machines that connect here.
    Vm(Listen),
}

impl Backend {
    /// Opens it.
    ///
    /// # Errors
    /// [`HostError::Open`].
    pub fn open(&self) -> Result<Box<dyn HostInterface>, HostError> {
        Ok(match self {
            Self::Kcs(path) => Box::new(Kcs::new(open(path)?)),
            Self::Bt(path) => Box::new(Bt::new(open(path)?)),
            Self::Ssif(path) => Box::new(Ssif::new(open(path)?)),
            Self::Vm(listen) => Box::new(Vm::listen(listen)?),
        })
    }

    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kcs(_) => "kcs",
            Self::Bt(_) => "bt",
            Self::Ssif(_) => "ssif",
            Self::Vm(_) => "vm",
        }
    }
}

fn open(path: &Path) -> Result<Device, HostError> {
    Device::open(path).map_err(|source| HostError::Open {
        path: path.display().to_string(),
        source,
        hint: "the device comes with its driver, which the device tree has to enable; one process at a time can have it open",
    })
}
