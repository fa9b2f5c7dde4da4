//! The running board: the clock, the tree and the two sockets around [`Board`].

use std::{cell::RefCell, path::Path, rc::Rc, time::Duration};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::{Notify, broadcast, mpsc},
    task::JoinSet,
    time::MissedTickBehavior,
};

use crate::{
    Board, Line, Request, SerialConsole, Tree, Wire,
    control::Reply,
    machine::{self, Said},
    serial_console::{Pty, run as run_console, run_line},
};

/// How often the host and its lines move on.
const TICK: Duration = Duration::from_millis(50);
/// How many ticks there are between two measurements.
const TICKS_PER_SAMPLE: u32 = 5;
/// Longest line on a socket; no request comes near.
const MAX_LINE: u64 = 4096;
/// Line changes a slow watcher may lag behind before it is told the present state instead.
const BACKLOG: usize = 256;

/// What may be on the wires to the host's machine before it looks; a board makes a handful a second.
const WIRES: usize = 64;

struct Shared {
    board: Board,
    tree: Tree,
    changes: broadcast::Sender<(Line, bool)>,
    wires: mpsc::Sender<Wire>,
    machine: Option<u32>,
    console: Rc<RefCell<SerialConsole>>,
    /// The console has something to print.
    printed: Rc<Notify>,
}

impl Shared {
    fn announce(&mut self) {
        for change in self.board.take_line_changes() {
            // Nobody may be listening.
            let _ = self.changes.send(change);
        }
        for wire in self.board.host_mut().take_wires() {
            // Most boards have no machine there.
            if let Err(mpsc::error::TrySendError::Full(wire)) = self.wires.try_send(wire) {
                tracing::warn!("the host's machine does not look at its wires: {wire:?} is lost");
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Started(process) => self.machine = Some(process),
            Said::Restarted => self.board.host_mut().machine_restarted(),
            Said::Ended => {
                self.machine = None;
                self.board.host_mut().machine_ended();
            }
        }
        self.board.step(0.0);
        self.announce();
    }

    fn tick(&mut self, sample: bool) -> anyhow::Result<()> {
        self.board.step(TICK.as_secs_f64());
        self.announce();
        let host = self.board.host();
        let mut console = self.console.borrow_mut();
        console.step(host.phase(), host.boots, TICK.as_secs_f64());
        if console.has_output() {
            self.printed.notify_one();
        }
        drop(console);
        if sample {
            self.show()?;
        }
        Ok(())
    }

    fn show(&mut self) -> anyhow::Result<()> {
        self.board.sample();
        self.tree.update(&mut self.board).context("cannot update the hwmon tree")
    }

    fn control(&mut self, line: &str) -> Reply {
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => return Reply::Error(format!("not a request: {error}")),
        };
        let mut reply = self.board.control(&request);
        self.announce();
        if let Err(error) = self.show() {
            return Reply::Error(format!("{error:#}"));
        }
        if let Reply::State(state) = &mut reply {
            state.machine = self.machine;
            for sensor in &mut state.sensors {
                sensor.attribute = self.tree.attribute(&self.board, &sensor.name);
            }
        }
        reply
    }
}

/// Presents `board` in `dir` until `shutdown` ends. `guest`: the program that is the host's machine, where it is to have one.
///
/// # Errors
/// Where the tree or a socket cannot be made or kept.
pub async fn serve(
    mut board: Board,
    dir: &Path,
    guest: Option<&Path>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir.join("run")).with_context(|| format!("cannot make {}", dir.display()))?;
    let tree = Tree::create(dir, &mut board).context("cannot make the hwmon tree")?;
    let gpio = bind(&dir.join("run/gpio.sock"))?;
    let control = bind(&dir.join("run/board.sock"))?;
    let (changes, printed) = (broadcast::Sender::new(BACKLOG), Rc::new(Notify::new()));
    let (wires, machines_end) = mpsc::channel(WIRES);
    if guest.is_some() {
        board.host_mut().attach_machine();
    }
    let baud = board.config().console.baud;
    let console = Rc::new(RefCell::new(SerialConsole::new(board.host().phase(), board.host().boots)));
    printed.notify_one();
    let (screen, output) = (Rc::clone(&console), Rc::clone(&printed));
    let terminal = async {
        let pty = Pty::create(&dir.join("dev/ttyVUART0")).context("cannot make the host's serial console")?;
        if guest.is_some() {
            return run_line(pty, &dir.join("run/guest-console.sock")).await;
        }
        run_console(pty, screen, output, baud).await
    };
    let shared =
        Rc::new(RefCell::new(Shared { board, tree, changes, wires, machine: None, console, printed }));
    tracing::info!("the board is in {}", dir.display());
    let tasks = tokio::task::LocalSet::new();
    tasks
        .run_until(async {
            tokio::select! {
                result = run_clock(shared.clone()) => result,
                result = terminal => result,
                result = accept(gpio, shared.clone(), serve_lines) => result,
                result = accept(control, shared.clone(), serve_control) => result,
                result = run_machine(guest, machines_end, &shared) => result,
                () = shutdown => Ok(()),
            }
        })
        .await
}

fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => UnixListener::bind(path),
    }
    .with_context(|| format!("cannot listen at {}", path.display()))
}

async fn run_clock(shared: Rc<RefCell<Shared>>) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut until_sample = TICKS_PER_SAMPLE;
    loop {
        ticks.tick().await;
        until_sample -= 1;
        shared.borrow_mut().tick(until_sample == 0)?;
        if until_sample == 0 {
            until_sample = TICKS_PER_SAMPLE;
        }
    }
}

async fn run_machine(
    guest: Option<&Path>,
    wires: mpsc::Receiver<Wire>,
    shared: &RefCell<Shared>,
) -> anyhow::Result<()> {
    match guest {
        Some(program) => machine::run(program, wires, |said| shared.borrow_mut().hear(said)).await,
        None => std::future::pending().await,
    }
}

async fn accept<F>(
    listener: UnixListener,
    shared: Rc<RefCell<Shared>>,
    serve: impl Fn(UnixStream, Rc<RefCell<Shared>>) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>> + 'static,
{
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            client = listener.accept() => {
                let (stream, _) = client.context("cannot accept a client")?;
                clients.spawn_local(serve(stream, shared.clone()));
            }
            Some(ended) = clients.join_next() => {
                if let Ok(Err(error)) = ended {
                    tracing::warn!("a client's connection ended: {error:#}");
                }
            }
        }
    }
}

async fn send(stream: &mut OwnedWriteHalf, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(stream.write_all(&line).await?)
}

async fn serve_control(stream: UnixStream, shared: Rc<RefCell<Shared>>) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = String::new();
    while (&mut read).take(MAX_LINE).read_line(&mut line).await? > 0 {
        let reply = shared.borrow_mut().control(&line);
        line.clear();
        send(&mut write, &reply).await?;
    }
    Ok(())
}

/// What the BMC may say on the GPIO socket.
#[derive(Deserialize)]
#[serde(untagged)]
enum LineRequest {
    Watch { watch: Vec<String> },
    Set { set: String, value: bool },
}

async fn serve_lines(stream: UnixStream, shared: Rc<RefCell<Shared>>) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read).take(MAX_LINE);
    let mut changes = shared.borrow().changes.subscribe();
    let mut watched = Vec::new();
    // Kept across turns: a half-read line survives a change that comes in between.
    let mut bytes = Vec::new();
    loop {
        tokio::select! {
            length = read.read_until(b'\n', &mut bytes) => {
                if length? == 0 {
                    return Ok(());
                }
                read.set_limit(MAX_LINE);
                let answers = request_lines(&bytes, &mut watched, &shared);
                bytes.clear();
                for answer in answers {
                    send(&mut write, &answer).await?;
                }
            }
            change = changes.recv() => match change {
                Ok((line, value)) if watched.contains(&line) => send(&mut write, &level(line, value)).await?,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    let present = present_levels(&watched, &shared);
                    for answer in present {
                        send(&mut write, &answer).await?;
                    }
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        }
    }
}

fn level(line: Line, value: bool) -> serde_json::Value {
    json!({ "line": line.name(), "value": value })
}

fn present_levels(lines: &[Line], shared: &RefCell<Shared>) -> Vec<serde_json::Value> {
    let shared = shared.borrow();
    lines.iter().map(|line| level(*line, shared.board.lines().level(*line))).collect()
}

/// Does one request; the lines to answer with.
fn request_lines(bytes: &[u8], watched: &mut Vec<Line>, shared: &RefCell<Shared>) -> Vec<serde_json::Value> {
    let error = |message: String| vec![json!({ "error": message })];
    let find = |name: &str| Line::by_name(name).ok_or_else(|| format!("no line `{name}`"));
    match serde_json::from_slice(bytes) {
        Ok(LineRequest::Watch { watch }) => {
            let mut answers = Vec::new();
            for name in &watch {
                match find(name) {
                    Ok(line) => {
                        watched.retain(|other| *other != line);
                        watched.push(line);
                        answers.extend(present_levels(&[line], shared));
                    }
                    Err(message) => answers.extend(error(message)),
                }
            }
            answers
        }
        Ok(LineRequest::Set { set, value }) => {
            let mut shared = shared.borrow_mut();
            let result = find(&set).and_then(|line| shared.board.drive(line, value));
            shared.announce();
            result.err().map_or_else(Vec::new, error)
        }
        Err(wrong) => error(format!("not a request: {wrong}")),
    }
}
