//! Who logged in, who failed to, and why: in the journal, within bounds.

use std::time::{Duration, Instant};

use bmc_dbus::direct_line::ExecuteError;
use rmcp_session::Event;

/// Lines in one [`PERIOD`]; an attacker decides how many logins fail.
const LINES: u32 = 30;
const PERIOD: Duration = Duration::from_secs(60);

/// The audit log of one channel.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    period: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl Audit {
    /// Records an event other than a request.
    pub(crate) fn record(&mut self, channel: &str, event: &Event) {
        if !self.allowed(Instant::now()) {
            return;
        }
        let shown = |name: &[u8]| name.escape_ascii().to_string();
        match event {
            Event::Request(_) => {}
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

    /// Records that a command got no reply from ipmid.
    pub(crate) fn not_executed(&mut self, error: &ExecuteError) {
        if self.allowed(Instant::now()) {
            tracing::warn!("command not executed: {error}");
        }
    }

    /// Whether another line may be written at `now`; a new period tells what the last one kept back.
    fn allowed(&mut self, now: Instant) -> bool {
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
    use super::*;

    #[test]
    fn a_flood_of_failures_writes_a_bounded_number_of_lines_a_minute() {
        let mut audit = Audit::default();
        let now = Instant::now();
        let written = (0..1000).filter(|_| audit.allowed(now)).count();
        assert_eq!(written, LINES as usize);
        assert!(audit.allowed(now + PERIOD));
        assert_eq!(audit.suppressed, 0);
    }
}
