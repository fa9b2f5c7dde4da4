//! An open session: its keys, its sequence numbers, and the requests that it has under way.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipmi_wire::{Privilege, lan_message::LanMessage, rakp::Proof, rmcp_plus::PayloadType};

use crate::{
    CipherSuite, Discard, Random, RequestToken, SessionRef, SessionState, SessionSummary,
    protection::Protection,
    sol::{Sol, Taken},
    window::Window,
};

/// Answered requests that are kept for retransmissions. More than one, because a client may have several under way; far fewer
/// than the 64 request sequence numbers, so that a number that comes round again is not mistaken for a retransmission.
const REMEMBERED: usize = 4;

/// A session that a user has opened.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: u32,
    pub(crate) handle: u8,
    pub(crate) console_session_id: u32,
    pub(crate) peer: SocketAddr,
    pub(crate) suite: CipherSuite,
    pub(crate) user_slot: u8,
    pub(crate) user_name: Vec<u8>,
    pub(crate) privilege: Privilege,
    pub(crate) max_privilege: Privilege,
    pub(crate) opened: Instant,
    pub(crate) last_active: Instant,
    pub(crate) protection: Protection,
    pub(crate) inbound: Window,
    pub(crate) outbound: u32,
    pub(crate) requests: Requests,
    pub(crate) sol: Option<Sol>,
    /// SOL was taken from the client, which is still to be told.
    pub(crate) sol_farewell: bool,
    /// The instance that somebody else ended.
    pub(crate) sol_taken: Option<Taken>,
    /// Until the first packet: how the login was answered, for a repeated RAKP message 3.
    pub(crate) login: Option<Login>,
}

/// RAKP message 3 and the answer to it.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) tag: u8,
    pub(crate) code: Vec<u8>,
    pub(crate) reply: Vec<u8>,
}

impl Login {
    /// Whether `message` is the RAKP message 3 that opened the session, sent again.
    pub(crate) fn is_repeated(&self, message: &Proof<'_>) -> bool {
        self.tag == message.tag && self.code == message.code
    }
}

impl Session {
    /// What others may know of it.
    pub(crate) fn summary(&self) -> SessionSummary {
        SessionSummary {
            id: self.id,
            handle: self.handle,
            state: SessionState::Active,
            user_slot: self.user_slot,
            user_name: self.user_name.clone(),
            privilege: self.privilege,
            max_privilege: self.max_privilege,
            peer: self.peer,
            suite: self.suite,
            opened: self.opened,
            last_active: self.last_active,
        }
    }

    /// How a request names it.
    pub(crate) fn reference(&self) -> SessionRef {
        SessionRef { id: self.id, handle: self.handle, user_slot: self.user_slot, privilege: self.privilege }
    }

    /// Takes the user's present limit over.
    pub(crate) fn limit(&mut self, max_privilege: Privilege) {
        self.max_privilege = self.max_privilege.min(max_privilege);
        self.privilege = self.privilege.min(self.max_privilege);
    }

    /// A datagram that carries `message` to the client, protected as the session is.
    pub(crate) fn seal(
        &mut self,
        payload_type: PayloadType,
        message: &[u8],
        random: &mut dyn Random,
    ) -> Option<Vec<u8>> {
        let mut iv = [0; 16];
        random.fill(&mut iv).ok()?;
        self.outbound = self.outbound.checked_add(1).unwrap_or(1);
        self.protection.seal(payload_type, self.console_session_id, self.outbound, message, iv)
    }

    /// A datagram that carries SOL to the client: authenticated, and encrypted unless it was activated without.
    pub(crate) fn seal_sol(&mut self, payload: &[u8], random: &mut dyn Random) -> Option<Vec<u8>> {
        if self.sol.as_ref().is_none_or(|sol| sol.encrypted) {
            return self.seal(PayloadType::SOL, payload, random);
        }
        self.outbound = self.outbound.checked_add(1).unwrap_or(1);
        self.protection.seal_clear(PayloadType::SOL, self.console_session_id, self.outbound, payload)
    }
}

/// The requests of one session: executed one after the other, each once.
#[derive(Default)]
pub(crate) struct Requests {
    queued: VecDeque<Vec<u8>>,
    executing: Option<Executing>,
    answered: VecDeque<Answered>,
}

/// Numbers only: what was decrypted can be a password.
impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executing = self.executing.as_ref().map(|executing| executing.token);
        write!(f, "Requests({} queued, {executing:?}, {} answered)", self.queued.len(), self.answered.len())
    }
}

/// A request that is being executed.
pub(crate) struct Executing {
    pub(crate) token: RequestToken,
    /// The LAN message as it came.
    pub(crate) request: Vec<u8>,
}

struct Answered {
    request: Vec<u8>,
    response: Vec<u8>,
    at: Instant,
}

/// What becomes of a request that came in.
#[derive(Debug)]
pub(crate) enum Admission<'a> {
    /// It is queued.
    Queued,
    /// It was answered before; the LAN message to send again.
    Repeat(&'a [u8]),
    /// It is thrown away.
    Discard(Discard),
}

impl Requests {
    /// Takes a LAN message in.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        request: Vec<u8>,
        bound: usize,
        retransmission: Duration,
    ) -> Admission<'_> {
        let is_executing = self.executing.as_ref().is_some_and(|executing| executing.request == request);
        if is_executing || self.queued.contains(&request) {
            return Admission::Discard(Discard::Retransmitted);
        }
        let fresh = |at: Instant| now.saturating_duration_since(at) < retransmission;
        let known = self.answered.iter().position(|known| known.request == request && fresh(known.at));
        if let Some(known) = known.and_then(|at| self.answered.get(at)) {
            return Admission::Repeat(&known.response);
        }
        if self.queued.len() >= bound.max(1) {
            return Admission::Discard(Discard::QueueFull);
        }
        self.queued.push_back(request);
        Admission::Queued
    }

    /// The next request to execute, unless one is being executed.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        if self.executing.is_some() { None } else { self.queued.pop_front() }
    }

    /// Marks a request as being executed.
    pub(crate) fn begin(&mut self, token: RequestToken, request: Vec<u8>) {
        self.executing = Some(Executing { token, request });
    }

    /// Whether the request `token` is being executed here.
    pub(crate) fn is_executing(&self, token: RequestToken) -> bool {
        self.executing.as_ref().is_some_and(|executing| executing.token == token)
    }

    /// Takes the request that was being executed.
    pub(crate) fn end(&mut self) -> Option<Executing> {
        self.executing.take()
    }

    /// Remembers an answer.
    pub(crate) fn remember(&mut self, at: Instant, request: Vec<u8>, response: Vec<u8>) {
        if self.answered.len() >= REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back(Answered { request, response, at });
    }
}

/// The response to the LAN message `request`; `None` where that is none.
pub(crate) fn response_to(request: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let request = LanMessage::parse(request).ok()?;
    let mut response = Vec::with_capacity(LanMessage::OVERHEAD + data.len());
    request.response(data).emit(&mut response);
    Some(response)
}
