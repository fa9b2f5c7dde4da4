//! Serial over LAN (v2.0§15): a machine for each activated instance, and its place in the sessions.
//!
//! A session has at most one instance, since a SOL packet does not say which it is of. Memory of one is bounded by
//! [`MEMORY`] in characters.

mod activation;
mod flow;
mod lines;
mod machine;
mod receiver;
mod sender;

use std::time::{Duration, Instant};

use ipmi_wire::Privilege;

pub(crate) use self::machine::Machine;

/// Characters that one instance keeps at most, both directions together: those that the client has not acknowledged, and those that
/// the host has not taken. Packets that are being sent come on top, each for a moment.
pub const MEMORY: usize = sender::CAPACITY + receiver::CAPACITY;

/// An instance of SOL that somebody else ended, while its client may want it back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) instance: u8,
    /// Another client has activated it, which this one is to be told.
    pub(crate) activating: bool,
}

/// What an operator may decide about SOL on a channel (v2.0§26.2, table 26-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolParameters {
    /// Whether it can be activated. Default: yes.
    pub enabled: bool,
    /// Whether packets must be encrypted. Default: yes.
    pub force_encryption: bool,
    /// Whether a client must ask for authentication. Packets of a session are authenticated whether or not. Default: yes.
    pub force_authentication: bool,
    /// The least privilege that a session must operate at to activate it. Default: administrator.
    pub privilege: Privilege,
    /// How long characters wait for more while they are fewer than the threshold. Default: 60 ms.
    pub accumulate: Duration,
    /// How many characters are sent without waiting for more. Default: 1.
    pub threshold: usize,
    /// How often a packet is sent again before the client counts as away, 0 to 7. Default: 7.
    pub retries: u8,
    /// After how long a packet is sent again. Default: 250 ms.
    pub retry_interval: Duration,
    /// Instances that can be active at once, numbered from 1. Default: 1.
    pub instances: u8,
    /// The UDP port of the channel, as an activation tells it. Default: 623.
    pub port: u16,
}

impl Default for SolParameters {
    fn default() -> Self {
        Self {
            enabled: true,
            force_encryption: true,
            force_authentication: true,
            privilege: Privilege::Administrator,
            accumulate: Duration::from_millis(60),
            threshold: 1,
            retries: 7,
            retry_interval: Duration::from_millis(250),
            instances: 1,
            port: 623,
        }
    }
}

/// What a client sends to the host's console, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SolInput {
    /// Characters, at most 255.
    Characters(Vec<u8>),
    /// A break.
    Break,
    /// The ring indicator is to be asserted for a moment, for wake on ring: also where the console is not there, and before what
    /// waits for the host.
    Ring,
    /// Input before this that the host has not taken is to be dropped.
    Flush,
}

impl SolInput {
    /// What a request other than characters weighs, in bytes: it bounds how many of them wait.
    pub const REQUEST: usize = 64;

    /// What it takes of an instance's room until [`crate::Endpoint::sol_input_done`] gives it back.
    pub fn weight(&self) -> usize {
        match self {
            Self::Characters(characters) => characters.len(),
            Self::Break | Self::Ring | Self::Flush => Self::REQUEST,
        }
    }
}

/// Why SOL ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SolClose {
    /// Its client deactivated it, or activated it anew.
    Requested,
    /// Another session deactivated it; its managed ID.
    ByOther(u32),
    /// The session ended.
    Session,
    /// The configuration no longer allows it.
    Configuration,
    /// The user lost the right.
    UserChanged,
    /// [`crate::Endpoint::deactivate_sol`] was called.
    Local,
}

/// An active instance, for people and for Get Payload Instance Info.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolSummary {
    /// Which instance, from 1.
    pub instance: u8,
    /// The session that it is active on.
    pub session: crate::SessionSummary,
    /// Whether its packets are encrypted.
    pub encrypted: bool,
    /// When it was activated.
    pub opened: Instant,
    /// Characters that were taken from the client.
    pub received: u64,
    /// Characters that the client acknowledged.
    pub acknowledged: u64,
}

/// An instance in its session.
#[derive(Debug)]
pub(crate) struct Sol {
    pub(crate) instance: u8,
    /// As it was activated.
    pub(crate) with_encryption: bool,
    /// As it was suspended or resumed since.
    pub(crate) encrypted: bool,
    pub(crate) opened: Instant,
    pub(crate) machine: Machine,
}

/// Whether the session sequence number `a` was sent after `b`.
fn newer(a: u32, b: u32) -> bool {
    (1..=u32::MAX / 2).contains(&a.wrapping_sub(b))
}
