//! The endpoint of one LAN channel: its state, and where a datagram goes.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use ipmi_wire::{
    FrameError, asf, rmcp,
    rmcp_plus::{self, Packet, PayloadType},
    session_v15,
};

use crate::{
    CloseReason, Discard, Discards, Event, Random, RequestToken, Secret, SessionState, SessionSummary,
    Settings, SolClose, Transmit, User,
    handshake::{Handshake, Handshakes, Step},
    lockout::Failures,
    session::Session,
    sessionless::{Framing, Sessionless},
};

/// One LAN channel's sessions.
#[derive(Debug)]
pub struct Endpoint {
    pub(crate) settings: Settings,
    pub(crate) users: Vec<User>,
    pub(crate) kg: Option<Secret>,
    pub(crate) handshakes: Handshakes,
    /// At most 63, so that a walk beats a map.
    pub(crate) sessions: Vec<Session>,
    pub(crate) sessionless: Sessionless,
    pub(crate) failures: Failures,
    next_token: u64,
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
            handshakes: Handshakes::default(),
            sessions: Vec::new(),
            sessionless: Sessionless::default(),
            failures: Failures::default(),
            next_token: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            discards: Discards::default(),
        }
    }

    /// Replaces the users and the channel's key KG; `None` is one-key login, where the user's password stands in for KG.
    /// A KG of zeros is `None`: everybody knows it, and whoever overhears a login could compute the session's keys from it.
    ///
    /// Sessions end whose user is gone, renamed, disabled or without access; others keep at most the user's new privilege. A
    /// handshake under way must begin anew, for it was begun with the old secrets. Open sessions survive a change of secrets:
    /// otherwise a user who changes the own password would never see the answer.
    pub fn set_users(&mut self, users: Vec<User>, kg: Option<Secret>) {
        self.users = users;
        self.kg = kg.filter(|kg| !kg.is_zero());
        let outdated = self.handshakes.end(|handshake| matches!(handshake.step, Step::Challenged(_)));
        (0..outdated).for_each(|_| self.discards.count(Discard::HalfOpenReplaced));
        let limits: Vec<_> =
            self.sessions.iter().map(|session| (session.id, self.limit_of(session))).collect();
        for (id, limit) in limits {
            match limit {
                Some(limit) => self.session_mut(id).into_iter().for_each(|session| session.limit(limit)),
                None => self.end_session(id, CloseReason::UserChanged),
            }
        }
        self.end_sol_without_right(SolClose::UserChanged);
    }

    /// What the user of a session may do now; `None` where the session has no right to be any more.
    fn limit_of(&self, session: &Session) -> Option<ipmi_wire::Privilege> {
        let same = |user: &&User| user.slot == session.user_slot && user.name == session.user_name;
        self.users.iter().find(same).filter(|user| user.enabled)?.max_privilege
    }

    /// Replaces the GUID for handshakes that begin from now on.
    pub fn set_guid(&mut self, guid: [u8; 16]) {
        self.settings.guid = guid;
    }

    /// Takes a datagram that arrived from `from` at `now`.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        random: &mut dyn Random,
    ) {
        self.handle_timeout(now);
        if let Err(reason) = self.dispatch(now, from, datagram, random) {
            self.discards.count(reason);
        }
    }

    fn dispatch(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        random: &mut dyn Random,
    ) -> Result<(), Discard> {
        let (header, body) = rmcp::Header::parse(datagram)?;
        match (header.class, body.first()) {
            (rmcp::Class::ASF, _) => self.pong(from, asf::Message::parse(body)?),
            (rmcp::Class::IPMI, Some(&rmcp_plus::AUTHENTICATION_TYPE)) => {
                self.dispatch_packet(now, from, &Packet::parse(body)?, random)
            }
            (rmcp::Class::IPMI, _) => {
                let packet = session_v15::Packet::parse(body)?;
                self.handle_sessionless(now, from, Framing::V1_5, packet.message)
            }
            _ => Err(Discard::NotForUs),
        }
    }

    fn dispatch_packet(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &Packet<'_>,
        random: &mut dyn Random,
    ) -> Result<(), Discard> {
        let header = &packet.header;
        if header.session_id != 0 {
            return self.handle_session_packet(now, from, packet, random);
        }
        if header.encrypted || header.authenticated {
            return Err(Discard::UnknownSession);
        }
        match header.payload_type {
            PayloadType::IPMI => self.handle_sessionless(now, from, Framing::RmcpPlus, packet.payload),
            PayloadType::OPEN_SESSION_REQUEST => self.handle_open_session(now, from, packet.payload, random),
            PayloadType::RAKP_1 => self.handle_rakp_1(now, from, packet.payload, random),
            PayloadType::RAKP_3 => self.handle_rakp_3(now, from, packet.payload),
            _ => Err(Discard::PayloadType),
        }
    }

    fn pong(&mut self, from: SocketAddr, message: asf::Message) -> Result<(), Discard> {
        /// A tag that asks for no answer (ASF 2.0 §3.2.4.1).
        const UNIDIRECTIONAL: u8 = 0xFF;
        let asf::Message::Ping { tag } = message else { return Err(Discard::NotForUs) };
        if tag == UNIDIRECTIONAL {
            return Err(Discard::NotForUs);
        }
        let mut datagram = Vec::new();
        rmcp::Header { sequence: rmcp::NO_ACKNOWLEDGE, class: rmcp::Class::ASF }.emit(&mut datagram);
        asf::Message::Pong { tag, ipmi: true }.emit(&mut datagram);
        self.transmit(from, datagram);
        Ok(())
    }

    /// Ends what has expired at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let since = |begun: Instant| now.saturating_duration_since(begun);
        let limits = &self.settings.limits;
        let (handshake, idle) = (limits.handshake, limits.idle);
        while let Some(expired) = self.handshakes.take_expired(now, handshake) {
            self.discards.count(Discard::HandshakeExpired);
            self.abandoned(now, &expired);
        }
        self.sessionless.expire(now);
        while let Some(session) = self.sessions.iter().find(|session| since(session.last_active) >= idle) {
            self.end_session(session.id, CloseReason::Idle);
        }
    }

    /// When [`Endpoint::handle_timeout`] or [`Endpoint::transmit_sol`] has something to do next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let limits = &self.settings.limits;
        let sessions =
            self.sessions.iter().filter_map(|session| session.last_active.checked_add(limits.idle)).min();
        let handshakes = self.handshakes.next_timeout(limits.handshake);
        [sessions, handshakes, self.sessionless.next_timeout(), self.sol_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next datagram to send; ask until there is none, after every other call.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event; ask until there is none, after every other call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Ends the session with the managed system's `session_id`; whether there was one.
    ///
    /// `now` is taken for symmetry with the other inputs: the end of a session has no timer yet.
    pub fn close(&mut self, _now: Instant, session_id: u32) -> bool {
        let known = self.sessions.iter().any(|session| session.id == session_id);
        self.end_session(session_id, CloseReason::Local);
        known
    }

    /// The sessions, handshakes under way included.
    pub fn sessions(&self) -> impl Iterator<Item = SessionSummary> {
        self.sessions.iter().map(Session::summary).chain(self.handshakes.iter().map(Handshake::summary))
    }

    /// What was thrown away, by reason.
    pub fn discards(&self) -> &Discards {
        &self.discards
    }

    pub(crate) fn session_mut(&mut self, id: u32) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id == id)
    }

    /// Ends a session, if it is there, and tells.
    pub(crate) fn end_session(&mut self, id: u32, reason: CloseReason) {
        if let Some(at) = self.sessions.iter().position(|session| session.id == id) {
            let mut session = self.sessions.remove(at);
            let closed =
                session.sol.take().map(|sol| Event::SolClosed(sol.summary(&session), SolClose::Session));
            self.events.extend(closed);
            self.events.push_back(Event::SessionClosed(session.summary(), reason));
        }
    }

    pub(crate) fn discard(&mut self, reason: Discard) {
        self.discards.count(reason);
    }

    pub(crate) fn transmit(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        self.transmits.push_back(Transmit { to, datagram });
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn token(&mut self) -> RequestToken {
        self.next_token = self.next_token.wrapping_add(1);
        RequestToken(self.next_token)
    }
}

impl Handshake {
    fn summary(&self) -> SessionSummary {
        let opened = match &self.step {
            Step::Opened(opened) => opened,
            Step::Challenged(challenged) => &challenged.opened,
        };
        SessionSummary {
            id: self.managed_session_id,
            handle: 0,
            state: SessionState::SettingUp,
            user_slot: 0,
            user_name: Vec::new(),
            privilege: ipmi_wire::Privilege::Callback,
            max_privilege: opened.max_privilege,
            peer: self.peer,
            suite: opened.suite,
            opened: self.begun,
            last_active: self.begun,
        }
    }
}

impl From<FrameError> for Discard {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Checksum => Self::Checksum,
            FrameError::AuthenticationType(_) => Self::AuthenticationType,
            FrameError::Truncated | FrameError::Length | FrameError::Format => Self::Malformed,
        }
    }
}
