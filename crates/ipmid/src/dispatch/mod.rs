//! From the bytes of a request to the bytes of its response: find the entry, check who asks, decode, run, encode.
//!
//! Nothing here knows D-Bus: the bus, the direct line, tests and fuzzers all come in through [`dispatch`].

mod caller;
pub(crate) mod entry;

use std::time::Duration;

pub use caller::Caller;
pub use entry::{Entry, Handler, Units};
pub(crate) use entry::{either, later, now};
use ipmi_wire::{CompletionCode, Lun, NetFn};
use tokio::time::Instant;

use crate::{Ipmid, commands, table};
use bmc_daemon::ChannelMedium;

/// How long a handler may wait for a provider: a client that got no answer in 5 s asks again or gives up (v2.0§6.12.2 leaves
/// the number to the medium; KCS drivers wait 5 s).
pub const DEADLINE: Duration = Duration::from_millis(3500);

/// A request as it came over a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Network function, unshifted.
    pub net_fn: u8,
    /// Command number.
    pub command: u8,
    /// All data, the body code of a group or the number of an OEM included.
    pub data: &'a [u8],
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 00h, or why not.
    pub completion_code: CompletionCode,
    /// Data after the completion code, the echoed body code or OEM number included.
    pub data: Vec<u8>,
}

/// Answers `request`, within [`DEADLINE`] whatever its handler waits for.
pub async fn dispatch(ipmid: &Ipmid, caller: &Caller, request: Request<'_>) -> Response {
    if is_for_the_host(caller, request) {
        return ask_the_host(ipmid, caller, request).await;
    }
    let prefix = prefix_length(request.net_fn);
    let (prefix, data) = request.data.split_at_checked(prefix).unwrap_or((request.data, &[]));
    let outcome = match admit(ipmid, caller, request, prefix) {
        Ok(entry) => run(entry, ipmid, caller, data).await,
        Err(code) => Err(code),
    };
    match outcome {
        Ok(body) if prefix.is_empty() => Response { completion_code: CompletionCode::OK, data: body },
        Ok(body) => Response { completion_code: CompletionCode::OK, data: [prefix, &body].concat() },
        Err(completion_code) => Response { completion_code, data: prefix.to_vec() },
    }
}

/// How many bytes of data name who defined the command; responses repeat them (v2.0§5.1, table 5-1).
const fn prefix_length(net_fn: u8) -> usize {
    const GROUP: u8 = NetFn::GROUP_EXTENSION.value();
    const OEM: u8 = NetFn::OEM_GROUP.value();
    match net_fn {
        GROUP => 1,
        OEM => 3,
        _ => 0,
    }
}

/// The entry for `request`, if this caller may have it run.
///
/// An unknown command is C1h whoever asks; that it exists but is not for this caller is D4h, also for an origin that the
/// specification excludes ("or other security-based restriction", v2.0 table 5-2).
fn admit(
    ipmid: &Ipmid,
    caller: &Caller,
    request: Request<'_>,
    prefix: &[u8],
) -> Result<&'static Entry, CompletionCode> {
    if prefix.len() < prefix_length(request.net_fn) {
        return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
    }
    let group = match (request.net_fn == NetFn::GROUP_EXTENSION.value(), prefix) {
        (true, &[body_code]) => Some(body_code),
        _ => None,
    };
    let entry = table::find(request.net_fn, request.command, group).ok_or(CompletionCode::INVALID_COMMAND)?;
    ipmid.admit(caller, entry, request.data.get(prefix.len()..).unwrap_or_default())?;
    if entry.units == Units::Bmc && caller.lun != Lun::BMC {
        return Err(CompletionCode::INVALID_FOR_LUN);
    }
    if entry.yields_to_update {
        ipmid.kept.update_mode.admit(caller, Instant::now())?;
    }
    Ok(entry)
}

/// Whether `request` goes to the host's receive message queue: a LAN session's to LUN 2 (v2.0§7.3), but for the commands that tell
/// sensors apart by their LUN.
fn is_for_the_host(caller: &Caller, request: Request<'_>) -> bool {
    let is_sensors = || {
        let entry = table::find(request.net_fn, request.command, None);
        entry.is_some_and(|entry| entry.units == Units::Any)
    };
    caller.medium == ChannelMedium::Lan && caller.lun == Lun::SMS && !is_sensors()
}

async fn ask_the_host(ipmid: &Ipmid, caller: &Caller, request: Request<'_>) -> Response {
    let answer = tokio::time::timeout(DEADLINE, commands::host_message::ask(ipmid, caller, request)).await;
    let answer = answer.unwrap_or(Err(CompletionCode::TIMEOUT));
    // The host's answer begins with its completion code.
    match answer.as_deref() {
        Ok([code, data @ ..]) => Response { completion_code: CompletionCode(*code), data: data.to_vec() },
        Ok([]) => Response { completion_code: CompletionCode::UNSPECIFIED, data: Vec::new() },
        Err(code) => Response { completion_code: *code, data: Vec::new() },
    }
}

async fn run(entry: &Entry, ipmid: &Ipmid, caller: &Caller, data: &[u8]) -> Result<Vec<u8>, CompletionCode> {
    match entry.handler {
        Handler::Now(handler) => handler(ipmid, caller, data),
        Handler::Either(handler) => match handler(ipmid, caller, data) {
            Ok(outcome) => outcome,
            Err(answer) => in_time(answer).await,
        },
        Handler::Later(handler) => in_time(handler(ipmid, caller, data)).await,
    }
}

async fn in_time(answer: entry::Answer<'_>) -> Result<Vec<u8>, CompletionCode> {
    tokio::time::timeout(DEADLINE, answer).await.unwrap_or(Err(CompletionCode::TIMEOUT))
}

#[cfg(test)]
mod tests;
