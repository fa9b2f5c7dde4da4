//! Characters on their way from the host to the console: one packet in flight, sent until it is acknowledged (v2.0§15.11).

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ipmi_wire::sol::{Acknowledgement, MAX_CHARACTERS, Packet, Sequence, Status};

use super::{SolParameters, newer};

/// Characters that wait for the client; who has more keeps them.
pub(crate) const CAPACITY: usize = 4096;

/// The least time between two packets that are not full. A host that prints without a pause would otherwise cost a packet for every
/// few characters; a key that is echoed on an idle line is not delayed.
const PACE: Duration = Duration::from_millis(10);
/// The same after a packet that no key's echo fills: its host prints. At 115200 baud a packet is full in 22 ms, and consoled hands
/// over what came in 40: with this, all packets of such a host are full.
const PRINTING_PACE: Duration = Duration::from_millis(48);
/// Characters of a packet that is taken for print.
const PRINT: usize = 48;

/// How often a client that has not answered any of the retries is tried. Its characters are kept: it may be asleep, or its network
/// away. The end of its session ends this too.
const PROBE: Duration = Duration::from_secs(1);

/// The least time between two attempts. "Back-to-back" (an interval of 0, v2.0§26.2) would let nobody answer.
const SHORTEST: Duration = Duration::from_millis(10);

/// The sending half of one SOL instance.
#[derive(Debug)]
pub(crate) struct Sender {
    /// What is in flight, and after it what is not sent yet.
    buffer: VecDeque<u8>,
    in_flight: Option<InFlight>,
    next: Sequence,
    /// Since when characters wait to be sent.
    waiting: Option<Instant>,
    /// Until when only full packets leave.
    paced: Option<Instant>,
    /// Until when nothing leaves, because the console took nothing.
    refused: Option<Instant>,
    /// What the next packet tells beside its characters.
    status: Status,
    /// Whether CTS is deasserted.
    pub(crate) paused: bool,
    /// Whether somebody has more characters than there was room for.
    starved: bool,
    pub(crate) acknowledged: u64,
}

#[derive(Debug)]
struct InFlight {
    sequence: Sequence,
    length: usize,
    status: Status,
    /// The client's newest session sequence number when it left: what acknowledges it comes in a later packet. An acknowledgement of
    /// the same number fifteen packets ago, delayed by the network, does not.
    newest: u32,
    attempts: u32,
    due: Instant,
}

impl Sender {
    pub(crate) fn new() -> Self {
        Self {
            buffer: VecDeque::with_capacity(CAPACITY),
            in_flight: None,
            next: Sequence::FIRST,
            waiting: None,
            paced: None,
            refused: None,
            status: Status::NONE,
            paused: false,
            starved: false,
            acknowledged: 0,
        }
    }

    /// How many characters can be taken now.
    pub(crate) fn room(&mut self) -> usize {
        let room = CAPACITY.saturating_sub(self.buffer.len());
        self.starved |= room == 0;
        room
    }

    /// Whether there is room again for who was told that there is none; asked once.
    pub(crate) fn drained(&mut self) -> bool {
        let drained = self.starved && self.buffer.len() <= CAPACITY / 2;
        self.starved &= !drained;
        drained
    }

    /// Takes characters of the host; how many, from the first.
    pub(crate) fn push(&mut self, now: Instant, characters: &[u8]) -> usize {
        let length = characters.len().min(self.room());
        if length > 0 && self.unsent() == 0 {
            self.waiting = Some(now);
        }
        self.buffer.extend(characters.iter().take(length));
        length
    }

    /// Has the next packet with characters tell `status` too.
    pub(crate) fn tell(&mut self, status: Status) {
        self.status = self.status | status;
    }

    /// What is to be told and no packet with characters is going to carry: nothing waits.
    pub(crate) fn take_untold(&mut self) -> Option<Status> {
        let untold = self.status != Status::NONE && self.unsent() == 0;
        untold.then(|| std::mem::take(&mut self.status))
    }

    /// Drops all that the client has not acknowledged.
    pub(crate) fn flush(&mut self) {
        self.buffer.clear();
        self.in_flight = None;
        self.waiting = None;
    }

    fn unsent(&self) -> usize {
        self.buffer.len() - self.in_flight.as_ref().map_or(0, |flight| flight.length)
    }

    /// Takes an acknowledgement that came in the client's packet number `order`; only what it accepts leaves the buffer.
    pub(crate) fn acknowledge(
        &mut self,
        now: Instant,
        (acknowledgement, refused): (Acknowledgement, bool),
        order: u32,
        parameters: &SolParameters,
    ) {
        let answers = |flight: &mut InFlight| {
            flight.sequence == acknowledgement.sequence && newer(order, flight.newest)
        };
        let Some(flight) = self.in_flight.take_if(answers) else { return };
        let accepted = usize::from(acknowledgement.accepted).min(flight.length);
        self.buffer.drain(..accepted);
        self.acknowledged = self.acknowledged.saturating_add(accepted as u64);
        if accepted < flight.length {
            self.waiting.get_or_insert(now);
        }
        if refused || (accepted == 0 && flight.length > 0) {
            self.refused = Some(now + parameters.retry_interval.max(SHORTEST));
        }
    }

    /// The client is there: what it has not answered is worth another attempt at once.
    pub(crate) fn heard(&mut self, now: Instant, parameters: &SolParameters) {
        let held = |flight: &&mut InFlight| flight.attempts > u32::from(parameters.retries);
        if let Some(flight) = self.in_flight.as_mut().filter(held) {
            (flight.attempts, flight.due) = (0, now);
        }
    }

    /// The next packet to send at `now`; `newest` is the client's newest session sequence number.
    pub(crate) fn poll(&mut self, now: Instant, newest: u32, parameters: &SolParameters) -> Option<Vec<u8>> {
        if self.due(parameters)? > now {
            return None;
        }
        let interval = parameters.retry_interval.max(SHORTEST);
        if let Some(flight) = &mut self.in_flight {
            flight.attempts = flight.attempts.saturating_add(1);
            let gave_up = flight.attempts > u32::from(parameters.retries);
            flight.due = now + if gave_up { interval.max(PROBE) } else { interval };
        } else {
            self.launch(now, newest, interval);
        }
        self.packet()
    }

    fn launch(&mut self, now: Instant, newest: u32, interval: Duration) {
        let length = self.buffer.len().min(MAX_CHARACTERS);
        let (sequence, status) = (self.next, std::mem::take(&mut self.status));
        let due = now + interval;
        self.in_flight = Some(InFlight { sequence, length, status, newest, attempts: 0, due });
        self.next = sequence.next();
        self.refused = None;
        self.waiting = self.waiting.filter(|_| length < self.buffer.len());
        self.paced = match length {
            PRINT.. => Some(now + PRINTING_PACE),
            _ => Some(now + PACE),
        };
    }

    fn packet(&self) -> Option<Vec<u8>> {
        let flight = self.in_flight.as_ref()?;
        let characters: Vec<u8> = self.buffer.iter().copied().take(flight.length).collect();
        let (sequence, control) = (Some(flight.sequence), flight.status.0);
        let mut payload = Vec::with_capacity(ipmi_wire::sol::HEADER + characters.len());
        Packet { sequence, acknowledgement: None, control, characters: &characters }.emit(&mut payload);
        Some(payload)
    }

    /// When there is something to send; `None` while nothing is.
    pub(crate) fn due(&self, parameters: &SolParameters) -> Option<Instant> {
        if let Some(flight) = &self.in_flight {
            return Some(flight.due);
        }
        let waiting = self.waiting.filter(|_| !self.paused)?;
        let due = match self.buffer.len() {
            full if full >= MAX_CHARACTERS => waiting,
            enough if enough >= parameters.threshold => {
                self.paced.map_or(waiting, |paced| paced.max(waiting))
            }
            _ => self.paced.map_or(waiting, |paced| paced.max(waiting)).max(waiting + parameters.accumulate),
        };
        Some(self.refused.map_or(due, |refused| refused.max(due)))
    }
}
