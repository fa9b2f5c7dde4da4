//! SOL over a network that loses, doubles, delays and reorders in both directions: every byte arrives once and in order.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use super::{client::Client, sol_activation::administrator, world::World};
use crate::{Event, Settings, SolInput, SolParameters};

/// What a network does to datagrams.
#[derive(Clone, Copy)]
struct Weather {
    /// In percent.
    loss: u64,
    /// In percent.
    doubled: u64,
    /// In microseconds, at most.
    delay: u64,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Client,
    Endpoint,
}

/// Datagrams on their way, by arrival.
struct Network {
    weather: Weather,
    dice: Dice,
    flying: BTreeMap<(Instant, u64), (To, Vec<u8>)>,
    count: u64,
}

impl Network {
    fn send(&mut self, now: Instant, to: To, datagram: Vec<u8>) {
        let copies = 1 + u64::from(self.dice.below(100) < self.weather.doubled);
        for _ in 0..copies {
            if self.dice.below(100) < self.weather.loss {
                continue;
            }
            let at = now + Duration::from_micros(100 + self.dice.below(self.weather.delay + 1));
            self.count += 1;
            self.flying.insert((at, self.count), (to, datagram.clone()));
        }
    }
}

/// The console at the far end: types from `typing`, shows in `shown`.
struct Terminal {
    client: Client,
    typing: VecDeque<u8>,
    in_flight: Option<Vec<u8>>,
    number: u8,
    again: Instant,
    shown: Vec<u8>,
    /// Number and session sequence number of the newest packet with characters.
    last: (u8, u32),
    /// Session sequence numbers that were seen.
    seen: std::collections::HashSet<u32>,
}

const RETRY: Duration = Duration::from_millis(60);

impl Terminal {
    /// The packet to send now: a new one, or the one in flight again.
    fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.in_flight.is_some() && now < self.again {
            return None;
        }
        if self.in_flight.is_none() {
            if self.typing.is_empty() {
                return None;
            }
            self.number = self.number % 15 + 1;
            let length = self.typing.len().min(251);
            let payload = [&[self.number, 0, 0, 0][..], &self.typing.make_contiguous()[..length]].concat();
            self.in_flight = Some(payload);
        }
        self.again = now + RETRY;
        let payload = self.in_flight.clone()?;
        Some(self.client.sol(&payload))
    }

    /// Takes a datagram; what to answer.
    fn take(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let order = u32::from_le_bytes(datagram[10..14].try_into().unwrap());
        let (kind, payload) = self.client.open(datagram);
        assert_eq!(kind, 0xC1);
        if !self.seen.insert(order) {
            return None;
        }
        let [number, acknowledged, accepted, status, characters @ ..] = payload.as_slice() else { panic!() };
        if self.in_flight.as_ref().is_some_and(|packet| packet[0] == *acknowledged) {
            assert_eq!(status & 0x60, 0, "nobody refuses here");
            self.typing.drain(..usize::from(*accepted));
            self.in_flight = None;
        }
        if *number == 0 {
            return None;
        }
        if *number != self.last.0 && order > self.last.1 {
            self.shown.extend(characters);
        } else if *number != self.last.0 {
            return None;
        }
        self.last = (*number, self.last.1.max(order));
        Some(self.client.sol(&[0, *number, characters.len() as u8, 0]))
    }
}

struct Story {
    world: World,
    network: Network,
    terminal: Terminal,
    /// What the host has still to print.
    printing: VecDeque<u8>,
    /// What the host got.
    got: Vec<u8>,
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed);
    (0..length).map(|_| dice.below(256) as u8).collect()
}

impl Story {
    fn new(weather: Weather, length: usize) -> Self {
        let retry_interval = Duration::from_millis(50);
        let sol = SolParameters { retry_interval, ..SolParameters::default() };
        let mut world = World::with(Settings { sol, ..Settings::default() });
        let mut client = administrator(&mut world);
        assert_eq!(world.local(&mut client, 0x48, &[1, 1, 0xC0, 0, 0, 0]).len(), 13);
        let network = Network { weather, dice: Dice(7), flying: BTreeMap::new(), count: 0 };
        let terminal = Terminal {
            client,
            typing: noise(length, 11).into(),
            in_flight: None,
            number: 0,
            again: world.now,
            shown: Vec::new(),
            last: (0, 0),
            seen: Default::default(),
        };
        Self { world, network, terminal, printing: noise(length, 13).into(), got: Vec::new() }
    }

    fn run(mut self, length: usize) {
        let begun = self.world.now;
        while self.terminal.shown.len() < length || self.got.len() < length {
            self.step();
            assert!(self.world.now < begun + Duration::from_secs(40_000), "{}", self.progress());
        }
        assert!(self.terminal.shown == noise(length, 13), "output differs");
        assert!(self.got == noise(length, 11), "input differs");
    }

    fn progress(&self) -> String {
        format!("{} shown, {} got, {:?}", self.terminal.shown.len(), self.got.len(), self.world.discards())
    }

    fn step(&mut self) {
        let (id, now) = (self.terminal.client.managed_id, self.world.now);
        let room = self.world.endpoint.sol_room(id).min(self.printing.len());
        let piece: Vec<u8> = self.printing.drain(..room).collect();
        assert_eq!(self.world.endpoint.sol_output(now, id, &piece), piece.len());
        self.world.endpoint.transmit_sol(now, &mut self.world.random);
        while let Some(transmit) = self.world.endpoint.poll_transmit() {
            self.network.send(now, To::Client, transmit.datagram);
        }
        while let Some(event) = self.world.endpoint.poll_event() {
            let Event::SolInput(_, input) = event else { continue };
            self.world.endpoint.sol_input_done(id, input.weight());
            let SolInput::Characters(characters) = input else { panic!("{input:?}") };
            self.got.extend(characters);
        }
        if let Some(datagram) = self.terminal.poll(now) {
            self.network.send(now, To::Endpoint, datagram);
        }
        self.advance();
    }

    /// To the next instant where something happens.
    fn advance(&mut self) {
        let arrival = self.network.flying.keys().next().map(|(at, _)| *at);
        let retry = self.terminal.in_flight.is_some().then_some(self.terminal.again);
        let next = [arrival, retry, self.world.endpoint.next_timeout()].into_iter().flatten().min().unwrap();
        self.world.now = self.world.now.max(next);
        let now = self.world.now;
        self.world.endpoint.handle_timeout(now);
        while let Some(entry) = self.network.flying.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                (To::Client, datagram) => {
                    let answer = self.terminal.take(&datagram);
                    answer.into_iter().for_each(|datagram| self.network.send(now, To::Endpoint, datagram));
                }
                (To::Endpoint, datagram) => {
                    let from = self.terminal.client.address;
                    self.world.endpoint.handle_datagram(now, from, &datagram, &mut self.world.random);
                }
            }
        }
    }
}

const MEGABYTE: usize = 1_000_000;

fn arrives(weather: Weather) {
    Story::new(weather, MEGABYTE).run(MEGABYTE);
}

#[test]
fn a_megabyte_each_way_arrives_over_a_good_network() {
    arrives(Weather { loss: 0, doubled: 0, delay: 0 });
}

#[test]
fn a_megabyte_each_way_arrives_where_one_of_ten_datagrams_is_lost() {
    arrives(Weather { loss: 10, doubled: 0, delay: 2_000 });
}

#[test]
fn a_megabyte_each_way_arrives_where_three_of_ten_are_lost_some_double_and_many_overtake() {
    arrives(Weather { loss: 30, doubled: 10, delay: 20_000 });
}

#[test]
fn a_megabyte_each_way_arrives_where_the_network_is_slower_than_every_retry() {
    arrives(Weather { loss: 5, doubled: 30, delay: 150_000 });
}
