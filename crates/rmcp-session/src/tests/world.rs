//! An endpoint, a clock, and predictable random bytes.

use std::time::{Duration, Instant};

use ipmi_wire::{CompletionCode, Privilege};

use super::client::Client;
use crate::{CipherSuite, Discard, Endpoint, Event, Random, RandomFailed, Request, Secret, Settings, User};

pub(super) struct Dice {
    state: u64,
    pub(super) broken: bool,
}

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        if self.broken {
            return Err(RandomFailed);
        }
        for byte in bytes {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.state >> 56) as u8;
        }
        Ok(())
    }
}

pub(super) struct World {
    pub(super) endpoint: Endpoint,
    pub(super) now: Instant,
    pub(super) random: Dice,
    pub(super) events: Vec<Event>,
}

pub(super) fn user(slot: u8, name: &str, password: &str, max_privilege: Option<Privilege>) -> User {
    let secret = Secret::new(password.as_bytes()).unwrap();
    User { slot, name: name.into(), enabled: true, max_privilege, sol: true, secret }
}

pub(super) fn users() -> Vec<User> {
    let disabled = User { enabled: false, ..user(5, "disabled", "pw5", Some(Privilege::Administrator)) };
    vec![
        user(2, "admin", "secret", Some(Privilege::Administrator)),
        user(3, "operator", "pw3", Some(Privilege::Operator)),
        user(4, "elsewhere", "pw4", None),
        disabled,
    ]
}

pub(super) fn admin() -> Client {
    Client::new(b"admin", b"secret")
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let suites = vec![CipherSuite::Three, CipherSuite::Seventeen];
        let mut endpoint = Endpoint::new(Settings { suites, guid: *b"sixteen byte id!", ..settings });
        endpoint.set_users(users(), None);
        let random = Dice { state: 1, broken: false };
        Self { endpoint, now: Instant::now(), random, events: Vec::new() }
    }

    /// Hands a datagram over; what comes back.
    pub(super) fn send(&mut self, from: &Client, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.endpoint.handle_datagram(self.now, from.address, datagram, &mut self.random);
        self.collect(from)
    }

    pub(super) fn collect(&mut self, to: &Client) -> Vec<Vec<u8>> {
        self.events.extend(std::iter::from_fn(|| self.endpoint.poll_event()));
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| {
                assert_eq!(transmit.to, to.address);
                transmit.datagram
            })
            .collect()
    }

    /// As [`World::send`], where exactly one datagram must come back.
    pub(super) fn ask(&mut self, from: &Client, datagram: &[u8]) -> Vec<u8> {
        let replies = self.send(from, datagram);
        assert_eq!(replies.len(), 1, "one answer, discards {:?}", self.discards());
        replies.into_iter().next().unwrap()
    }

    /// As [`World::send`], where nothing must come back and `reason` must be counted.
    pub(super) fn discards_it(&mut self, from: &Client, datagram: &[u8], reason: Discard) {
        let before = self.endpoint.discards().get(reason);
        assert_eq!(self.send(from, datagram), Vec::<Vec<u8>>::new());
        assert_eq!(self.endpoint.discards().get(reason), before + 1, "{reason:?}, {:?}", self.discards());
    }

    pub(super) fn discards(&self) -> Vec<(&'static str, u64)> {
        self.endpoint.discards().iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Logs in; the status where it is refused.
    pub(super) fn log_in(&mut self, client: &mut Client) -> Result<(), u8> {
        let open = self.ask(client, &client.open_request());
        let rakp_1 = client.rakp_1(&open)?;
        let rakp_2 = self.ask(client, &rakp_1);
        let (rakp_3, _) = client.rakp_3(&rakp_2)?;
        let rakp_4 = self.ask(client, &rakp_3);
        if client.finish(&rakp_4)? { Ok(()) } else { Err(0xEE) }
    }

    pub(super) fn logged_in(&mut self, mut client: Client) -> Client {
        assert_eq!(self.log_in(&mut client), Ok(()));
        client
    }

    /// Answers a request; what comes back.
    pub(super) fn respond(&mut self, to: &Client, request: &Request, data: &[u8]) -> Vec<Vec<u8>> {
        self.endpoint.respond(self.now, request.token, CompletionCode::OK, data, &mut self.random);
        self.collect(to)
    }

    /// Sends a command that the endpoint answers itself; completion code and data.
    pub(super) fn local(&mut self, client: &mut Client, command: u8, data: &[u8]) -> Vec<u8> {
        let datagram = client.request(6, command, data);
        let reply = self.ask(client, &datagram);
        client.data(&reply)
    }

    /// The requests since this was asked last.
    pub(super) fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.events)
            .into_iter()
            .filter_map(|event| match event {
                Event::Request(request) => Some(request),
                _ => None,
            })
            .collect()
    }

    /// Lets time pass, expiring what expires.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.endpoint.handle_timeout(self.now);
        self.events.extend(std::iter::from_fn(|| self.endpoint.poll_event()));
    }

    pub(super) fn open(&self) -> usize {
        self.endpoint.sessions().filter(|session| session.handle != 0).count()
    }

    pub(super) fn half_open(&self) -> usize {
        self.endpoint.sessions().filter(|session| session.handle == 0).count()
    }
}
