//! Network: the interfaces as the kernel has them, on D-Bus.
//!
//! Bytes of rtnetlink become `wire::Event`s, events make up the `kernel::Kernel`, and `view` turns that into what OpenBMC
//! calls interfaces, addresses and neighbours; those three know neither sockets nor D-Bus. `socket` listens (nothing is polled),
//! `service` keeps the objects on the bus equal to the view. Writing settings is a later step: every property write is refused.

mod kernel;
mod service;
mod socket;
mod view;
mod wire;

use std::{os::fd::AsFd as _, path::Path};

use bmc_daemon::{ChannelMedium, Context, Daemon};
use bmc_dbus::names::network;
use tokio::io::{Interest, unix::AsyncFd};

use crate::{service::Objects, socket::RouteSocket, view::Networkd};

/// This daemon, for the `ferrite` executable.
pub const DAEMON: Daemon = Daemon {
    name: "networkd",
    about: "network: the interfaces as the kernel has them, on D-Bus",
    run: |context| Box::pin(run(context)),
};

async fn run(context: Context) -> anyhow::Result<()> {
    let channels = context.channels()?;
    let lan = channels.iter().filter(|channel| channel.medium == ChannelMedium::Lan);
    let names = lan.map(|channel| channel.name.clone()).collect();
    let networkd = Networkd::new(Path::new("/run/systemd/netif"), Path::new("/sys/class/net"), names);
    bmc_daemon::keep_connected(&context, async |connection| {
        serve(&connection, &networkd, || context.ready(), context.shutdown()).await
    })
    .await
}

/// Serves the kernel's interfaces on `connection` until `shutdown`; `ready` is called once the name is owned.
async fn serve(
    connection: &zbus::Connection,
    networkd: &Networkd,
    ready: impl FnOnce(),
    mut shutdown: bmc_daemon::Shutdown,
) -> anyhow::Result<()> {
    let mut socket = RouteSocket::open()?;
    let mut kernel = socket.dump().await?;
    let host_name = HostName::watch()?;
    let mut objects = Objects::serve(connection).await?;
    objects.update(networkd.view(&kernel), host_name.read()?).await?;
    bmc_dbus::own_name(connection, network::SERVICE).await?;
    ready();
    loop {
        tokio::select! {
            events = socket.events() => {
                // Notifications that were lost, or that do not tell everything that changed, call for a dump.
                let dump_due = match events? {
                    Some(events) => events.into_iter().any(|event| kernel.apply(event)),
                    None => true,
                };
                if dump_due {
                    kernel = socket.dump().await?;
                }
            }
            changed = host_name.changed() => changed?,
            () = shutdown.requested() => return Ok(()),
        }
        objects.update(networkd.view(&kernel), host_name.read()?).await?;
    }
}

/// The kernel's host name; its file can be waited on.
struct HostName(AsyncFd<std::fs::File>);

impl HostName {
    const PATH: &str = "/proc/sys/kernel/hostname";

    #[allow(deprecated, reason = "a File keeps its descriptor, and what replaces this function is unsafe")]
    fn watch() -> std::io::Result<Self> {
        let file = std::fs::File::open(Self::PATH)?;
        AsyncFd::with_interest(file, Interest::PRIORITY).map(Self)
    }

    fn read(&self) -> std::io::Result<String> {
        Ok(std::fs::read_to_string(Self::PATH)?.trim_end().to_owned())
    }

    async fn changed(&self) -> std::io::Result<()> {
        let mut ready = self.0.ready(Interest::PRIORITY).await?;
        ready.clear_ready();
        // The kernel counts a change as seen when it is polled for.
        let mut seen = [nix::poll::PollFd::new(self.0.as_fd(), nix::poll::PollFlags::POLLPRI)];
        nix::poll::poll(&mut seen, nix::poll::PollTimeout::ZERO)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
