//! OpenIPMI's "VM" serial protocol: the host of a virtual machine, as QEMU's `ipmi-bmc-extern` speaks it on a byte stream.
//!
//! ```text
//! message: | id | request or response ... | checksum | A0h
//! control: | code | operand ...                      | A1h
//! ```
//!
//! A0h, A1h and AAh inside are sent as AAh and the byte with bit 4 set (B0h, B1h, BAh). All bytes of a message, checksum included,
//! add up to zero. The id is the VM's and comes back with the response. Both sides send both kinds.

use crate::{
    CompletionCode,
    system_interface::{Header, Request},
};

/// The version of the protocol that both sides tell.
pub const VERSION: u8 = 1;
/// The most bytes of a request or response that QEMU takes.
pub const MAX_MESSAGE: usize = 300;

const MESSAGE_END: u8 = 0xA0;
const CONTROL_END: u8 = 0xA1;
const ESCAPE: u8 = 0xAA;
const ESCAPED_BIT: u8 = 0x10;
/// With id and checksum.
const MAX_FRAME: usize = MAX_MESSAGE + 2;

/// What the other side sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A request (from a VM) or a response (to it).
    Message {
        /// Ties a response to its request.
        id: u8,
        /// NetFn and LUN, command, and the rest.
        message: Vec<u8>,
    },
    /// Something about the hardware rather than a message.
    Control(Control),
    /// What is neither.
    Malformed(Malformed),
}

/// Bytes that end like a frame and are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub fault: Fault,
    /// The id and the header as far as they came, for an answer. Their checksum is wrong or missing: they may be anything.
    pub id: u8,
    /// See `id`.
    pub header: Header,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It ends before its command, in the middle of an escape, or without a control code.
    Short,
    /// It is longer than any.
    Long,
    /// Its bytes do not add up to zero.
    Checksum,
}

impl Fault {
    /// What the sender is answered (v2.0§5.2).
    pub fn completion_code(self) -> CompletionCode {
        match self {
            Self::Long => CompletionCode::REQUEST_DATA_TRUNCATED,
            Self::Short | Self::Checksum => CompletionCode::REQUEST_DATA_LENGTH_INVALID,
        }
    }
}

/// A control code. The VM sends `Version`, `Capabilities`, `Reset` (it was reset) and, by other implementations, `PowerOff`; the rest
/// and `Version` go to the VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// SMS attention off.
    NoAttention,
    /// SMS attention on.
    Attention,
    /// SMS attention on, with an interrupt.
    AttentionInterrupt,
    /// Power off at once.
    PowerOff,
    /// Reset at once.
    Reset,
    /// Responses raise the interface's interrupt.
    EnableInterrupt,
    /// They do not.
    DisableInterrupt,
    /// Non-maskable interrupt.
    Nmi,
    /// What the VM can do.
    Capabilities(Capabilities),
    /// Ask the operating system to shut down.
    GracefulShutdown,
    /// [`VERSION`].
    Version(u8),
    /// A code without a name here; passed over.
    Other(u8),
}

/// Which controls a VM obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(pub u8);

impl Capabilities {
    /// [`Control::PowerOff`].
    pub const POWER: Self = Self(0x01);
    /// [`Control::Reset`].
    pub const RESET: Self = Self(0x02);
    /// [`Control::EnableInterrupt`].
    pub const INTERRUPT: Self = Self(0x04);
    /// [`Control::Nmi`].
    pub const NMI: Self = Self(0x08);
    /// [`Control::Attention`].
    pub const ATTENTION: Self = Self(0x10);
    /// [`Control::GracefulShutdown`].
    pub const GRACEFUL_SHUTDOWN: Self = Self(0x20);

    /// Whether all of `other` is in it.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Control {
    const CAPABILITIES: u8 = 0x08;
    const VERSION: u8 = 0xFF;

    /// Code and operand.
    fn code(self) -> (u8, Option<u8>) {
        match self {
            Self::NoAttention => (0x00, None),
            Self::Attention => (0x01, None),
            Self::AttentionInterrupt => (0x02, None),
            Self::PowerOff => (0x03, None),
            Self::Reset => (0x04, None),
            Self::EnableInterrupt => (0x05, None),
            Self::DisableInterrupt => (0x06, None),
            Self::Nmi => (0x07, None),
            Self::Capabilities(Capabilities(bits)) => (Self::CAPABILITIES, Some(bits)),
            Self::GracefulShutdown => (0x09, None),
            Self::Version(version) => (Self::VERSION, Some(version)),
            Self::Other(code) => (code, None),
        }
    }

    /// `None` where there is no code, or its operand is missing.
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(match *bytes {
            [] | [Self::CAPABILITIES | Self::VERSION] => return None,
            [Self::CAPABILITIES, bits, ..] => Self::Capabilities(Capabilities(bits)),
            [Self::VERSION, version, ..] => Self::Version(version),
            [0x00, ..] => Self::NoAttention,
            [0x01, ..] => Self::Attention,
            [0x02, ..] => Self::AttentionInterrupt,
            [0x03, ..] => Self::PowerOff,
            [0x04, ..] => Self::Reset,
            [0x05, ..] => Self::EnableInterrupt,
            [0x06, ..] => Self::DisableInterrupt,
            [0x07, ..] => Self::Nmi,
            [0x09, ..] => Self::GracefulShutdown,
            [code, ..] => Self::Other(code),
        })
    }

    /// Appends the control to `out`.
    pub fn emit(self, out: &mut Vec<u8>) {
        let (code, operand) = self.code();
        escape(code, out);
        operand.into_iter().for_each(|operand| escape(operand, out));
        out.push(CONTROL_END);
    }
}

/// Appends `message` (NetFn and LUN, command, and the rest) to `out`.
pub fn emit_message(id: u8, message: &[u8], out: &mut Vec<u8>) {
    let sum = message.iter().fold(id, |sum, byte| sum.wrapping_add(*byte));
    escape(id, out);
    message.iter().for_each(|byte| escape(*byte, out));
    escape(sum.wrapping_neg(), out);
    out.push(MESSAGE_END);
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        MESSAGE_END | CONTROL_END | ESCAPE => out.extend([ESCAPE, byte | ESCAPED_BIT]),
        byte => out.push(byte),
    }
}

/// Takes a stream apart. Holds at most one frame.
#[derive(Debug, Default)]
pub struct Decoder {
    frame: Vec<u8>,
    escaped: bool,
    overrun: bool,
}

impl Decoder {
    /// Takes the next byte of the stream; the frame that it ends, if it ends one.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        match byte {
            MESSAGE_END => Some(self.take(Self::message)),
            CONTROL_END => Some(self.take(Self::control)),
            ESCAPE => {
                self.escaped = true;
                None
            }
            byte => {
                let byte = if std::mem::take(&mut self.escaped) { byte & !ESCAPED_BIT } else { byte };
                if self.frame.len() < MAX_FRAME {
                    self.frame.push(byte)
                } else {
                    self.overrun = true
                }
                None
            }
        }
    }

    /// Ends the frame, and starts the next whatever this one was.
    fn take(&mut self, read: fn(&Self) -> Result<Frame, Fault>) -> Frame {
        let frame = match (self.overrun, self.escaped) {
            (true, _) => Err(Fault::Long),
            (false, true) => Err(Fault::Short),
            (false, false) => read(self),
        };
        let frame = frame.unwrap_or_else(|fault| Frame::Malformed(self.malformed(fault)));
        self.frame.clear();
        (self.escaped, self.overrun) = (false, false);
        frame
    }

    fn message(&self) -> Result<Frame, Fault> {
        let [id, message @ .., _checksum] = self.frame.as_slice() else { return Err(Fault::Short) };
        if self.frame.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
            return Err(Fault::Checksum);
        }
        if Request::parse(message).is_err() {
            return Err(Fault::Short);
        }
        Ok(Frame::Message { id: *id, message: message.to_vec() })
    }

    fn control(&self) -> Result<Frame, Fault> {
        Control::parse(&self.frame).map(Frame::Control).ok_or(Fault::Short)
    }

    fn malformed(&self, fault: Fault) -> Malformed {
        let (id, message) = self.frame.split_first().unwrap_or((&0, &[]));
        Malformed { fault, id: *id, header: Header::of(message) }
    }
}

#[cfg(test)]
mod tests;
