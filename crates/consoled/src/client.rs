//! A client: a stream socket of the console's raw bytes, both ways.
//!
//! Costs about 50 KB at most: the kernel's buffer for what is on its way to it ([`SOCKET_BUFFER`], which the kernel doubles), and one
//! piece of output and one of input here.

use std::{
    io::{self, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream as StdStream},
    sync::Arc,
};

use bmc_hw::readiness::ready;
use rustix::{
    io::Errno,
    net::{RecvFlags, sockopt},
};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    net::UnixStream,
};

use crate::{
    console::{Console, MESSAGE, Seat},
    ring::Place,
};

/// Output that is copied out of the ring at once.
const PIECE: usize = 4096;
/// What waits in the kernel for a client, before the ring does.
const SOCKET_BUFFER: usize = 16 * 1024;

/// What becomes of a client that lost bytes because it was slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnLoss {
    /// A line in their place says how many.
    Notice,
    /// It is not told; it did not want to be.
    GoOn,
    /// Its socket is closed: it counts, and resumes.
    Close,
}

/// Serves `stream` from `place` on until one of the two is gone.
pub(crate) async fn serve(
    stream: UnixStream,
    seat: Seat,
    console: Arc<Console>,
    place: Place,
    on_loss: OnLoss,
) {
    let _seat = seat;
    if let Err(error) = sockopt::set_socket_send_buffer_size(&stream, SOCKET_BUFFER) {
        tracing::debug!("a client's buffer stays as it is: {error}");
    }
    let ended = async {
        let stream = stream.into_std()?;
        tokio::select! {
            ended = send_output(&stream, &console, place, on_loss) => ended,
            ended = take_input(&stream, &console) => ended,
        }
    };
    if let Err(error) = ended.await {
        tracing::debug!("a client's connection ended: {error}");
    }
}

async fn send_output(
    stream: &StdStream,
    console: &Console,
    mut place: Place,
    on_loss: OnLoss,
) -> io::Result<()> {
    let mut growth = console.growth();
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        growth.mark_unchanged();
        piece.clear();
        match (console.take(&mut place, PIECE, &mut piece), on_loss) {
            (1.., OnLoss::Close) => return Ok(()),
            (lost @ 1.., OnLoss::Notice) => write_all(stream, notice(lost).as_bytes()).await?,
            _ => {}
        }
        if piece.is_empty() {
            growth.changed().await.map_err(io::Error::other)?;
        } else {
            write_all(stream, &piece).await?;
        }
    }
}

/// What stands where a reader lost bytes. On a line of its own, in the terminal's plain colours.
pub(crate) fn notice(lost: u64) -> String {
    format!("\x1b[0m\r\n[{lost} bytes of output lost here: this reader was too slow]\r\n")
}

/// Writes all of `bytes`; waits while the client does not read.
///
async fn write_all(mut stream: &StdStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // A descriptor of its own: input is waited for all the time.
                ready(stream.try_clone()?.as_fd(), Interest::WRITABLE).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn take_input(mut stream: &StdStream, console: &Console) -> io::Result<()> {
    loop {
        // OpenBMC's netipmid asks for a break with a byte out of band. It is taken first: reading on would throw it away.
        if take_urgent(stream)? {
            if let Err(refusal) = console.send_break().await {
                tracing::info!("a break was not sent: {refusal}");
            }
            continue;
        }
        let mut bytes = vec![0; MESSAGE];
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                bytes.truncate(length);
                console.input(bytes).await;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready(stream.as_fd(), Interest::READABLE).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Takes a byte that was sent with MSG_OOB, if there is one.
fn take_urgent(stream: &StdStream) -> io::Result<bool> {
    let mut byte = [0_u8; 1];
    let flags = RecvFlags::OOB | RecvFlags::DONTWAIT;
    match rustix::net::recv(stream.as_fd(), &mut byte, flags) {
        Ok((_, length)) => Ok(length > 0),
        // How the kernel says that there is none, or that it knows no such bytes.
        Err(Errno::INVAL | Errno::AGAIN | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Tells `stream` why it is not served, and closes it.
pub(crate) async fn turn_away(mut stream: UnixStream, reason: &str) {
    // It may be gone already.
    let _ = stream.write_all(format!("[{reason}]\r\n").as_bytes()).await;
}
