use std::time::Duration;

use super::{client::Client, sol_activation::administrator, world::World};
use crate::{Discard, Event, Settings, SolInput, SolParameters};

/// A session with SOL active, and its client.
pub(super) struct Console {
    pub(super) world: World,
    client: Client,
}

impl Console {
    fn with(parameters: SolParameters) -> Self {
        Self::activated(parameters, 0xC0)
    }

    pub(super) fn activated(parameters: SolParameters, options: u8) -> Self {
        let mut world = World::with(Settings { sol: parameters, ..Settings::default() });
        let mut client = administrator(&mut world);
        assert_eq!(world.local(&mut client, 0x48, &[1, 1, options, 0, 0, 0]).len(), 13);
        world.events.retain(|event| matches!(event, Event::SolCarrier(..)));
        Self { world, client }
    }

    pub(super) fn new() -> Self {
        Self::with(SolParameters::default())
    }

    /// Sends a payload; the payloads that come back.
    pub(super) fn send(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        let datagram = self.sealed(payload);
        self.arrives(&datagram)
    }

    /// A payload in its datagram.
    pub(super) fn sealed(&mut self, payload: &[u8]) -> Vec<u8> {
        self.client.sol(payload)
    }

    /// Delivers a datagram; the payloads that come back.
    pub(super) fn arrives(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let replies = self.world.send(&self.client, datagram);
        replies.iter().map(|datagram| self.client.open(datagram).1).collect()
    }

    /// What the host prints; the payloads that leave for it.
    pub(super) fn prints(&mut self, text: &[u8]) -> Vec<Vec<u8>> {
        let taken = self.world.endpoint.sol_output(self.world.now, self.client.managed_id, text);
        assert_eq!(taken, text.len());
        self.sent()
    }

    pub(super) fn sent(&mut self) -> Vec<Vec<u8>> {
        self.world.endpoint.transmit_sol(self.world.now, &mut self.world.random);
        self.world.collect(&self.client).iter().map(|datagram| self.client.open(datagram).1).collect()
    }

    pub(super) fn after(&mut self, milliseconds: u64) -> Vec<Vec<u8>> {
        self.world.pass(Duration::from_millis(milliseconds));
        self.sent()
    }

    pub(super) fn inputs(&mut self) -> Vec<SolInput> {
        let events = std::mem::take(&mut self.world.events);
        let inputs = events.into_iter().filter_map(|event| match event {
            Event::SolInput(_, input) => Some(input),
            _ => None,
        });
        inputs.collect()
    }

    pub(super) fn id(&self) -> u32 {
        self.client.managed_id
    }
}

pub(super) fn typed(characters: &[u8]) -> SolInput {
    SolInput::Characters(characters.to_vec())
}

pub(super) const NOTHING: Vec<Vec<u8>> = Vec::new();

#[test]
fn a_keystroke_is_acknowledged_and_given_to_the_host() {
    let mut console = Console::new();
    assert_eq!(console.send(&[1, 0, 0, 0, b'l', b's']), [[0, 1, 2, 0]]);
    assert_eq!(console.inputs(), [typed(b"ls")]);
}

#[test]
fn a_packet_that_comes_again_is_acknowledged_again_and_its_characters_are_not_passed_twice() {
    let mut console = Console::new();
    for _ in 0..3 {
        assert_eq!(console.send(&[1, 0, 0, 0, b'x']), [[0, 1, 1, 0]]);
    }
    assert_eq!(console.inputs(), [typed(b"x")]);
}

#[test]
fn a_packet_that_the_network_held_up_is_not_taken_for_a_new_one() {
    let mut console = Console::new();
    console.send(&[1, 0, 0, 0, b'a']);
    // Sent again before the acknowledgement arrived, and overtaken by the next three.
    let late = console.client.sol(&[1, 0, 0, 0, b'a']);
    for number in 2..5 {
        console.send(&[number, 0, 0, 0, b'b']);
    }
    assert!(console.world.send(&console.client, &late).is_empty());
    assert_eq!(console.inputs().len(), 4);
}

#[test]
fn a_number_may_be_passed_over() {
    let mut console = Console::new();
    console.send(&[1, 0, 0, 0, b'a']);
    assert_eq!(console.send(&[9, 0, 0, 0, b'b']), [[0, 9, 1, 0]]);
    assert_eq!(console.inputs(), [typed(b"a"), typed(b"b")]);
}

#[test]
fn output_leaves_at_once_and_stays_until_it_is_acknowledged() {
    let mut console = Console::new();
    assert_eq!(console.prints(b"login:"), [b"\x01\0\0\0login:"]);
    assert_eq!(console.prints(b" "), NOTHING, "one packet is in flight");
    assert_eq!(console.after(249), NOTHING);
    assert_eq!(console.after(1), [b"\x01\0\0\0login:"], "the same characters with the same number");
    assert_eq!(console.send(&[0, 1, 6, 0]), [b"\x02\0\0\0 "]);
    assert_eq!(console.send(&[0, 2, 1, 0]), NOTHING);
    assert_eq!(console.after(5000), NOTHING);
}

#[test]
fn a_host_that_prints_costs_fewer_packets_than_one_that_echoes() {
    let mut console = Console::new();
    console.prints(&[b'.'; 47]);
    console.send(&[0, 1, 47, 0]);
    console.prints(b"+");
    assert_eq!(console.after(10), [b"\x02\0\0\0+"], "an echo");
    console.send(&[0, 2, 1, 0]);
    console.world.pass(Duration::from_millis(10));
    console.prints(&[b'.'; 48]);
    console.send(&[0, 3, 48, 0]);
    console.prints(b"+");
    assert_eq!(console.after(47), NOTHING, "print");
    assert_eq!(console.after(1), [b"\x04\0\0\0+"]);
}

#[test]
fn only_what_was_accepted_leaves_the_buffer_and_the_rest_gets_a_new_number() {
    let mut console = Console::new();
    console.prints(b"abcdef");
    assert_eq!(console.send(&[0, 1, 2, 0]), NOTHING, "output that is not full is paced");
    assert_eq!(console.after(10), [b"\x02\0\0\0cdef"]);
    assert_eq!(console.send(&[0, 2, 1, 0x40]), NOTHING, "refused: not at once again");
    assert_eq!(console.after(250), [b"\x03\0\0\0def"]);
    assert_eq!(console.send(&[0, 3, 9, 0]), NOTHING, "more than there was");
    let summary = console.world.endpoint.sol_instances().next().unwrap();
    assert_eq!(summary.acknowledged, 6);
}

#[test]
fn an_acknowledgement_of_another_number_or_of_an_earlier_round_is_not_taken() {
    let mut console = Console::new();
    console.prints(b"1");
    assert_eq!(console.send(&[0, 2, 1, 0]), NOTHING);
    let late = console.client.sol(&[0, 1, 1, 0]);
    console.send(&[0, 1, 1, 0]);
    for number in 2..=15 {
        console.world.pass(Duration::from_millis(10));
        assert_eq!(console.prints(b"x"), [[number, 0, 0, 0, b'x']]);
        console.send(&[0, number, 1, 0]);
    }
    console.world.pass(Duration::from_millis(10));
    assert_eq!(console.prints(b"y"), [[1, 0, 0, 0, b'y']], "the first number again");
    assert!(console.world.send(&console.client, &late).is_empty());
    assert_eq!(console.after(250), [[1, 0, 0, 0, b'y']], "it is still not acknowledged");
}

#[test]
fn a_client_that_is_away_is_tried_now_and_then_and_gets_everything_when_it_is_back() {
    let mut console = Console::new();
    console.prints(b"x");
    let mut attempts = 0;
    for _ in 0..300 {
        attempts += console.after(100).len();
    }
    assert_eq!(attempts, 7 + 28, "seven retries in two seconds, then one a second");
    console.world.pass(Duration::from_millis(500));
    assert_eq!(
        console.send(&[1, 0, 0, 0]),
        [vec![0, 1, 0, 0], b"\x01\0\0\0x".to_vec()],
        "at once when it is heard of"
    );
}

#[test]
fn few_characters_wait_for_more_and_many_do_not() {
    let parameters = SolParameters { threshold: 8, ..SolParameters::default() };
    let mut console = Console::with(parameters);
    assert_eq!(console.prints(b"abc"), NOTHING);
    assert_eq!(console.after(59), NOTHING);
    assert_eq!(console.after(1), [b"\x01\0\0\0abc"]);
    console.send(&[0, 1, 3, 0]);
    console.world.pass(Duration::from_millis(10));
    assert_eq!(console.prints(b"12345678"), [b"\x02\0\0\x0012345678"]);
}

#[test]
fn a_host_that_prints_on_and_on_costs_a_packet_for_ten_milliseconds_or_a_full_one() {
    let mut console = Console::new();
    assert_eq!(console.prints(b"a").len(), 1);
    assert_eq!(console.prints(b"b"), NOTHING);
    assert_eq!(console.send(&[0, 1, 1, 0]), NOTHING);
    assert_eq!(console.prints(b"c"), NOTHING);
    assert_eq!(console.after(10), [b"\x02\0\0\0bc"]);
    assert_eq!(console.prints(&[b'd'; 600]), NOTHING);
    let full = console.send(&[0, 2, 2, 0]);
    assert_eq!(full[0].len(), 4 + 255);
    assert_eq!(console.send(&[0, 3, 255, 0])[0].len(), 4 + 255);
}

#[test]
fn what_waits_is_bounded_and_the_console_is_told_when_there_is_room() {
    let mut console = Console::new();
    let id = console.id();
    let room = console.world.endpoint.sol_room(id);
    console.prints(&vec![b'x'; room]);
    assert_eq!(console.world.endpoint.sol_room(id), 0);
    assert_eq!(console.world.endpoint.sol_output(console.world.now, id, b"y"), 0);
    let mut drained = 0;
    for number in (1..=15).chain(1..=2) {
        console.send(&[0, number, 255, 0]);
        // The last packet is not full.
        console.after(48);
        drained += console.world.events.drain(..).filter(|event| *event == Event::SolDrained(id)).count();
    }
    assert_eq!(drained, 1);
    assert_eq!(console.world.endpoint.sol_room(id), 4096);
}

#[test]
fn input_that_the_host_does_not_take_is_accepted_in_part_and_then_not_answered_at_once() {
    let mut console = Console::new();
    let full = |number: u8| [&[number, 0, 0, 0][..], &[b'k'; 255]].concat();
    let mut number = 0;
    let mut accepted = 0;
    while accepted < 4096 {
        number = number % 15 + 1;
        accepted += usize::from(console.send(&full(number))[0][2]);
    }
    assert_eq!(accepted, 4096);
    number = number % 15 + 1;
    assert_eq!(console.send(&full(number)), NOTHING);
    assert_eq!(console.send(&full(number)), NOTHING);
    assert_eq!(console.send(&full(number)), [[0, number, 0, 0]], "its client must not give up");
    let id = console.id();
    console.world.endpoint.sol_input_done(id, 100);
    number = number % 15 + 1;
    assert_eq!(console.send(&full(number)), [[0, number, 100, 0]]);
}

#[test]
fn a_break_is_passed_on_once_and_after_the_characters_before_it() {
    let mut console = Console::new();
    console.send(&[1, 0, 0, 0, b'a']);
    console.send(&[2, 0, 0, 0x10]);
    console.send(&[2, 0, 0, 0x10]);
    console.send(&[3, 0, 0, 0, b'h']);
    assert_eq!(console.inputs(), [typed(b"a"), SolInput::Break, typed(b"h")]);
}

#[test]
fn a_client_that_sends_breaks_without_end_does_not_fill_memory() {
    let mut console = Console::new();
    (0..1000).for_each(|_| drop(console.send(&[0, 0, 0, 0x12])));
    assert_eq!(console.inputs().len(), 64);
}

#[test]
fn cts_pauses_the_output_and_releases_it() {
    let mut console = Console::new();
    console.send(&[0, 0, 0, 0x08]);
    assert_eq!(console.prints(b"x"), NOTHING);
    assert_eq!(console.after(5000), NOTHING);
    assert_eq!(console.send(&[0, 0, 0, 0]), [b"\x01\0\0\0x"]);
}

#[test]
fn flushing_drops_the_output_that_waits_and_the_input_before_it() {
    let mut console = Console::new();
    console.prints(b"old");
    assert_eq!(console.send(&[1, 0, 0, 0x03, b'n']), [[0, 1, 1, 0]]);
    assert_eq!(console.inputs(), [SolInput::Flush, typed(b"n")]);
    assert_eq!(console.after(300), NOTHING);
    assert_eq!(console.prints(b"new"), [b"\x02\0\0\0new"]);
}

#[test]
fn without_the_hosts_console_input_is_refused_and_the_client_knows_why() {
    let mut console = Console::new();
    let id = console.id();
    console.world.endpoint.sol_console(id, false);
    assert_eq!(console.sent(), [[0, 0, 0, 0x20]]);
    assert_eq!(console.send(&[1, 0, 0, 0, b'x']), [[0, 1, 0, 0x60]]);
    assert_eq!(console.send(&[1, 0, 0, 0, b'x']), [[0, 1, 0, 0x60]]);
    console.world.endpoint.sol_console(id, true);
    assert_eq!(console.sent(), [[0, 0, 0, 0]]);
    assert_eq!(console.send(&[1, 0, 0, 0, b'x']), [[0, 1, 1, 0]], "the same packet again is taken now");
    assert_eq!(console.inputs(), [typed(b"x")]);
}

#[test]
fn a_break_of_the_host_and_lost_output_are_told_with_the_next_characters_or_at_once() {
    let mut console = Console::new();
    let id = console.id();
    console.world.endpoint.sol_break(id);
    assert_eq!(console.sent(), [[0, 0, 0, 0x04]]);
    console.world.endpoint.sol_output(console.world.now, id, b"x");
    console.world.endpoint.sol_overrun(id);
    assert_eq!(console.sent(), [b"\x01\0\0\x08x"]);
    assert_eq!(console.after(250), [b"\x01\0\0\x08x"], "until it is acknowledged");
    console.send(&[0, 1, 1, 0]);
    console.world.pass(Duration::from_millis(10));
    assert_eq!(console.prints(b"y"), [b"\x02\0\0\0y"]);
}

#[test]
fn a_replayed_and_a_changed_packet_do_nothing() {
    let mut console = Console::new();
    let datagram = console.client.sol(&[1, 0, 0, 0, b'x']);
    console.world.send(&console.client, &datagram);
    console.world.discards_it(&console.client, &datagram, Discard::Replayed);
    let good = console.client.sol(&[2, 0, 0, 0, b'y']);
    for at in 20..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(console.world.send(&console.client, &bad).is_empty(), "byte {at}");
    }
    let mut elsewhere = console.client.clone();
    elsewhere.address = "192.0.2.8:40000".parse().unwrap();
    console.world.discards_it(&elsewhere, &good, Discard::WrongSource);
    assert_eq!(console.inputs(), [typed(b"x")]);
    assert_eq!(console.world.send(&console.client, &good).len(), 1);
}

#[test]
fn a_packet_of_another_form_is_malformed() {
    let mut console = Console::new();
    for payload in [&[1, 0, 0][..], &[0, 0, 0, 0, b'x'], &[]] {
        let datagram = console.client.sol(payload);
        console.world.discards_it(&console.client, &datagram, Discard::Malformed);
    }
}

#[test]
fn without_random_bytes_a_packet_counts_as_lost_and_is_sent_again() {
    let mut console = Console::new();
    console.world.random.broken = true;
    assert_eq!(console.prints(b"x"), NOTHING);
    console.world.random.broken = false;
    assert_eq!(console.after(250), [b"\x01\0\0\0x"]);
}
