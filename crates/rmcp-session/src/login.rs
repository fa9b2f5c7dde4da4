//! The handshake: Open Session, RAKP messages 1 to 4 (v2.0§13.17-§13.23).

use std::{net::SocketAddr, time::Instant};

use ipmi_wire::{
    Privilege,
    rakp::{OpenSessionRequest, OpenSessionResponse, Proof, Rakp1, Rakp2, Refusal, Role, Status},
    rmcp,
    rmcp_plus::{self, PayloadType},
};

use crate::{
    CipherSuite, Discard, Event, LockSubject, LoginFailure, Random, Secret, User, constant_time,
    endpoint::Endpoint,
    exchange::Exchange,
    handshake::{Candidate, Challenged, Handshake, Identity, Opened, Step},
    lockout,
    session::{Login, Requests, Session},
    window::Window,
};

/// A session handle has six bits beside the instance; 0 means none.
const HANDLES: std::ops::RangeInclusive<u8> = 1..=63;

/// The bits of a session ID beside the instance.
const ID: u32 = 0x3FFF_FFFF;

impl Endpoint {
    /// Open Session Request: agrees on algorithms and gives the session an ID.
    pub(crate) fn handle_open_session(
        &mut self,
        now: Instant,
        from: SocketAddr,
        payload: &[u8],
        random: &mut dyn Random,
    ) -> Result<(), Discard> {
        let request = OpenSessionRequest::parse(payload)?;
        let opened = match self.agree(&request) {
            Ok(opened) => opened,
            Err(status) => {
                let refusal = Refusal { tag: request.tag, status, session_id: request.console_session_id };
                return self.refuse(from, PayloadType::OPEN_SESSION_RESPONSE, refusal);
            }
        };
        let managed_session_id = match self.repeated(from, &opened) {
            Some(id) => id,
            None => self.begin_handshake(now, from, opened.clone(), random)?,
        };
        let response = OpenSessionResponse::Accepted {
            tag: opened.tag,
            max_privilege: opened.max_privilege.into(),
            console_session_id: opened.console_session_id,
            managed_session_id,
            agreed: opened.suite.agreed(),
        };
        self.transmit(from, datagram(PayloadType::OPEN_SESSION_RESPONSE, |out| response.emit(out)));
        Ok(())
    }

    fn begin_handshake(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        opened: Opened,
        random: &mut dyn Random,
    ) -> Result<u32, Discard> {
        let managed_session_id = self.new_session_id(random)?;
        let handshake = Handshake { managed_session_id, peer, begun: now, step: Step::Opened(opened) };
        let replaced = self.handshakes.add(handshake, &self.settings.limits);
        (0..replaced).for_each(|_| self.discard(Discard::HalfOpenReplaced));
        Ok(managed_session_id)
    }

    fn agree(&self, request: &OpenSessionRequest) -> Result<Opened, Status> {
        if request.console_session_id == 0 {
            return Err(Status::INVALID_SESSION_ID);
        }
        let max_privilege = match request.max_privilege {
            0 => Privilege::Administrator,
            level => Privilege::from_u8(level).ok_or(Status::INVALID_ROLE)?,
        };
        Ok(Opened {
            tag: request.tag,
            console_session_id: request.console_session_id,
            suite: CipherSuite::select(&self.settings.suites, &request.proposal)?,
            requested_privilege: request.max_privilege,
            max_privilege,
        })
    }

    /// The ID that this very request was given before, when its answer got lost.
    fn repeated(&self, from: SocketAddr, opened: &Opened) -> Option<u32> {
        let same = |handshake: &&Handshake| {
            handshake.peer == from
                && matches!(&handshake.step, Step::Opened(known)
                    if known.tag == opened.tag
                        && known.console_session_id == opened.console_session_id
                        && known.suite == opened.suite
                        && known.requested_privilege == opened.requested_privilege)
        };
        self.handshakes.iter().find(same).map(|handshake| handshake.managed_session_id)
    }

    fn new_session_id(&self, random: &mut dyn Random) -> Result<u32, Discard> {
        const ATTEMPTS: usize = 8;
        for _ in 0..ATTEMPTS {
            let mut bytes = [0; 4];
            random.fill(&mut bytes).map_err(|_| Discard::NoRandom)?;
            let number = u32::from_le_bytes(bytes) & ID;
            let id = (u32::from(self.settings.instance) << ID.count_ones()) | number;
            let taken = self.sessions.iter().any(|session| session.id == id)
                || self.handshakes.iter().any(|handshake| handshake.managed_session_id == id);
            if number != 0 && !taken {
                return Ok(id);
            }
        }
        // A source of random bytes that repeats itself is broken.
        Err(Discard::NoRandom)
    }

    /// RAKP message 1: who, and the console's challenge.
    pub(crate) fn handle_rakp_1(
        &mut self,
        now: Instant,
        from: SocketAddr,
        payload: &[u8],
        random: &mut dyn Random,
    ) -> Result<(), Discard> {
        let message = Rakp1::parse(payload)?;
        let id = message.managed_session_id;
        let handshake = self.handshakes.get(id, from).ok_or(Discard::UnknownSession)?;
        let opened = match &handshake.step {
            Step::Opened(opened) => opened.clone(),
            Step::Challenged(challenged) if challenged.is_repeated(&message) => {
                let reply = challenged.reply.clone();
                self.transmit(from, reply);
                return Ok(());
            }
            Step::Challenged(_) => return Err(Discard::UnexpectedState),
        };
        if let Err(status) = check_role(message.role, opened.max_privilege) {
            self.handshakes.take(id);
            let refusal = Refusal { tag: message.tag, status, session_id: opened.console_session_id };
            return self.refuse(from, PayloadType::RAKP_2, refusal);
        }
        let challenged = self.challenge(now, from, opened, &message, random)?;
        self.transmit(from, challenged.reply.clone());
        if let Some(handshake) = self.handshakes.take(id) {
            let step = Step::Challenged(Box::new(challenged));
            self.handshakes.put_back(Handshake { step, ..handshake });
        }
        Ok(())
    }

    fn challenge(
        &self,
        now: Instant,
        from: SocketAddr,
        opened: Opened,
        message: &Rakp1<'_>,
        random: &mut dyn Random,
    ) -> Result<Challenged, Discard> {
        let mut managed_random = [0; 16];
        random.fill(&mut managed_random).map_err(|_| Discard::NoRandom)?;
        let exchange = Exchange {
            suite: opened.suite,
            console_session_id: opened.console_session_id,
            managed_session_id: message.managed_session_id,
            console_random: message.console_random,
            managed_random,
            managed_guid: self.settings.guid,
            role: message.role,
            user_name: message.user_name.to_vec(),
        };
        let candidate = self.candidate(now, from, message, random)?;
        let code = exchange.code_2(&candidate.password);
        let response = Rakp2::Accepted {
            tag: message.tag,
            console_session_id: opened.console_session_id,
            managed_random,
            managed_guid: exchange.managed_guid,
            code: code.as_ref(),
        };
        let reply = datagram(PayloadType::RAKP_2, |out| response.emit(out));
        Ok(Challenged { opened, tag: message.tag, exchange, candidate, reply })
    }

    /// Who logs in. A random password stands in for that of a user who is not there or locked out, and is drawn in any case: the
    /// answer, and the time it takes, are those of a wrong password.
    fn candidate(
        &self,
        now: Instant,
        from: SocketAddr,
        message: &Rakp1<'_>,
        random: &mut dyn Random,
    ) -> Result<Candidate, Discard> {
        let mut bytes = [0; Secret::MAX];
        random.fill(&mut bytes).map_err(|_| Discard::NoRandom)?;
        let stand_in = Secret::new(&bytes).unwrap_or_default();
        let user = self.look_up(message);
        let slot = user.map(|user| user.slot);
        let locked = self.is_locked(now, from, slot);
        let limit = user.and_then(|user| user.max_privilege);
        Ok(match (user, limit) {
            _ if locked => Candidate { identity: Identity::LockedOut(slot), password: stand_in },
            (Some(user), Some(max_privilege)) => Candidate {
                identity: Identity::User { slot: user.slot, max_privilege },
                password: user.secret.clone(),
            },
            _ => Candidate { identity: Identity::Unknown, password: stand_in },
        })
    }

    /// The first user with the name who may log in; of a look-up by privilege, the first who may have it.
    fn look_up(&self, message: &Rakp1<'_>) -> Option<&User> {
        let suits =
            |limit: Privilege| message.role.is_name_only() || message.role.privilege() <= u8::from(limit);
        self.users.iter().rev().fold(None, |found, user| {
            let matches = constant_time::equal(&user.name, message.user_name)
                && user.enabled
                && user.max_privilege.is_some_and(suits);
            if matches { Some(user) } else { found }
        })
    }

    /// RAKP message 3: the console's proof. Opens the session, or ends the handshake.
    pub(crate) fn handle_rakp_3(
        &mut self,
        now: Instant,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<(), Discard> {
        let message = Proof::parse(payload)?;
        let id = message.session_id;
        match self.handshakes.get(id, from).map(|handshake| &handshake.step) {
            Some(Step::Challenged(_)) => {}
            Some(Step::Opened(_)) => return Err(Discard::UnexpectedState),
            None => return self.repeat_rakp_4(from, &message),
        }
        let Some(Handshake { step: Step::Challenged(challenged), .. }) = self.handshakes.take(id) else {
            return Err(Discard::UnexpectedState);
        };
        let opened = self
            .prove(now, from, &challenged, &message)
            .and_then(|(slot, limit)| self.open_session(now, from, &challenged, &message, slot, limit));
        match opened {
            Ok(()) => Ok(()),
            // The console itself has ended the handshake: it awaits no answer.
            Err(_) if message.status != Status::OK => Err(Discard::LoginRefused),
            Err(status) => {
                let session_id = challenged.opened.console_session_id;
                self.refuse(from, PayloadType::RAKP_4, Refusal { tag: message.tag, status, session_id })
            }
        }
    }

    /// Verifies the proof; the user's slot and the session's highest privilege.
    fn prove(
        &mut self,
        now: Instant,
        from: SocketAddr,
        challenged: &Challenged,
        message: &Proof<'_>,
    ) -> Result<(u8, Privilege), Status> {
        let expected = challenged.exchange.code_3(&challenged.candidate.password);
        let proven = constant_time::equal(expected.as_ref(), message.code) && message.status == Status::OK;
        let (slot, reason) = match challenged.candidate.identity {
            Identity::User { slot, .. } if self.is_locked(now, from, Some(slot)) => {
                (Some(slot), LoginFailure::LockedOut)
            }
            Identity::User { slot, max_privilege } if proven => {
                self.failures.forget(LockSubject::User(slot));
                let granted = granted_privilege(challenged, max_privilege);
                return granted.map(|granted| (slot, granted)).inspect_err(|_| {
                    self.login_failed(from, challenged, Some(slot), LoginFailure::PrivilegeTooHigh);
                });
            }
            Identity::User { slot, .. } => (Some(slot), LoginFailure::WrongPassword),
            Identity::LockedOut(slot) => (slot, LoginFailure::LockedOut),
            Identity::Unknown => (None, LoginFailure::UnknownUser),
        };
        self.login_failed(from, challenged, slot, reason);
        if reason != LoginFailure::LockedOut {
            self.count_failure(now, from, slot);
        }
        Err(Status::INVALID_INTEGRITY_CHECK_VALUE)
    }

    /// Records a handshake that was not finished in time.
    pub(crate) fn abandoned(&mut self, now: Instant, handshake: &Handshake) {
        let Step::Challenged(challenged) = &handshake.step else { return };
        let slot = challenged.candidate.identity.slot();
        self.login_failed(handshake.peer, challenged, slot, LoginFailure::Abandoned);
        if self.settings.lockout.as_ref().is_some_and(|policy| policy.count_abandoned) {
            self.count_failure(now, handshake.peer, slot);
        }
    }

    fn login_failed(
        &mut self,
        source: SocketAddr,
        challenged: &Challenged,
        user_slot: Option<u8>,
        reason: LoginFailure,
    ) {
        let user_name = challenged.exchange.user_name.clone();
        self.tell(Event::LoginFailed { source, user_name, user_slot, reason });
    }

    /// Whether the source, or the user with this slot, is locked out.
    fn is_locked(&self, now: Instant, from: SocketAddr, slot: Option<u8>) -> bool {
        let source = LockSubject::Source(lockout::source(from.ip()));
        slot.map(LockSubject::User)
            .into_iter()
            .chain([source])
            .any(|subject| self.failures.is_locked(now, subject))
    }

    fn count_failure(&mut self, now: Instant, from: SocketAddr, slot: Option<u8>) {
        let Some(policy) = self.settings.lockout.clone() else { return };
        let source = LockSubject::Source(lockout::source(from.ip()));
        for subject in slot.map(LockSubject::User).into_iter().chain([source]) {
            if let Some(until) = self.failures.count(now, subject, &policy) {
                self.tell(Event::LockedOut { subject, until });
            }
        }
    }

    fn open_session(
        &mut self,
        now: Instant,
        from: SocketAddr,
        challenged: &Challenged,
        message: &Proof<'_>,
        user_slot: u8,
        max_privilege: Privilege,
    ) -> Result<(), Status> {
        let Some(handle) = self.free_handle(user_slot) else {
            self.login_failed(from, challenged, Some(user_slot), LoginFailure::NoSessionLeft);
            return Err(Status::INSUFFICIENT_RESOURCES);
        };
        let session = self.establish(now, from, challenged, message, (user_slot, handle, max_privilege));
        let reply = session.login.as_ref().map(|login| login.reply.clone()).unwrap_or_default();
        self.tell(Event::SessionOpened(session.summary()));
        self.sessions.push(session);
        // What the client tried before on the same port it has given up.
        self.handshakes.end(|other| other.peer == from);
        self.transmit(from, reply);
        Ok(())
    }

    /// The session that a proven exchange leads to.
    fn establish(
        &self,
        now: Instant,
        from: SocketAddr,
        challenged: &Challenged,
        message: &Proof<'_>,
        (user_slot, handle, max_privilege): (u8, u8, Privilege),
    ) -> Session {
        let exchange = &challenged.exchange;
        let session_key = exchange.session_key(self.kg.as_ref().unwrap_or(&challenged.candidate.password));
        let code = exchange.code_4(&session_key);
        let session_id = exchange.console_session_id;
        let proof = Proof { tag: message.tag, status: Status::OK, session_id, code: &code };
        let reply = datagram(PayloadType::RAKP_4, |out| proof.emit(out));
        Session {
            id: exchange.managed_session_id,
            handle,
            console_session_id: session_id,
            peer: from,
            suite: exchange.suite,
            user_slot,
            user_name: exchange.user_name.clone(),
            privilege: max_privilege.min(Privilege::User),
            max_privilege,
            opened: now,
            last_active: now,
            protection: exchange.protection(&session_key),
            inbound: Window::new(),
            outbound: 0,
            requests: Requests::default(),
            sol: None,
            sol_farewell: false,
            sol_taken: None,
            login: Some(Login { tag: message.tag, code: message.code.to_vec(), reply }),
        }
    }

    /// The lowest free session handle; `None` where the channel or the user has as many sessions as allowed.
    fn free_handle(&self, user_slot: u8) -> Option<u8> {
        let limits = &self.settings.limits;
        let of_user = self.sessions.iter().filter(|session| session.user_slot == user_slot).count();
        if self.sessions.len() >= limits.sessions.max(1) || of_user >= limits.sessions_per_user.max(1) {
            return None;
        }
        let marked = |handle: u8| (self.settings.instance << HANDLES.end().count_ones()) | handle;
        HANDLES.map(marked).find(|handle| self.sessions.iter().all(|session| session.handle != *handle))
    }

    fn repeat_rakp_4(&mut self, from: SocketAddr, message: &Proof<'_>) -> Result<(), Discard> {
        let session = self.session_mut(message.session_id).ok_or(Discard::UnknownSession)?;
        if session.peer != from {
            return Err(Discard::WrongSource);
        }
        let login = session.login.as_ref().filter(|login| login.is_repeated(message));
        let reply = login.ok_or(Discard::UnexpectedState)?.reply.clone();
        self.transmit(from, reply);
        Ok(())
    }

    fn refuse(&mut self, to: SocketAddr, answer: PayloadType, refusal: Refusal) -> Result<(), Discard> {
        self.transmit(to, datagram(answer, |out| refusal.emit(out)));
        Err(Discard::LoginRefused)
    }
}

/// Whether the role of RAKP message 1 may be asked for at all, whoever asks.
fn check_role(role: Role, max_privilege: Privilege) -> Result<(), Status> {
    match (role.privilege(), Privilege::from_u8(role.privilege())) {
        (0, _) => Ok(()),
        (_, None) => Err(Status::INVALID_ROLE),
        (_, Some(wanted)) if wanted > max_privilege => Err(Status::UNAUTHORIZED_ROLE),
        (_, Some(_)) => Ok(()),
    }
}

/// The session's highest privilege: what was asked for, or with 0 the most that the user may have.
///
/// Asking for more than that is refused only here, once the password is proven: earlier, the refusal would tell that the user exists.
fn granted_privilege(challenged: &Challenged, user_limit: Privilege) -> Result<Privilege, Status> {
    let limit = user_limit.min(challenged.opened.max_privilege);
    match Privilege::from_u8(challenged.exchange.role.privilege()) {
        None => Ok(limit),
        Some(wanted) if wanted > limit => Err(Status::UNAUTHORIZED_ROLE),
        Some(wanted) => Ok(wanted),
    }
}

/// A datagram that carries a payload outside any session.
fn datagram(payload_type: PayloadType, emit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut payload = Vec::with_capacity(72);
    emit(&mut payload);
    let mut out = Vec::with_capacity(rmcp::Header::LENGTH + rmcp_plus::Header::LENGTH + payload.len());
    rmcp::Header::IPMI.emit(&mut out);
    // The payloads of the handshake are at most 72 bytes long.
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    rmcp_plus::Header::sessionless(payload_type).emit(length, &mut out);
    out.extend(payload);
    out
}
