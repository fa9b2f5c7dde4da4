//! The direct line: `execute` without the way through the bus daemon, for owners of a channel.

use std::{
    collections::HashMap,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
};

use bmc_daemon::Channel;
use bmc_dbus::{
    execute::{Call, Options, Reply},
    names::ipmi,
};
use tokio::task::AbortHandle;
use zbus::{OwnedVariant, fdo, message::Header};

use super::front::Front;

/// `org.ferrite.Ipmi.DirectLine`.
pub(super) struct DirectLine {
    front: Arc<Front>,
    /// By channel number. One line a channel: a new one ends the old, so that nobody can pile them up.
    lines: Mutex<HashMap<u8, AbortHandle>>,
}

impl DirectLine {
    pub(super) fn new(front: Arc<Front>) -> Self {
        Self { front, lines: Mutex::default() }
    }

    fn open(&self, channel: Channel) -> std::io::Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair()?;
        let number = channel.number;
        let line = tokio::spawn(serve(ours, Line { front: Arc::clone(&self.front), channel }));
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = lines.insert(number, line.abort_handle()) {
            old.abort();
        }
        Ok(theirs.into())
    }
}

impl Drop for DirectLine {
    fn drop(&mut self) {
        for line in self.lines.lock().unwrap_or_else(PoisonError::into_inner).values() {
            line.abort();
        }
    }
}

#[zbus::interface(name = "org.ferrite.Ipmi.DirectLine")]
impl DirectLine {
    async fn connect(&self, #[zbus(header)] header: Header<'_>) -> fdo::Result<zbus::OwnedFd> {
        let sender = header.sender().map(|sender| sender.as_str()).unwrap_or_default();
        let Some(channel) = self.front.channel_of(sender).await else {
            return Err(fdo::Error::AccessDenied(format!(
                "{sender} owns no {}<name> of channels.toml",
                ipmi::CHANNEL_PREFIX
            )));
        };
        let fd = self.open(channel.clone()).map_err(|error| fdo::Error::IOError(error.to_string()))?;
        tracing::info!(channel = channel.number, "direct line for {}", channel.name);
        Ok(fd.into())
    }
}

async fn serve(stream: UnixStream, line: Line) {
    let channel = line.channel.name.clone();
    let connection = async {
        stream.set_nonblocking(true)?;
        let guid = zbus::Guid::generate();
        zbus::connection::Builder::unix_stream(stream)
            .server(guid)
            .p2p()
            .serve_at(ipmi::PATH, line)
            .build()
            .await
    };
    match connection.await {
        Ok(connection) => connection.closed().await,
        Err(error) => tracing::warn!("the direct line of {channel} did not come about: {error}"),
    }
}

/// `xyz.openbmc_project.Ipmi.Server` for one channel.
struct Line {
    front: Arc<Front>,
    channel: Channel,
}

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.Server")]
impl Line {
    #[zbus(name = "execute")]
    async fn execute(
        &self,
        net_fn: u8,
        lun: u8,
        command: u8,
        data: Vec<u8>,
        options: HashMap<String, OwnedVariant>,
    ) -> (Reply,) {
        let options = Options::from_dict(&options);
        let call = Call { net_fn, lun, command, data, options };
        (self.front.execute_on(&self.channel, call).await,)
    }
}
