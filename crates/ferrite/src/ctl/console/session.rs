//! An attached session: the host's output to standard output, keys to the host.

use std::{
    io::{self, Write as _},
    os::unix::net::UnixStream as StdStream,
    time::Duration,
};

use bmc_dbus::console::{ConsoleProxy, DEFAULT_BACKLOG};
use futures_util::FutureExt as _;
use tokio::{
    net::UnixStream,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::{
    CONSOLED, Failure, Output,
    escape::{Action, Escape},
    last_lines, proxy,
    terminal::{self, RawTerminal},
};
use crate::ctl::bus;

/// How long to wait before a console that went away is looked for again.
const RETRY: Duration = Duration::from_millis(300);
/// Keys that wait for a host that does not listen; more are thrown away, so that the escape is still heard.
const MAX_PENDING: usize = 4096;

const HELP: &str = "\r\n~.  ends the session\r\n~B  sends a break\r\n~?  shows this\r\n~~  sends one ~\r\n";

/// A connection to the console.
struct Attached {
    stream: UnixStream,
    console: ConsoleProxy<'static>,
}

struct Session {
    id: String,
    /// The position of the next byte of output.
    position: u64,
    is_terminal: bool,
    escape: Escape,
    /// Keys on their way.
    pending: Vec<u8>,
    keys: mpsc::Receiver<Vec<u8>>,
    keys_ended: bool,
    /// What became of breaks, to be said.
    told: (mpsc::Sender<String>, mpsc::Receiver<String>),
    signals: Signals,
}

/// The signals that end a session, at whatever it is.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> io::Result<Self> {
        let [terminate, interrupt, hang_up] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self([terminate?, interrupt?, hang_up?]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hang_up] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Why a connection is over.
enum Ended {
    /// The person, or a signal, wants it.
    Quit,
    /// consoled closed it.
    Lost,
}

/// Attaches to console `id` until the person ends it; `tail`: how many lines to show first.
pub(super) async fn run(id: &str, tail: Option<usize>) -> Result<Output, Failure> {
    let failed = |error: zbus::Error| CONSOLED.failure(error);
    let console = proxy(&bus::connect().await?, id).await.map_err(failed)?;
    let end = console.position().boxed().await.map_err(failed)?;
    let from = if tail.is_some() { 0 } else { end.saturating_sub(DEFAULT_BACKLOG) };
    let (mut attached, position) = resume(console, from).await.map_err(failed)?;
    // Before the terminal is raw: from then on none may end this without its being given back.
    let signals =
        Signals::listen().map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))?;
    let terminal = RawTerminal::enter().map_err(|error| Failure::Failed(format!("the terminal: {error}")))?;
    let mut session = Session {
        id: id.to_owned(),
        position,
        is_terminal: terminal.is_some(),
        escape: Escape::default(),
        pending: Vec::new(),
        keys: terminal::keys(),
        keys_ended: false,
        told: mpsc::channel(4),
        signals,
    };
    session.say(&format!("[console {id}; ~. ends the session, ~? shows more]\r\n"));
    if let Some(lines) = tail {
        session.show_tail(&attached.stream, end, lines).await;
    }
    loop {
        match session.serve(&attached).await {
            Ok(Ended::Quit) => break,
            Ok(Ended::Lost) => {}
            // Nobody reads any more (`| head`).
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => return Err(Failure::Failed(format!("the console: {error}"))),
        }
        match session.attach_again().await {
            Some(again) => attached = again,
            None => break,
        }
    }
    if session.is_terminal {
        // Whatever the host had set: plain colours and a cursor.
        print(b"\x1b[0m\x1b[?25h\r\n");
    }
    drop(terminal);
    Ok(Output::from(String::new()))
}

/// Shows bytes as they are. A reader that went away is found out by the session.
pub(super) fn print(bytes: &[u8]) {
    let _ = show(bytes);
}

fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

async fn resume(console: ConsoleProxy<'static>, position: u64) -> zbus::Result<(Attached, u64)> {
    let (fd, position) = console.resume(position).boxed().await?;
    let stream = StdStream::from(std::os::fd::OwnedFd::from(fd));
    stream.set_nonblocking(true)?;
    Ok((Attached { stream: UnixStream::from_std(stream)?, console }, position))
}

impl Session {
    /// A word of ours, to a person alone.
    fn say(&self, text: &str) {
        if self.is_terminal {
            print(text.as_bytes());
        }
    }

    /// Reads what was there before `end`, and shows its last lines.
    async fn show_tail(&mut self, stream: &UnixStream, end: u64, lines: usize) {
        let mut old = Vec::new();
        while self.position < end && stream.readable().await.is_ok() {
            match stream.try_read_buf(&mut old) {
                Ok(0) => break,
                Ok(length) => self.position += length as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        print(last_lines(&old, Some(lines)));
    }

    async fn serve(&mut self, attached: &Attached) -> io::Result<Ended> {
        let stream = &attached.stream;
        loop {
            // A pipe waits for the host; a person's keys are taken always, for there may be an escape among them.
            let takes_keys = !self.keys_ended && (self.is_terminal || self.pending.is_empty());
            tokio::select! {
                readable = stream.readable() => {
                    readable?;
                    if self.output(stream)? {
                        return Ok(Ended::Lost);
                    }
                }
                writable = stream.writable(), if !self.pending.is_empty() => {
                    writable?;
                    self.send(stream);
                }
                Some(text) = self.told.1.recv() => self.say(&text),
                keys = self.keys.recv(), if takes_keys => match keys {
                    Some(keys) => if self.typed(&keys, attached) {
                        return Ok(Ended::Quit);
                    },
                    None => self.keys_ended = true,
                },
                () = self.signals.any() => return Ok(Ended::Quit),
            }
        }
    }

    /// Shows what has come; whether the connection is over.
    fn output(&mut self, stream: &UnixStream) -> io::Result<bool> {
        let mut bytes = Vec::with_capacity(4096);
        match stream.try_read_buf(&mut bytes) {
            Ok(0) => return Ok(true),
            Ok(length) => {
                self.position += length as u64;
                show(&bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Ok(true),
        }
        Ok(false)
    }

    fn send(&mut self, stream: &UnixStream) {
        if self.pending.is_empty() {
            return;
        }
        // Where it fails, the read that follows finds out.
        if let Ok(written) = stream.try_write(&self.pending) {
            self.pending.drain(..written);
        }
    }

    /// Does what the keys ask for; whether that is the end.
    fn typed(&mut self, keys: &[u8], attached: &Attached) -> bool {
        let actions =
            if self.is_terminal { self.escape.take(keys) } else { vec![Action::Send(keys.to_vec())] };
        for action in actions {
            match action {
                Action::Send(bytes) if self.is_terminal && self.pending.len() + bytes.len() > MAX_PENDING => {
                    self.say("\x07");
                }
                Action::Send(bytes) => self.pending.extend(bytes),
                Action::Break => self.send_break(attached),
                Action::Help => self.say(HELP),
                Action::Quit => return true,
            }
        }
        false
    }

    /// Sends a break, after the keys before it. It takes a while, in which output goes on.
    fn send_break(&mut self, attached: &Attached) {
        self.send(&attached.stream);
        let (console, told) = (attached.console.clone(), self.told.0.clone());
        bmc_daemon::spawn(async move {
            let text = match console.send_break().boxed().await {
                Ok(()) => "\r\n[break sent]\r\n".to_owned(),
                Err(error) => format!("\r\n[no break: {}]\r\n", CONSOLED.failure(error)),
            };
            // The session may be over.
            let _ = told.send(text).await;
        });
    }

    /// Attaches where the session was, as soon as that is possible; `None` where the person does not want to wait.
    async fn attach_again(&mut self) -> Option<Attached> {
        let again = async |id: &str, position| {
            let connection = bus::connect().await.ok()?;
            resume(proxy(&connection, id).await.ok()?, position).await.ok()
        };
        let mut told = false;
        // A person's keys for a host that cannot be reached would reach it at the wrong moment; a pipe's wait.
        if self.is_terminal {
            self.pending.clear();
        }
        loop {
            if let Some((attached, position)) = again(&self.id, self.position).await {
                if position > self.position {
                    let lost = position - self.position;
                    self.say(&format!("\r\n[{lost} bytes of output lost here]\r\n"));
                } else if told {
                    self.say("[the console is back]\r\n");
                }
                self.position = position;
                return Some(attached);
            }
            if !told {
                self.say("\r\n[the console is away; waiting for it, ~. ends the session]\r\n");
                told = true;
            }
            if self.wait_or_quit().await {
                return None;
            }
        }
    }

    /// Waits a little; whether the person ends it meanwhile.
    async fn wait_or_quit(&mut self) -> bool {
        let keys = async {
            match self.is_terminal {
                true => match self.keys.recv().await {
                    Some(keys) => self.escape.take(&keys).contains(&Action::Quit),
                    None => std::future::pending().await,
                },
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            quit = keys => quit,
            () = tokio::time::sleep(RETRY) => false,
            () = self.signals.any() => true,
        }
    }
}
