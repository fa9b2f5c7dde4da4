//! ipmid's end.

use std::{
    collections::HashMap,
    future::Future,
    io::{self, ErrorKind, Write as _},
    num::NonZeroU32,
    os::unix::net::UnixStream,
    pin::Pin,
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use zbus::{Message, OwnedVariant, message::Type};

use super::{
    IN_FLIGHT,
    frames::{Frame, Frames},
    watch_for_input, wire,
};
use crate::{
    execute::{Call, Options, Reply},
    names::ipmi,
};

type Arguments = (u8, u8, u8, Vec<u8>, HashMap<String, OwnedVariant>);

/// Answers `execute` calls on `stream` with `handler` until the peer closes it.
///
/// A handler that is done at its first poll is answered at once; others run side by side within this future, and the line takes
/// no more calls while as many as allowed are being executed.
///
/// # Errors
/// What the kernel says of the socket, `InvalidData` where what arrives is no D-Bus message, `WouldBlock` where the peer does not
/// read its answers.
pub async fn serve<F, R>(stream: UnixStream, handler: F) -> io::Result<()>
where
    F: Fn(Call) -> R,
    R: Future<Output = Reply>,
{
    let stream = watch_for_input(stream)?;
    let mut frames = Frames::default();
    let mut running: FuturesUnordered<Pin<Box<_>>> = FuturesUnordered::new();
    let mut out: Vec<u8> = Vec::new();
    loop {
        tokio::select! {
            ready = stream.readable(), if running.len() < IN_FLIGHT => {
                if !frames.read(ready?)? {
                    return Ok(());
                }
            }
            Some(answer) = running.next(), if !running.is_empty() => out.extend(answer),
        }
        while running.len() < IN_FLIGHT
            && let Some(frame) = frames.next(wire::decode_call).map_err(invalid)?
        {
            match begin(frame, &handler) {
                Begun::Done(answer) => out.extend(answer),
                Begun::Running(answer) => running.push(answer),
                Begun::Ignored => {}
            }
        }
        if !out.is_empty() {
            write(stream.get_ref(), &out)?;
            out.clear();
        }
    }
}

/// The client has no more calls in flight than answers fit the socket's buffer: one that is full is a client that does not read.
fn write(mut stream: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    match stream.write(bytes)? {
        written if written == bytes.len() => Ok(()),
        _ => Err(ErrorKind::WouldBlock.into()),
    }
}

enum Begun<A> {
    /// The answer's bytes.
    Done(Vec<u8>),
    Running(Pin<Box<A>>),
    Ignored,
}

fn begin<R: Future<Output = Reply>>(
    frame: Frame<(NonZeroU32, Call)>,
    handler: impl Fn(Call) -> R,
) -> Begun<impl Future<Output = Vec<u8>>> {
    let (serial, call) = match frame {
        Frame::Decoded(decoded) => decoded,
        Frame::Other(message) if message.message_type() != Type::MethodCall => return Begun::Ignored,
        Frame::Other(message) => match call(&message) {
            Ok(call) => (message.primary_header().serial_num(), call),
            Err(error) => return Begun::Done(refusal(&message, &error)),
        },
    };
    let reply = handler(call);
    let mut answer = Box::pin(async move { wire::encode_reply(serial, &reply.await) });
    match answer.as_mut().now_or_never() {
        Some(answer) => Begun::Done(answer),
        None => Begun::Running(answer),
    }
}

fn call(message: &Message) -> zbus::Result<Call> {
    let header = message.header();
    let wanted = header.interface().is_none_or(|interface| interface.as_str() == ipmi::SERVER)
        && header.member().is_some_and(|member| member.as_str() == "execute");
    if !wanted {
        return Err(zbus::Error::InterfaceNotFound);
    }
    let body = message.body();
    let (net_fn, lun, command, data, options): Arguments = body.deserialize()?;
    Ok(Call { net_fn, lun, command, data, options: Options::from_dict(&options) })
}

/// The bytes of an error.
fn refusal(call: &Message, error: &zbus::Error) -> Vec<u8> {
    let name = "org.freedesktop.DBus.Error.InvalidArgs";
    match Message::error(&call.header(), name).build(&error.to_string()) {
        Ok(message) => message.data().to_vec(),
        Err(error) => {
            tracing::error!("cannot encode a refusal: {error}");
            Vec::new()
        }
    }
}

fn invalid(error: zbus::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
