//! Packets of open sessions: verified, decrypted, executed one after the other, answered.

use std::{net::SocketAddr, time::Instant};

use ipmi_wire::{
    CompletionCode,
    rmcp_plus::{Packet, PayloadType},
};

use crate::{
    Discard, Event, Random, Request, RequestToken,
    bridged::is_response_to_host,
    endpoint::Endpoint,
    local,
    session::{Admission, Session, response_to},
};

impl Endpoint {
    /// Takes a packet that names a session.
    pub(crate) fn handle_session_packet(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &Packet<'_>,
        random: &mut dyn Random,
    ) -> Result<(), Discard> {
        let limits = self.settings.limits.clone();
        let id = packet.header.session_id;
        let session = self.session_mut(id).ok_or(Discard::UnknownSession)?;
        let message = session.unprotect(now, from, packet)?;
        match packet.header.payload_type {
            PayloadType::IPMI if is_response_to_host(&message) => return self.tell_response(id, message),
            PayloadType::IPMI => {}
            PayloadType::SOL => return self.handle_sol(now, id, packet.header.sequence, &message, random),
            _ => return Err(Discard::PayloadType),
        }
        local::request(&message)?;
        match session.requests.admit(now, message, limits.queued_requests, limits.retransmission) {
            Admission::Queued => self.execute_queued(now, id, random),
            Admission::Discard(reason) => return Err(reason),
            Admission::Repeat(response) => {
                let response = response.to_vec();
                self.send(id, &response, random)?;
            }
        }
        Ok(())
    }

    /// Answers a request. An answer to a session that is gone, or a second answer, is discarded and counted.
    pub fn respond(
        &mut self,
        now: Instant,
        token: RequestToken,
        completion_code: CompletionCode,
        data: &[u8],
        random: &mut dyn Random,
    ) {
        let reply = [&[completion_code.0], data].concat();
        let executing = self.sessions.iter_mut().find(|session| session.requests.is_executing(token));
        if let Some(session) = executing {
            let (id, executing) = (session.id, session.requests.end());
            if let Some(executing) = executing {
                self.answer(now, id, executing.request, &reply, random);
            }
            self.execute_queued(now, id, random);
        } else if !self.respond_sessionless(token, &reply) {
            self.discard(Discard::SessionGone);
        }
    }

    /// Executes what is queued until a request is with the owner of the endpoint.
    fn execute_queued(&mut self, now: Instant, id: u32, random: &mut dyn Random) {
        while let Some(session) = self.session_mut(id) {
            let Some(bytes) = session.requests.next() else { return };
            let (reference, from) = (session.reference(), session.peer);
            let Ok(message) = local::request(&bytes) else { continue };
            if let Some(outcome) = self.answer_locally(now, &message, Some(reference)) {
                self.answer(now, id, bytes, &outcome.reply, random);
                if let Some((closed, reason)) = outcome.close {
                    self.end_session(closed, reason);
                }
                continue;
            }
            let token = self.token();
            self.tell(Event::Request(Request {
                token,
                from,
                session: Some(reference),
                net_fn: message.net_fn,
                lun: message.to_lun,
                command: message.command,
                data: message.data.to_vec(),
            }));
            if let Some(session) = self.session_mut(id) {
                session.requests.begin(token, bytes);
            }
        }
    }

    /// Sends the answer to a request and remembers it.
    fn answer(&mut self, now: Instant, id: u32, request: Vec<u8>, reply: &[u8], random: &mut dyn Random) {
        let Some(response) = response_to(&request, reply) else { return };
        if let Err(reason) = self.send(id, &response, random) {
            self.discard(reason);
        }
        if let Some(session) = self.session_mut(id) {
            session.requests.remember(now, request, response);
        }
    }

    fn send(&mut self, id: u32, response: &[u8], random: &mut dyn Random) -> Result<(), Discard> {
        let session = self.session_mut(id).ok_or(Discard::SessionGone)?;
        let to = session.peer;
        let datagram = session.seal(PayloadType::IPMI, response, random).ok_or(Discard::NoRandom)?;
        self.transmit(to, datagram);
        Ok(())
    }
}

impl Session {
    /// Verifies that a packet is this session's, new, and protected as agreed; its decrypted payload.
    fn unprotect(&mut self, now: Instant, from: SocketAddr, packet: &Packet<'_>) -> Result<Vec<u8>, Discard> {
        if (from.ip(), from.port()) != (self.peer.ip(), self.peer.port()) {
            return Err(Discard::WrongSource);
        }
        let may_be_clear = packet.header.payload_type == PayloadType::SOL
            && self.sol.as_ref().is_some_and(|sol| !sol.encrypted);
        if !packet.header.authenticated || !(packet.header.encrypted || may_be_clear) {
            return Err(Discard::Unprotected);
        }
        self.inbound.check(packet.header.sequence)?;
        self.protection.verify(packet)?;
        self.inbound.record(packet.header.sequence);
        self.last_active = now;
        // The client has RAKP message 4, or it could not have protected this packet.
        self.login = None;
        if packet.header.encrypted {
            self.protection.open(packet.payload)
        } else {
            Ok(packet.payload.to_vec())
        }
    }
}
