//! Why datagrams are thrown away, counted.

macro_rules! discards {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a datagram was thrown away without an answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Discard { $(#[doc = $text] $name,)* }

        const NAMES: &[&str] = &[$($text),*];
    };
}

discards! {
    Malformed = "malformed",
    NotForUs = "not for us",
    AuthenticationType = "authentication type not accepted",
    PayloadType = "payload type not accepted",
    Checksum = "checksum wrong",
    UnknownSession = "unknown session",
    UnexpectedState = "not expected in this state",
    WrongSource = "from another address than the session's",
    Unprotected = "protection of the session missing",
    Integrity = "integrity check failed",
    Confidentiality = "decryption failed",
    Replayed = "sequence number replayed",
    OutOfWindow = "sequence number out of window",
    QueueFull = "request queue full",
    Retransmitted = "retransmission of a request being executed",
    NoRandom = "no random bytes",
    SessionGone = "answer for a session that is gone",
    LoginRefused = "login refused",
    PayloadInactive = "payload not active",
    HalfOpenReplaced = "handshake replaced by a newer one",
    HandshakeExpired = "handshake not finished in time",
}

/// How many datagrams were thrown away, by reason, since the endpoint was made.
#[derive(Debug, Clone)]
pub struct Discards {
    counts: [u64; NAMES.len()],
}

impl Default for Discards {
    fn default() -> Self {
        Self { counts: [0; NAMES.len()] }
    }
}

impl Discards {
    /// The count of one reason.
    pub fn get(&self, reason: Discard) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or_default()
    }

    /// Every reason in words, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().copied().zip(self.counts)
    }

    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) fn count(&mut self, reason: Discard) {
        if let Some(count) = self.counts.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }
}
