//! The endpoint on a real socket, for trying it with a real client: it answers Get Device ID and nothing else.
//!
//! `cargo run -p rmcp-session --example udp -- 127.0.0.1:6230 [KG]`, then
//! `ipmitool -I lanplus -H 127.0.0.1 -p 6230 -C 17 -U admin -P secret mc info`

#![allow(clippy::expect_used, reason = "a thing to try by hand")]

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use ipmi_wire::{CompletionCode, NetFn, Privilege};
use ring::rand::{SecureRandom as _, SystemRandom};
use rmcp_session::{
    CipherSuite, Endpoint, Event, Limits, Random, RandomFailed, Request, Secret, Settings, User,
};

struct Kernel(SystemRandom);

impl Random for Kernel {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(bytes).map_err(|_| RandomFailed)
    }
}

fn user(slot: u8, name: &str, max_privilege: Privilege) -> User {
    let secret = Secret::new(b"secret").expect("is short");
    User { slot, name: name.into(), enabled: true, max_privilege: Some(max_privilege), sol: true, secret }
}

fn answer(request: &Request) -> (CompletionCode, &'static [u8]) {
    match (request.net_fn, request.command) {
        (NetFn::APP, 0x01) => (CompletionCode::OK, &[0x20, 1, 2, 3, 2, 0x8F, 0, 0, 0, 0, 0]),
        _ => (CompletionCode::INVALID_COMMAND, &[]),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:6230".into());
    let kg = arguments.next().and_then(|key| Secret::new(key.as_bytes()));
    let suites = vec![CipherSuite::Seventeen, CipherSuite::Three];
    let limits = Limits { idle: Duration::from_secs(10), ..Limits::default() };
    let mut endpoint =
        Endpoint::new(Settings { suites, limits, guid: [0x11; 16], lockout: None, ..Settings::default() });
    endpoint.set_users(
        vec![user(2, "admin", Privilege::Administrator), user(3, "operator", Privilege::Operator)],
        kg,
    );
    let socket = UdpSocket::bind(address).expect("address is free");
    let mut random = Kernel(SystemRandom::new());
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).expect("socket works");
        let now = Instant::now();
        endpoint.handle_datagram(now, from, buffer.get(..length).unwrap_or_default(), &mut random);
        while let Some(event) = endpoint.poll_event() {
            let Event::Request(request) = event else {
                eprintln!("{event:?}");
                continue;
            };
            let (code, data) = answer(&request);
            endpoint.respond(now, request.token, code, data, &mut random);
        }
        while let Some(transmit) = endpoint.poll_transmit() {
            socket.send_to(&transmit.datagram, transmit.to).expect("socket works");
        }
    }
}
