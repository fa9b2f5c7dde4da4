//! What comes out of an endpoint.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use ipmi_wire::{Lun, NetFn, Privilege};

use crate::{CipherSuite, SolClose, SolInput, SolSummary};

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The bytes.
    pub datagram: Vec<u8>,
}

/// Something that the owner of the endpoint acts on or records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A command to execute; answered with [`crate::Endpoint::respond`].
    Request(Request),
    /// A console's response to the host's software; the host asked by [`crate::Endpoint::send_message`].
    Message(Message),
    /// A user has logged in.
    SessionOpened(SessionSummary),
    /// A session has ended; requests of it that are still being executed need no answer any more.
    SessionClosed(SessionSummary, CloseReason),
    /// SOL was activated: the host's console is wanted.
    SolOpened(SolSummary),
    /// SOL ended.
    SolClosed(SolSummary, SolClose),
    /// The client of the session with this ID sends to the host's console; [`crate::Endpoint::sol_input_done`] when it is there.
    SolInput(u32, SolInput),
    /// There is room again for output of the session with this ID, whose [`crate::Endpoint::sol_room`] was 0.
    SolDrained(u32),
    /// Whether DCD and DSR towards the host are asserted for the session with this ID. They are when its SOL is activated, and
    /// again when it ends, which is not told of.
    SolCarrier(u32, bool),
    /// A login was refused.
    LoginFailed {
        /// Where it came from.
        source: SocketAddr,
        /// The name that was given; bytes from outside, not necessarily text.
        user_name: Vec<u8>,
        /// The user of that name, where there is one.
        user_slot: Option<u8>,
        /// Why, for the log; the client is not told.
        reason: LoginFailure,
    },
    /// Failed logins have locked a user or a source out.
    LockedOut {
        /// Who.
        subject: LockSubject,
        /// Until when.
        until: Instant,
    },
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginFailure {
    /// No enabled user of that name (and privilege, for a privilege lookup) has access on this channel.
    UnknownUser,
    /// The code in RAKP message 3 was wrong: a wrong password, or a wrong KG.
    WrongPassword,
    /// The client went silent after RAKP message 2. That is what most clients do when the code in it shows them that the password
    /// is wrong; a lost packet looks the same.
    Abandoned,
    /// The user or the source is locked out.
    LockedOut,
    /// The password was right, but more privilege was asked for than the user may have.
    PrivilegeTooHigh,
    /// The password was right, but as many sessions as allowed are open.
    NoSessionLeft,
}

/// Who is locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LockSubject {
    /// The user with this slot.
    User(u8),
    /// This source address; of IPv6 the first 64 bits, the rest zero.
    Source(IpAddr),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Its client closed it.
    Requested,
    /// Another session closed it (Close Session by ID or handle); its managed ID.
    ByOther(u32),
    /// It was silent for too long.
    Idle,
    /// Its user was removed, renamed, disabled or lost access to the channel.
    UserChanged,
    /// [`crate::Endpoint::close`] was called.
    Local,
}

/// Names a request until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestToken(pub(crate) u64);

/// A command to execute. Its data is never printed: it can be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// For the answer.
    pub token: RequestToken,
    /// Where it came from.
    pub from: SocketAddr,
    /// The session that it belongs to; `None` is a request before a session, where few commands are allowed.
    pub session: Option<SessionRef>,
    /// The network function.
    pub net_fn: NetFn,
    /// The LUN that it is for.
    pub lun: Lun,
    /// The command number.
    pub command: u8,
    /// The data bytes.
    pub data: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, from, session, net_fn, lun, command, data } = self;
        let (net_fn, lun, token, length) = (net_fn.value(), lun.value(), token.0, data.len());
        write!(f, "Request({token}: {net_fn:02X}h/{lun} {command:02X}h, {length} bytes, {from}, {session:?})")
    }
}

/// A LAN message from a console to the host's software. Its data is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The session that it came in.
    pub session: SessionRef,
    /// The network function, odd.
    pub net_fn: NetFn,
    /// The command number.
    pub command: u8,
    /// The whole message as it came, checksums verified.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, net_fn, command, bytes } = self;
        write!(f, "Message({:02X}h {command:02X}h, {} bytes, {session:?})", net_fn.value(), bytes.len())
    }
}

/// The session that a request belongs to, as it was when the request came up for execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionRef {
    /// The managed system's session ID.
    pub id: u32,
    /// The session handle: the instance in the top two bits, and 1 to 63.
    pub handle: u8,
    /// The user's slot.
    pub user_slot: u8,
    /// The privilege that the session operates at.
    pub privilege: Privilege,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// The handshake is under way; no user is proven.
    SettingUp,
    /// Open.
    Active,
}

/// A session, for people and for Get Session Info.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// The managed system's session ID.
    pub id: u32,
    /// The session handle: the instance in the top two bits, and 1 to 63; 0 while setting up.
    pub handle: u8,
    /// How far it is.
    pub state: SessionState,
    /// The user's slot; 0 while setting up.
    pub user_slot: u8,
    /// The user's name; empty while setting up.
    pub user_name: Vec<u8>,
    /// The privilege that it operates at.
    pub privilege: Privilege,
    /// The most that it may raise its privilege to.
    pub max_privilege: Privilege,
    /// The client.
    pub peer: SocketAddr,
    /// The cipher suite.
    pub suite: CipherSuite,
    /// When it was opened (or its handshake begun).
    pub opened: Instant,
    /// When the last acceptable packet came: idle since.
    pub last_active: Instant,
}
