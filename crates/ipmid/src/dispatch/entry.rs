//! An entry of the command table.

use std::{future::Future, pin::Pin};

use ipmi_wire::{
    CompletionCode, NetFn,
    codec::{Decode as _, Encode as _},
    command::{Access, Command},
};

use super::Caller;
use crate::Ipmid;

/// What a handler came to: the response's data, or why there is none.
pub(crate) type Outcome = Result<Vec<u8>, CompletionCode>;

/// An [`Outcome`] that waits for a provider.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One command: what the specification says of it, and what runs it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The request's network function.
    pub net_fn: NetFn,
    /// The command number.
    pub command: u8,
    /// The body code, for a command of a group extension.
    pub group: Option<u8>,
    /// The specification's name.
    pub name: &'static str,
    /// Who may send it.
    pub access: Access,
    /// Which logical units it exists on.
    pub units: Units,
    /// Whether it is refused while another client has the SDR repository in update mode.
    pub yields_to_update: bool,
    /// What runs it.
    pub handler: Handler,
}

/// The logical units on which a command exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Units {
    /// The BMC's own only, LUN 0; elsewhere C2h.
    Bmc,
    /// All: the command tells them apart itself, as sensor commands do.
    Any,
}

/// What runs a command, from data bytes to data bytes; made by `now!` and `later!`.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Answers from what ipmid knows: no future, no timer.
    Now(fn(&Ipmid, &Caller, &[u8]) -> Outcome),
    /// Answers at once where it can, and else waits for a provider: for commands that are asked often.
    Either(for<'a> fn(&'a Ipmid, &'a Caller, &'a [u8]) -> Result<Outcome, Answer<'a>>),
    /// May wait for a provider.
    Later(for<'a> fn(&'a Ipmid, &'a Caller, &'a [u8]) -> Answer<'a>),
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Either(_) => "Either",
            Self::Later(_) => "Later",
        })
    }
}

impl Entry {
    /// The entry for `C`, on the BMC's own logical unit.
    pub const fn new<C: Command>(handler: Handler) -> Self {
        Self {
            net_fn: C::NET_FN,
            command: C::CMD,
            group: C::GROUP,
            name: C::NAME,
            access: C::ACCESS,
            units: Units::Bmc,
            yields_to_update: false,
            handler,
        }
    }

    /// The same on every logical unit; the handler looks at [`Caller::lun`].
    #[must_use]
    pub const fn on_any_lun(self) -> Self {
        Self { units: Units::Any, ..self }
    }

    /// The same, refused while another client has the SDR repository in update mode.
    #[must_use]
    pub const fn yields_to_update(self) -> Self {
        Self { yields_to_update: true, ..self }
    }

    /// What tells entries apart, as one number.
    pub(crate) const fn key(&self) -> u32 {
        key(self.net_fn.value(), self.command, self.group)
    }
}

/// What tells commands apart. A group that is not there differs from group 00h.
pub(crate) const fn key(net_fn: u8, command: u8, group: Option<u8>) -> u32 {
    let group = match group {
        Some(body_code) => [1, body_code],
        None => [0, 0],
    };
    u32::from_be_bytes([group[0], group[1], net_fn, command])
}

/// Reads the request of `C`.
pub(crate) fn request<C: Command>(data: &[u8]) -> Result<C::Request, CompletionCode> {
    C::Request::from_bytes(data)
}

/// Writes the response of `C`.
pub(crate) fn response<C: Command>(response: &C::Response) -> Outcome {
    Ok(response.to_bytes())
}

/// An [`Entry`] whose handler is `fn(&Ipmid, &Caller, C::Request) -> Result<C::Response, CompletionCode>`.
macro_rules! now {
    ($command:ty, $handler:path) => {
        $crate::dispatch::Entry::new::<$command>($crate::dispatch::Handler::Now(|ipmid, caller, data| {
            $crate::dispatch::entry::response::<$command>(&$handler(
                ipmid,
                caller,
                $crate::dispatch::entry::request::<$command>(data)?,
            )?)
        }))
    };
}

/// An [`Entry`] whose handler is `async fn(&Ipmid, &Caller, C::Request) -> Result<C::Response, CompletionCode>`.
macro_rules! later {
    ($command:ty, $handler:path) => {
        $crate::dispatch::Entry::new::<$command>($crate::dispatch::Handler::Later(|ipmid, caller, data| {
            Box::pin(async move {
                let request = $crate::dispatch::entry::request::<$command>(data)?;
                $crate::dispatch::entry::response::<$command>(&$handler(ipmid, caller, request).await?)
            })
        }))
    };
}

/// An [`Entry`] of two handlers: `fn(&Ipmid, &Caller, &C::Request) -> Option<Result<C::Response, CompletionCode>>`, which gives `None`
/// where it cannot answer at once, and one as for [`later!`].
macro_rules! either {
    ($command:ty, $now:path, $later:path) => {
        $crate::dispatch::Entry::new::<$command>($crate::dispatch::Handler::Either(|ipmid, caller, data| {
            use $crate::dispatch::entry::{request, response};
            let request = match request::<$command>(data) {
                Ok(request) => request,
                Err(code) => return Ok(Err(code)),
            };
            match $now(ipmid, caller, &request) {
                Some(answer) => Ok(answer.and_then(|answer| response::<$command>(&answer))),
                None => {
                    Err(Box::pin(async move { response::<$command>(&$later(ipmid, caller, request).await?) }))
                }
            }
        }))
    };
}

pub(crate) use {either, later, now};
