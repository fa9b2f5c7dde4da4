//! What befalls the host, told to the parts of powerd that go by it.

use tokio::sync::broadcast;

use crate::machine::{Action, RestartCause, State};

/// Notices that may wait for a part that is busy; it is told when some were lost.
const WAITING: usize = 64;

/// What befell the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It was reset under power.
    Reset(RestartCause),
    /// It was interrupted.
    Nmi,
    /// It restarted by itself.
    Restarted,
    /// It lost its power.
    Off,
    /// Its power came.
    On(RestartCause),
    /// A client asked for a transition (IPMI's Chassis Control).
    Requested,
}

impl Notice {
    /// What an action of the machine means to others.
    pub(crate) fn of(action: &Action, cause: RestartCause) -> Option<Self> {
        match action {
            Action::Reset(cause) => Some(Self::Reset(*cause)),
            Action::Nmi => Some(Self::Nmi),
            Action::Restarted => Some(Self::Restarted),
            Action::Changed { to: State::Off | State::CycleOff { .. }, .. } => Some(Self::Off),
            Action::Changed {
                from:
                    State::Off
                    | State::CycleOff { .. }
                    | State::WaitForPowerOk { .. }
                    | State::RestoreDelay { .. },
                to: State::OnPost | State::OnOs,
                ..
            } => Some(Self::On(cause)),
            _ => None,
        }
    }
}

/// Where notices come from.
pub(crate) fn channel() -> broadcast::Sender<Notice> {
    broadcast::Sender::new(WAITING)
}
