//! The way of SOL through the endpoint: packets in and out, characters to and from the host's console.

use std::time::Instant;

use ipmi_wire::{
    Lun,
    lan_message::{self, LanMessage},
    rmcp_plus::PayloadType,
    sol::{Acknowledgement, Packet, SolActivating, Status},
};

use super::{SolParameters, Taken, machine::informational};
use crate::{Discard, Event, Random, endpoint::Endpoint, session::Session};

/// What a client is told that has no SOL, or no longer.
const GONE: Status = Status(Status::UNAVAILABLE.0 | Status::DEACTIVATING.0);

impl Session {
    /// Whether there can be a SOL packet to send.
    fn has_sol_news(&self) -> bool {
        self.sol.is_some() || self.sol_farewell || self.sol_taken.is_some_and(|taken| taken.activating)
    }

    /// SOL Activating, where the instance that was taken from the client is active again and it was not told.
    fn poll_activating(&mut self) -> Option<Vec<u8>> {
        let Taken { instance, .. } = self.sol_taken.take_if(|taken| taken.activating)?;
        let message = LanMessage {
            to: lan_message::REMOTE_CONSOLE,
            to_lun: Lun::BMC,
            net_fn: SolActivating::NET_FN,
            from: lan_message::BMC,
            from_lun: Lun::BMC,
            sequence: 0,
            command: SolActivating::CMD,
            data: &SolActivating { instance }.to_bytes(),
        };
        let mut bytes = Vec::new();
        message.emit(&mut bytes);
        Some(bytes)
    }

    fn poll_sol(&mut self, now: Instant, parameters: &SolParameters) -> Option<Vec<u8>> {
        if std::mem::take(&mut self.sol_farewell) {
            return Some(informational(None, GONE));
        }
        self.sol.as_mut()?.machine.poll(now, self.inbound.highest(), parameters)
    }
}

impl Endpoint {
    /// Takes a SOL payload whose packet was verified and had the session sequence number `order`.
    pub(crate) fn handle_sol(
        &mut self,
        now: Instant,
        session_id: u32,
        order: u32,
        payload: &[u8],
        random: &mut dyn Random,
    ) -> Result<(), Discard> {
        let packet = Packet::parse(payload)?;
        let parameters = self.settings.sol.clone();
        let session = self.session_mut(session_id).ok_or(Discard::UnknownSession)?;
        let Some(sol) = &mut session.sol else {
            self.refuse_sol(session_id, &packet, random);
            return Err(Discard::PayloadInactive);
        };
        let inputs = sol.machine.receive(now, &packet, order, &parameters);
        let drained = sol.machine.sender.drained();
        inputs.into_iter().for_each(|input| self.tell(Event::SolInput(session_id, input)));
        if drained {
            self.tell(Event::SolDrained(session_id));
        }
        self.tell_carrier(session_id);
        self.transmit_sol(now, random);
        Ok(())
    }

    /// Tells where DCD and DSR of a session's SOL have changed.
    pub(crate) fn tell_carrier(&mut self, session_id: u32) {
        if let Some(carrier) = self.sol(session_id, super::Machine::take_carrier_change).flatten() {
            self.tell(Event::SolCarrier(session_id, carrier));
        }
    }

    /// Answers characters for an instance that is not active: its client may have missed the farewell.
    fn refuse_sol(&mut self, session_id: u32, packet: &Packet<'_>, random: &mut dyn Random) {
        let Some(sequence) = packet.sequence else { return };
        let acknowledgement = Acknowledgement { sequence, accepted: 0 };
        let payload = informational(Some(acknowledgement), Status::NACK | GONE);
        self.send_sol(session_id, &payload, random);
    }

    /// Puts the SOL packets that are due at `now` among what [`Endpoint::poll_transmit`] gives; after every other call.
    pub fn transmit_sol(&mut self, now: Instant, random: &mut dyn Random) {
        let ids: Vec<u32> =
            self.sessions.iter().filter(|session| session.has_sol_news()).map(|session| session.id).collect();
        let parameters = self.settings.sol.clone();
        for id in ids {
            while let Some(payload) =
                self.session_mut(id).and_then(|session| session.poll_sol(now, &parameters))
            {
                self.send_sol(id, &payload, random);
            }
            self.send_activating(id, random);
        }
    }

    fn send_activating(&mut self, session_id: u32, random: &mut dyn Random) {
        let Some(session) = self.session_mut(session_id) else { return };
        let (to, Some(message)) = (session.peer, session.poll_activating()) else { return };
        match session.seal(PayloadType::IPMI, &message, random) {
            Some(datagram) => self.transmit(to, datagram),
            None => self.discard(Discard::NoRandom),
        }
    }

    fn send_sol(&mut self, session_id: u32, payload: &[u8], random: &mut dyn Random) {
        let Some(session) = self.session_mut(session_id) else { return };
        let to = session.peer;
        match session.seal_sol(payload, random) {
            Some(datagram) => self.transmit(to, datagram),
            None => self.discard(Discard::NoRandom),
        }
    }

    /// When a SOL packet is due.
    pub(crate) fn sol_timeout(&self) -> Option<Instant> {
        let parameters = &self.settings.sol;
        let sols = self.sessions.iter().filter_map(|session| session.sol.as_ref());
        sols.filter_map(|sol| sol.machine.next_timeout(parameters)).min()
    }

    /// How many characters of the host's console the session with this ID has room for; 0 where it has no SOL. After a 0
    /// [`Event::SolDrained`] tells that there is room again.
    pub fn sol_room(&mut self, session_id: u32) -> usize {
        self.sol(session_id, |sol| sol.sender.room()).unwrap_or(0)
    }

    /// Takes characters of the host's console for the session with this ID; how many, from the first.
    pub fn sol_output(&mut self, now: Instant, session_id: u32, characters: &[u8]) -> usize {
        self.sol(session_id, |sol| sol.sender.push(now, characters)).unwrap_or(0)
    }

    /// Gives back the room of [`Event::SolInput`] that has reached the host: its [`weight`](crate::SolInput::weight), or of characters a part.
    pub fn sol_input_done(&mut self, session_id: u32, weight: usize) {
        self.sol(session_id, |sol| sol.receiver.give_room(weight));
    }

    /// Says whether the host's console is there. While it is not, characters from the client are refused, and the client knows why.
    pub fn sol_console(&mut self, session_id: u32, available: bool) {
        self.sol(session_id, |sol| sol.set_available(available));
    }

    /// Tells the client that the host sent a break.
    pub fn sol_break(&mut self, session_id: u32) {
        self.sol(session_id, |sol| sol.tell(Status::BREAK));
    }

    /// Tells the client that characters of the host were lost before those that come now.
    pub fn sol_overrun(&mut self, session_id: u32) {
        self.sol(session_id, |sol| sol.tell(Status::OVERRUN));
    }

    fn sol<T>(&mut self, session_id: u32, action: impl FnOnce(&mut super::Machine) -> T) -> Option<T> {
        self.session_mut(session_id)?.sol.as_mut().map(|sol| action(&mut sol.machine))
    }
}
