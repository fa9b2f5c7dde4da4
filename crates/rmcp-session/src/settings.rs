//! What an operator may decide about a channel's sessions.

use std::time::Duration;

use crate::{CipherSuite, SolParameters};

/// The settings of one endpoint.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The channel's number, 0 to 11 (v2.0§6.3).
    pub channel: u8,
    /// Which of the controller's LAN channels this is, 0 to 3: the top two bits of session IDs and handles, so that those of
    /// different channels never meet. More than three is taken modulo four. Default: 0.
    pub instance: u8,
    /// The cipher suites that are offered and accepted. Default: 17 alone.
    pub suites: Vec<CipherSuite>,
    /// Bounds in number and time.
    pub limits: Limits,
    /// When failed logins lock a user or a source out; `None` never does. Default: see [`Lockout`].
    pub lockout: Option<Lockout>,
    /// Serial over LAN.
    pub sol: SolParameters,
    /// The managed system's GUID as RAKP message 2 carries it (v2.0§13.21).
    pub guid: [u8; 16],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            channel: 1,
            instance: 0,
            suites: vec![CipherSuite::Seventeen],
            limits: Limits::default(),
            lockout: Some(Lockout::default()),
            sol: SolParameters::default(),
            guid: [0; 16],
        }
    }
}

/// Bounds in number and time. A zero would make the endpoint useless and is taken as one.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sessions that are open at once, at most 63 (a session handle has six bits beside the instance). Default: 15.
    pub sessions: usize,
    /// Open sessions of one user. Default: 15.
    pub sessions_per_user: usize,
    /// Handshakes under way at once; a newer one replaces the oldest. Default: 256.
    pub half_open: usize,
    /// Handshakes under way from one source address; a newer one replaces that source's oldest. Default: 8.
    pub half_open_per_source: usize,
    /// How long a handshake may take from Open Session Request to RAKP message 3. Default: 10 s.
    pub handshake: Duration,
    /// How long a session may be silent; the specification asks for 60 s ± 3 s (v2.0§6.12.15). Default: 60 s.
    pub idle: Duration,
    /// Requests of one session that wait while another is being executed; more are discarded. Default: 8.
    pub queued_requests: usize,
    /// Requests outside any session that are being executed at once; more are discarded. Default: 8.
    pub sessionless_requests: usize,
    /// How long the last reply answers a retransmitted request. Default: 5 s.
    pub retransmission: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 15,
            sessions_per_user: 15,
            half_open: 256,
            half_open_per_source: 8,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            queued_requests: 8,
            sessionless_requests: 8,
            retransmission: Duration::from_secs(5),
        }
    }
}

/// When failed logins lock out, and for how long.
///
/// A failed login is a wrong code in RAKP message 3. While locked out, every login of the user (or from the source) is answered
/// exactly as one with a wrong password, also when the password is right.
#[derive(Debug, Clone)]
pub struct Lockout {
    /// Failures that lock a user out; 0 never does. Default: 10.
    pub user_failures: u32,
    /// Failures that lock a source address out (an IPv6 source counts as its /64); 0 never does. Default: 20.
    pub source_failures: u32,
    /// Failures older than this no longer count. Default: 5 min.
    pub window: Duration,
    /// How long a lockout lasts. Default: 5 min.
    pub duration: Duration,
    /// Whether a handshake that is abandoned after RAKP message 2 counts as a failure too. Clients that see a wrong password there
    /// send no RAKP message 3, but neither does who floods: counting them lets a flood lock users out. Default: no.
    pub count_abandoned: bool,
}

impl Default for Lockout {
    fn default() -> Self {
        Self {
            user_failures: 10,
            source_failures: 20,
            window: Duration::from_secs(300),
            duration: Duration::from_secs(300),
            count_abandoned: false,
        }
    }
}
