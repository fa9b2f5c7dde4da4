//! The way between one active SOL instance and the host's console, which consoled hands out as a socket.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bmc_dbus::console::{self, ConsoleAccessProxy, ConsoleProxy, DEFAULT_BACKLOG};
use futures_util::{FutureExt as _, StreamExt as _};
use rmcp_session::SolInput;
use tokio::{
    net::UnixStream,
    sync::{Notify, mpsc::UnboundedReceiver, watch},
    time::sleep,
};
use zbus::{Connection, OwnedFd};

use super::lines::{self, Wanted};
use crate::channel::LanChannel;

/// How often a console that is not there is asked for.
const AGAIN: Duration = Duration::from_millis(500);

/// How long a console may be away before the client is told: a restart of consoled takes less, and what was typed meanwhile arrives.
const GRACE: Duration = Duration::from_secs(3);

/// The longest that a break, another line, or a socket of the console is waited for.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// Bytes read at once; no more is ever on its way between the socket and the endpoint.
const PIECE: usize = 2048;

/// What the driver hands to a link.
#[derive(Debug)]
pub(crate) enum Item {
    /// For the host.
    Input(SolInput),
    /// The endpoint has room for output again.
    Drained,
}

/// Carries characters both ways until the instance ends, which closes `items`.
pub(crate) async fn run(
    channel: Arc<LanChannel>,
    session: u32,
    console: String,
    items: UnboundedReceiver<Item>,
    carrier: watch::Receiver<bool>,
) {
    let host_on = channel.host_on.subscribe();
    let (queue, place) = (VecDeque::new(), Place::Anew);
    let wanted = Wanted { carrier, ring: Arc::default() };
    let mut link = Link { channel, session, console, items, host_on, queue, wanted, place, connected: true };
    while let Some(attached) = link.attach().await {
        link.set_connected(true);
        link.go_on(attached.begins);
        match link.serve(attached).await {
            Ended::Instance => return,
            Ended::Console(reason) => tracing::info!("console {} is lost: {reason}", link.console),
        }
    }
}

/// Which byte of a console's output comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Any: nothing was read yet.
    Anew,
    /// The one at this position.
    At(u64),
    /// The console does not say.
    Unknown,
}

/// The socket of a console, and its breaks.
struct Attached {
    stream: UnixStream,
    /// Where the output begins.
    begins: Place,
    /// `None` where OpenBMC's own console server runs, which tells of no breaks and sends none over the bus.
    console: Option<(ConsoleProxy<'static>, console::BreakStream)>,
}

/// Why a link stopped serving.
enum Ended {
    Instance,
    Console(String),
}

struct Link {
    channel: Arc<LanChannel>,
    session: u32,
    console: String,
    items: UnboundedReceiver<Item>,
    host_on: watch::Receiver<bool>,
    /// What the host has not taken. Bounded by the endpoint, which counts it until it is done.
    queue: VecDeque<SolInput>,
    wanted: Wanted,
    place: Place,
    connected: bool,
}

type Breaking = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

impl Link {
    /// Asks for the console until it is there; `None` where the instance ends before.
    async fn attach(&mut self) -> Option<Attached> {
        let begun = Instant::now();
        loop {
            let (connection, place) = (self.channel.bus.borrow().clone(), self.place);
            let attempt = async {
                match connection {
                    Some(connection) => {
                        tokio::time::timeout(DEADLINE, attach(&connection, &self.console, place)).await?
                    }
                    None => anyhow::bail!("the bus is away"),
                }
            };
            match attempt.await {
                Ok(attached) => return Some(attached),
                Err(error) => tracing::debug!("no console {}: {error:#}", self.console),
            }
            if begun.elapsed() >= GRACE {
                self.set_connected(false);
            }
            self.wait(AGAIN).await?;
        }
    }

    /// Tells the client where output is missing between what it got and what comes now.
    fn go_on(&mut self, begins: Place) {
        let known = matches!(begins, Place::At(_));
        let gapless = self.place == Place::Anew || (known && self.place == begins);
        self.place = begins;
        if !gapless {
            self.channel.act(|endpoint| endpoint.sol_overrun(self.session));
        }
    }

    /// Takes items for a while; `None` where the instance has ended.
    async fn wait(&mut self, time: Duration) -> Option<()> {
        let pause = sleep(time);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Some(()),
                item = self.items.recv() => self.take(item?),
            }
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Input(SolInput::Flush) => {
                self.drop_queue();
                self.done(SolInput::Flush.weight());
            }
            Item::Input(SolInput::Ring) => {
                // A console that is away for long would ring long after.
                if self.connected {
                    self.wanted.ring.notify_one();
                }
                self.done(SolInput::Ring.weight());
            }
            Item::Input(input) => self.queue.push_back(input),
            Item::Drained => {}
        }
    }

    fn drop_queue(&mut self) {
        let weight = self.queue.drain(..).map(|input| input.weight()).sum();
        self.done(weight);
    }

    fn done(&self, weight: usize) {
        self.channel.endpoint().sol_input_done(self.session, weight);
    }

    fn set_connected(&mut self, connected: bool) {
        self.connected = connected;
        if !connected {
            self.drop_queue();
            self.wanted.ring = Arc::new(Notify::new());
        }
        self.tell_availability();
    }

    /// Characters can be transferred while the console is there and the host has power (v2.0 table 15-2).
    fn tell_availability(&mut self) {
        let available = self.connected && *self.host_on.borrow_and_update();
        self.channel.act(|endpoint| endpoint.sol_console(self.session, available));
    }

    async fn serve(&mut self, attached: Attached) -> Ended {
        let Attached { stream, console, .. } = attached;
        let (proxy, mut breaks) = console.unzip();
        let mut breaking: Breaking = None;
        let lines = lines::drive(proxy.clone(), self.console.clone(), self.wanted.clone());
        tokio::pin!(lines);
        loop {
            if self.items.is_closed() && self.items.is_empty() {
                return Ended::Instance;
            }
            let room = self.channel.endpoint().sol_room(self.session);
            let typed = breaking.is_none() && matches!(self.queue.front(), Some(SolInput::Characters(_)));
            let step = tokio::select! {
                item = self.items.recv() => match item {
                    Some(item) => { self.take(item); Ok(()) }
                    None => return Ended::Instance,
                },
                _ = stream.readable(), if room > 0 => self.read(&stream, room),
                _ = stream.writable(), if typed => self.write(&stream),
                () = wait_for(&mut breaking), if breaking.is_some() => { breaking = None; Ok(()) }
                Some(_) = next_break(&mut breaks), if breaks.is_some() => {
                    self.channel.act(|endpoint| endpoint.sol_break(self.session));
                    Ok(())
                }
                never = &mut lines => match never {},
                Ok(()) = self.host_on.changed() => { self.tell_availability(); Ok(()) }
            };
            if let Err(reason) = step {
                return Ended::Console(reason.to_string());
            }
            if breaking.is_none() {
                breaking = self.begin_break(proxy.as_ref());
            }
        }
    }

    fn read(&mut self, stream: &UnixStream, room: usize) -> io::Result<()> {
        let mut buffer = [0; PIECE];
        let piece = buffer.get_mut(..room.min(PIECE)).unwrap_or_default();
        match stream.try_read(piece) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                let characters = buffer.get(..length).unwrap_or_default();
                if let Place::At(position) = &mut self.place {
                    *position = position.saturating_add(length as u64);
                }
                self.channel.act(|endpoint| endpoint.sol_output(Instant::now(), self.session, characters));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, stream: &UnixStream) -> io::Result<()> {
        let Some(SolInput::Characters(characters)) = self.queue.front_mut() else { return Ok(()) };
        let written = match stream.try_write(characters) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        characters.drain(..written.min(characters.len()));
        if characters.is_empty() {
            self.queue.pop_front();
        }
        self.done(written);
        Ok(())
    }

    /// Sends the break that comes next, if one does; what was typed after it waits.
    fn begin_break(&mut self, proxy: Option<&ConsoleProxy<'static>>) -> Breaking {
        self.queue.front().filter(|input| **input == SolInput::Break)?;
        self.queue.pop_front();
        self.done(SolInput::Break.weight());
        let (proxy, console) = (proxy.cloned(), self.console.clone());
        Some(Box::pin(async move {
            let Some(proxy) = proxy else {
                return tracing::info!("console {console} takes no breaks");
            };
            match tokio::time::timeout(DEADLINE, proxy.send_break().boxed()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("console {console} takes no break: {error}"),
                Err(_) => tracing::warn!("console {console} has not sent a break in {DEADLINE:?}"),
            }
        }))
    }
}

async fn wait_for(breaking: &mut Breaking) {
    match breaking {
        Some(breaking) => breaking.await,
        None => std::future::pending().await,
    }
}

async fn next_break(breaks: &mut Option<console::BreakStream>) -> Option<()> {
    breaks.as_mut()?.next().await.map(drop)
}

/// A socket of the console with this id, its output beginning at `place`, or with the recent output.
async fn attach(connection: &Connection, id: &str, place: Place) -> anyhow::Result<Attached> {
    let (service, path) = (console::service(id), console::path(id));
    let proxy = ConsoleProxy::builder(connection)
        .destination(service.clone())
        .path(path.clone())
        .build()
        .boxed()
        .await?;
    let (fd, begins, console) = match resume(&proxy, place).await {
        Ok((fd, position)) => {
            let breaks = proxy.receive_break_received().boxed().await?;
            (fd, Place::At(position), Some((proxy, breaks)))
        }
        // OpenBMC's own console server.
        Err(_) => {
            let access = ConsoleAccessProxy::builder(connection)
                .destination(service)
                .path(path)
                .build()
                .boxed()
                .await?;
            (access.connect().boxed().await?, Place::Unknown, None)
        }
    };
    let stream = std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(fd));
    stream.set_nonblocking(true)?;
    let stream = UnixStream::from_std(stream).context("cannot use the socket")?;
    Ok(Attached { stream, begins, console })
}

async fn resume(proxy: &ConsoleProxy<'static>, place: Place) -> zbus::Result<(OwnedFd, u64)> {
    let position = match place {
        Place::At(position) => position,
        Place::Anew | Place::Unknown => proxy.position().boxed().await?.saturating_sub(DEFAULT_BACKLOG),
    };
    proxy.resume(position).boxed().await
}
