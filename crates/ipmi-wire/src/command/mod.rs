//! The commands: facts from the specification beside the types of their request and response.
//!
//! One file per network function group. What a command does is not here: ipmid has one handler per command, from the typed
//! request to the typed response or a completion code.

#[macro_use]
mod facts;

pub mod acpi;
pub mod app;
pub mod app_channel;
pub mod app_user;
pub mod boot;
pub mod chassis;
pub mod event;
pub mod firmware_firewall;
pub mod fru;
pub mod host_message;
pub mod payload;
pub mod payload_access;
pub mod pef;
pub mod sdr;
pub mod sel;
pub mod sensor;
pub mod session;
pub mod sol_configuration;
pub mod system_info;
pub mod transport;
pub mod watchdog;

use crate::{
    NetFn, Privilege,
    codec::{Decode, Encode},
};

/// Who may send a command (v2.0 appendix G).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, also before a session is open.
    BeforeSession,
    /// A session, or the host, with at least this privilege.
    AtLeast(Privilege),
    /// The host's system interface only.
    SystemInterface,
}

/// An IPMI command: what the specification says of it.
pub trait Command {
    /// The request's network function.
    const NET_FN: NetFn;
    /// The command number.
    const CMD: u8;
    /// The specification's name for it.
    const NAME: &'static str;
    /// Who may send it.
    const ACCESS: Access;
    /// The body code of a [`NetFn::GROUP_EXTENSION`] command (00h PICMG, 03h VITA, DCh DCMI).
    const GROUP: Option<u8> = None;
    /// The data of its request.
    type Request: Decode + Encode;
    /// The data of its response, without the completion code.
    type Response: Decode + Encode;
}
