//! The direct line: `execute` without the way through the bus daemon, for owners of a channel.

use std::{
    collections::HashMap,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
};

use bmc_daemon::Channel;
use bmc_dbus::{direct_line, names::ipmi};
use tokio::task::AbortHandle;
use zbus::{fdo, message::Header};

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
        let line = bmc_daemon::spawn(serve(ours, Arc::clone(&self.front), channel));
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

/// Answers what comes over the line until its other end closes.
async fn serve(stream: UnixStream, front: Arc<Front>, channel: Channel) {
    let answer = |call| front.execute_on(&channel, call);
    if let Err(error) = direct_line::serve(stream, answer).await {
        tracing::warn!("the direct line of {} broke: {error}", channel.name);
    }
}
