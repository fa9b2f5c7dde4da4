//! The simulated host's console over Serial over LAN, with the client of our own.

use std::{net::SocketAddr, time::Duration};

use system_tests::remote_console::{HostShell, Login, Session, Suite};

use super::Running;

/// An administrator's login at `port` of this machine.
pub(crate) fn login(stack: &Running, port: u16) -> Login {
    Login {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        user: stack.description.user.clone().into_bytes(),
        password: stack.description.password.clone().into_bytes(),
        suite: Suite::from_number(17).unwrap(),
        persistent: false,
    }
}

/// Logs in and activates the first instance.
pub(crate) fn attach(stack: &Running) -> HostShell {
    attach_at(stack, stack.description.port, Duration::from_millis(100))
}

/// The same at another port, as of a relay, sending again after `retry`.
pub(crate) fn attach_at(stack: &Running, port: u16, retry: Duration) -> HostShell {
    let session = Session::open(&login(stack, port)).unwrap();
    HostShell::attach(session, 1, retry).unwrap()
}
