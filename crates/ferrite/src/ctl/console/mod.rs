//! `ferrite ctl console`.

mod escape;
mod session;
mod terminal;

use std::io::Read as _;

use bmc_dbus::console::{ConsoleProxy, ConsoleUartProxy, path, service};
use futures_util::FutureExt as _;
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, CONSOLED},
    present,
    table::{self, Align},
};

pub(super) const COMMAND: Command = Command {
    name: "console",
    help: "\
Attaches to a host's serial console, shows its log, or lists the consoles.

usage: ferrite ctl console [ID] [--tail N]
       ferrite ctl console [ID] --log [--tail N]
       ferrite ctl console --list [--json]

  ID        which console; `default`, or the only one, where it is left out
  --tail N  the last N lines first, instead of the last 8 KiB; of the log, the last N lines only
  --log     what was logged, oldest first, and then ends
  --list    the consoles, with their UART and readers

At a terminal each key goes to the host as it is. At the beginning of a line:
  ~.  ends the session         ~B  sends a break
  ~?  shows these              ~~  sends one ~

Several may watch and type at once. The session goes on after a restart of consoled where it was, and after the bus's. Without a
terminal, what comes on standard input goes to the host, and output goes on after its end until a signal comes.
",
    flags: &["list", "log"],
    values: &["tail"],
    run: |line| Box::pin(run(line)),
};

async fn run(line: Line) -> Result<Output, Failure> {
    let connection = bus::connect().await?;
    let ids = bus::consoles(&connection).await?;
    let tail = tail(&line)?;
    match (line.has("list"), line.has("log"), line.words().as_slice()) {
        (true, false, []) => Ok(present(&line, &list(&connection, ids).await?, render)?.into()),
        (false, true, words) => show_log(&connection, &choose(&ids, words)?, tail).await,
        (false, false, words) => session::run(&choose(&ids, words)?, tail).await,
        _ => Err(line.misunderstood("console")),
    }
}

fn tail(line: &Line) -> Result<Option<usize>, Failure> {
    let number =
        |text: &str| text.parse().map_err(|_| Failure::Usage(format!("--tail: `{text}` is no number")));
    line.value("tail").map(number).transpose()
}

/// The console that `words` name.
fn choose(ids: &[String], words: &[&str]) -> Result<String, Failure> {
    match (words, ids) {
        (_, []) => Err(CONSOLED.missing()),
        ([id], _) if ids.iter().any(|known| known == id) => Ok((*id).to_owned()),
        ([id], _) => Err(Failure::Failed(format!("no console `{id}`\nhint: there are {}", ids.join(", ")))),
        ([], [only]) => Ok(only.clone()),
        ([], _) if ids.iter().any(|id| id == "default") => Ok("default".to_owned()),
        ([], _) => Err(Failure::Usage(format!("which console? There are {}", ids.join(", ")))),
        _ => Err(Failure::Usage("one console at a time".to_owned())),
    }
}

async fn proxy(connection: &Connection, id: &str) -> zbus::Result<ConsoleProxy<'static>> {
    ConsoleProxy::new(connection, service(id), path(id)).boxed().await
}

/// One console, as the list shows it.
#[derive(Debug, Serialize)]
struct Console {
    id: String,
    tty: String,
    present: bool,
    baud: u64,
    readers: u32,
    lost: u64,
    socket: String,
}

async fn list(connection: &Connection, ids: Vec<String>) -> Result<Vec<Console>, Failure> {
    let ask = async |id: String| {
        let console = proxy(connection, &id).await?;
        let uart = ConsoleUartProxy::new(connection, service(&id), path(&id)).boxed().await?;
        Ok(Console {
            tty: console.tty().boxed().await?,
            present: console.present().boxed().await?,
            baud: uart.baud().boxed().await?,
            readers: console.readers().boxed().await?,
            lost: console.lost().boxed().await?,
            socket: console.socket().boxed().await?,
            id,
        })
    };
    let mut list = Vec::new();
    for id in ids {
        list.push(ask(id).await.map_err(|error| CONSOLED.failure(error))?);
    }
    Ok(list)
}

#[allow(clippy::ptr_arg, reason = "what is rendered is the model as it is")]
fn render(list: &Vec<Console>) -> String {
    use Align::{Left, Right};
    let row = |console: &Console| {
        let uart = if console.present { console.baud.to_string() } else { "absent".to_owned() };
        let (readers, lost) = (console.readers.to_string(), console.lost.to_string());
        vec![console.id.clone(), console.tty.clone(), uart, readers, lost, console.socket.clone()]
    };
    let header = [
        ("ID", Left),
        ("TTY", Left),
        ("BAUD", Right),
        ("READERS", Right),
        ("LOST BYTES", Right),
        ("SOCKET", Left),
    ];
    table::render(&header, &list.iter().map(row).collect::<Vec<_>>())
}

async fn show_log(connection: &Connection, id: &str, tail: Option<usize>) -> Result<Output, Failure> {
    let files = async { proxy(connection, id).await?.open_log().await };
    let files = files.await.map_err(|error| CONSOLED.failure(error))?;
    if files.is_empty() {
        return Err(Failure::Failed(format!("console `{id}` keeps no log\nhint: log_file in consoled.toml")));
    }
    let mut log = Vec::new();
    for file in files {
        let mut file = std::fs::File::from(std::os::fd::OwnedFd::from(file));
        file.read_to_end(&mut log).map_err(|error| Failure::Failed(format!("the log: {error}")))?;
    }
    session::print(last_lines(&log, tail));
    Ok(Output::from(String::new()))
}

/// The last `lines` lines of `bytes`, of which the last may have no end; all of them where there is no number.
fn last_lines(bytes: &[u8], lines: Option<usize>) -> &[u8] {
    let Some(lines) = lines else { return bytes };
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let ends = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = match lines {
        0 => bytes.len(),
        _ => ends.map(|(index, _)| index + 1).nth(lines - 1).unwrap_or(0),
    };
    bytes.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_chosen_by_its_id_or_because_there_is_one_choice() {
        let ids = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(choose(&ids(&["host1"]), &[]).unwrap(), "host1");
        assert_eq!(choose(&ids(&["a", "default"]), &[]).unwrap(), "default");
        assert_eq!(choose(&ids(&["a", "b"]), &["b"]).unwrap(), "b");
        assert_eq!(choose(&ids(&["a", "b"]), &[]).unwrap_err().exit_code(), 2);
        assert_eq!(choose(&ids(&["a"]), &["c"]).unwrap_err().exit_code(), 1);
        assert_eq!(choose(&[], &[]).unwrap_err().exit_code(), 3);
    }

    #[test]
    fn the_last_lines_are_whole_ones_and_an_unfinished_one_counts() {
        let text = b"one\r\ntwo\r\nthree\r\n";
        assert_eq!(last_lines(text, Some(2)), b"two\r\nthree\r\n");
        assert_eq!(last_lines(b"one\ntwo\nlogin: ", Some(2)), b"two\nlogin: ");
        assert_eq!(last_lines(text, Some(9)), text);
        assert_eq!(last_lines(text, Some(0)), b"");
        assert_eq!(last_lines(text, None), text);
    }
}
