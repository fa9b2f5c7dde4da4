//! Counting failed logins per user and per source.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    time::Instant,
};

use crate::{LockSubject, Lockout};

/// Sources that are remembered at once; the one that failed longest ago gives way. Users, of whom there are 63 at most, never do:
/// whoever has many addresses could make the endpoint forget a user's failures.
const REMEMBERED: usize = 1024;

/// The failures of everyone who failed recently.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    records: HashMap<LockSubject, Record>,
}

#[derive(Debug)]
struct Record {
    failures: VecDeque<Instant>,
    locked_until: Option<Instant>,
}

impl Failures {
    /// Whether `subject` is locked out at `now`.
    pub(crate) fn is_locked(&self, now: Instant, subject: LockSubject) -> bool {
        self.records.get(&subject).and_then(|record| record.locked_until).is_some_and(|until| now < until)
    }

    /// Counts a failure; until when `subject` is locked out, where this failure did it.
    pub(crate) fn count(&mut self, now: Instant, subject: LockSubject, policy: &Lockout) -> Option<Instant> {
        let allowed = match subject {
            LockSubject::User(_) => policy.user_failures,
            LockSubject::Source(_) => policy.source_failures,
        };
        if allowed == 0 {
            return None;
        }
        self.make_room(subject);
        let record = self
            .records
            .entry(subject)
            .or_insert_with(|| Record { failures: VecDeque::new(), locked_until: None });
        record.failures.retain(|failure| now.saturating_duration_since(*failure) < policy.window);
        record.failures.push_back(now);
        if record.failures.len() < usize::try_from(allowed).unwrap_or(usize::MAX) {
            return None;
        }
        record.failures.clear();
        let until = now.checked_add(policy.duration)?;
        record.locked_until = Some(until);
        Some(until)
    }

    /// Forgets the failures of `subject`, who has proven to be who it says.
    pub(crate) fn forget(&mut self, subject: LockSubject) {
        self.records.remove(&subject);
    }

    fn make_room(&mut self, subject: LockSubject) {
        let is_source = |subject: &LockSubject| matches!(subject, LockSubject::Source(_));
        // Never fewer than there are sources, and quick.
        if self.records.len() < REMEMBERED || self.records.contains_key(&subject) || !is_source(&subject) {
            return;
        }
        let sources = || self.records.iter().filter(|(subject, _)| is_source(subject));
        if sources().count() < REMEMBERED {
            return;
        }
        let last = |record: &Record| record.failures.back().copied().max(record.locked_until);
        let oldest = sources().min_by_key(|(_, record)| last(record)).map(|(subject, _)| *subject);
        if let Some(oldest) = oldest {
            self.records.remove(&oldest);
        }
    }
}

/// The source that an address counts as: an IPv6 client has a whole /64 to choose from.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const POLICY: Lockout = Lockout {
        user_failures: 3,
        source_failures: 0,
        window: Duration::from_secs(60),
        duration: Duration::from_secs(100),
        count_abandoned: false,
    };
    const USER: LockSubject = LockSubject::User(2);

    #[test]
    fn the_third_failure_locks_out_until_the_duration_is_over() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        assert_eq!(failures.count(start, USER, &POLICY), None);
        assert_eq!(failures.count(start, USER, &POLICY), None);
        assert!(!failures.is_locked(start, USER));
        let until = start + POLICY.duration;
        assert_eq!(failures.count(start, USER, &POLICY), Some(until));
        assert!(failures.is_locked(until - Duration::from_millis(1), USER));
        assert!(!failures.is_locked(until, USER));
    }

    #[test]
    fn failures_before_the_window_do_not_count() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        failures.count(start, USER, &POLICY);
        failures.count(start, USER, &POLICY);
        assert_eq!(failures.count(start + POLICY.window, USER, &POLICY), None);
    }

    #[test]
    fn a_limit_of_zero_never_locks_out() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let source = LockSubject::Source(IpAddr::V4([192, 0, 2, 1].into()));
        assert!((0..100).all(|_| failures.count(start, source, &POLICY).is_none()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let policy = Lockout { source_failures: 5, ..POLICY };
        for number in 0..5000u32 {
            let subject = LockSubject::Source(IpAddr::V4(number.into()));
            failures.count(start + Duration::from_millis(number.into()), subject, &policy);
        }
        assert_eq!(failures.records.len(), REMEMBERED);
    }

    #[test]
    fn failures_from_many_sources_do_not_free_a_user_who_is_locked_out() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let policy = Lockout { source_failures: 5, ..POLICY };
        (0..3).for_each(|_| _ = failures.count(start, USER, &policy));
        for number in 0..5000u32 {
            let subject = LockSubject::Source(IpAddr::V4(number.into()));
            failures.count(start + Duration::from_millis(number.into()), subject, &policy);
        }
        assert!(failures.is_locked(start + Duration::from_secs(6), USER));
        assert_eq!(failures.records.len(), REMEMBERED + 1);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_source() {
        let address = |text: &str| source(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
