//! ipmid's end.

use std::{
    collections::HashMap,
    future::Future,
    io::{self, ErrorKind, Write as _},
    os::unix::net::UnixStream,
    pin::Pin,
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use zbus::{Message, OwnedVariant, message::Type};

use super::{IN_FLIGHT, frames::Frames, watch_for_input};
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
    let mut running = FuturesUnordered::new();
    let mut out = Vec::new();
    loop {
        tokio::select! {
            ready = stream.readable(), if running.len() < IN_FLIGHT => {
                if !frames.read(ready?)? {
                    return Ok(());
                }
            }
            Some(answer) = running.next(), if !running.is_empty() => append(&mut out, answer),
        }
        while running.len() < IN_FLIGHT
            && let Some(message) = frames.next().map_err(invalid)?
        {
            match begin(message, &handler) {
                Begun::Done(answer) => append(&mut out, answer),
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
    Done(zbus::Result<Message>),
    Running(Pin<Box<A>>),
    Ignored,
}

fn begin<R: Future<Output = Reply>>(
    message: Message,
    handler: impl Fn(Call) -> R,
) -> Begun<impl Future<Output = zbus::Result<Message>>> {
    let header = message.header();
    if header.message_type() != Type::MethodCall {
        return Begun::Ignored;
    }
    let wanted = header.interface().is_none_or(|interface| interface.as_str() == ipmi::SERVER)
        && header.member().is_some_and(|member| member.as_str() == "execute");
    let call = if wanted { call(&message) } else { Err(zbus::Error::InterfaceNotFound) };
    let call = match call {
        Ok(call) => call,
        Err(error) => {
            let name = "org.freedesktop.DBus.Error.InvalidArgs";
            return Begun::Done(Message::error(&header, name).build(&error.to_string()));
        }
    };
    drop(header);
    let reply = handler(call);
    let mut answer = Box::pin(async move {
        let reply = reply.await;
        Message::method_return(&message.header()).build(&(reply,))
    });
    match answer.as_mut().now_or_never() {
        Some(answer) => Begun::Done(answer),
        None => Begun::Running(answer),
    }
}

fn call(message: &Message) -> zbus::Result<Call> {
    let body = message.body();
    let (net_fn, lun, command, data, options): Arguments = body.deserialize()?;
    Ok(Call { net_fn, lun, command, data, options: Options::from_dict(&options) })
}

fn append(out: &mut Vec<u8>, answer: zbus::Result<Message>) {
    match answer {
        Ok(message) => out.extend_from_slice(message.data()),
        Err(error) => tracing::error!("cannot encode an answer: {error}"),
    }
}

fn invalid(error: zbus::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
