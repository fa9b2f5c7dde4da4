//! The terminal that a person sits at: raw while attached, and as it was afterwards, however that comes.

use std::io::{self, IsTerminal as _, Read as _};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// Standard input, raw; given back when dropped.
pub(super) struct RawTerminal(Termios);

impl RawTerminal {
    /// Makes standard input raw; `None` where it is no terminal.
    pub(super) fn enter() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSADRAIN, &raw)?;
        // A release build aborts on a panic, and drops nothing.
        let (at_panic, previous) = (before.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |info| {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &at_panic);
            previous(info);
        }));
        Ok(Some(Self(before)))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // The terminal may be gone, with whoever sat at it.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// What comes on standard input, piece by piece, until its end. Read by a thread of its own, because a file or a pipe that belongs to
/// others as well must not be made non-blocking.
pub(super) fn keys() -> mpsc::Receiver<Vec<u8>> {
    let (send, keys) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Ok(length @ 1..) => {
                    let piece = buffer.get(..length).unwrap_or_default().to_vec();
                    if send.blocking_send(piece).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    });
    keys
}
