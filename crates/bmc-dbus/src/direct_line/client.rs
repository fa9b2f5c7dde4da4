//! A channel owner's end: the direct line while ipmid gives one, the bus otherwise.

use std::{
    collections::HashMap,
    io::{ErrorKind, Write as _},
    net::Shutdown,
    num::NonZeroU32,
    os::{fd::OwnedFd as StdFd, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _};
use tokio::{
    sync::{Notify, oneshot, watch},
    task::AbortHandle,
    time::Instant,
};
use zbus::{
    Connection, Message, OwnedFd,
    fdo::{DBusProxy, NameOwnerChangedStream},
    message::Type,
};

use super::{
    IN_FLIGHT, Stream,
    frames::{Frame, Frames},
    watch_for_input, wire,
};
use crate::{
    execute::{Call, Reply},
    names::ipmi,
};

/// How long a command may take, if not told otherwise.
const DEADLINE: Duration = Duration::from_secs(5);

/// How often calls on the line are looked at for that. A timer for each call would wake the runtime once more for each.
const SWEEP: Duration = Duration::from_secs(1);

/// How long to wait before a line that ended, or could not be had, is asked for again.
const REDIAL: Duration = Duration::from_secs(1);

/// Why a command has no reply. A LAN channel answers with the completion code in brackets.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// ipmid is not on the bus (D3h, destination unavailable).
    #[error("ipmid is not running")]
    Absent,
    /// As many commands as allowed are in flight (C0h, node busy).
    #[error("too many commands in flight")]
    Busy,
    /// ipmid went away during the command, which may or may not have been executed (C0h: the client may ask again).
    #[error("ipmid went away during the command")]
    Interrupted,
    /// No reply within the deadline (C3h, timeout).
    #[error("no reply from ipmid in time")]
    Deadline,
    /// ipmid refused the call, or the bus failed (D3h).
    #[error(transparent)]
    Bus(#[from] zbus::Error),
}

/// The way to ipmid on one bus connection. Clones share it; the last one dropped hangs up.
#[derive(Debug, Clone)]
pub struct DirectLine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    connection: Connection,
    task: AbortHandle,
}

#[derive(Debug)]
struct Link {
    state: Mutex<State>,
    mode: watch::Sender<Mode>,
    /// A call was made while none was being looked at.
    busy: Notify,
}

/// How commands reach ipmid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Absent,
    Bus,
    Direct,
}

#[derive(Debug, Default)]
struct State {
    stream: Option<Arc<Stream>>,
    serial: u32,
    waiting: HashMap<NonZeroU32, Waiting>,
    /// Whether [`Link::sweep`] looks at those who wait.
    swept: bool,
}

/// Who waits for an answer.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    sender: oneshot::Sender<Result<Reply, ExecuteError>>,
}

impl DirectLine {
    /// Watches for ipmid on `connection` and asks it for a line now and each time it comes back. The caller owns its channel's
    /// bus name already.
    ///
    /// # Errors
    /// Where the bus fails. That ipmid is not there is no error.
    pub async fn connect(connection: &Connection) -> zbus::Result<Self> {
        let bus = DBusProxy::new(connection).await?;
        let changes = bus.receive_name_owner_changed_with_args(&[(0, ipmi::SERVICE)]).await?;
        let present = bus.name_has_owner(ipmi::SERVICE.try_into()?).await?;
        let link = Arc::new(Link {
            state: Mutex::default(),
            mode: watch::Sender::new(if present { Mode::Bus } else { Mode::Absent }),
            busy: Notify::new(),
        });
        if present {
            // So that the first command takes the line already.
            let stream =
                dial(connection).await.inspect_err(|error| tracing::debug!("no direct line: {error}"));
            let first = stream.ok().map(|stream| link.pick_up(stream));
            let task = tokio::spawn(keep_line(connection.clone(), Arc::clone(&link), changes, first));
            return Ok(Self::new(connection, link, task.abort_handle()));
        }
        let task = tokio::spawn(keep_line(connection.clone(), Arc::clone(&link), changes, None));
        Ok(Self::new(connection, link, task.abort_handle()))
    }

    fn new(connection: &Connection, link: Arc<Link>, task: AbortHandle) -> Self {
        Self(Arc::new(Shared { link, connection: connection.clone(), task }))
    }

    /// Whether commands go over the direct line now.
    pub fn is_direct(&self) -> bool {
        *self.0.link.mode.borrow() == Mode::Direct
    }

    /// Whether ipmid is on this bus, with a direct line or without.
    pub fn is_present(&self) -> bool {
        *self.0.link.mode.borrow() != Mode::Absent
    }

    /// Waits until ipmid has gone and come back, or come for the first time since the last call of a `presence` made before.
    pub fn presence(&self) -> Presence {
        Presence(self.0.link.mode.subscribe())
    }

    /// Has ipmid execute `call`, with a deadline of 5 s (up to 6 s over the line). Many may be in flight at once.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub async fn execute(&self, call: Call) -> Result<Reply, ExecuteError> {
        let mode = *self.0.link.mode.borrow();
        match mode {
            Mode::Absent => Err(ExecuteError::Absent),
            Mode::Direct => self.0.link.call(&call)?.answer().await,
            Mode::Bus => match tokio::time::timeout(DEADLINE, self.call_over_bus(call)).await {
                Ok(answer) => reply(answer?),
                Err(_) => Err(ExecuteError::Deadline),
            },
        }
    }

    async fn call_over_bus(&self, call: Call) -> zbus::Result<Message> {
        let arguments = (call.net_fn, call.lun, call.command, call.data, call.options.to_dict());
        let connection = &self.0.connection;
        connection
            .call_method(Some(ipmi::SERVICE), ipmi::PATH, Some(ipmi::SERVER), "execute", &arguments)
            .boxed()
            .await
    }
}

/// What a message says that is no [`wire`] reply, or came over the bus.
fn reply(message: Message) -> Result<Reply, ExecuteError> {
    if message.message_type() == Type::Error {
        return Err(zbus::Error::from(message).into());
    }
    Ok(message.body().deserialize::<(Reply,)>()?.0)
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells when ipmid comes.
#[derive(Debug)]
pub struct Presence(watch::Receiver<Mode>);

impl Presence {
    /// Waits until ipmid is there; the next call waits until it has come anew. Never ends once the line is dropped.
    pub async fn arrived(&mut self) {
        loop {
            if *self.0.borrow_and_update() != Mode::Absent {
                // The next call begins with a change.
                return;
            }
            self.changed().await;
        }
    }

    /// Waits for any change of the way to ipmid.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// A call in flight; forgotten when dropped.
struct InFlight<'a> {
    link: &'a Link,
    serial: NonZeroU32,
    answer: oneshot::Receiver<Result<Reply, ExecuteError>>,
}

impl InFlight<'_> {
    async fn answer(mut self) -> Result<Reply, ExecuteError> {
        (&mut self.answer).await.unwrap_or(Err(ExecuteError::Interrupted))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.link.lock().waiting.remove(&self.serial);
    }
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pick_up(&self, stream: Stream) -> Arc<Stream> {
        let stream = Arc::new(stream);
        self.lock().stream = Some(Arc::clone(&stream));
        self.mode.send_replace(Mode::Direct);
        stream
    }

    /// Ends the line; who waits for an answer learns of it.
    fn hang_up(&self, mode: Mode) {
        self.lock().end();
        self.mode.send_replace(mode);
    }

    /// Sends `call`. A command is far smaller than the socket's buffer, so that writing never waits: a full buffer is a peer that
    /// does not read.
    fn call(&self, call: &Call) -> Result<InFlight<'_>, ExecuteError> {
        let mut state = self.lock();
        let stream = state.stream.clone().ok_or(ExecuteError::Interrupted)?;
        if state.waiting.len() >= IN_FLIGHT {
            return Err(ExecuteError::Busy);
        }
        let serial = state.next_serial();
        let bytes = wire::encode_call(serial, call);
        match stream.get_ref().write(&bytes) {
            Ok(written) if written == bytes.len() => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(ExecuteError::Busy),
            // Half a message puts the stream out of step for good. The shutdown tells [`Link::pump`], which has a new line dialled.
            Ok(_) | Err(_) => {
                let _ = stream.get_ref().shutdown(Shutdown::Both);
                state.end();
                return Err(ExecuteError::Interrupted);
            }
        }
        let (sender, answer) = oneshot::channel();
        state.waiting.insert(serial, Waiting { since: Instant::now(), sender });
        if !state.swept {
            state.swept = true;
            self.busy.notify_one();
        }
        Ok(InFlight { link: self, serial, answer })
    }

    /// Ends the wait of those whose answer does not come. Runs beside [`Link::pump`], and never ends.
    async fn sweep(&self) {
        loop {
            self.busy.notified().await;
            loop {
                tokio::time::sleep(SWEEP).await;
                let mut state = self.lock();
                state.give_up_before(Instant::now() - DEADLINE);
                state.swept = !state.waiting.is_empty();
                if !state.swept {
                    break;
                }
            }
        }
    }

    /// Hands answers to who waits for them until the line ends.
    async fn pump(&self, stream: &Stream) -> zbus::Result<()> {
        let mut frames = Frames::default();
        loop {
            if !frames.read(stream.readable().await?)? {
                return Ok(());
            }
            while let Some(frame) = frames.next(wire::decode_reply)? {
                let (serial, result) = match frame {
                    Frame::Decoded((serial, reply)) => (serial, Ok(reply)),
                    Frame::Other(message) => {
                        let Some(serial) = message.header().reply_serial() else { continue };
                        (serial, reply(message))
                    }
                };
                if let Some(Waiting { sender, .. }) = self.lock().waiting.remove(&serial) {
                    // Who waited may have given up.
                    let _ = sender.send(result);
                }
            }
        }
    }
}

impl State {
    fn end(&mut self) {
        self.stream = None;
        self.waiting.clear();
        self.swept = false;
    }

    fn give_up_before(&mut self, limit: Instant) {
        for (_, Waiting { sender, .. }) in self.waiting.extract_if(|_, waiting| waiting.since <= limit) {
            // Who waited may have given up.
            let _ = sender.send(Err(ExecuteError::Deadline));
        }
    }

    fn next_serial(&mut self) -> NonZeroU32 {
        self.serial = self.serial.wrapping_add(1);
        NonZeroU32::new(self.serial).unwrap_or_else(|| {
            self.serial = 1;
            NonZeroU32::MIN
        })
    }
}

async fn dial(connection: &Connection) -> zbus::Result<Stream> {
    let reply = connection
        .call_method(Some(ipmi::SERVICE), ipmi::PATH, Some(ipmi::DIRECT_LINE), "Connect", &())
        .boxed()
        .await?;
    let stream = UnixStream::from(StdFd::from(reply.body().deserialize::<OwnedFd>()?));
    Ok(watch_for_input(stream)?)
}

/// Keeps the line up for as long as ipmid is there, one ipmid after the other.
async fn keep_line(
    connection: Connection,
    link: Arc<Link>,
    mut changes: NameOwnerChangedStream,
    mut stream: Option<Arc<Stream>>,
) {
    loop {
        let absent = *link.mode.borrow() == Mode::Absent;
        let end = async {
            match &stream {
                Some(stream) => tokio::select! {
                    ended = link.pump(stream) => ended,
                    () = link.sweep() => Ok(()),
                },
                None if absent => std::future::pending().await,
                None => {
                    tokio::time::sleep(REDIAL).await;
                    Ok(())
                }
            }
        };
        let present = tokio::select! {
            // The line's end and the owner's are told by different sockets; either may be first.
            biased;
            Some(change) = changes.next() => change.args().is_ok_and(|args| args.new_owner().is_some()),
            ended = end => {
                if let Err(error) = ended {
                    tracing::warn!("the direct line to ipmid broke: {error}");
                }
                true
            }
            else => return,
        };
        let had_line = stream.take().is_some();
        if had_line || !present {
            link.hang_up(if present { Mode::Bus } else { Mode::Absent });
        }
        if present {
            if absent {
                link.mode.send_replace(Mode::Bus);
            }
            stream = dial(&connection).await.ok().map(|stream| link.pick_up(stream));
        }
    }
}
