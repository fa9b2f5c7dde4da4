//! Serial over LAN as a remote console speaks it (v2.0§15.9 to §15.11), for networks that lose, repeat and reorder.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use ipmi_wire::{
    NetFn,
    codec::{Decode as _, Encode as _},
    command::payload::{ActivatePayloadRequest, ActivatedPayload, DeactivatePayloadRequest, PayloadInstance},
    lan_message::LanMessage,
    rmcp_plus::PayloadType,
    sol::{self, Acknowledgement, MAX_CHARACTERS, Operation, Packet, Sequence, SolActivating, Status},
};

use super::session::{Opened, Order, Request, Session};

/// Encrypted and authenticated, the handshake lines left alone.
const AUXILIARY: [u8; 4] = [0xC0, 0, 0, 0];

/// What was seen of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SolCounts {
    /// Packets sent again because no acknowledgement came.
    pub sent_again: u64,
    /// Packets of the BMC that had come before, each of which was acknowledged again.
    pub came_again: u64,
    /// Packets that were neither the next nor the last one: a delayed copy of an older one.
    pub stale: u64,
    /// Times that the BMC took only a part of a packet, or none of it.
    pub not_taken: u64,
    /// Breaks of the host.
    pub breaks: u64,
    /// Packets with the overrun bit.
    pub overruns: u64,
}

#[derive(Debug)]
struct InFlight {
    sequence: Sequence,
    characters: Vec<u8>,
    control: Operation,
    due: Instant,
}

/// An active instance of Serial over LAN.
pub struct SolClient {
    session: Session,
    instance: PayloadInstance,
    /// The most characters of a packet.
    chunk: usize,
    retry: Duration,
    outbound: VecDeque<u8>,
    /// Goes with the next packet.
    control: Operation,
    /// The levels of the lines, which every packet says.
    lines: Operation,
    /// Whether no packet has said them yet.
    lines_untold: bool,
    in_flight: Option<InFlight>,
    next: Sequence,
    /// Not before then: the BMC said that it takes nothing now.
    hold: Option<Instant>,
    last: Option<(Sequence, usize)>,
    received: Vec<u8>,
    status: Status,
    /// The data of the last SOL Activating.
    activating: Option<Vec<u8>>,
    /// What happened on the way.
    pub counts: SolCounts,
}

impl SolClient {
    /// Activates `instance` on `session`; a packet that is not acknowledged within `retry` is sent again.
    ///
    /// # Errors
    /// As [`Session::execute`], and a completion code that is not 0.
    pub fn activate(mut session: Session, instance: u8, retry: Duration) -> Result<Self> {
        let instance = PayloadInstance { payload_type: PayloadType::SOL, instance };
        let data = ActivatePayloadRequest { payload: instance, auxiliary: AUXILIARY }.to_bytes();
        let (code, data) = session.execute(&Request { net_fn: NetFn::APP, command: 0x48, data })?;
        ensure!(code == 0, "Activate Payload completed with {code:02X}h");
        let activated = ActivatedPayload::from_bytes(&data)
            .map_err(|code| anyhow::anyhow!("the answer to Activate Payload does not read: {code}"))?;
        let chunk = usize::from(activated.inbound_size).saturating_sub(sol::HEADER).min(MAX_CHARACTERS);
        ensure!(chunk > 0, "no room for characters in {} bytes", activated.inbound_size);
        Ok(Self {
            session,
            instance,
            chunk,
            retry,
            outbound: VecDeque::new(),
            control: Operation::NONE,
            lines: Operation::NONE,
            lines_untold: false,
            in_flight: None,
            next: Sequence::FIRST,
            hold: None,
            last: None,
            received: Vec::new(),
            status: Status::NONE,
            activating: None,
            counts: SolCounts::default(),
        })
    }

    /// The session beneath.
    pub fn session_id(&self) -> u32 {
        self.session.id()
    }

    /// Queues characters for the host.
    pub fn write(&mut self, characters: &[u8]) {
        self.outbound.extend(characters);
    }

    /// Queues a break for the host, after what is in flight.
    pub fn send_break(&mut self) {
        self.control = self.control | Operation::BREAK;
    }

    /// Queues a ring for the host, after what is in flight.
    pub fn ring(&mut self) {
        self.control = self.control | Operation::RING;
    }

    /// Asserts DCD and DSR towards the host, or deasserts them.
    pub fn set_carrier(&mut self, asserted: bool) {
        self.lines = if asserted { Operation::NONE } else { Operation::DEASSERT_DCD_DSR };
        self.lines_untold = true;
    }

    /// Whether all that was written has been taken by the BMC.
    pub fn is_flushed(&self) -> bool {
        let nothing_to_say = self.control == Operation::NONE && !self.lines_untold;
        self.outbound.is_empty() && self.in_flight.is_none() && nothing_to_say
    }

    /// What came from the host and was not taken yet.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Takes what came from the host.
    pub fn take_received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Puts back what was taken too much; it comes before what arrives from now on.
    pub fn give_back(&mut self, mut rest: Vec<u8>) {
        rest.append(&mut self.received);
        self.received = rest;
    }

    /// The bits of the last packet from the BMC.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The data of SOL Activating, where the BMC told that another client has what this one had.
    pub fn activating(&self) -> Option<&[u8]> {
        self.activating.as_deref()
    }

    /// Sends and receives until `done` holds; whether it does before `patience` is over.
    ///
    /// # Errors
    /// A packet that breaks the protocol.
    pub fn run(&mut self, patience: Duration, mut done: impl FnMut(&Self) -> bool) -> Result<bool> {
        let deadline = Instant::now() + patience;
        while !done(self) {
            let now = Instant::now();
            if now >= deadline {
                return Ok(false);
            }
            self.send_due(now, None)?;
            let retry = self.in_flight.as_ref().map(|packet| packet.due);
            let wake = [retry, self.hold].into_iter().flatten().fold(deadline, Instant::min);
            if let Some(opened) = self.session.receive(wake)? {
                self.take(&opened)?;
            }
        }
        Ok(true)
    }

    /// Deactivates the instance and gives the session back.
    ///
    /// # Errors
    /// As [`Session::execute`], and a completion code that is not 0.
    pub fn deactivate(mut self) -> Result<Session> {
        let data = DeactivatePayloadRequest { payload: self.instance, auxiliary: [0; 4] }.to_bytes();
        let (code, _) = self.session.execute(&Request { net_fn: NetFn::APP, command: 0x49, data })?;
        ensure!(code == 0, "Deactivate Payload completed with {code:02X}h");
        Ok(self.session)
    }

    /// Sends a request in the session of this payload.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub fn execute(&mut self, request: &Request) -> Result<(u8, Vec<u8>)> {
        self.session.execute(request)
    }

    /// Sends what is due now: the packet in flight again, or the next one. Whether `acknowledgement` went with it.
    fn send_due(&mut self, now: Instant, acknowledgement: Option<Acknowledgement>) -> Result<bool> {
        if let Some(packet) = &mut self.in_flight {
            if packet.due > now {
                return Ok(false);
            }
            packet.due = now + self.retry;
            self.counts.sent_again += 1;
        } else {
            if self.hold.is_some_and(|hold| hold > now) || self.is_flushed() {
                return Ok(false);
            }
            self.hold = None;
            let count = self.outbound.len().min(self.chunk);
            let control = std::mem::take(&mut self.control);
            self.lines_untold = false;
            let characters = self.outbound.drain(..count).collect();
            let sequence = self.next;
            self.next = sequence.next();
            self.in_flight = Some(InFlight { sequence, characters, control, due: now + self.retry });
        }
        let Some(InFlight { sequence, characters, control, .. }) = &self.in_flight else { return Ok(false) };
        let (sequence, control) = (Some(*sequence), (*control | self.lines).0);
        let packet = Packet { sequence, acknowledgement, control, characters };
        let mut payload = Vec::with_capacity(sol::HEADER + characters.len());
        packet.emit(&mut payload);
        self.session.send(PayloadType::SOL, &payload)?;
        Ok(true)
    }

    fn take(&mut self, opened: &Opened) -> Result<()> {
        if opened.order == Order::Repeated {
            return Ok(());
        }
        if opened.kind == PayloadType::IPMI {
            let message = LanMessage::parse(&opened.payload)?;
            if (message.net_fn, message.command) == (SolActivating::NET_FN, SolActivating::CMD) {
                self.activating = Some(message.data.to_vec());
            }
            return Ok(());
        }
        if opened.kind != PayloadType::SOL {
            return Ok(());
        }
        let packet = Packet::parse(&opened.payload)?;
        let status = Status(packet.control);
        self.status = status;
        self.counts.breaks += u64::from(status.contains(Status::BREAK));
        self.counts.overruns += u64::from(status.contains(Status::OVERRUN));
        if let Some(acknowledged) = packet.acknowledgement {
            self.acknowledged(acknowledged, status)?;
        }
        match packet.sequence {
            Some(sequence) => self.take_characters(sequence, packet.characters),
            None => Ok(()),
        }
    }

    /// The BMC took the packet in flight, or some of it; an answer to an older one says nothing new.
    fn acknowledged(&mut self, acknowledged: Acknowledgement, status: Status) -> Result<()> {
        let Some(packet) = self.in_flight.take_if(|packet| packet.sequence == acknowledged.sequence) else {
            return Ok(());
        };
        let accepted = usize::from(acknowledged.accepted);
        let length = packet.characters.len();
        ensure!(accepted <= length, "{accepted} characters accepted of {length}");
        if accepted < length {
            self.counts.not_taken += 1;
            let rest = packet.characters.get(accepted..).unwrap_or_default();
            rest.iter().rev().for_each(|character| self.outbound.push_front(*character));
            if status.contains(Status::NACK) {
                self.hold = Some(Instant::now() + self.retry);
            }
        }
        Ok(())
    }

    /// The next packet, or the last one once more, which may have grown (v2.0§15.11): acknowledged either way.
    fn take_characters(&mut self, sequence: Sequence, characters: &[u8]) -> Result<()> {
        let known = match self.last {
            Some((last, count)) if last == sequence => {
                self.counts.came_again += 1;
                count
            }
            Some((last, _)) if last.next() != sequence => {
                self.counts.stale += 1;
                return Ok(());
            }
            _ => 0,
        };
        self.received.extend(characters.get(known..).unwrap_or_default());
        let count = characters.len().max(known);
        self.last = Some((sequence, count));
        let accepted = u8::try_from(count)?;
        let acknowledgement = Acknowledgement { sequence, accepted };
        if self.in_flight.is_none() && self.send_due(Instant::now(), Some(acknowledgement))? {
            return Ok(());
        }
        let (acknowledgement, control) = (Some(acknowledgement), self.lines.0);
        let packet = Packet { sequence: None, acknowledgement, control, characters: &[] };
        let mut payload = Vec::with_capacity(sol::HEADER);
        packet.emit(&mut payload);
        self.session.send(PayloadType::SOL, &payload)
    }
}
