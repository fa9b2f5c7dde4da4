//! What the driver and the objects on the bus share.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bmc_daemon::StateFile;
use bmc_dbus::direct_line::DirectLine;
use rmcp_session::{CipherSuite, Endpoint, Settings};
use tokio::sync::{Notify, watch};
use zbus::Connection;

use crate::{config::Checked, sol};

/// The ways to ipmid: of this bus connection, and of the one before. After a restart of the bus ipmid needs a moment to come back
/// to it, while the socket that both still hold is not of the bus at all.
#[derive(Debug, Default)]
struct Lines {
    now: Option<DirectLine>,
    before: Option<DirectLine>,
}

impl Lines {
    fn best(&self) -> Option<DirectLine> {
        let before = self.before.as_ref().filter(|line| line.is_direct());
        let now = self.now.as_ref();
        now.filter(|line| line.is_present()).or(before).or(now).cloned()
    }
}

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
    /// The SOL configuration.
    pub(crate) sol: sol::Configuration,
    /// The bus, while there is one.
    pub(crate) bus: watch::Sender<Option<Connection>>,
    /// Whether the host has power, as far as anybody says.
    pub(crate) host_on: watch::Sender<bool>,
    endpoint: Mutex<Endpoint>,
    lines: Mutex<Lines>,
}

impl LanChannel {
    pub(crate) fn new(config: &Checked, listen: SocketAddr, sol: StateFile<sol::Kept>) -> Self {
        let sol = sol::Configuration::load(sol, config.consoles.clone(), listen.port());
        let settings = Settings { sol: sol.parameters(), ..config.settings.clone() };
        Self {
            name: config.channel.clone(),
            number: config.settings.channel,
            listen,
            suites: config.settings.suites.clone(),
            session_limit: u8::try_from(config.settings.limits.sessions).unwrap_or(u8::MAX),
            kg_set: AtomicBool::new(false),
            sessions_changed: Notify::new(),
            acted: Notify::new(),
            sol,
            bus: watch::Sender::new(None),
            host_on: watch::Sender::new(true),
            endpoint: Mutex::new(Endpoint::new(settings)),
            lines: Mutex::default(),
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
        self.lines().best()
    }

    /// Takes the line of a new bus connection. The one before serves on as long as it works and ipmid is not on this bus yet.
    pub(crate) fn set_line(&self, line: DirectLine) {
        let mut lines = self.lines();
        let before = lines.best();
        lines.before = before.filter(DirectLine::is_direct);
        lines.now = Some(line);
    }

    /// Hangs up the line of the bus connection before: ipmid has come to this one.
    pub(crate) fn drop_line_before(&self) {
        self.lines().before = None;
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_kg(&self) -> bool {
        self.kg_set.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
impl LanChannel {
    /// Whether the line of this bus connection is direct, and the one before hung up.
    pub(crate) fn has_only_new_line(&self) -> bool {
        let lines = self.lines();
        lines.before.is_none() && lines.now.as_ref().is_some_and(DirectLine::is_direct)
    }
}
