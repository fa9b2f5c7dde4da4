//! What the driver and the objects on the bus share.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bmc_dbus::direct_line::DirectLine;
use rmcp_session::{CipherSuite, Endpoint};
use tokio::sync::Notify;

use crate::config::Checked;

/// One LAN channel, for as long as the process lives.
#[derive(Debug)]
pub(crate) struct LanChannel {
    /// The name in `channels.toml`.
    pub(crate) name: String,
    /// The channel's number.
    pub(crate) number: u8,
    /// Where the socket listens.
    pub(crate) listen: SocketAddr,
    /// The suites that are offered.
    pub(crate) suites: Vec<CipherSuite>,
    /// How many sessions can be open at once.
    pub(crate) session_limit: u8,
    /// Whether logins need KG (v2.0§13.31).
    pub(crate) kg_set: AtomicBool,
    /// Sessions were opened, closed or changed.
    pub(crate) sessions_changed: Notify,
    /// The endpoint was acted on from outside the driver, which has to look.
    pub(crate) acted: Notify,
    endpoint: Mutex<Endpoint>,
    line: Mutex<Option<DirectLine>>,
}

impl LanChannel {
    pub(crate) fn new(config: &Checked, listen: SocketAddr) -> Self {
        Self {
            name: config.channel.clone(),
            number: config.settings.channel,
            listen,
            suites: config.settings.suites.clone(),
            session_limit: u8::try_from(config.settings.limits.sessions).unwrap_or(u8::MAX),
            kg_set: AtomicBool::new(false),
            sessions_changed: Notify::new(),
            acted: Notify::new(),
            endpoint: Mutex::new(Endpoint::new(config.settings.clone())),
            line: Mutex::new(None),
        }
    }

    /// The sessions; held for one step of the state machine, never across an await.
    pub(crate) fn endpoint(&self) -> MutexGuard<'_, Endpoint> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts on the endpoint and has the driver send what comes of it.
    pub(crate) fn act<T>(&self, action: impl FnOnce(&mut Endpoint) -> T) -> T {
        let result = action(&mut self.endpoint());
        self.acted.notify_one();
        result
    }

    /// Ends a session; whether there was one.
    pub(crate) fn close(&self, session_id: u32) -> bool {
        self.act(|endpoint| endpoint.close(Instant::now(), session_id))
    }

    /// The way to ipmid, once there is one.
    pub(crate) fn line(&self) -> Option<DirectLine> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_line(&self, line: DirectLine) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    pub(crate) fn has_kg(&self) -> bool {
        self.kg_set.load(Ordering::Relaxed)
    }
}
