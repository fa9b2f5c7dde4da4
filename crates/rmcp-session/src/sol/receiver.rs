//! Characters on their way from the console to the host: each packet taken once, however often it comes (v2.0§15.11).

use ipmi_wire::sol::{Acknowledgement, Operation, Packet, Sequence, Status};

use super::{SolInput, newer};

/// Input that waits for the host, in bytes; a break or another request counts as [`SolInput::REQUEST`].
pub(crate) const CAPACITY: usize = 4096;

/// A packet that there is no room for is passed over in silence this often: its client sends it again a little later, while an
/// answer "nothing taken" would have it sent again at once.
const SILENCES: u8 = 2;

/// The receiving half of one SOL instance.
#[derive(Debug)]
pub(crate) struct Receiver {
    last: Option<Last>,
    room: usize,
    /// The packet that found no room, and how often.
    passed_over: Option<(Sequence, u8)>,
    pub(crate) received: u64,
}

/// The newest packet, and how it was answered.
#[derive(Debug, Clone, Copy)]
struct Last {
    sequence: Sequence,
    accepted: u8,
    refused: bool,
    /// The session sequence number that it first came with.
    order: u32,
}

/// What a packet leads to.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) answer: Option<(Acknowledgement, Status)>,
    pub(crate) inputs: Vec<SolInput>,
    /// Whether what the packet asks for beside its characters is to be done.
    pub(crate) fresh: bool,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self { last: None, room: CAPACITY, passed_over: None, received: 0 }
    }

    /// `weight` bytes of input have reached the host.
    pub(crate) fn give_room(&mut self, weight: usize) {
        self.room = (self.room + weight).min(CAPACITY);
    }

    /// Takes a packet that came with the session sequence number `order`.
    pub(crate) fn take(&mut self, packet: &Packet<'_>, order: u32, available: bool) -> Taken {
        let Some(sequence) = packet.sequence else {
            return self.take_requests(packet, available);
        };
        match self.last {
            Some(last) if sequence == last.sequence && !(last.refused && available) => {
                let status = if last.refused { Status::NACK | Status::UNAVAILABLE } else { Status::NONE };
                Taken { answer: Some((last.acknowledgement(), status)), ..Taken::default() }
            }
            // Sent before the newest one, and overtaken by it.
            Some(last) if !newer(order, last.order) => Taken::default(),
            _ if available => self.accept(packet, sequence, order),
            _ => self.refuse(packet, sequence, order),
        }
    }

    /// Answers a packet that there is no console for. It can ring all the same: the host that it is to wake has no power.
    fn refuse(&mut self, packet: &Packet<'_>, sequence: Sequence, order: u32) -> Taken {
        let last = Last { sequence, accepted: 0, refused: true, order };
        self.last = Some(last);
        let answer = Some((last.acknowledgement(), Status::NACK | Status::UNAVAILABLE));
        let Taken { inputs, .. } = self.take_requests(packet, false);
        Taken { answer, inputs, fresh: true }
    }

    fn accept(&mut self, packet: &Packet<'_>, sequence: Sequence, order: u32) -> Taken {
        let mut inputs = requests(packet, true);
        if self.last.is_some_and(|last| last.sequence == sequence) {
            // It rang when it was refused.
            inputs.retain(|input| *input != SolInput::Ring);
        }
        let weight = inputs.iter().map(SolInput::weight).sum();
        let left = self.room.checked_sub(weight);
        let length = left.unwrap_or(0).min(packet.characters.len()).min(usize::from(u8::MAX));
        let stuck = left.is_none() || (length == 0 && !packet.characters.is_empty());
        if stuck && self.pass_over(sequence) {
            return Taken::default();
        }
        if stuck {
            inputs.clear();
        } else {
            self.room -= weight + length;
        }
        self.passed_over = None;
        let characters = packet.characters.get(..length).unwrap_or_default();
        if !characters.is_empty() {
            inputs.push(SolInput::Characters(characters.to_vec()));
        }
        self.received = self.received.saturating_add(length as u64);
        let accepted = u8::try_from(length).unwrap_or(u8::MAX);
        let last = Last { sequence, accepted, refused: false, order };
        self.last = Some(last);
        Taken { answer: Some((last.acknowledgement(), Status::NONE)), inputs, fresh: true }
    }

    /// Whether a packet without room is to be passed over in silence once more.
    fn pass_over(&mut self, sequence: Sequence) -> bool {
        let times = self.passed_over.filter(|(passed, _)| *passed == sequence).map_or(0, |(_, times)| times);
        self.passed_over = Some((sequence, times.saturating_add(1)));
        times < SILENCES
    }

    /// A packet without a number: what it asks for is done as often as it comes.
    fn take_requests(&mut self, packet: &Packet<'_>, available: bool) -> Taken {
        let inputs = requests(packet, available);
        let weight = inputs.iter().map(SolInput::weight).sum();
        match self.room.checked_sub(weight) {
            Some(room) => {
                self.room = room;
                Taken { answer: None, inputs, fresh: true }
            }
            None => Taken::default(),
        }
    }
}

impl Last {
    fn acknowledgement(self) -> Acknowledgement {
        Acknowledgement { sequence: self.sequence, accepted: self.accepted }
    }
}

/// What a packet asks of the host beside its characters, in the order in which it is to be done; without a console, what needs none.
fn requests(packet: &Packet<'_>, available: bool) -> Vec<SolInput> {
    let operation = Operation(packet.control);
    let requests = [
        (Operation::RING, SolInput::Ring),
        (Operation::FLUSH_INBOUND, SolInput::Flush),
        (Operation::BREAK, SolInput::Break),
    ];
    let asked = requests.into_iter().filter(|(bit, _)| operation.contains(*bit)).map(|(_, input)| input);
    asked.filter(|input| available || *input == SolInput::Ring).collect()
}
