//! The endpoint of one LAN channel.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use ipmi_wire::CompletionCode;

use crate::{Discards, Event, Random, RequestToken, Secret, SessionSummary, Settings, Transmit, User};

/// One LAN channel's sessions.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    users: Vec<User>,
    kg: Option<Secret>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    discards: Discards,
}

impl Endpoint {
    /// An endpoint without users and sessions.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            users: Vec::new(),
            kg: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            discards: Discards::default(),
        }
    }

    /// Replaces the users and the channel's key KG; `None` is one-key login, where the user's password stands in for KG.
    ///
    /// Sessions end whose user is gone, renamed, disabled or without access; others keep at most the user's new privilege.
    pub fn set_users(&mut self, users: Vec<User>, kg: Option<Secret>) {
        self.users = users;
        self.kg = kg;
    }

    /// Replaces the GUID for handshakes that begin from now on.
    pub fn set_guid(&mut self, guid: [u8; 16]) {
        self.settings.guid = guid;
    }

    /// Takes a datagram that arrived from `from` at `now`.
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _from: SocketAddr,
        _datagram: &[u8],
        _random: &mut dyn Random,
    ) {
    }

    /// Ends what has expired at `now`.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`Endpoint::handle_timeout`] has something to do next.
    pub fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next datagram to send; ask until there is none, after every other call.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event; ask until there is none, after every other call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Answers a request. An answer to a session that is gone, or a second answer, is discarded and counted.
    pub fn respond(
        &mut self,
        _now: Instant,
        _token: RequestToken,
        _completion_code: CompletionCode,
        _data: &[u8],
        _random: &mut dyn Random,
    ) {
    }

    /// Ends the session with the managed system's `session_id`; whether there was one.
    pub fn close(&mut self, _now: Instant, _session_id: u32) -> bool {
        false
    }

    /// The sessions, handshakes under way included.
    pub fn sessions(&self) -> impl Iterator<Item = SessionSummary> {
        std::iter::empty()
    }

    /// What was thrown away, by reason.
    pub fn discards(&self) -> &Discards {
        &self.discards
    }
}
