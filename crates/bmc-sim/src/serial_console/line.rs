//! The serial line between the terminal and a machine that is the host: its first serial port is a Unix socket.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::pty::{PIECE, Pty};

/// How long a terminal that nobody reads holds the machine up for a piece of its output, which then is lost: a UART does not wait.
const ROOM: Duration = Duration::from_millis(20);
/// How often a machine that is off is looked for.
const PAUSE: Duration = Duration::from_millis(100);

/// Carries bytes between `pty` and whatever machine listens at `socket`, one after the other. What is typed while none does is lost.
pub(crate) async fn run(pty: Pty, socket: &Path) -> anyhow::Result<()> {
    let mut typed = [0; PIECE];
    loop {
        match UnixStream::connect(socket).await {
            Ok(machine) => carry(&pty, machine).await?,
            Err(_) => tokio::select! {
                length = pty.read(&mut typed) => drop(length?),
                () = tokio::time::sleep(PAUSE) => {}
            },
        }
    }
}

/// Until the machine is gone; fails where the terminal is.
async fn carry(pty: &Pty, machine: UnixStream) -> io::Result<()> {
    let (mut from, mut to) = machine.into_split();
    let (mut printed, mut typed) = ([0; PIECE], [0; PIECE]);
    // Each way by itself: a terminal that nobody reads must not keep keystrokes from the machine.
    let printing = async {
        loop {
            match from.read(&mut printed).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(length) => {
                    let piece = pty.write_all(printed.get(..length).unwrap_or_default());
                    tokio::time::timeout(ROOM, piece).await.unwrap_or(Ok(()))?;
                }
            }
        }
    };
    let typing = async {
        loop {
            let length = pty.read(&mut typed).await?;
            if to.write_all(typed.get(..length).unwrap_or_default()).await.is_err() {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = printing => ended,
        ended = typing => ended,
    }
}
