//! The UDP socket: inherited from systemd, or bound here.

use std::{
    ffi::OsString,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::{fd::AsFd as _, unix::ffi::OsStrExt as _},
};

use anyhow::Context as _;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockopt, setsockopt, socket, sockopt,
};
use tokio::io::{
    Interest,
    unix::{AsyncFd, AsyncFdReadyGuard},
};

use crate::config::Checked;

/// That something may have arrived.
pub(crate) type Ready<'a> = AsyncFdReadyGuard<'a, UdpSocket>;

/// The one socket of this instance. Watched for input alone: otherwise each answer that leaves wakes the daemon once more.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: AsyncFd<UdpSocket>,
    address: SocketAddr,
}

impl Socket {
    /// # Errors
    /// Where systemd passed several, or the address cannot be bound.
    pub(crate) fn open(config: &Checked) -> anyhow::Result<Self> {
        let mut inherited =
            bmc_daemon::inherited_datagram_sockets().context("cannot take over systemd's socket")?;
        let socket = match (inherited.pop(), inherited.is_empty()) {
            (None, _) => bind_own(config)?,
            (Some(socket), true) => socket,
            (Some(_), false) => anyhow::bail!(
                "systemd passed {} sockets, one is wanted\nhint: one ListenDatagram= per socket unit",
                inherited.len() + 1
            ),
        };
        if let Some(device) = &config.device {
            let device = OsString::from(device);
            take_only(&socket, &device).with_context(|| format!("cannot bind to {device:?}"))?;
        }
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; this one does not"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket, address })
    }

    /// Where it is bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn readable(&self) -> io::Result<Ready<'_>> {
        self.socket.readable().await
    }

    /// Sends, in the form that the socket's family wants. What the kernel does not take now is lost, as UDP may lose it anyway.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<usize> {
        let to = match to {
            SocketAddr::V4(v4) if self.address.is_ipv6() => {
                SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()))
            }
            other => other,
        };
        self.socket.get_ref().send_to(datagram, to)
    }
}

fn bind_own(config: &Checked) -> anyhow::Result<UdpSocket> {
    let listen = config.listen;
    let bound = match bind_to(listen) {
        // A kernel without IPv6.
        Err(nix::Error::EAFNOSUPPORT) if listen.ip().is_unspecified() => {
            bind_to(SocketAddr::from((Ipv4Addr::UNSPECIFIED, listen.port())))
        }
        other => other,
    };
    bound.with_context(|| format!("cannot listen on udp {listen}\nhint: is another IPMI daemon running? Port 623 needs CAP_NET_BIND_SERVICE"))
}

fn bind_to(listen: SocketAddr) -> nix::Result<UdpSocket> {
    let family = if listen.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd = socket(family, SockType::Datagram, flags, None)?;
    if listen.is_ipv6() {
        // Whatever net.ipv6.bindv6only says: one socket takes both.
        setsockopt(&fd.as_fd(), sockopt::Ipv6V6Only, &false)?;
    }
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrStorage::from(listen))?;
    Ok(fd.into())
}

/// Has `socket` send and take on `device` alone.
///
/// Without CAP_NET_RAW the kernel lets that be said once of a socket, and systemd's outlives the netipmid that said it.
pub(crate) fn take_only(socket: &UdpSocket, device: &OsString) -> nix::Result<()> {
    let bound = getsockopt(socket, sockopt::BindToDevice)?;
    // The kernel gives the name with its zero.
    if bound.as_bytes().split(|byte| *byte == 0).next() == Some(device.as_bytes()) {
        return Ok(());
    }
    setsockopt(socket, sockopt::BindToDevice, device)
}

/// A client's address as people know it: IPv4 on a dual-stack socket arrives as `::ffff:a.b.c.d`, and limits per IPv6 network
/// would take all of IPv4 for one.
pub(crate) fn canonical(from: SocketAddr) -> SocketAddr {
    match from.ip().to_canonical() {
        v4 @ std::net::IpAddr::V4(_) => SocketAddr::new(v4, from.port()),
        std::net::IpAddr::V6(_) => from,
    }
}
