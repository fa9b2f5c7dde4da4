//! A virtual machine's end of the host interface, as QEMU's `ipmi-bmc-extern` behaves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is the caller's test failing")]

use std::{
    collections::VecDeque,
    io::{self, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use ipmi_wire::vm_serial::{Capabilities, Control, Decoder, Frame, VERSION, emit_message};

/// What QEMU says that its machines can do.
const CAPABILITIES: Capabilities = Capabilities(0x3F);
/// QEMU gives up a request after this.
const PATIENCE: Duration = Duration::from_secs(4);

/// A machine that is connected.
#[derive(Debug)]
pub struct VmHost {
    stream: BufReader<UnixStream>,
    decoder: Decoder,
    controls: VecDeque<Control>,
    id: u8,
}

impl VmHost {
    /// Connects, and says what QEMU says when it starts: its version, what it can do, that it was reset.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream = BufReader::new(stream);
        let mut host = Self { stream, decoder: Decoder::default(), controls: VecDeque::new(), id: 0 };
        for control in [Control::Version(VERSION), Control::Capabilities(CAPABILITIES), Control::Reset] {
            host.say(control)?;
        }
        Ok(host)
    }

    /// Sends a control code.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn say(&mut self, control: Control) -> io::Result<()> {
        let mut bytes = Vec::new();
        control.emit(&mut bytes);
        self.send(&bytes)
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a request (NetFn and LUN, command, data) and waits for no response.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn begin(&mut self, request: &[u8]) -> io::Result<()> {
        self.id = self.id.wrapping_add(1);
        let mut bytes = Vec::new();
        emit_message(self.id, request, &mut bytes);
        self.send(&bytes)
    }

    /// Sends a request and waits for its response: NetFn and LUN, command, completion code, data.
    ///
    /// # Errors
    /// What the kernel says; `TimedOut` or `WouldBlock` after the 4 s that QEMU waits; `UnexpectedEof` where the BMC hangs up.
    ///
    /// # Panics
    /// Where what comes is not the response of this request.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.begin(request)?;
        self.response(request)
    }

    /// Waits for the response of the last request.
    ///
    /// # Errors
    /// As [`VmHost::ask`].
    ///
    /// # Panics
    /// As [`VmHost::ask`].
    pub fn response(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        let (id, message) = self.message()?;
        let [function, command] = [request[0] | 4, request[1]];
        assert_eq!((id, message.get(..2)), (self.id, Some(&[function, command][..])));
        Ok(message)
    }

    /// Waits for the response of whatever was sent.
    ///
    /// # Errors
    /// As [`VmHost::ask`].
    pub fn any_response(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.message()?.1)
    }

    fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            match self.frame()? {
                Frame::Control(control) => self.controls.push_back(control),
                Frame::Message { id, message } => return Ok((id, message)),
                Frame::Malformed(malformed) => panic!("{malformed:?}"),
            }
        }
    }

    /// Waits for the next control code.
    ///
    /// # Errors
    /// As [`VmHost::ask`].
    ///
    /// # Panics
    /// Where a response comes, which nobody asked for.
    pub fn control(&mut self) -> io::Result<Control> {
        if let Some(control) = self.controls.pop_front() {
            return Ok(control);
        }
        match self.frame()? {
            Frame::Control(control) => Ok(control),
            other => panic!("{other:?}"),
        }
    }

    fn frame(&mut self) -> io::Result<Frame> {
        let mut byte = [0];
        loop {
            if self.stream.read(&mut byte)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some(frame) = self.decoder.push(byte[0]) {
                return Ok(frame);
            }
        }
    }
}
