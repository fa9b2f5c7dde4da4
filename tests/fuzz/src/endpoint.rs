//! A session endpoint under a script of datagrams, time and answers.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipmi_wire::CompletionCode;
use rmcp_session::{CipherSuite, Endpoint, Event, Limits, Random, RandomFailed, Request, Settings};

use super::{
    administrator::{NAME, PASSWORD, administrator, log_in},
    client::{self, Client},
};

/// Predictable random bytes.
pub(super) struct Dice(pub(super) u64);

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            [*byte, ..] = self.0.to_be_bytes();
        }
        Ok(())
    }
}

struct Script {
    endpoint: Endpoint,
    now: Instant,
    random: Dice,
    client: Client,
    pending: Vec<Request>,
}

/// Runs a script: steps of an operation byte, a length byte, and that many bytes.
///
/// 0 is a datagram from the logged-in client, 1 one from a stranger, 2 a payload outside any session (its type first), 3 a LAN message in a
/// well protected packet, 4 a request (NetFn, command, data) in one, 5 lets seconds pass, 6 answers the oldest request, 7 is a
/// packet with chosen flags and sequence number.
pub fn session_endpoint(data: &[u8]) {
    let mut script = Script::logged_in();
    let mut rest = data;
    while let [operation, length, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        script.step(*operation, bytes);
        script.check();
        rest = tail;
    }
}

impl Script {
    fn logged_in() -> Self {
        let suites = vec![CipherSuite::Seventeen, CipherSuite::Three];
        let mut endpoint = Endpoint::new(Settings { suites, ..Settings::default() });
        endpoint.set_users(vec![administrator()], None);
        let client = Client::new(NAME, PASSWORD);
        let mut script = Self { endpoint, now: Instant::now(), random: Dice(1), client, pending: Vec::new() };
        script.log_in();
        script
    }

    fn log_in(&mut self) {
        let mut client = self.client.clone();
        log_in(&mut client, |datagram| self.ask(datagram));
        assert!(matches!(self.endpoint.poll_event(), Some(Event::SessionOpened(_))));
        self.client = client;
    }

    fn ask(&mut self, datagram: &[u8]) -> Vec<u8> {
        self.endpoint.handle_datagram(self.now, self.client.address, datagram, &mut self.random);
        self.endpoint.poll_transmit().unwrap().datagram
    }

    fn step(&mut self, operation: u8, bytes: &[u8]) {
        let stranger: SocketAddr = "[2001:db8::9]:9".parse().unwrap();
        match (operation, bytes) {
            (0, _) => self.datagram(self.client.address, bytes),
            (1, _) => self.datagram(stranger, bytes),
            (2, [kind, payload @ ..]) => {
                self.datagram(self.client.address, &client::outside(*kind, payload));
            }
            (3, _) => {
                self.client.sequence += 1;
                let datagram = self.client.packet(0xC0, self.client.sequence, bytes);
                self.datagram(self.client.address, &datagram);
            }
            (4, [net_fn, command, data @ ..]) => {
                let datagram = self.client.request(net_fn & 0x3F, *command, data);
                self.datagram(self.client.address, &datagram);
            }
            (5, [seconds, ..]) => {
                self.now += Duration::from_secs(u64::from(*seconds));
                self.endpoint.handle_timeout(self.now);
            }
            (6, _) if !self.pending.is_empty() => {
                let token = self.pending.remove(0).token;
                self.endpoint.respond(self.now, token, CompletionCode::OK, bytes, &mut self.random);
            }
            (7, [kind, sequence, payload @ ..]) => {
                let datagram = self.client.packet(*kind, u32::from(*sequence), payload);
                self.datagram(self.client.address, &datagram);
            }
            _ => {}
        }
    }

    fn datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        self.endpoint.handle_datagram(self.now, from, datagram, &mut self.random);
    }

    /// What must hold after every step.
    fn check(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Request(request) => self.pending.push(request),
                Event::SessionOpened(_) => panic!("nobody else knows the password"),
                _ => {}
            }
        }
        while self.endpoint.poll_transmit().is_some() {}
        let limits = Limits::default();
        assert!(self.endpoint.sessions().count() <= limits.sessions + limits.half_open);
        assert!(self.endpoint.next_timeout().is_none_or(|next| next > self.now));
    }
}
