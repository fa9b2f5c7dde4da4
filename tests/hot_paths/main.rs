//! The hot paths of the pure crates, for `cargo xtask bench --instructions`: a real client on loopback, an endpoint here, and the part
//! that is counted inside [`tallied`]. What the client, the socket and the start take is outside.

use std::{
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use ipmi_wire::{
    CompletionCode, NetFn, Privilege,
    codec::Encode as _,
    record::{Conversion, sdr},
};
use rmcp_session::{Endpoint, Event, Random, RandomFailed, RequestToken, Secret, Settings, User};
use system_tests::remote_console::{Login, Request, Session, SolClient, Suite};

const USAGE: &str = "usage: hot-paths <path> <count>
paths: request-in response-out login sdr-encode sol-output\n";

/// What the server hands back for each command: as long as Get Device ID's.
const REPLY: [u8; 15] = [0x20, 0x81, 1, 0, 2, 0xBF, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Characters of one SOL packet.
const OUTPUT: [u8; 200] = [b'#'; 200];

/// Which part of a server's work is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    /// From a datagram to the request that it carries.
    RequestIn,
    /// From an answer to the datagram.
    ResponseOut,
    /// All datagrams before a session: Open Session, RAKP.
    Login,
    /// From a sensor's facts to its record.
    SdrEncode,
    /// From characters of the host to the datagram, and the acknowledgement.
    SolOutput,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [path, count] => parse(path).zip(count.parse().ok()),
        _ => None,
    };
    let Some((path, count)) = parsed else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(path, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hot-paths: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(name: &str) -> Option<Path> {
    let path = match name {
        "request-in" => Path::RequestIn,
        "response-out" => Path::ResponseOut,
        "login" => Path::Login,
        "sdr-encode" => Path::SdrEncode,
        "sol-output" => Path::SolOutput,
        _ => return None,
    };
    Some(path)
}

/// Does `work`, counted or not.
fn counted<T>(wanted: bool, work: impl FnOnce() -> T) -> T {
    if wanted { std::hint::black_box(tallied(work)) } else { work() }
}

/// The function that callgrind is told to count in.
#[inline(never)]
fn tallied<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn run(path: Path, count: usize) -> Result<()> {
    if path == Path::SdrEncode {
        encode_sdrs(count);
        return Ok(());
    }
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let client = thread::spawn(move || drive(path, address, count));
    Server::new(socket, path)?.serve(|| client.is_finished())?;
    match client.join() {
        Ok(result) => result,
        Err(_) => bail!("the client's thread ended early"),
    }
}

fn encode_sdrs(count: usize) {
    for number in 0..count {
        let record = std::hint::black_box(sdr::Sdr::FullSensor(Box::new(sensor(number))));
        let bytes = counted(true, || record.to_bytes());
        std::hint::black_box(bytes);
    }
}

fn sensor(number: usize) -> sdr::FullSensor {
    sdr::FullSensor {
        record_id: 0x1001,
        owner: sdr::BMC_ADDRESS,
        lun: 0,
        number: u8::try_from(number % 200).unwrap_or(0),
        entity: sdr::Entity { id: 3, instance: 1 },
        initialization: 0x03,
        capabilities: 0x68,
        sensor_type: 0x01,
        event_type: 0x01,
        assertion_mask: 0x7A95,
        deassertion_mask: 0x7A95,
        readable: 0x3F,
        settable: 0x3F,
        unit: ipmi_wire::record::sdr::SensorUnit::default(),
        conversion: Conversion::for_range(-128.0, 127.0),
        characteristics: 0,
        range: [0, 0, 0, 0x7F, 0x80],
        thresholds: [0; 6],
        hysteresis: [2, 2],
        name: "CPU0 Temp".to_owned(),
    }
}

/// The client's half.
fn drive(path: Path, address: SocketAddr, count: usize) -> Result<()> {
    let login = Login {
        address,
        user: b"admin".to_vec(),
        password: b"secret".to_vec(),
        suite: Suite::from_number(17)?,
        persistent: false,
    };
    let request = Request { net_fn: NetFn::APP, command: 0x01, data: Vec::new() };
    match path {
        Path::Login => {
            for _ in 0..count {
                Session::open(&login)?.close()?;
            }
        }
        Path::SolOutput => {
            let session = Session::open(&login)?;
            let mut sol = SolClient::activate(session, 1, Duration::from_millis(500))?;
            let wanted = count * OUTPUT.len();
            let arrived =
                sol.run(Duration::from_secs(60 + count as u64), |sol| sol.received().len() >= wanted)?;
            anyhow::ensure!(arrived, "the output did not arrive");
            sol.deactivate()?.close()?;
        }
        Path::RequestIn | Path::ResponseOut | Path::SdrEncode => {
            let mut session = Session::open(&login)?;
            for _ in 0..count {
                session.execute(&request)?;
            }
            session.close()?;
        }
    }
    Ok(())
}

/// Repeatable, so that counts are.
struct Dice(u64);

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            [*byte, ..] = self.0.to_be_bytes();
        }
        Ok(())
    }
}

/// The server's half.
struct Server {
    endpoint: Endpoint,
    random: Dice,
    socket: UdpSocket,
    path: Path,
    console: Option<u32>,
}

impl Server {
    fn new(socket: UdpSocket, path: Path) -> Result<Self> {
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let mut endpoint = Endpoint::new(Settings { guid: *b"sixteen byte id!", ..Settings::default() });
        let secret = Secret::new(b"secret").context("a password")?;
        let max_privilege = Some(Privilege::Administrator);
        let user = User { slot: 2, name: b"admin".to_vec(), enabled: true, max_privilege, sol: true, secret };
        endpoint.set_users(vec![user], None);
        Ok(Self { endpoint, random: Dice(1), socket, path, console: None })
    }

    fn serve(mut self, ended: impl Fn() -> bool) -> Result<()> {
        let mut buffer = [0; 2048];
        while !ended() {
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                self.take(from, buffer.get(..length).unwrap_or_default());
            }
            self.print();
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.socket.send_to(&transmit.datagram, transmit.to)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        let (endpoint, random) = (&mut self.endpoint, &mut self.random);
        // One that is being set up has no handle.
        let open = endpoint.sessions().any(|session| session.handle != 0);
        let wanted = match self.path {
            Path::RequestIn | Path::SolOutput => open,
            Path::Login => !open,
            Path::ResponseOut | Path::SdrEncode => false,
        };
        let now = Instant::now();
        let mut event = counted(wanted, || {
            endpoint.handle_datagram(now, from, datagram, random);
            endpoint.poll_event()
        });
        while let Some(next) = event {
            self.follow(next);
            event = self.endpoint.poll_event();
        }
    }

    fn follow(&mut self, event: Event) {
        match event {
            Event::Request(request) => self.answer(request.token),
            Event::SolOpened(sol) => self.console = Some(sol.session.id),
            Event::SolClosed(..) => self.console = None,
            _ => {}
        }
    }

    fn answer(&mut self, token: RequestToken) {
        let (endpoint, random, now) = (&mut self.endpoint, &mut self.random, Instant::now());
        let datagram = counted(self.path == Path::ResponseOut, || {
            endpoint.respond(now, token, CompletionCode::OK, &REPLY, random);
            endpoint.poll_transmit()
        });
        if let Some(transmit) = datagram {
            // A lost answer is asked for again.
            let _ = self.socket.send_to(&transmit.datagram, transmit.to);
        }
    }

    /// The host prints as much as there is room for.
    fn print(&mut self) {
        let Some(session) = self.console else { return };
        let (endpoint, random, now) = (&mut self.endpoint, &mut self.random, Instant::now());
        counted(self.path == Path::SolOutput, || {
            if endpoint.sol_room(session) >= OUTPUT.len() {
                endpoint.sol_output(now, session, &OUTPUT);
            }
            endpoint.transmit_sol(now, random);
        });
    }
}
