//! The SDR repository's update mode (v2.0§33.19, §33.20): while one client changes records, nobody reads or changes them half-way.
//!
//! Nobody has to enter it, for each change is whole by itself; a client enters it for changes that belong together. Device SDRs are
//! without what clients add, and are read as ever.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipmi_wire::CompletionCode;
use tokio::time::Instant;

use crate::dispatch::Caller;

/// How long after its holder's last command the mode ends by itself: a client that died keeps nobody out for longer.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60);

/// Who has the repository to itself, if anybody. Not kept over a restart: who was at it has to begin anew.
#[derive(Debug, Default)]
pub(crate) struct UpdateMode(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    by: Holder,
    last_command: Instant,
}

/// A user on a channel, not a session: each `ipmitool raw` has one of its own, and what one entered the next has to leave.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    channel: u8,
    user_slot: Option<u8>,
}

impl Holder {
    fn of(caller: &Caller) -> Self {
        Self { channel: caller.channel, user_slot: caller.user_slot }
    }
}

impl UpdateMode {
    /// Whether `caller` may use the repository. A holder's command is a sign of its life.
    ///
    /// # Errors
    /// [`CompletionCode::SDR_UPDATE_MODE`] while it is another's.
    pub(crate) fn admit(&self, caller: &Caller, now: Instant) -> Result<(), CompletionCode> {
        match self.held(now).as_mut() {
            None => Ok(()),
            Some(held) if held.by == Holder::of(caller) => {
                held.last_command = now;
                Ok(())
            }
            Some(_) => Err(CompletionCode::SDR_UPDATE_MODE),
        }
    }

    /// The mode is `caller`'s, who was [admitted](Self::admit). Gives whether it was nobody's.
    pub(crate) fn enter(&self, caller: &Caller, now: Instant) -> bool {
        self.held(now).replace(Held { by: Holder::of(caller), last_command: now }).is_none()
    }

    /// The mode is nobody's. Gives whether it was somebody's.
    pub(crate) fn exit(&self, now: Instant) -> bool {
        self.held(now).take().is_some()
    }

    /// What there is of the mode, without one that has ended.
    fn held(&self, now: Instant) -> MutexGuard<'_, Option<Held>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.take_if(|held| now.saturating_duration_since(held.last_command) > LIFETIME);
        held
    }
}

#[cfg(test)]
mod tests {
    use bmc_daemon::ChannelMedium;

    use super::*;

    const OTHERS: Result<(), CompletionCode> = Err(CompletionCode::SDR_UPDATE_MODE);

    fn user(channel: u8, slot: u8, session: u32) -> Caller {
        let caller = Caller::without_session(channel, ChannelMedium::Lan);
        Caller { user_slot: Some(slot), session_id: Some(session), ..caller }
    }

    #[test]
    fn it_belongs_to_a_user_on_a_channel_whatever_the_session() {
        let (mode, now) = (UpdateMode::default(), Instant::now());
        assert_eq!(mode.admit(&user(1, 2, 7), now), Ok(()));
        assert!(mode.enter(&user(1, 2, 7), now));
        assert_eq!(mode.admit(&user(1, 2, 8), now), Ok(()));
        assert!(!mode.enter(&user(1, 2, 8), now), "it was the same user's");
        assert_eq!(mode.admit(&user(1, 3, 9), now), OTHERS);
        assert_eq!(mode.admit(&user(2, 2, 7), now), OTHERS);
        assert_eq!(mode.admit(&Caller::without_session(0, ChannelMedium::SystemInterface), now), OTHERS);
        assert!(mode.exit(now) && !mode.exit(now));
        assert_eq!(mode.admit(&user(1, 3, 9), now), Ok(()));
    }

    #[test]
    fn it_ends_when_its_holder_is_silent_for_its_lifetime() {
        let (mode, start) = (UpdateMode::default(), Instant::now());
        mode.enter(&user(1, 2, 7), start);
        assert_eq!(mode.admit(&user(1, 3, 9), start + LIFETIME), OTHERS);
        assert_eq!(mode.admit(&user(1, 2, 7), start + LIFETIME), Ok(()), "which is heard");
        assert_eq!(mode.admit(&user(1, 3, 9), start + LIFETIME * 2), OTHERS, "which does not count");
        let end = start + LIFETIME * 2 + Duration::from_millis(1);
        assert_eq!(mode.admit(&user(1, 3, 9), end), Ok(()));
        assert!(mode.enter(&user(1, 3, 9), end));
    }
}
