//! Handshakes under way: what each step may use, and how many there may be.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipmi_wire::{Privilege, rakp::Rakp1};

use crate::{CipherSuite, Limits, Secret, exchange::Exchange, lockout};

/// A handshake between Open Session Request and RAKP message 3.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) managed_session_id: u32,
    pub(crate) peer: SocketAddr,
    pub(crate) begun: Instant,
    pub(crate) step: Step,
}

/// How far a handshake is; each step holds only what its next message may use.
#[derive(Debug)]
pub(crate) enum Step {
    Opened(Opened),
    Challenged(Box<Challenged>),
}

/// An Open Session Request was answered; RAKP message 1 comes next.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) tag: u8,
    pub(crate) console_session_id: u32,
    pub(crate) suite: CipherSuite,
    pub(crate) requested_privilege: u8,
    pub(crate) max_privilege: Privilege,
}

/// RAKP message 1 was answered with a challenge; RAKP message 3 comes next.
#[derive(Debug)]
pub(crate) struct Challenged {
    pub(crate) opened: Opened,
    pub(crate) tag: u8,
    pub(crate) exchange: Exchange,
    pub(crate) candidate: Candidate,
    /// The answer, for a repeated RAKP message 1.
    pub(crate) reply: Vec<u8>,
}

/// Who the exchange is with. The exchange runs the same way for all three, so that a client cannot tell them apart.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) identity: Identity,
    /// The user's password, or random bytes where there is no such user.
    pub(crate) password: Secret,
}

/// What is known of the user behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// May log in.
    User { slot: u8, max_privilege: Privilege },
    /// Is there, but it or the source is locked out.
    LockedOut(Option<u8>),
    /// Is not there.
    Unknown,
}

impl Identity {
    /// The slot of the user, where there is one.
    pub(crate) fn slot(self) -> Option<u8> {
        match self {
            Self::User { slot, .. } => Some(slot),
            Self::LockedOut(slot) => slot,
            Self::Unknown => None,
        }
    }
}

impl Challenged {
    /// Whether `message` is the RAKP message 1 that led here, sent again.
    pub(crate) fn is_repeated(&self, message: &Rakp1<'_>) -> bool {
        self.tag == message.tag
            && self.exchange.console_random == message.console_random
            && self.exchange.role == message.role
            && self.exchange.user_name == message.user_name
    }
}

/// All handshakes under way, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    list: Vec<Handshake>,
}

impl Handshakes {
    /// Adds a handshake; how many older ones gave way for it. Who floods under false addresses gets no further than the first
    /// step, so that those who have gone further are spared.
    pub(crate) fn add(&mut self, handshake: Handshake, limits: &Limits) -> u64 {
        let source = lockout::source(handshake.peer.ip());
        let from_source = |other: &Handshake| lockout::source(other.peer.ip()) == source;
        let mut replaced = 0;
        while self.list.iter().filter(|other| from_source(other)).count()
            >= limits.half_open_per_source.max(1)
            && self.give_way(from_source)
        {
            replaced += 1;
        }
        while self.list.len() >= limits.half_open.max(1) && self.give_way(|_| true) {
            replaced += 1;
        }
        self.list.push(handshake);
        replaced
    }

    /// Ends one of those in which `of` holds: the oldest whose client has not answered yet, while these are half of them or more;
    /// else the oldest of all, so that answering does not crowd newcomers out either. Whether there was one.
    fn give_way(&mut self, of: impl Fn(&Handshake) -> bool) -> bool {
        let silent = |handshake: &Handshake| of(handshake) && matches!(handshake.step, Step::Opened(_));
        let count = |is: &dyn Fn(&Handshake) -> bool| self.list.iter().filter(|other| is(other)).count();
        let at = if count(&silent) * 2 >= count(&of) {
            self.list.iter().position(silent)
        } else {
            self.list.iter().position(&of)
        };
        at.map(|at| self.list.remove(at)).is_some()
    }

    /// The handshake with an ID, if `peer` began it.
    pub(crate) fn get(&self, managed_session_id: u32, peer: SocketAddr) -> Option<&Handshake> {
        self.list
            .iter()
            .find(|handshake| handshake.managed_session_id == managed_session_id && handshake.peer == peer)
    }

    /// Takes the handshake with an ID out.
    pub(crate) fn take(&mut self, managed_session_id: u32) -> Option<Handshake> {
        let at = self.list.iter().position(|handshake| handshake.managed_session_id == managed_session_id)?;
        Some(self.list.remove(at))
    }

    /// Puts a handshake back that went one step further; it keeps its age.
    pub(crate) fn put_back(&mut self, handshake: Handshake) {
        let at = self.list.partition_point(|other| other.begun <= handshake.begun);
        self.list.insert(at, handshake);
    }

    /// Takes the oldest out, if it began `limit` ago or earlier.
    pub(crate) fn take_expired(&mut self, now: Instant, limit: Duration) -> Option<Handshake> {
        let oldest = self.list.first()?;
        (now.saturating_duration_since(oldest.begun) >= limit).then(|| self.list.remove(0))
    }

    /// Ends those in which `ends` holds; how many.
    pub(crate) fn end(&mut self, ends: impl Fn(&Handshake) -> bool) -> u64 {
        let before = self.list.len();
        self.list.retain(|handshake| !ends(handshake));
        u64::try_from(before - self.list.len()).unwrap_or(u64::MAX)
    }

    /// When the oldest is over.
    pub(crate) fn next_timeout(&self, limit: Duration) -> Option<Instant> {
        self.list.first()?.begun.checked_add(limit)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Handshake> {
        self.list.iter()
    }
}
