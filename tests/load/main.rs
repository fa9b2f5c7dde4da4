//! `ferrite-load`: measures any RMCP+ server, and checks every byte that it answers.
//!
//! Shares only the formats (`ipmi-wire`) with Ferrite's own server.

mod report;
mod sol;
mod walk;

use std::{
    net::{SocketAddr, ToSocketAddrs as _, UdpSocket},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use ipmi_wire::NetFn;
use report::Report;
use system_tests::{
    VmHost,
    event_log::{Added, add_events},
    remote_console::{Login, Request, Session, Suite},
};
use walk::{Records, Walk};

const USAGE: &str = "\
usage: ferrite-load --host H --port P --user U --password-file F [options] <what>...

what (in the order given):
  commands     send --count commands on each of --sessions sessions, one at a time on each
  sdr-walk     read the SDR repository --count times on each of --sessions sessions
  sel-walk     the same with the event log
  sel-fill     add --count events to the log
  handshakes   open and close --count sessions, on --sessions sockets at once
  garbage      send --count mutated datagrams, then log in
  host         send --count commands through --host-interface, as a virtual machine
  sol-output   have the simulated host print --count bytes on its console to one SOL client
  sol-keys     press --count keys on it, one at a time, and wait for each echo
  sol-watchers have it print --count bytes to --sessions SOL clients, each with an instance of its own
  events       add --count events to the event log on --sessions sessions, and read all back; it is cleared before, and when full
  guesses      try --count wrong passwords up to RAKP message 3, each of which must be refused

options:
  --suite N              cipher suite, 3 or 17 (default 17)
  --host-interface F     socket that takes OpenIPMI's VM protocol
  --sessions N           how many at once (default 1)
  --count N              how many of each (default 10000)
  --request NETFN:CMD[:DATA]  in hexadecimal (default 06:01, Get Device ID)
  --piece N              bytes of a record that a walk asks for at once (default: the whole record)
  --seed N               for the mutations (default 1)
  --json                 one JSON object a line
";

struct Options {
    login: Login,
    sessions: usize,
    count: usize,
    request: Request,
    piece: u8,
    seed: u64,
    json: bool,
    host_interface: Option<PathBuf>,
    what: Vec<String>,
}

fn main() -> ExitCode {
    match parse().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrite-load: {error:#}\nhint: ferrite-load --help");
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Options> {
    use lexopt::prelude::{Long, Short, Value, ValueExt as _};
    let (mut host, mut port, mut suite) = ("127.0.0.1".to_owned(), 623_u16, 17_u8);
    let (mut user, mut password_file) = (None, None);
    let (mut sessions, mut count, mut seed, mut json) = (1, 10_000, 1, false);
    let mut request = Request { net_fn: NetFn::APP, command: 0x01, data: Vec::new() };
    let (mut host_interface, mut what, mut piece) = (None, Vec::new(), walk::WHOLE);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) => what.push(word.string()?),
            Long("host") => host = parser.value()?.string()?,
            Long("port") => port = parser.value()?.parse()?,
            Long("host-interface") => host_interface = Some(PathBuf::from(parser.value()?)),
            Long("user") => user = Some(parser.value()?.string()?),
            Long("password-file") => password_file = Some(PathBuf::from(parser.value()?)),
            Long("suite") => suite = parser.value()?.parse()?,
            Long("sessions") => sessions = parser.value()?.parse()?,
            Long("count") => count = parser.value()?.parse()?,
            Long("request") => request = parse_request(&parser.value()?.string()?)?,
            Long("piece") => piece = parser.value()?.parse()?,
            Long("seed") => seed = parser.value()?.parse()?,
            Long("json") => json = true,
            Short('h') | Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    ensure!(!what.is_empty(), "nothing to do");
    let address: SocketAddr = (host.as_str(), port)
        .to_socket_addrs()?
        .next()
        .with_context(|| format!("no address for `{host}`"))?;
    let password_file = password_file.context("--password-file is missing")?;
    let password = std::fs::read_to_string(&password_file)
        .with_context(|| format!("cannot read {}", password_file.display()))?;
    let login = Login {
        address,
        user: user.context("--user is missing")?.into_bytes(),
        password: password.trim_end_matches('\n').as_bytes().to_vec(),
        suite: Suite::from_number(suite)?,
        persistent: false,
    };
    Ok(Options { login, sessions, count, request, piece, seed, json, host_interface, what })
}

fn parse_request(text: &str) -> Result<Request> {
    let mut parts = text.split(':');
    let mut byte = |name: &str| -> Result<u8> {
        let part = parts.next().with_context(|| format!("`{text}` has no {name}"))?;
        u8::from_str_radix(part, 16).with_context(|| format!("`{part}` is no hexadecimal byte"))
    };
    let (net_fn, command) = (byte("network function")?, byte("command")?);
    let net_fn = NetFn::new(net_fn)
        .with_context(|| format!("network function {net_fn:02X}h has more than six bits"))?;
    let digits = parts.next().unwrap_or_default();
    ensure!(digits.len().is_multiple_of(2) && digits.is_ascii(), "`{digits}` is no whole number of bytes");
    let data = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16))
        .collect::<Result<_, _>>()
        .with_context(|| format!("`{digits}` is not hexadecimal"))?;
    Ok(Request { net_fn, command, data })
}

fn run(options: &Options) -> Result<()> {
    for what in &options.what {
        match what.as_str() {
            "commands" => commands(options)?,
            "sdr-walk" => walks(options, walk::SDRS)?,
            "sel-walk" => walks(options, walk::EVENTS)?,
            "sel-fill" => sel_fill(options)?,
            "handshakes" => handshakes(options)?,
            "garbage" => garbage(options)?,
            "guesses" => guesses(options)?,
            "host" => host(options)?,
            "events" => events(options)?,
            "sol-output" => sol::output(&options.login, options.count)?.print(options.json)?,
            "sol-keys" => sol_keys(options)?,
            "sol-watchers" => {
                sol::watchers(&options.login, options.sessions, options.count)?.print(options.json)?;
            }
            other => bail!("`{other}` is nothing that can be measured"),
        }
    }
    Ok(())
}

fn commands(options: &Options) -> Result<()> {
    let Request { net_fn, command, .. } = &options.request;
    let title = format!("command {net_fn}/{command:02X}h on {} session(s)", options.sessions);
    let open = (0..options.sessions).map(|_| Session::open(&options.login)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let latencies = at_once(open, |mut session| {
        let latencies = repeat(options.count, || {
            let (code, _) = session.execute(&options.request)?;
            ensure!(code == 0, "completion code {code:02X}h");
            Ok(())
        })?;
        session.close()?;
        Ok(latencies)
    })?;
    Report::new(title, latencies, start.elapsed()).print(options.json);
    Ok(())
}

fn walks(options: &Options, records: Records) -> Result<()> {
    let open = (0..options.sessions).map(|_| Session::open(&options.login)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    let latencies = at_once(open, |mut session| {
        let (latencies, piece) = (Vec::new(), options.piece);
        let mut walk = Walk { session: &mut session, records, piece, latencies };
        for _ in 0..options.count {
            walk.run()?;
        }
        let latencies = walk.latencies;
        session.close()?;
        Ok(latencies)
    })?;
    let title = format!("{} on {} session(s), one after the other", records.name, options.sessions);
    Report::new(title, latencies, start.elapsed()).print(options.json);
    Ok(())
}

fn sel_fill(options: &Options) -> Result<()> {
    let mut session = Session::open(&options.login)?;
    let (start, mut number) = (Instant::now(), 0);
    let latencies = repeat(options.count, || {
        number += 1;
        walk::add_event(&mut session, number)
    })?;
    session.close()?;
    Report::new("event added".to_owned(), latencies, start.elapsed()).print(options.json);
    Ok(())
}

fn handshakes(options: &Options) -> Result<()> {
    let each = options.count / options.sessions.max(1);
    let start = Instant::now();
    let latencies =
        at_once(vec![(); options.sessions], |()| repeat(each, || Session::open(&options.login)?.close()))?;
    let title = format!("log in, set privilege, log out; {} at once", options.sessions);
    Report::new(title, latencies, start.elapsed()).print(options.json);
    Ok(())
}

/// Commands of the host's, from its request to its response.
fn host(options: &Options) -> Result<()> {
    let socket = options.host_interface.as_ref().context("--host-interface is missing")?;
    let mut host =
        VmHost::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
    let Request { net_fn, command, data } = &options.request;
    let request = [&[net_fn.value() << 2, *command], data.as_slice()].concat();
    let start = Instant::now();
    let latencies = repeat(options.count, || {
        let response = host.ask(&request)?;
        ensure!(response.get(2) == Some(&0), "the response is {response:02X?}");
        Ok(())
    })?;
    Report::new(format!("host command {net_fn}/{command:02X}h"), latencies, start.elapsed())
        .print(options.json);
    Ok(())
}

fn events(options: &Options) -> Result<()> {
    let Added { latencies, elapsed } = add_events(&options.login, options.sessions, options.count)?;
    let title = format!("events to the log on {} session(s)", options.sessions);
    Report::new(title, latencies, elapsed).print(options.json);
    Ok(())
}

fn sol_keys(options: &Options) -> Result<()> {
    let start = Instant::now();
    let latencies = sol::keys(&options.login, options.count)?;
    Report::new("SOL keystroke to its echo".to_owned(), latencies, start.elapsed()).print(options.json);
    Ok(())
}

fn guesses(options: &Options) -> Result<()> {
    let start = Instant::now();
    let mut number = 0;
    let latencies = repeat(options.count, || {
        number += 1;
        let password = format!("guess {number}").into_bytes();
        match Session::open(&Login { password, persistent: true, ..options.login.clone() }) {
            Ok(_) => bail!("guess {number} was let in"),
            Err(error) if format!("{error:#}").starts_with("RAKP message 3 was refused") => Ok(()),
            Err(error) => Err(error),
        }
    })?;
    Report::new("wrong passwords".to_owned(), latencies, start.elapsed()).print(options.json);
    Ok(())
}

/// Runs `work` for each of `items` on a thread of its own, and gathers what they measured.
fn at_once<T: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<Vec<Duration>> + Sync,
) -> Result<Vec<Duration>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.into_iter().map(|item| scope.spawn(|| work(item))).collect();
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(latencies) => all.extend(latencies?),
                Err(_) => bail!("a thread ended early"),
            }
        }
        Ok(all)
    })
}

fn repeat(count: usize, mut once: impl FnMut() -> Result<()>) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        once()?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

/// Datagrams that real clients send, each of which is then damaged: what gets past the first checks finds the later ones.
const SEEDS: &[&str] = &[
    "0600ff06000011be80000000",
    "0600ff07000000000000000000092018c88100388e04b5",
    "0600ff0706100000000000000000200000000000a4a3a2a0000000080300000001000008040000000200000801000000",
    "0600ff07061200000000000000001c00000000000000000000112233445566778899aabbccddeeff1400000561646d696e",
    "0600ff070614000000000000000028000000000001020304000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "0600ff0706c001020304010000002000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fffff0207000102030405060708090a0b0c0d0e0f",
];

/// What the next client takes to start at least. Without it the login's first datagram would meet a socket buffer that is full of
/// garbage, and be lost there before the server could see it.
const START_OF_A_CLIENT: Duration = Duration::from_millis(20);

fn garbage(options: &Options) -> Result<()> {
    let seeds: Vec<Vec<u8>> = SEEDS
        .iter()
        .map(|hex| parse_request(&format!("0:0:{hex}")).map(|r| r.data))
        .collect::<Result<_>>()?;
    let socket = UdpSocket::bind(if options.login.address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(options.login.address)?;
    socket.set_nonblocking(true)?;
    let mut random = Mutation(options.seed.max(1));
    let mut sink = [0; 512];
    let start = Instant::now();
    for _ in 0..options.count {
        let seed = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
        // A full socket buffer or an ICMP error is the network's business; the server must stand either way.
        let _ = socket.send(&random.damage(seed));
        while socket.recv(&mut sink).is_ok() {}
    }
    let elapsed = start.elapsed();
    std::thread::sleep(START_OF_A_CLIENT);
    let before = Instant::now();
    login_after_garbage(options)?;
    let login = before.elapsed();
    Report::new(format!("{} mutated datagrams, then a login", options.count), vec![login], elapsed)
        .print(options.json);
    Ok(())
}

/// What is still in the server's socket buffer comes before the login, and where that is full the login's first datagram is lost
/// there: as a person would, this tries again, and the time it took is reported.
fn login_after_garbage(options: &Options) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match Session::open(&options.login) {
            Ok(session) => return session.close(),
            Err(error) if Instant::now() > deadline => {
                return Err(error.context("a good login after the garbage"));
            }
            Err(_) => {}
        }
    }
}

/// A small generator (xorshift64*): repeatable by its seed, and good enough to damage packets.
struct Mutation(u64);

impl Mutation {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap_or(0) % bound.max(1)
    }

    fn damage(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(4) {
            let at = self.below(packet.len());
            match self.below(4) {
                0 => packet.truncate(at),
                1 => packet.insert(at, u8::try_from(self.next() & 0xFF).unwrap_or(0)),
                _ => {
                    let bits = u8::try_from(self.next() & 0xFF).unwrap_or(0);
                    if let Some(byte) = packet.get_mut(at) {
                        *byte ^= bits;
                    }
                }
            }
        }
        packet
    }
}
