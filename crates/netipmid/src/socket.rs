//! The UDP socket: inherited from systemd, or bound here.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket},
    os::fd::AsFd as _,
};

use anyhow::Context as _;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};
use tokio::net::UdpSocket;

use crate::config::Checked;

/// The one socket of this instance.
///
/// # Errors
/// Where systemd passed several, or the address cannot be bound.
pub(crate) fn open(config: &Checked) -> anyhow::Result<UdpSocket> {
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
        let device = std::ffi::OsString::from(device);
        setsockopt(&socket, sockopt::BindToDevice, &device)
            .with_context(|| format!("cannot bind to {device:?}"))?;
    }
    Ok(UdpSocket::from_std(socket)?)
}

fn bind_own(config: &Checked) -> anyhow::Result<StdSocket> {
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

fn bind_to(listen: SocketAddr) -> nix::Result<StdSocket> {
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

/// A client's address as people know it: IPv4 on a dual-stack socket arrives as `::ffff:a.b.c.d`, and limits per IPv6 network
/// would take all of IPv4 for one.
pub(crate) fn canonical(from: SocketAddr) -> SocketAddr {
    match from.ip().to_canonical() {
        v4 @ std::net::IpAddr::V4(_) => SocketAddr::new(v4, from.port()),
        std::net::IpAddr::V6(_) => from,
    }
}

/// Sends, in the form that the socket's family wants. What the kernel does not take now is lost, as UDP may lose it anyway.
pub(crate) fn send(
    socket: &UdpSocket,
    listen: SocketAddr,
    to: SocketAddr,
    datagram: &[u8],
) -> io::Result<usize> {
    let to = match to {
        SocketAddr::V4(v4) if listen.is_ipv6() => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        other => other,
    };
    socket.try_send_to(datagram, to)
}
