//! The RMCP+ session endpoint as a pure state machine: no socket, no clock, no randomness of its own.
//!
//! Datagrams, instants and random bytes go in; datagrams, requests and events come out. One [`Endpoint`] is one LAN channel:
//!
//! ```text
//! socket --handle_datagram--> Endpoint --poll_event--> Event::Request --> ipmid
//!        <--poll_transmit----          <---respond----                <--
//! ```
//!
//! It answers by itself what concerns sessions only: presence pings, Get Channel Authentication Capabilities, Get Channel Cipher
//! Suites, Set Session Privilege Level, Close Session, and the activation of Serial over LAN, whose characters it carries:
//!
//! ```text
//! client --SOL packets--> Endpoint --Event::SolInput--> console   (and --sol_input_done-->)
//!        <--transmit_sol--         <----sol_output-----
//! ```
//!
//! Citations such as `v2.0§13.17` name the IPMI 2.0 specification.

mod bridged;
mod constant_time;
mod discard;
mod endpoint;
mod event;
mod exchange;
mod handshake;
mod local;
mod lockout;
mod login;
mod protection;
mod requests;
mod session;
mod sessionless;
mod settings;
mod sol;
mod suite;
mod user;
mod window;

pub use bridged::SendError;
pub use discard::{Discard, Discards};
pub use endpoint::Endpoint;
pub use event::{
    CloseReason, Event, LockSubject, LoginFailure, Message, Request, RequestToken, SessionRef, SessionState,
    SessionSummary, Transmit,
};
pub use settings::{Limits, Lockout, Settings};
pub use sol::{MEMORY as SOL_MEMORY, SolClose, SolInput, SolParameters, SolSummary};
pub use suite::CipherSuite;
pub use user::{Random, RandomFailed, Secret, User};

#[cfg(test)]
mod tests;
