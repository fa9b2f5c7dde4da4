//! What of logins and sessions stands in the event log: seld hears it as a signal (v2.0 table 42-3, type 2Ah).

use bmc_dbus::names::ipmi;
use ipmi_wire::record::event::session_audit::{
    ACTIVATED, DEACTIVATED, INVALID_LOGIN, INVALID_PASSWORD_DISABLE,
};
use rmcp_session::{CloseReason, Event, LockSubject, LoginFailure};
use tokio::sync::{Mutex, mpsc};
use zbus::{Connection, object_server::SignalEmitter};

use crate::{channel::LanChannel, config::Checked, service::Lan};

/// Events that wait while there is no bus; those beyond stand in the journal alone.
const WAITING: usize = 64;

/// An event, in IPMI's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    event: u8,
    user_slot: u8,
    cause: u8,
}

/// Events on their way to the bus; they outlive a connection.
#[derive(Debug)]
pub(crate) struct SessionEvents {
    log_sessions: bool,
    count_abandoned: bool,
    waiting: mpsc::Sender<Told>,
    queue: Mutex<mpsc::Receiver<Told>>,
}

impl SessionEvents {
    pub(crate) fn new(config: &Checked) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        Self {
            log_sessions: config.log_sessions,
            count_abandoned: config.settings.lockout.as_ref().is_some_and(|policy| policy.count_abandoned),
            waiting,
            queue: Mutex::new(queue),
        }
    }

    /// Takes an event that the audit recorded, where it is one for the log.
    pub(crate) fn take(&self, event: &Event) {
        if let Some(told) = self.told(event)
            && self.waiting.try_send(told).is_err()
        {
            tracing::debug!("not told, too many wait: {told:?}");
        }
    }

    fn told(&self, event: &Event) -> Option<Told> {
        let told = |event, user_slot, cause| Some(Told { event, user_slot, cause });
        match event {
            Event::LoginFailed { user_slot, reason, .. } if self.is_invalid(*reason) => {
                told(INVALID_LOGIN, user_slot.unwrap_or(0), 0)
            }
            Event::LockedOut { subject: LockSubject::User(slot), .. } => {
                told(INVALID_PASSWORD_DISABLE, *slot, 0)
            }
            // IPMI has no event for an address; the journal names it.
            Event::LockedOut { subject: LockSubject::Source(_), .. } => told(INVALID_PASSWORD_DISABLE, 0, 0),
            Event::SessionOpened(session) if self.log_sessions => told(ACTIVATED, session.user_slot, 0),
            Event::SessionClosed(session, reason) if self.log_sessions => {
                told(DEACTIVATED, session.user_slot, cause(*reason))
            }
            _ => None,
        }
    }

    /// Whether a name or a password was wrong. Who is locked out is refused whatever the password is.
    fn is_invalid(&self, reason: LoginFailure) -> bool {
        match reason {
            LoginFailure::UnknownUser | LoginFailure::WrongPassword => true,
            LoginFailure::Abandoned => self.count_abandoned,
            LoginFailure::LockedOut | LoginFailure::PrivilegeTooHigh | LoginFailure::NoSessionLeft => false,
        }
    }
}

/// The deactivation cause of event data 3.
fn cause(reason: CloseReason) -> u8 {
    match reason {
        CloseReason::Local => 0,
        CloseReason::Requested | CloseReason::ByOther(_) => 1,
        CloseReason::Idle => 2,
        CloseReason::UserChanged => 3,
    }
}

/// Tells the bus what happens, until it is gone.
pub(crate) async fn announce(connection: &Connection, channel: &LanChannel) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(connection, ipmi::channel_path(&channel.name))?;
    let mut queue = channel.session_events.queue.lock().await;
    while let Some(Told { event, user_slot, cause }) = queue.recv().await {
        Lan::session_event(&emitter, channel.number, event, user_slot, cause).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Instant};

    use super::*;
    use crate::config::Config;

    fn events(count_abandoned: bool) -> SessionEvents {
        let channels = bmc_daemon::ChannelTable::read(Path::new("/nonexistent")).unwrap();
        let config = Config::for_test("[::]:0".parse().unwrap());
        let events = SessionEvents::new(&config.check(None, &channels).unwrap());
        SessionEvents { count_abandoned, ..events }
    }

    fn failed(user_slot: Option<u8>, reason: LoginFailure) -> Event {
        let source = "192.0.2.1:50000".parse().unwrap();
        Event::LoginFailed { source, user_name: b"admin".to_vec(), user_slot, reason }
    }

    #[test]
    fn a_wrong_name_a_wrong_password_and_a_lockout_are_told_with_the_user() {
        let events = events(false);
        let told = |event: Event| events.told(&event).map(|told| (told.event, told.user_slot));
        assert_eq!(told(failed(Some(2), LoginFailure::WrongPassword)), Some((2, 2)));
        assert_eq!(told(failed(None, LoginFailure::UnknownUser)), Some((2, 0)));
        let until = Instant::now();
        assert_eq!(told(Event::LockedOut { subject: LockSubject::User(2), until }), Some((3, 2)));
        let source = LockSubject::Source([192, 0, 2, 1].into());
        assert_eq!(told(Event::LockedOut { subject: source, until }), Some((3, 0)));
    }

    #[test]
    fn a_login_that_says_nothing_of_its_password_is_not_told() {
        let right = [LoginFailure::LockedOut, LoginFailure::PrivilegeTooHigh, LoginFailure::NoSessionLeft];
        assert!(right.iter().all(|reason| events(true).told(&failed(Some(2), *reason)).is_none()));
        let abandoned = failed(Some(2), LoginFailure::Abandoned);
        assert_eq!(events(false).told(&abandoned), None);
        assert!(events(true).told(&abandoned).is_some(), "it counts for the lockout too");
    }
}
