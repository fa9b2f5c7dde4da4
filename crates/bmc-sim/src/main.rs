//! `bmc-sim`: runs a simulated board, or tells a running one what to do.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use bmc_sim::{
    Board, BoardConfig,
    control::{Client, Reply, parse_words},
};

const USAGE: &str = "\
the simulated board: an hwmon tree, GPIO lines and a host

usage: bmc-sim --board FILE --dir DIR [--guest PROGRAM]
       bmc-sim control SOCKET COMMAND...

  --board FILE   the board's description
  --dir DIR      where it appears: DIR/sys (made anew), DIR/run/gpio.sock, DIR/run/board.sock
  --guest PROGRAM  the host's machine: a program that speaks QEMU's machine protocol on its standard input and output;
                   started when the host's power comes on, ended when it goes; its serial port is DIR/run/guest-console.sock

commands for a running board (SOCKET is its DIR/run/board.sock):
  state                                              everything, as JSON
  sensor fail|freeze|disappear|stall|restore NAME    reads fail; stands still; device gone; reads block; whole again
  sensor set NAME VALUE                              what it measures from now on, in its unit
  power_ok hold-low|release                          the main rails cannot be good
  button press power|reset|id [MILLISECONDS]         a press on the front panel (default 200 ms)
  psu fail|restore NAME                              a power supply breaks
  psu pull|insert NAME                               a power supply leaves its slot
  chassis open|close                                 somebody opens the chassis
  line activate|release NAME                         hands move a line: cpu1-present and its like
  load set 0..1                                      what the host has to do
  ac cut|restore                                     the mains
  host hang|unhang                                   the operating system ignores its power button
";

fn main() -> ExitCode {
    match run(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bmc-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<OsString>) -> anyhow::Result<()> {
    use lexopt::prelude::{Long, Short, Value, ValueExt as _};
    let (mut board, mut dir, mut guest, mut words) = (None, None, None, Vec::new());
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => {
                print!("{USAGE}");
                return Ok(());
            }
            Long("board") => board = Some(PathBuf::from(parser.value()?)),
            Long("dir") => dir = Some(PathBuf::from(parser.value()?)),
            Long("guest") => guest = Some(PathBuf::from(parser.value()?)),
            Value(word) => {
                words.push(word.string()?);
                // What follows are the command's words, negative numbers among them.
                for word in parser.raw_args()? {
                    words.push(word.string()?);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    match (words.split_first(), board, dir) {
        (None, Some(board), Some(dir)) => simulate(&board, &dir, guest.as_deref()),
        (Some((first, rest)), None, None) if first == "control" && guest.is_none() => control(rest),
        _ => bail!("--board and --dir are needed, or `control` alone\nhint: bmc-sim --help"),
    }
}

fn simulate(board: &Path, dir: &Path, guest: Option<&Path>) -> anyhow::Result<()> {
    let board = Board::new(BoardConfig::read(board)?);
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).with_target(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        bmc_sim::serve(board, dir, guest, async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await
    })
}

fn control(words: &[String]) -> anyhow::Result<()> {
    let (socket, words) = words.split_first().context("which socket?\nhint: bmc-sim --help")?;
    let request = parse_words(words)?;
    match Client::connect(socket.as_ref())?.request(&request)? {
        Reply::State(state) => println!("{}", serde_json::to_string_pretty(&state)?),
        _ => println!("ok"),
    }
    Ok(())
}
