//! A board that speaks JSON lines over a Unix stream socket.
//!
//! `{"watch":["power-ok"]}` and `{"set":"power-button","value":true}` go out; `{"line":"power-ok","value":false}` and
//! `{"error":"…"}` come in.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinHandle,
};

use super::{GpioError, LineEvent, Outputs, QUEUE};

/// A line of the board's that is longer is not in this protocol.
const LONGEST: u64 = 4096;

#[derive(Serialize)]
#[serde(untagged)]
enum Ask<'a> {
    Watch { watch: &'a [String] },
    Set { set: &'a str, value: bool },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Line { line: String, value: bool },
    Error { error: String },
}

/// The sending half.
pub(super) struct Board {
    outgoing: mpsc::Sender<String>,
}

pub(super) async fn open(
    path: &Path,
    inputs: &[String],
    events: mpsc::Sender<Result<LineEvent, GpioError>>,
) -> Result<(Board, JoinHandle<()>), GpioError> {
    let stream = UnixStream::connect(path)
        .await
        .map_err(|error| GpioError::Lost(format!("cannot connect to {}: {error}", path.display())))?;
    let (read, write) = stream.into_split();
    let (outgoing, lines) = mpsc::channel(QUEUE);
    let board = Board { outgoing };
    board.send(&Ask::Watch { watch: inputs })?;
    let sending = tokio::spawn(send_lines(write, lines));
    tokio::spawn(receive_lines(read, events));
    Ok((board, sending))
}

impl Board {
    fn send(&self, ask: &Ask<'_>) -> Result<(), GpioError> {
        let lost = |error: &dyn std::fmt::Display| GpioError::Lost(error.to_string());
        let text = serde_json::to_string(ask).map_err(|error| lost(&error))?;
        self.outgoing.try_send(text + "\n").map_err(|error| lost(&error))
    }
}

impl Outputs for Board {
    fn set(&mut self, line: &str, high: bool) -> Result<(), GpioError> {
        self.send(&Ask::Set { set: line, value: high })
    }

    /// The board keeps the level: its lines have no other driver.
    fn release(&mut self, _: &str) {}
}

/// Ends with the sender, or with the socket; the receiving half reports the latter.
async fn send_lines(mut write: OwnedWriteHalf, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.recv().await {
        if write.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn receive_lines(read: OwnedReadHalf, events: mpsc::Sender<Result<LineEvent, GpioError>>) {
    let mut reader = BufReader::new(read);
    loop {
        let event = tokio::select! {
            event = receive_line(&mut reader) => event,
            () = events.closed() => return,
        };
        let lost = event.as_ref().is_err_and(GpioError::is_lost);
        if events.send(event).await.is_err() || lost {
            return;
        }
    }
}

async fn receive_line(reader: &mut BufReader<OwnedReadHalf>) -> Result<LineEvent, GpioError> {
    let mut text = String::new();
    match reader.take(LONGEST).read_line(&mut text).await {
        Ok(0) => return Err(GpioError::Lost("the board closed the socket".to_owned())),
        Ok(_) if !text.ends_with('\n') => {
            return Err(GpioError::Lost("the board sent an unfinished or overlong line".to_owned()));
        }
        Ok(_) => {}
        Err(error) => return Err(GpioError::Lost(error.to_string())),
    }
    match serde_json::from_str(&text) {
        Ok(Told::Line { line, value }) => Ok(LineEvent { line, high: value }),
        Ok(Told::Error { error }) => Err(GpioError::Refused(error)),
        Err(error) => Err(GpioError::Refused(format!("it sent what is no event: {error}"))),
    }
}
