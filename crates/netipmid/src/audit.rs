//! Who logged in, who failed to, and why: in the journal, within bounds.

use std::time::{Duration, Instant};

use bmc_dbus::direct_line::ExecuteError;
use rmcp_session::Event;

/// Lines of one kind in one [`PERIOD`]; an attacker decides how many logins fail.
const LINES: u32 = 30;
const PERIOD: Duration = Duration::from_secs(60);

/// The audit log of one channel. Each kind has lines of its own, so that a flood of failures does not hide the login that
/// succeeds in the end.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    sessions: Budget,
    consoles: Budget,
    failures: Budget,
    lockouts: Budget,
    commands: Budget,
}

impl Audit {
    /// Records an event other than a request; whether that was within the bounds.
    pub(crate) fn record(&mut self, channel: &str, event: &Event) -> bool {
        let budget = match event {
            Event::Request(_)
            | Event::Message(_)
            | Event::SolInput(..)
            | Event::SolDrained(_)
            | Event::SolCarrier(..) => {
                return false;
            }
            Event::SessionOpened(_) | Event::SessionClosed(..) => &mut self.sessions,
            Event::SolOpened(_) | Event::SolClosed(..) => &mut self.consoles,
            Event::LoginFailed { .. } => &mut self.failures,
            Event::LockedOut { .. } => &mut self.lockouts,
        };
        let allowed = budget.allows(Instant::now());
        if allowed {
            write(channel, event);
        }
        allowed
    }

    /// Records that a command got no reply from ipmid.
    pub(crate) fn not_executed(&mut self, error: &ExecuteError) {
        if self.commands.allows(Instant::now()) {
            tracing::warn!("command not executed: {error}");
        }
    }
}

fn write(channel: &str, event: &Event) {
    let shown = |name: &[u8]| name.escape_ascii().to_string();
    match event {
        Event::Request(_)
        | Event::Message(_)
        | Event::SolInput(..)
        | Event::SolDrained(_)
        | Event::SolCarrier(..) => {}
        Event::SolOpened(sol) => tracing::info!(
            channel, user = shown(&sol.session.user_name), source = %sol.session.peer, instance = sol.instance,
            encrypted = sol.encrypted, session = format_args!("{:08x}", sol.session.id), "SOL activated"
        ),
        Event::SolClosed(sol, reason) => tracing::info!(
            channel, user = shown(&sol.session.user_name), source = %sol.session.peer, instance = sol.instance,
            ?reason, seconds = sol.opened.elapsed().as_secs(), bytes_in = sol.received,
            bytes_out = sol.acknowledged, session = format_args!("{:08x}", sol.session.id), "SOL ended"
        ),
        Event::SessionOpened(session) => tracing::info!(
            channel, user = shown(&session.user_name), source = %session.peer, suite = session.suite.id(),
            session = format_args!("{:08x}", session.id), "login"
        ),
        Event::SessionClosed(session, reason) => tracing::info!(
            channel, user = shown(&session.user_name), source = %session.peer, ?reason,
            session = format_args!("{:08x}", session.id), "session closed"
        ),
        Event::LoginFailed { source, user_name, reason, .. } => tracing::warn!(
            channel, user = shown(user_name), %source, ?reason, "login failed"
        ),
        Event::LockedOut { subject, .. } => tracing::warn!(channel, ?subject, "locked out"),
    }
}

/// The lines of one kind.
#[derive(Debug, Default)]
struct Budget {
    period: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl Budget {
    /// Whether another line may be written at `now`; a new period tells what the last one kept back.
    fn allows(&mut self, now: Instant) -> bool {
        let over = self.period.is_none_or(|begun| now.saturating_duration_since(begun) >= PERIOD);
        if over {
            if self.suppressed > 0 {
                tracing::warn!("{} more events were not logged", self.suppressed);
            }
            *self = Self { period: Some(now), ..Self::default() };
        }
        let allowed = self.lines < LINES;
        if allowed {
            self.lines += 1;
        } else {
            self.suppressed += 1;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use rmcp_session::LoginFailure;

    use super::*;

    #[test]
    fn a_flood_of_failures_writes_a_bounded_number_of_lines_a_minute() {
        let mut budget = Budget::default();
        let now = Instant::now();
        let written = (0..1000).filter(|_| budget.allows(now)).count();
        assert_eq!(written, LINES as usize);
        assert!(budget.allows(now + PERIOD));
        assert_eq!(budget.suppressed, 0);
    }

    #[test]
    fn a_flood_of_failures_does_not_hide_what_else_happens() {
        let mut audit = Audit::default();
        let source = "192.0.2.1:50000".parse().unwrap();
        let user_name = b"admin".to_vec();
        let failed =
            Event::LoginFailed { source, user_name, user_slot: Some(2), reason: LoginFailure::WrongPassword };
        let recorded = (0..1000).filter(|_| audit.record("eth0", &failed)).count();
        assert_eq!(recorded, LINES as usize);
        assert_eq!(audit.failures.suppressed, 1000 - u64::from(LINES));
        let now = Instant::now();
        assert!([audit.sessions, audit.lockouts, audit.commands].iter_mut().all(|budget| budget.allows(now)));
    }
}
