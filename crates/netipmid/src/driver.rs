//! One task that drives the endpoint: datagrams, time, replies of ipmid.

use std::{future::Future, io::ErrorKind, pin::Pin, sync::Arc, time::Instant};

use bmc_dbus::{
    direct_line::{DirectLine, ExecuteError},
    execute::{Call, Options, Reply},
};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use ipmi_wire::{CompletionCode, Lun};
use ring::rand::{SecureRandom as _, SystemRandom};
use rmcp_session::{Event, Message, Random, RandomFailed, Request, RequestToken, SessionRef};
use tokio::time::Sleep;

use crate::{
    audit::Audit,
    channel::LanChannel,
    socket::{Ready, Socket, canonical},
    sol::Links,
};

/// Datagrams taken at one wake before answers go out: enough to share the cost of a wake among busy sessions, few enough that a
/// flood does not hold up replies.
const BATCH: usize = 32;

/// The longest datagram taken; IPMI messages over LAN are a few hundred bytes at most.
const DATAGRAM: usize = 2048;

/// Consoles' responses that are under way to ipmid at once; what comes beside them is dropped, as the network may drop it.
const DELIVERIES: usize = 8;

struct Answer {
    token: RequestToken,
    result: Result<Reply, ExecuteError>,
}

type Running = FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>;

/// The kernel's random bytes.
pub(crate) struct Kernel(SystemRandom);

impl Kernel {
    pub(crate) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random for Kernel {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(bytes).map_err(|_| RandomFailed)
    }
}

/// Runs the channel until the socket fails for good.
pub(crate) async fn drive(channel: Arc<LanChannel>, socket: Socket) -> anyhow::Result<()> {
    let mut driver = Driver {
        channel,
        socket,
        timer: None,
        random: Kernel::new(),
        running: FuturesUnordered::new(),
        deliveries: FuturesUnordered::new(),
        audit: Audit::default(),
        links: Links::default(),
    };
    loop {
        driver.step().await?;
        driver.settle();
    }
}

struct Driver {
    channel: Arc<LanChannel>,
    socket: Socket,
    /// Set for when the endpoint has something to do, or earlier: each packet puts the end of a session off, and setting a timer
    /// anew for each packet would cost more than a look too many in a minute.
    timer: Option<Pin<Box<Sleep>>>,
    random: Kernel,
    /// Bounded by the endpoint: one request of each session, and a few outside sessions.
    running: Running,
    /// Consoles' responses on their way to the host's queue, at most [`DELIVERIES`].
    deliveries: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send>>>,
    audit: Audit,
    links: Links,
}

impl Driver {
    async fn step(&mut self) -> anyhow::Result<()> {
        self.set_timer();
        let timer = async {
            match &mut self.timer {
                Some(timer) => timer.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(answer) = self.running.next(), if !self.running.is_empty() => self.answer(answer),
            Some(()) = self.deliveries.next(), if !self.deliveries.is_empty() => {}
            ready = self.socket.readable() => {
                let ready = ready?;
                receive(ready, &self.channel, &mut self.random);
            }
            () = timer => {
                self.timer = None;
                self.channel.endpoint().handle_timeout(Instant::now());
            }
            () = self.channel.acted.notified() => {}
        }
        Ok(())
    }

    fn set_timer(&mut self) {
        let Some(timeout) = self.channel.endpoint().next_timeout().map(tokio::time::Instant::from) else {
            return;
        };
        match &mut self.timer {
            Some(timer) if timer.deadline() <= timeout => {}
            Some(timer) => timer.as_mut().reset(timeout),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(timeout))),
        }
    }

    fn answer(&mut self, Answer { token, result }: Answer) {
        let (code, data) = match result {
            Ok(reply) => (CompletionCode(reply.completion_code), reply.data),
            Err(error) => {
                self.audit.not_executed(&error);
                (completion_code(&error), Vec::new())
            }
        };
        self.channel.endpoint().respond(Instant::now(), token, code, &data, &mut self.random);
    }

    /// Starts, answers, records and sends all that came of a step.
    fn settle(&mut self) {
        loop {
            while let Some(Some(answer)) = self.running.next().now_or_never() {
                self.answer(answer);
            }
            let before = self.running.len();
            self.take_events();
            self.send();
            if self.running.len() == before {
                return;
            }
            // Polled here once, so that new requests are on their way before the next wait.
        }
    }

    fn take_events(&mut self) {
        let line = self.channel.lines.best();
        let mut endpoint = self.channel.endpoint();
        while let Some(event) = endpoint.poll_event() {
            match event {
                Event::Request(request) => self.running.push(Box::pin(execute(line.clone(), request))),
                Event::Message(message) if self.deliveries.len() < DELIVERIES => {
                    self.deliveries.push(Box::pin(deliver(line.clone(), message)));
                }
                Event::Message(message) => tracing::debug!("dropped, too many at once: {message:?}"),
                Event::SolInput(..) | Event::SolDrained(_) | Event::SolCarrier(..) => {
                    self.links.follow(&self.channel, &event);
                }
                event => {
                    self.links.follow(&self.channel, &event);
                    if self.audit.record(&self.channel.name, &event) {
                        self.channel.session_events.take(&event);
                    }
                    self.channel.sessions_changed.notify_one();
                }
            }
        }
    }

    fn send(&mut self) {
        let mut endpoint = self.channel.endpoint();
        endpoint.transmit_sol(Instant::now(), &mut self.random);
        while let Some(transmit) = endpoint.poll_transmit() {
            if let Err(error) = self.socket.send(transmit.to, &transmit.datagram) {
                tracing::debug!("cannot send to {}: {error}", transmit.to);
            }
        }
    }
}

/// Takes what has arrived, up to a batch.
fn receive(mut ready: Ready<'_>, channel: &LanChannel, random: &mut Kernel) {
    let mut buffer = [0; DATAGRAM];
    let mut endpoint = channel.endpoint();
    for _ in 0..BATCH {
        match ready.get_inner().recv_from(&mut buffer) {
            Ok((length, from)) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                endpoint.handle_datagram(Instant::now(), canonical(from), datagram, random);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return ready.clear_ready(),
            // What the network says of an earlier answer (ICMP).
            Err(_) => {}
        }
    }
}

async fn execute(line: Option<DirectLine>, request: Request) -> Answer {
    let Request { token, session, net_fn, lun, command, data, .. } = request;
    let options = session.map_or(Options { privilege: Some(0), ..Options::default() }, options_of);
    let call = Call { net_fn: net_fn.value(), lun: lun.value(), command, data, options };
    let result = match line {
        Some(line) => line.execute(call).await,
        None => Err(ExecuteError::Absent),
    };
    Answer { token, result }
}

fn options_of(session: SessionRef) -> Options {
    Options {
        user_id: Some(session.user_slot.into()),
        privilege: Some((session.privilege as u8).into()),
        session_id: Some(session.id),
        ..Options::default()
    }
}

/// Hands a console's response to ipmid for the host's queue: whole, as data, to the LUN of that queue.
async fn deliver(line: Option<DirectLine>, message: Message) {
    let Message { session, net_fn, command, bytes } = message;
    let (lun, options) = (Lun::SMS.value(), options_of(session));
    let call = Call { net_fn: net_fn.value(), lun, command, data: bytes, options };
    let Some(line) = line else { return };
    match line.execute(call).await {
        Ok(Reply { completion_code: 0, .. }) => {}
        Ok(Reply { completion_code, .. }) => {
            tracing::debug!("a console's response to the host was refused: {completion_code:02X}h");
        }
        Err(error) => tracing::debug!("a console's response did not get to the host: {error}"),
    }
}

fn completion_code(error: &ExecuteError) -> CompletionCode {
    match error {
        ExecuteError::Absent | ExecuteError::Bus(_) => CompletionCode::DESTINATION_UNAVAILABLE,
        ExecuteError::Busy | ExecuteError::Interrupted => CompletionCode::NODE_BUSY,
        ExecuteError::Deadline => CompletionCode::TIMEOUT,
    }
}
