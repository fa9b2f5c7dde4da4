//! Requests before a session: answered in the framing that they came in.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipmi_wire::{
    lan_message::LanMessage,
    rmcp,
    rmcp_plus::{self, PayloadType},
    session_v15,
};

use crate::{
    Discard, Event, Request, RequestToken,
    endpoint::Endpoint,
    local::{self, Outcome},
    session::response_to,
};

/// How long a request may be executed; later its answer is of no use to any client.
const EXPIRY: Duration = Duration::from_secs(30);

/// The framing of a message outside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    V1_5,
    RmcpPlus,
}

/// Requests before a session that are being executed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Sessionless {
    executing: Vec<Executing>,
}

#[derive(Debug)]
struct Executing {
    token: RequestToken,
    from: SocketAddr,
    framing: Framing,
    request: Vec<u8>,
    since: Instant,
}

impl Sessionless {
    pub(crate) fn expire(&mut self, now: Instant) {
        self.executing.retain(|request| now.saturating_duration_since(request.since) < EXPIRY);
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.executing.first()?.since.checked_add(EXPIRY)
    }

    fn admit(&self, from: SocketAddr, message: &[u8], bound: usize) -> Result<(), Discard> {
        if self.executing.iter().any(|request| request.from == from && request.request == message) {
            return Err(Discard::Retransmitted);
        }
        if self.executing.len() >= bound.max(1) { Err(Discard::QueueFull) } else { Ok(()) }
    }
}

impl Endpoint {
    /// Answers or passes on a LAN message that came outside any session.
    pub(crate) fn handle_sessionless(
        &mut self,
        now: Instant,
        from: SocketAddr,
        framing: Framing,
        bytes: &[u8],
    ) -> Result<(), Discard> {
        let message = local::request(bytes)?;
        if let Some(Outcome { reply, .. }) = self.answer_locally(now, &message, None) {
            self.send_sessionless(from, framing, bytes, &reply);
            return Ok(());
        }
        self.sessionless.admit(from, bytes, self.settings.limits.sessionless_requests)?;
        let token = self.token();
        self.sessionless.executing.push(Executing {
            token,
            from,
            framing,
            request: bytes.to_vec(),
            since: now,
        });
        self.tell(Event::Request(Request {
            token,
            from,
            session: None,
            net_fn: message.net_fn,
            lun: message.to_lun,
            command: message.command,
            data: message.data.to_vec(),
        }));
        Ok(())
    }

    /// Answers a request before a session; whether `token` is one that is being executed.
    pub(crate) fn respond_sessionless(&mut self, token: RequestToken, reply: &[u8]) -> bool {
        let Some(at) = self.sessionless.executing.iter().position(|request| request.token == token) else {
            return false;
        };
        let request = self.sessionless.executing.remove(at);
        self.send_sessionless(request.from, request.framing, &request.request, reply);
        true
    }

    fn send_sessionless(&mut self, to: SocketAddr, framing: Framing, request: &[u8], reply: &[u8]) {
        let datagram = response_to(request, reply).and_then(|message| framed(framing, &message));
        if let Some(datagram) = datagram {
            self.transmit(to, datagram);
        }
    }
}

/// A datagram that carries a LAN message outside any session; `None` where the message is too long.
fn framed(framing: Framing, message: &[u8]) -> Option<Vec<u8>> {
    let mut datagram = Vec::with_capacity(message.len() + LanMessage::OVERHEAD + rmcp_plus::Header::LENGTH);
    rmcp::Header::IPMI.emit(&mut datagram);
    match framing {
        Framing::V1_5 => session_v15::Packet { message }.emit(&mut datagram).then_some(datagram),
        Framing::RmcpPlus => {
            let length = u16::try_from(message.len()).ok()?;
            rmcp_plus::Header::sessionless(PayloadType::IPMI).emit(length, &mut datagram);
            datagram.extend(message);
            Some(datagram)
        }
    }
}
