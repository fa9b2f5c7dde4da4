//! A network that loses, repeats, delays and reorders datagrams, between one client and a server on this machine. What it does
//! follows from its seed and from when datagrams come.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// What happens to datagrams, the same in both directions. Chances in percent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Never arrives.
    pub(crate) loss: u64,
    /// Arrives twice, each after a delay of its own.
    pub(crate) duplication: u64,
    /// Takes long enough that others overtake it.
    pub(crate) reordering: u64,
    /// How long each takes, in microseconds.
    pub(crate) delay: Range<u64>,
}

/// How much later a datagram is that others shall overtake.
const OVERTAKEN: Duration = Duration::from_millis(15);

/// How long a relay waits at most before it looks whether it is to end.
const NAP: Duration = Duration::from_millis(50);

/// A running relay; ends with this.
pub(crate) struct Lossy {
    /// Where the client finds it, on 127.0.0.1.
    pub(crate) port: u16,
    shared: Arc<Shared>,
    relays: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    faults: Mutex<Faults>,
    client: Mutex<Option<SocketAddr>>,
    lost: AtomicU64,
    end: AtomicBool,
}

impl Lossy {
    /// A faultless relay to `port` of this machine.
    pub(crate) fn start(port: u16, seed: u64) -> Self {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        back.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let shared = Arc::<Shared>::default();
        let own = front.local_addr().unwrap().port();
        let ends = [(front.try_clone().unwrap(), back.try_clone().unwrap(), true), (back, front, false)];
        let relays = ends.into_iter().zip(1..).map(|((from, to, to_server), direction)| {
            let relay = Relay {
                from,
                to,
                to_server,
                shared: Arc::clone(&shared),
                dice: Dice(seed * 2 + direction),
                queue: BinaryHeap::new(),
                number: 0,
            };
            std::thread::spawn(move || relay.run())
        });
        let relays = relays.collect();
        Self { port: own, shared, relays }
    }

    /// From now on these.
    pub(crate) fn set(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap() = faults;
    }

    /// Datagrams that were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Relaxed);
        for relay in self.relays.drain(..) {
            let _ = relay.join();
        }
    }
}

/// One direction.
struct Relay {
    from: UdpSocket,
    to: UdpSocket,
    to_server: bool,
    shared: Arc<Shared>,
    dice: Dice,
    /// By when they are due, then in the order in which they came.
    queue: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    number: u64,
}

impl Relay {
    fn run(mut self) {
        let mut buffer = [0; 2048];
        while !self.shared.end.load(Ordering::Relaxed) {
            self.deliver();
            let due = self.queue.peek().map(|Reverse((due, ..))| *due);
            let wait = due.map_or(NAP, |due| due.saturating_duration_since(Instant::now()).min(NAP));
            self.from.set_read_timeout(Some(wait.max(Duration::from_micros(1)))).unwrap();
            match self.from.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    if self.to_server {
                        *self.shared.client.lock().unwrap() = Some(from);
                    }
                    self.take(&buffer[..length]);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                // The server restarts: what was sent meanwhile is lost, as on a network.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => panic!("the relay cannot receive: {error}"),
            }
        }
    }

    fn take(&mut self, datagram: &[u8]) {
        let faults = self.shared.faults.lock().unwrap().clone();
        if self.dice.percent(faults.loss) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let copies = 1 + usize::from(self.dice.percent(faults.duplication));
        for _ in 0..copies {
            let mut delay = Duration::from_micros(self.dice.within(&faults.delay));
            if self.dice.percent(faults.reordering) {
                delay += OVERTAKEN;
            }
            self.number += 1;
            self.queue.push(Reverse((Instant::now() + delay, self.number, datagram.to_vec())));
        }
    }

    /// Sends what is due.
    fn deliver(&mut self) {
        let now = Instant::now();
        while self.queue.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((_, _, datagram))) = self.queue.pop() else { return };
            // A receiver that is gone is the network's business.
            let _ = match *self.shared.client.lock().unwrap() {
                _ if self.to_server => self.to.send(&datagram),
                Some(client) => self.to.send_to(&datagram, client),
                None => Ok(0),
            };
        }
    }
}

/// xorshift64*: repeatable by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.roll() % 100 < chance
    }

    fn within(&mut self, range: &Range<u64>) -> u64 {
        range.start + self.roll() % (range.end.saturating_sub(range.start)).max(1)
    }
}

/// `count` bytes of all values, repeatable by `seed`.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..count).map(|_| dice.roll().to_le_bytes()[0]).collect()
}
