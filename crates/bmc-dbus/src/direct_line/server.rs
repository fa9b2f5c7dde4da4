//! ipmid's end.

use std::{collections::HashMap, future::Future, io, os::unix::net::UnixStream as StdStream, pin::Pin};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};
use zbus::{Message, OwnedVariant, message::Type};

use super::{IN_FLIGHT, frames::Frames};
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
/// What the kernel says of the socket, or `InvalidData` where what arrives is no D-Bus message.
pub async fn serve<F, R>(stream: StdStream, handler: F) -> io::Result<()>
where
    F: Fn(Call) -> R,
    R: Future<Output = Reply>,
{
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let mut frames = Frames::default();
    let mut running = FuturesUnordered::new();
    let mut out = Vec::new();
    loop {
        tokio::select! {
            read = stream.read_buf(frames.buffer()), if running.len() < IN_FLIGHT => {
                if read? == 0 {
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
            stream.write_all(&out).await?;
            out.clear();
        }
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
