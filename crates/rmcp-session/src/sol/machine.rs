//! One active SOL instance: what comes from the client and from the host, and what goes to either.

use std::{collections::VecDeque, time::Instant};

use ipmi_wire::sol::{Acknowledgement, Operation, Packet, Status};

use super::{
    SolInput, SolParameters,
    lines::Lines,
    receiver::{Receiver, Taken},
    sender::Sender,
};

/// Answers and notices that wait to be sent. They leave with the next look at the machine; what does not fit is as if the network
/// had lost it.
const NOTICES: usize = 8;

/// A SOL instance as a value.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    notices: VecDeque<Vec<u8>>,
    /// Whether the host's console is there.
    available: bool,
    lines: Lines,
    /// The level of DCD and DSR that was told of last.
    told_carrier: bool,
}

impl Machine {
    /// An instance that has just been activated, its console taken to be there.
    pub(crate) fn new() -> Self {
        Self {
            sender: Sender::new(),
            receiver: Receiver::new(),
            notices: VecDeque::new(),
            available: true,
            lines: Lines::asserted(),
            told_carrier: true,
        }
    }

    /// Takes a packet that came with the session sequence number `order`; what it asks of the host.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        order: u32,
        parameters: &SolParameters,
    ) -> Vec<SolInput> {
        let operation = Operation(packet.control);
        if let Some(acknowledgement) = packet.acknowledgement {
            let answer = (acknowledgement, operation.contains(Operation::NACK));
            self.sender.acknowledge(now, answer, order, parameters);
        }
        let Taken { answer, inputs, fresh } = self.receiver.take(packet, order, self.available);
        if let Some((acknowledgement, status)) = answer {
            self.notice(Some(acknowledgement), self.with_availability(status));
        }
        if fresh && operation.contains(Operation::FLUSH_OUTBOUND) {
            self.sender.flush();
        }
        self.lines.set(operation, order);
        // CTS pauses the host's characters on their way to the client; the host's own line is consoled's business.
        self.sender.paused = !self.lines.cts;
        self.sender.heard(now, parameters);
        inputs
    }

    /// Whether DCD and DSR are asserted, where that has changed since the last call. They are at first.
    pub(crate) fn take_carrier_change(&mut self) -> Option<bool> {
        let carrier = self.lines.carrier;
        (std::mem::replace(&mut self.told_carrier, carrier) != carrier).then_some(carrier)
    }

    /// Tells the client where the host's console has come or gone.
    pub(crate) fn set_available(&mut self, available: bool) {
        if std::mem::replace(&mut self.available, available) != available {
            self.notice(None, self.with_availability(Status::NONE));
        }
    }

    /// Tells the client of a break, of lost characters: with the next characters where some wait, else at once.
    pub(crate) fn tell(&mut self, status: Status) {
        self.sender.tell(status);
        if let Some(untold) = self.sender.take_untold() {
            self.notice(None, self.with_availability(untold));
        }
    }

    fn with_availability(&self, status: Status) -> Status {
        if self.available { status } else { status | Status::UNAVAILABLE }
    }

    fn notice(&mut self, acknowledgement: Option<Acknowledgement>, status: Status) {
        if self.notices.len() < NOTICES {
            self.notices.push_back(informational(acknowledgement, status));
        }
    }

    /// The next payload to send at `now`; ask until there is none. `newest` is the client's newest session sequence number.
    pub(crate) fn poll(&mut self, now: Instant, newest: u32, parameters: &SolParameters) -> Option<Vec<u8>> {
        self.notices.pop_front().or_else(|| self.sender.poll(now, newest, parameters))
    }

    /// When [`Machine::poll`] has something, unless something happens before.
    pub(crate) fn next_timeout(&self, parameters: &SolParameters) -> Option<Instant> {
        self.sender.due(parameters)
    }
}

/// A packet without characters and without a number.
pub(crate) fn informational(acknowledgement: Option<Acknowledgement>, status: Status) -> Vec<u8> {
    let mut payload = Vec::with_capacity(ipmi_wire::sol::HEADER);
    Packet { sequence: None, acknowledgement, control: status.0, characters: &[] }.emit(&mut payload);
    payload
}
