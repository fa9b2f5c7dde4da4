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
//! Suites, Set Session Privilege Level and Close Session. Citations such as `v2.0§13.17` name the IPMI 2.0 specification.

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
mod suite;
mod user;
mod window;

pub use discard::{Discard, Discards};
pub use endpoint::Endpoint;
pub use event::{
    CloseReason, Event, LockSubject, LoginFailure, Request, RequestToken, SessionRef, SessionState,
    SessionSummary, Transmit,
};
pub use settings::{Limits, Lockout, Settings};
pub use suite::CipherSuite;
pub use user::{Random, RandomFailed, Secret, User};

#[cfg(test)]
mod tests;
