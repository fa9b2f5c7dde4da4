//! The rtnetlink socket: dumps and notifications.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use anyhow::Context as _;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, sendto, socket,
};
use tokio::io::unix::AsyncFd;

use crate::{
    kernel::Kernel,
    wire::{self, Event, Table},
};

/// Links, neighbours, and addresses and routes of both families (`RTMGRP_*`).
const GROUPS: u32 = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;
/// The kernel never sends more than this in one datagram.
const DATAGRAM: usize = 32 * 1024;
/// How often a dump that changed under the reader is read again before it is taken as it is.
const DUMP_ATTEMPTS: usize = 4;

/// A socket that is subscribed to everything that [`Kernel`] holds.
pub(crate) struct RouteSocket {
    fd: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
}

impl RouteSocket {
    #[allow(
        deprecated,
        reason = "an OwnedFd keeps its descriptor, and what replaces this function is unsafe"
    )]
    pub(crate) fn open() -> anyhow::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)
            .context("cannot open a netlink socket")?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))
            .context("cannot subscribe to the kernel's routes")?;
        Ok(Self { fd: AsyncFd::new(fd)?, buffer: vec![0; DATAGRAM] })
    }

    /// Asks for everything. Notifications that arrive meanwhile are taken in, in their order.
    pub(crate) async fn dump(&mut self) -> anyhow::Result<Kernel> {
        let mut kernel = Kernel::default();
        for table in [Table::Links, Table::Addresses, Table::Routes, Table::Neighbours] {
            for _ in 0..DUMP_ATTEMPTS {
                if self.dump_table(table, &mut kernel).await? {
                    break;
                }
            }
        }
        Ok(kernel)
    }

    /// Whether the table stood still while it was read.
    async fn dump_table(&mut self, table: Table, kernel: &mut Kernel) -> anyhow::Result<bool> {
        let fd = self.fd.get_ref().as_raw_fd();
        sendto(fd, &wire::dump_request(table), &NetlinkAddr::new(0, 0), MsgFlags::empty())
            .with_context(|| format!("cannot ask the kernel for {table:?}"))?;
        let mut consistent = true;
        loop {
            let Some(events) = self.events().await? else {
                consistent = false;
                continue;
            };
            for event in events {
                match event {
                    Event::Done => return Ok(consistent),
                    Event::Failed(errno) => {
                        return Err(io::Error::from_raw_os_error(errno))
                            .with_context(|| format!("the kernel does not list {table:?}"));
                    }
                    Event::Interrupted => consistent = false,
                    other => consistent &= !kernel.apply(other),
                }
            }
        }
    }

    /// The next datagram's events; `None` where the kernel had to drop some. May be dropped without losing one.
    pub(crate) async fn events(&mut self) -> anyhow::Result<Option<Vec<Event>>> {
        loop {
            let mut ready = self.fd.readable().await?;
            let received = ready.try_io(|fd| {
                recvfrom::<NetlinkAddr>(fd.get_ref().as_raw_fd(), &mut self.buffer).map_err(io::Error::from)
            });
            match received {
                // Any process may send to a netlink socket; only port 0 is the kernel.
                Ok(Ok((length, Some(sender)))) if sender.pid() == 0 => {
                    return Ok(Some(wire::decode(self.buffer.get(..length).unwrap_or_default())));
                }
                Ok(Err(error)) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => return Ok(None),
                Ok(Err(error)) => return Err(error).context("cannot read from the netlink socket"),
                Ok(Ok(_)) | Err(_) => {}
            }
        }
    }
}
