//! Captured logins and commands, played again with the random bytes that they had.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use ipmi_wire::{CompletionCode, Privilege};

use super::world::user;
use crate::{CipherSuite, Endpoint, Event, Random, RandomFailed, Request, Secret, Settings};

struct Capture {
    kg: Option<Secret>,
    lines: Vec<(bool, Vec<u8>)>,
}

fn capture(text: &str) -> Capture {
    let kg = text.lines().find_map(|line| line.strip_prefix("kg ")).and_then(|kg| Secret::new(kg.as_bytes()));
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    let bytes = |hex: &str| hex.as_bytes().chunks(2).map(byte).collect();
    let line = |line: &str| match line.split_at_checked(2)? {
        ("> ", hex) => Some((true, bytes(hex))),
        ("< ", hex) => Some((false, bytes(hex))),
        _ => None,
    };
    Capture { kg, lines: text.lines().filter_map(line).collect() }
}

/// The random bytes that the captured server drew, in the order in which the endpoint asks for them.
struct Recorded {
    fields: VecDeque<Vec<u8>>,
}

impl Recorded {
    fn of(capture: &Capture) -> Self {
        let mut fields = VecDeque::new();
        for (_, datagram) in capture.lines.iter().filter(|(from_client, _)| !from_client) {
            match datagram[5] {
                0x11 => fields.push_back(datagram[24..28].to_vec()),
                0x13 => fields.extend([datagram[24..40].to_vec(), vec![0; 20]]),
                0xC0 if datagram[4] == 6 => fields.push_back(datagram[16..32].to_vec()),
                _ => {}
            }
        }
        Self { fields }
    }
}

impl Random for Recorded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        let field = self.fields.pop_front().ok_or(RandomFailed)?;
        bytes.copy_from_slice(&field);
        Ok(())
    }
}

fn endpoint(capture: &Capture) -> Endpoint {
    let rakp_2 = capture.lines.iter().find(|(_, datagram)| datagram[4..6] == [6, 0x13]);
    let guid = rakp_2.map_or([0; 16], |(_, datagram)| datagram[40..56].try_into().unwrap());
    let opened = capture.lines.iter().find(|(_, datagram)| datagram[4..6] == [6, 0x11]);
    let instance = opened.map_or(0, |(_, datagram)| datagram[27] >> 6);
    let suites = vec![CipherSuite::Seventeen, CipherSuite::Three];
    let mut endpoint = Endpoint::new(Settings { suites, guid, instance, ..Settings::default() });
    let users = vec![
        user(2, "admin", "secret", Some(Privilege::Administrator)),
        user(3, "operator", "secret", Some(Privilege::Operator)),
    ];
    endpoint.set_users(users, capture.kg.clone());
    endpoint
}

fn answer(request: &Request) -> (CompletionCode, &'static [u8]) {
    match (request.net_fn.value(), request.command) {
        (6, 0x01) => (CompletionCode::OK, &[0x20, 1, 2, 3, 2, 0x8F, 0, 0, 0, 0, 0]),
        _ => (CompletionCode::INVALID_COMMAND, &[]),
    }
}

/// Plays the client's side; what the endpoint answered.
fn play(capture: &Capture) -> Vec<Vec<u8>> {
    let (mut endpoint, mut random) = (endpoint(capture), Recorded::of(capture));
    let peer: SocketAddr = "192.0.2.7:623".parse().unwrap();
    let now = Instant::now();
    let mut answers = Vec::new();
    for (_, datagram) in capture.lines.iter().filter(|(from_client, _)| *from_client) {
        endpoint.handle_datagram(now, peer, datagram, &mut random);
        while let Some(event) = endpoint.poll_event() {
            if let Event::Request(request) = event {
                let (code, data) = answer(&request);
                endpoint.respond(now, request.token, code, data, &mut random);
            }
        }
        answers.extend(std::iter::from_fn(|| endpoint.poll_transmit()).map(|transmit| transmit.datagram));
    }
    assert_eq!(endpoint.discards().total(), 0);
    answers
}

macro_rules! golden {
    ($name:literal) => {
        capture(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/", $name, ".hex")))
    };
}

#[test]
fn captured_logins_and_commands_are_answered_with_the_same_bytes() {
    let captures = [
        golden!("ipmitool-suite3-kg"),
        golden!("ipmitool-suite17"),
        golden!("ipmitool-suite17-kg"),
        golden!("freeipmi-suite3"),
        golden!("freeipmi-suite17"),
        golden!("freeipmi-suite17-kg"),
        golden!("freeipmi-ipmiping"),
        golden!("freeipmi-rmcpping"),
    ];
    for (number, capture) in captures.iter().enumerate() {
        let expected: Vec<_> =
            capture.lines.iter().filter(|(from_client, _)| !from_client).map(|(_, bytes)| bytes).collect();
        let answers = play(capture);
        assert_eq!(answers.iter().collect::<Vec<_>>(), expected, "capture {number}");
    }
}

#[test]
fn another_servers_login_has_the_same_codes() {
    let capture = golden!("ipmitool-suite3-sim");
    let of_kind = |kind: u8, lines: &[Vec<u8>]| {
        lines.iter().find(|datagram| datagram[4..6] == [6, kind]).cloned().unwrap()
    };
    let theirs: Vec<_> = capture
        .lines
        .iter()
        .filter(|(from_client, _)| !from_client)
        .map(|(_, bytes)| bytes.clone())
        .collect();
    let ours = play(&capture);
    for kind in [0x13, 0x15] {
        assert_eq!(of_kind(kind, &ours), of_kind(kind, &theirs));
    }
    // The first packet of the session: Set Session Privilege Level to Administrator.
    assert_eq!(of_kind(0xC0, &ours), of_kind(0xC0, &theirs));
}
