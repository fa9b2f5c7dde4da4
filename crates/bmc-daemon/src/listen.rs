//! Sockets that systemd opened for us.

use std::{
    io,
    net::UdpSocket,
    os::fd::{FromRawFd as _, RawFd},
};

/// The UDP sockets inherited by socket activation (`ListenDatagram=`), in the unit's order; empty without activation.
///
/// # Errors
/// What the kernel says of a descriptor, or `InvalidInput` for one that is no IP datagram socket.
#[allow(unsafe_code, reason = "adopting a descriptor that systemd passed by number is what the protocol is")]
pub fn inherited_datagram_sockets() -> io::Result<Vec<UdpSocket>> {
    let inherited = systemd::daemon::listen_fds()?;
    let mut sockets = Vec::new();
    for fd in inherited.iter() {
        let fd: RawFd = fd;
        let is_datagram = systemd::daemon::is_socket(
            fd,
            None,
            Some(systemd::daemon::SocketType::Datagram),
            systemd::daemon::Listening::NoListeningCheck,
        )?;
        if !is_datagram {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "inherited descriptor {fd} is not a datagram socket; the socket unit wants ListenDatagram="
                ),
            ));
        }
        // SAFETY: sd_listen_fds(3) hands these descriptors to this process alone, and it unsets LISTEN_FDS, so that this is
        // the one place that takes ownership of them.
        let socket = unsafe { UdpSocket::from_raw_fd(fd) };
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    Ok(sockets)
}
