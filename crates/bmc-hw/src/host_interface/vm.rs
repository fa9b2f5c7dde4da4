//! Virtual machines: OpenIPMI's "VM" protocol on a Unix or TCP socket, as QEMU's `ipmi-bmc-extern` speaks it.
//!
//! One machine at a time. It may go and come back as often as it likes; attention and interrupt are told to each that comes.

mod listen;

use std::{
    io,
    os::fd::OwnedFd,
    task::{Context, Poll, ready},
};

use ipmi_wire::{
    system_interface::Request,
    vm_serial::{Capabilities, Control, Decoder, Frame, MAX_MESSAGE, VERSION, emit_message},
};

use self::listen::Listener;
pub use self::listen::{Listen, ListenError};
use super::{Driver as _, HostError, HostEvent, HostInterface, PowerControl, Tag, device::Device};

/// What a machine that does not read may leave unread. A response is some 600 bytes at most.
const MOST_UNSENT: usize = 8192;
const CHUNK: usize = 512;

/// The host interface of virtual machines.
#[derive(Debug)]
pub struct Vm {
    listener: Listener,
    guest: Option<Guest>,
    /// Came just as the one before went.
    next: Option<OwnedFd>,
    attention: bool,
    interrupt: bool,
}

/// A machine that is connected.
#[derive(Debug)]
struct Guest {
    stream: Device,
    decoder: Decoder,
    /// What was read and not yet taken apart.
    input: [u8; CHUNK],
    taken: usize,
    filled: usize,
    unsent: Vec<u8>,
    broken: bool,
    capabilities: Capabilities,
}

impl Vm {
    /// Listens for machines.
    ///
    /// # Errors
    /// [`HostError::Open`].
    pub fn listen(listen: &Listen) -> Result<Self, HostError> {
        let open = |source| HostError::Open {
            path: listen.to_string(),
            source,
            hint: "is another process listening there, and does the directory exist?",
        };
        let listener = Listener::bind(listen).map_err(open)?;
        Ok(Self { listener, guest: None, next: None, attention: false, interrupt: false })
    }

    /// Who comes next.
    fn poll_newcomer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<OwnedFd>> {
        match self.next.take() {
            Some(stream) => Poll::Ready(Ok(stream)),
            None => self.listener.poll_accept(context),
        }
    }

    /// Takes who comes, if there is room.
    fn welcome(&mut self, stream: OwnedFd) -> Option<HostEvent> {
        // The end of a connection may not have been told yet.
        match self.guest.as_mut().map(Guest::is_gone) {
            Some(true) => {
                (self.guest, self.next) = (None, Some(stream));
                Some(HostEvent::Disconnected)
            }
            // Dropped: it is told by the end of its connection.
            Some(false) => Some(HostEvent::TurnedAway),
            None => {
                // One that is gone already is no machine.
                self.guest = Some(Guest::new(Device::new(stream).ok()?));
                self.greet(true);
                Some(HostEvent::Connected)
            }
        }
    }

    /// Tells a machine the state of the wires.
    fn greet(&mut self, first: bool) {
        let version = first.then_some(Control::Version(VERSION));
        for control in version.into_iter().chain([self.attention_control(), self.interrupt_control()]) {
            self.send_control(control);
        }
    }

    fn attention_control(&self) -> Control {
        // The interrupt is raised where the machine has it enabled.
        if self.attention { Control::AttentionInterrupt } else { Control::NoAttention }
    }

    fn interrupt_control(&self) -> Control {
        if self.interrupt { Control::EnableInterrupt } else { Control::DisableInterrupt }
    }

    fn send_control(&mut self, control: Control) {
        if let Some(guest) = &mut self.guest {
            let mut bytes = Vec::with_capacity(4);
            control.emit(&mut bytes);
            guest.send(&bytes);
        }
    }
}

#[cfg(test)]
impl Vm {
    pub(super) fn is_cut_off(&self) -> bool {
        self.guest.as_ref().is_none_or(|guest| guest.broken)
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.guest.as_ref().is_some_and(|guest| !guest.unsent.is_empty())
    }
}

impl HostInterface for Vm {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Result<HostEvent, HostError>> {
        loop {
            if let Some(guest) = &mut self.guest {
                match guest.poll_event(context) {
                    Poll::Ready(Ok(Some(event))) => {
                        if event == HostEvent::Reset {
                            self.greet(false);
                        }
                        return Poll::Ready(Ok(event));
                    }
                    Poll::Ready(Ok(None) | Err(_)) => {
                        self.guest = None;
                        return Poll::Ready(Ok(HostEvent::Disconnected));
                    }
                    Poll::Pending => {}
                }
            }
            let stream = ready!(self.poll_newcomer(context)).map_err(HostError::Lost)?;
            if let Some(event) = self.welcome(stream) {
                return Poll::Ready(Ok(event));
            }
        }
    }

    fn respond(&mut self, Tag(id): Tag, response: &[u8]) -> Result<(), HostError> {
        if response.len() > MAX_MESSAGE {
            return Err(HostError::TooLong);
        }
        let guest = self.guest.as_mut().ok_or(HostError::Withdrawn)?;
        let mut bytes = Vec::with_capacity(2 * response.len() + 5);
        emit_message(id, response, &mut bytes);
        guest.send(&bytes);
        Ok(())
    }

    fn set_attention(&mut self, on: bool) -> Result<(), HostError> {
        self.attention = on;
        self.send_control(self.attention_control());
        Ok(())
    }

    fn force_abort(&mut self) -> Result<(), HostError> {
        Err(HostError::Unsupported("a virtual machine's interface has no abort"))
    }

    fn set_interrupt(&mut self, on: bool) {
        if self.interrupt != on {
            self.interrupt = on;
            self.send_control(self.interrupt_control());
        }
    }

    fn control(&mut self, control: PowerControl) -> Result<(), HostError> {
        let (capability, control) = match control {
            PowerControl::Off => (Capabilities::POWER, Control::PowerOff),
            PowerControl::Reset => (Capabilities::RESET, Control::Reset),
            PowerControl::Nmi => (Capabilities::NMI, Control::Nmi),
            PowerControl::GracefulShutdown => (Capabilities::GRACEFUL_SHUTDOWN, Control::GracefulShutdown),
        };
        match &self.guest {
            None => return Err(HostError::Unsupported("no virtual machine is connected")),
            Some(guest) if !guest.capabilities.has(capability) => {
                return Err(HostError::Unsupported("the virtual machine says that it cannot do that"));
            }
            Some(_) => {}
        }
        self.send_control(control);
        Ok(())
    }
}

impl Guest {
    fn new(stream: Device) -> Self {
        Self {
            stream,
            decoder: Decoder::default(),
            input: [0; CHUNK],
            taken: 0,
            filled: 0,
            unsent: Vec::new(),
            broken: false,
            capabilities: Capabilities::default(),
        }
    }

    /// The next event; `None` at the end of the connection.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<HostEvent>>> {
        self.poll_flush(context)?;
        if self.broken {
            return Poll::Ready(Ok(None));
        }
        loop {
            while let Some(byte) = self.input.get(self.taken..self.filled).and_then(<[u8]>::first) {
                self.taken += 1;
                if let Some(event) = self.decoder.push(*byte).and_then(|frame| self.event(frame)) {
                    return Poll::Ready(Ok(Some(event)));
                }
            }
            match self.stream.poll_read(context, &mut self.input) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(length)) => (self.taken, self.filled) = (0, length),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Whether the connection has ended behind what was read of it.
    fn is_gone(&mut self) -> bool {
        if self.taken < self.filled {
            return false;
        }
        match self.stream.read(&mut self.input) {
            Ok(length) => {
                (self.taken, self.filled) = (0, length);
                length == 0
            }
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    fn event(&mut self, frame: Frame) -> Option<HostEvent> {
        match frame {
            Frame::Message { id, message } => Some(match Request::parse(&message) {
                Ok(request) => HostEvent::Request(Tag(id), request),
                Err(short) => HostEvent::Malformed(Tag(id), short.header, super::LENGTH_INVALID),
            }),
            Frame::Malformed(malformed) => Some(HostEvent::Malformed(
                Tag(malformed.id),
                malformed.header,
                malformed.fault.completion_code(),
            )),
            Frame::Control(Control::Reset) => Some(HostEvent::Reset),
            Frame::Control(Control::PowerOff) => Some(HostEvent::PoweredOff),
            Frame::Control(Control::Capabilities(capabilities)) => {
                self.capabilities = capabilities;
                None
            }
            // There is one version; what else a machine says is nothing that a BMC could act on.
            Frame::Control(_) => None,
        }
    }

    /// Sends now, or later what the socket does not take. A machine that takes nothing for long is cut off.
    fn send(&mut self, bytes: &[u8]) {
        let sent = match self.unsent.is_empty().then(|| self.stream.write(bytes)) {
            None => 0,
            Some(Ok(sent)) => sent,
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Some(Err(_)) => return self.broken = true,
        };
        self.unsent.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        self.broken |= self.unsent.len() > MOST_UNSENT;
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while !self.unsent.is_empty() {
            if self.stream.poll_writable(context)?.is_pending() {
                return Ok(());
            }
            match self.stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent.min(self.unsent.len()))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
