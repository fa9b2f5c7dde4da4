//! The sessions of all channels.

use std::net::SocketAddr;

use super::Pending;

/// The seam to the owners of the LAN channels.
pub trait Sessions: Send + Sync {
    /// The sessions of all channels.
    fn table(&self) -> Pending<'_, SessionTable>;
    /// Ends one of them.
    fn close<'a>(&'a self, session: &'a Session) -> Pending<'a, ()>;
    /// Sends a LAN message to the remote console of one of them.
    fn send<'a>(&'a self, session: &'a Session, message: &'a [u8]) -> Pending<'a, ()>;
}

/// The sessions of all channels at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionTable {
    /// How many can be active at once.
    pub possible: usize,
    /// Those that are, by handle.
    pub active: Vec<Session>,
}

/// An active session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The managed system's session ID.
    pub id: u32,
    /// The session handle.
    pub handle: u8,
    /// The channel's number.
    pub channel: u8,
    /// The user's slot.
    pub user_slot: u8,
    /// The privilege it runs at, 1 to 5.
    pub privilege: u8,
    /// Where the remote console is.
    pub peer: Option<SocketAddr>,
    /// The remote console's hardware address, where it is known.
    pub peer_mac: [u8; 6],
}
