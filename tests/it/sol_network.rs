//! Serial over LAN across a network that loses, repeats and reorders, with nothing behind the sessions but a host that echoes.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ipmi_wire::{CompletionCode, Privilege};
use ring::rand::{SecureRandom as _, SystemRandom};
use rmcp_session::{
    Endpoint, Event, Random, RandomFailed, Secret, Settings, SolInput, SolParameters, Transmit, User,
};
use system_tests::remote_console::{Login, Session, SolClient, Suite};

use crate::support::{Faults, Lossy, noise};

struct Kernel(SystemRandom);

impl Random for Kernel {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(bytes).map_err(|_| RandomFailed)
    }
}

/// A BMC whose host sends back every character.
struct Echo {
    socket: UdpSocket,
    endpoint: Endpoint,
    random: Kernel,
    /// The session that has Serial over LAN, and what its host has taken and not sent yet.
    host: Option<(u32, VecDeque<u8>)>,
    end: Arc<AtomicBool>,
}

impl Echo {
    fn run(mut self) {
        let mut buffer = [0; 2048];
        while !self.end.load(Ordering::Relaxed) {
            let wait = self.endpoint.next_timeout().map_or(Duration::from_millis(50), |at| {
                at.saturating_duration_since(Instant::now())
                    .clamp(Duration::from_micros(1), Duration::from_millis(50))
            });
            self.socket.set_read_timeout(Some(wait)).unwrap();
            let received = self.socket.recv_from(&mut buffer);
            let now = Instant::now();
            if let Ok((length, from)) = received {
                self.endpoint.handle_datagram(now, from, &buffer[..length], &mut self.random);
            }
            self.endpoint.handle_timeout(now);
            while let Some(event) = self.endpoint.poll_event() {
                self.take(now, event);
            }
            self.echo(now);
            self.endpoint.transmit_sol(now, &mut self.random);
            while let Some(Transmit { to, datagram }) = self.endpoint.poll_transmit() {
                self.socket.send_to(&datagram, to).unwrap();
            }
        }
    }

    fn take(&mut self, now: Instant, event: Event) {
        match (event, &mut self.host) {
            (Event::Request(request), _) => {
                let code = CompletionCode::INVALID_COMMAND;
                self.endpoint.respond(now, request.token, code, &[], &mut self.random);
            }
            (Event::SolOpened(summary), host) => *host = Some((summary.session.id, VecDeque::new())),
            (Event::SolInput(_, SolInput::Characters(characters)), Some((_, waiting))) => {
                waiting.extend(characters);
            }
            _ => {}
        }
    }

    /// The host is as fast as the session lets it.
    fn echo(&mut self, now: Instant) {
        let Some((session, waiting)) = &mut self.host else { return };
        let count = self.endpoint.sol_output(now, *session, waiting.make_contiguous());
        waiting.drain(..count);
        self.endpoint.sol_input_done(*session, count);
    }
}

/// A running [`Echo`]; ends with this.
struct Server {
    port: u16,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let sol = SolParameters { retry_interval: Duration::from_millis(10), ..SolParameters::default() };
        let mut endpoint = Endpoint::new(Settings { sol, ..Settings::default() });
        let user = User {
            slot: 2,
            name: b"admin".to_vec(),
            enabled: true,
            max_privilege: Some(Privilege::Administrator),
            sol: true,
            secret: Secret::new(b"secret").unwrap(),
        };
        endpoint.set_users(vec![user], None);
        let end = Arc::<AtomicBool>::default();
        let echo =
            Echo { socket, endpoint, random: Kernel(SystemRandom::new()), host: None, end: Arc::clone(&end) };
        Self { port, end, thread: Some(std::thread::spawn(move || echo.run())) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn login(port: u16) -> Login {
    Login {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        user: b"admin".to_vec(),
        password: b"secret".to_vec(),
        suite: Suite::from_number(17).unwrap(),
        persistent: false,
    }
}

/// Has `bytes` of noise echoed through `faults`; the client afterwards, and what the network lost.
fn echo_through(faults: Faults, bytes: usize, seed: u64) -> (SolClient, u64) {
    let server = Server::start();
    let network = Lossy::start(server.port, seed);
    let session = Session::open(&login(network.port)).unwrap();
    let mut client = SolClient::activate(session, 1, Duration::from_millis(10)).unwrap();
    network.set(faults);
    let sent = noise(bytes, seed);
    client.write(&sent);
    let all = client.run(Duration::from_secs(240), |client| client.received().len() >= bytes).unwrap();
    assert!(all, "{} of {bytes} bytes came back, {:?}", client.received().len(), client.counts);
    network.set(Faults::default());
    // What is still on its way may not bring anything more.
    client.run(Duration::from_millis(200), |_| false).unwrap();
    assert!(client.received() == sent, "what came back is not what was sent");
    (client, network.lost())
}

#[test]
fn a_good_network_carries_a_megabyte_each_way_without_a_repetition() {
    let (client, lost) = echo_through(Faults::default(), 1 << 20, 1);
    assert_eq!((lost, client.counts.stale), (0, 0));
}

#[test]
fn a_megabyte_arrives_each_way_where_three_of_ten_datagrams_do_not() {
    let faults = Faults { loss: 30, ..Faults::default() };
    let (client, lost) = echo_through(faults, 1 << 20, 2);
    assert!(lost > 4000 && client.counts.sent_again > 1000 && client.counts.came_again > 1000);
}

#[test]
fn a_megabyte_arrives_each_way_through_repetition_reordering_and_delay() {
    let faults = Faults { loss: 5, duplication: 30, reordering: 30, delay: 0..4000 };
    let (client, _) = echo_through(faults, 1 << 20, 3);
    assert!(client.counts.stale > 0, "{:?}", client.counts);
}
