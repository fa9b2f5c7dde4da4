//! A virtual machine in front of a BMC's KCS registers: what QEMU's `ipmi-bmc-extern` sends is played, byte by byte, as a host's
//! handshake, so that the machine's operating system is the host.

use std::{
    io::{self, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use ipmi_wire::vm_serial::{Control, Decoder, Frame, VERSION, emit_message};

use crate::KcsHost;

/// How often attention is looked for while the machine asks nothing.
const LOOK: Duration = Duration::from_millis(50);
/// A response without data: any error, any command (v2.0 table 5-2, unspecified error).
const UNSPECIFIED: u8 = 0xFF;

/// A bridge that takes one machine.
#[derive(Debug)]
pub struct VmBridge {
    listener: UnixListener,
}

impl VmBridge {
    /// Listens at `socket`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn listen(socket: &Path) -> Result<Self> {
        let listener = UnixListener::bind(socket);
        let listener = listener.with_context(|| format!("cannot listen at {}", socket.display()))?;
        Ok(Self { listener })
    }

    /// Serves the machine that connects with `host`, until it is off.
    pub fn serve(self, mut host: KcsHost) -> thread::JoinHandle<Result<()>> {
        thread::spawn(move || serve(self.listener.accept()?.0, &mut host))
    }
}

/// Serves one machine to its end.
fn serve(stream: UnixStream, host: &mut KcsHost) -> Result<()> {
    stream.set_read_timeout(Some(LOOK))?;
    let (mut stream, mut decoder) = (BufReader::new(stream), Decoder::default());
    let mut attention = false;
    for control in [Control::Version(VERSION), Control::NoAttention, Control::DisableInterrupt] {
        if !say(&stream, control)? {
            return Ok(());
        }
    }
    loop {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let wanted = host.attention()?;
                if wanted != attention {
                    attention = wanted;
                    let control = if wanted { Control::Attention } else { Control::NoAttention };
                    if !say(&stream, control)? {
                        return Ok(());
                    }
                }
                continue;
            }
            Err(error) if is_off(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Some(Frame::Message { id, message }) = decoder.push(byte[0]) {
            let response = transfer(host, &message)?;
            let mut bytes = Vec::new();
            emit_message(id, &response, &mut bytes);
            if !send(&stream, &bytes)? {
                return Ok(());
            }
        }
    }
}

/// Asks as a driver does: a handshake that fails is given up, and tried once more.
fn transfer(host: &mut KcsHost, message: &[u8]) -> Result<Vec<u8>> {
    for _ in 0..2 {
        match host.ask(message) {
            Ok(response) => return Ok(response),
            Err(error) => {
                eprintln!("the bridge gives up a request: {error:#}");
                host.abort()?;
            }
        }
    }
    let header: Vec<u8> = message.iter().take(2).copied().collect();
    Ok(match header[..] {
        [function, command] => vec![function | 4, command, UNSPECIFIED],
        _ => header,
    })
}

/// Whether the machine is still there to hear it.
fn say(stream: &BufReader<UnixStream>, control: Control) -> io::Result<bool> {
    let mut bytes = Vec::new();
    control.emit(&mut bytes);
    send(stream, &bytes)
}

/// Whether the machine is still there to take them.
fn send(stream: &BufReader<UnixStream>, bytes: &[u8]) -> io::Result<bool> {
    match stream.get_ref().write_all(bytes) {
        Err(error) if is_off(&error) => Ok(false),
        sent => sent.map(|()| true),
    }
}

/// A machine that is switched off while it has not read everything leaves a reset, or a pipe without an end.
fn is_off(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}
