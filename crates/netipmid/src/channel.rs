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
use bmc_dbus::direct_line::Lines;
use rmcp_session::{CipherSuite, Endpoint, Settings};
use tokio::sync::{Notify, watch};
use zbus::Connection;

use crate::{alerts, config::Checked, session_events::SessionEvents, sol};

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
    /// Alerts and where they go.
    pub(crate) alerts: alerts::Alerts,
    /// The bus, while there is one.
    pub(crate) bus: watch::Sender<Option<Connection>>,
    /// Whether the host has power, as far as anybody says.
    pub(crate) host_on: watch::Sender<bool>,
    /// The ways to ipmid.
    pub(crate) lines: Lines,
    /// What goes to the event log.
    pub(crate) session_events: SessionEvents,
    endpoint: Mutex<Endpoint>,
}

impl LanChannel {
    pub(crate) fn new(
        config: &Checked,
        listen: SocketAddr,
        sol: StateFile<sol::Kept>,
        alerts: StateFile<alerts::Kept>,
    ) -> Self {
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
            alerts: alerts::Alerts::new(
                alerts::Configuration::load(alerts),
                config.trap_port,
                config.device.clone(),
            ),
            bus: watch::Sender::new(None),
            host_on: watch::Sender::new(true),
            endpoint: Mutex::new(Endpoint::new(settings)),
            lines: Lines::default(),
            session_events: SessionEvents::new(config),
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

    pub(crate) fn has_kg(&self) -> bool {
        self.kg_set.load(Ordering::Relaxed)
    }
}
