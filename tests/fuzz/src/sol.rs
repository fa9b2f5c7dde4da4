//! An active Serial over LAN instance under a script of packets, output, time and requests.

use std::time::{Duration, Instant};

use ipmi_wire::sol;
use rmcp_session::{CipherSuite, Endpoint, Event, SOL_MEMORY, Settings, SolParameters};

use super::{
    administrator::{NAME, PASSWORD, administrator, log_in},
    client::Client,
    endpoint::Dice,
};

struct Script {
    endpoint: Endpoint,
    now: Instant,
    random: Dice,
    client: Client,
    /// Input that the host has not taken.
    waiting: usize,
    printed: u64,
}

/// Any SOL payload: what reads is written the same but for reserved bits.
fn sol_payload(data: &[u8]) {
    if let Ok(packet) = sol::Packet::parse(data) {
        let mut out = Vec::new();
        packet.emit(&mut out);
        assert_eq!(sol::Packet::parse(&out).unwrap(), packet);
    }
}

/// Runs a script: steps of an operation byte, a length byte, and that many bytes.
///
/// 0 is a SOL payload in a well protected packet, 1 output of the host, 2 lets time pass, 3 has the host take input, 4 is its
/// console coming or going, 5 a break or lost output, 6 a payload with a chosen sequence number, 7 a request (command, data), 8
/// another configuration.
pub fn sol_session(data: &[u8]) {
    let mut script = Script::activated();
    let mut rest = data;
    while let [operation, length, tail @ ..] = rest {
        let (bytes, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        sol_payload(bytes);
        script.step(*operation, bytes);
        script.check();
        rest = tail;
    }
}

fn parameters(bits: u8) -> SolParameters {
    SolParameters {
        enabled: bits & 1 == 0,
        force_encryption: bits & 2 != 0,
        retries: bits >> 5,
        retry_interval: Duration::from_millis(u64::from(bits & 0x18)),
        threshold: usize::from(bits & 4) * 50,
        ..SolParameters::default()
    }
}

impl Script {
    fn activated() -> Self {
        let (suites, sol) = (vec![CipherSuite::Seventeen], parameters(0x78));
        let mut endpoint = Endpoint::new(Settings { suites, sol, ..Settings::default() });
        endpoint.set_users(vec![administrator()], None);
        let client = Client::new(NAME, PASSWORD);
        let (now, random) = (Instant::now(), Dice(1));
        let mut script = Self { endpoint, now, random, client, waiting: 0, printed: 0 };
        script.log_in();
        script.request(0x3B, &[4]);
        script.request(0x48, &[1, 1, 0xC0, 0, 0, 0]);
        assert_eq!(script.endpoint.sol_instances().count(), 1);
        script.check();
        script
    }

    fn log_in(&mut self) {
        let mut client = self.client.clone();
        log_in(&mut client, |datagram| self.ask(datagram));
        self.client = client;
    }

    fn ask(&mut self, datagram: &[u8]) -> Vec<u8> {
        self.datagram(datagram);
        self.endpoint.poll_transmit().unwrap().datagram
    }

    fn datagram(&mut self, datagram: &[u8]) {
        self.endpoint.handle_datagram(self.now, self.client.address, datagram, &mut self.random);
    }

    fn request(&mut self, command: u8, data: &[u8]) {
        let datagram = self.client.request(6, command, data);
        self.datagram(&datagram);
    }

    fn step(&mut self, operation: u8, bytes: &[u8]) {
        let id = self.client.managed_id;
        match (operation, bytes) {
            (0, _) => {
                let datagram = self.client.sol(bytes);
                self.datagram(&datagram);
            }
            (1, _) => {
                let taken = self.endpoint.sol_output(self.now, id, bytes);
                self.printed += u64::try_from(taken).unwrap();
            }
            (2, [time, ..]) => {
                self.now += Duration::from_millis(u64::from(*time) * 8);
                self.endpoint.handle_timeout(self.now);
            }
            (3, [weight, ..]) => {
                let weight = usize::from(*weight).min(self.waiting);
                self.waiting -= weight;
                self.endpoint.sol_input_done(id, weight);
            }
            (4, [there, ..]) => self.endpoint.sol_console(id, there & 1 == 0),
            (5, [what, ..]) if what & 1 == 0 => self.endpoint.sol_break(id),
            (5, _) => self.endpoint.sol_overrun(id),
            (6, [kind, sequence, payload @ ..]) => {
                let datagram = self.client.packet(*kind, u32::from(*sequence), payload);
                self.datagram(&datagram);
            }
            (7, [command, data @ ..]) => self.request(*command, data),
            (8, [bits, ..]) => self.endpoint.set_sol_parameters(parameters(*bits)),
            _ => {}
        }
    }

    /// What must hold after every step.
    fn check(&mut self) {
        self.endpoint.transmit_sol(self.now, &mut self.random);
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::SolInput(_, input) => self.waiting += input.weight(),
                Event::SolOpened(_) => (self.waiting, self.printed) = (0, 0),
                _ => {}
            }
        }
        assert!(self.waiting <= SOL_MEMORY, "{} bytes of input wait", self.waiting);
        while let Some(transmit) = self.endpoint.poll_transmit() {
            assert!(transmit.datagram.len() < 400, "any network carries it");
        }
        for sol in self.endpoint.sol_instances() {
            assert!(sol.acknowledged <= self.printed, "nothing leaves that was not printed");
        }
        assert!(self.endpoint.next_timeout().is_none_or(|next| next > self.now));
    }
}
