//! What goes into the machine and what comes out.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long the panel's power button is held for "off at once".
pub(super) const BUTTON_OVERRIDE: Duration = Duration::from_secs(4);
/// How long power-ok must outlast post-complete for a restart: in a shutdown power-ok goes right behind (x86-power-control's
/// `WarmResetCheckMs`).
pub(super) const WARM_RESET_CHECK: Duration = Duration::from_millis(500);

/// An enumeration whose names are those on D-Bus.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The last part of its name on D-Bus.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }
    };
}

named! {
    /// Why the host started.
    RestartCause {
        /// Not known.
        Unknown,
        /// A client asked.
        RemoteCommand,
        /// The panel's reset button.
        ResetButton,
        /// The panel's power button.
        PowerButton,
        /// A watchdog ran out.
        WatchdogTimer,
        /// Mains power came back, policy "always on".
        PowerPolicyAlwaysOn,
        /// Mains power came back, policy "as before".
        PowerPolicyPreviousState,
        /// The host restarted by itself.
        SoftReset,
        /// A schedule.
        ScheduledPowerOn,
        /// The host crashed.
        HostCrash,
    }
}
named! {
    /// What happens after mains power comes back.
    RestorePolicy {
        /// Nothing is done.
        None,
        /// The host is switched on.
        AlwaysOn,
        /// The host stays off.
        AlwaysOff,
        /// The host is switched on if it was on.
        Restore,
    }
}
named! {
    /// Why power last came or went (v2.0§28.2, "Last Power Event").
    PowerEvent {
        /// Nothing of what follows: a button, a policy, or a shutdown that went as it should.
        None,
        /// Mains power was lost with the host on.
        AcFailure,
        /// The supply was overloaded.
        Overload,
        /// An interlock switched off.
        Interlock,
        /// Power failed.
        PowerFault,
        /// Power is or was last on because a client asked for it.
        Command,
    }
}

/// What a line tells powerd, in the sense of the machine: asserted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The supply is good.
    PowerOk,
    /// The firmware is done.
    PostComplete,
    /// The host went to S5 by itself.
    SioS5,
    /// Panel.
    PowerButton,
    /// Panel.
    ResetButton,
    /// Panel.
    NmiButton,
    /// Panel.
    IdButton,
}

/// What powerd drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The host's power button.
    Power,
    /// The host's reset button.
    Reset,
    /// Non-maskable interrupt.
    Nmi,
}

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Power on.
    On,
    /// Power off at once.
    Off,
    /// Off at once, then on.
    Cycle,
    /// The operating system is asked to shut down.
    Soft,
    /// The operating system is asked to shut down, then on.
    GracefulReboot,
    /// Reset button.
    Reset,
    /// Non-maskable interrupt.
    Nmi,
}

/// A request that the state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{request:?} cannot be done: {reason} (state {state})")]
pub struct Refused {
    /// What was asked for.
    pub request: Request,
    /// The state's name.
    pub state: &'static str,
    /// Why not.
    pub reason: &'static str,
}

/// Where the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The lines cannot be read.
    Unknown,
    /// Off.
    Off,
    /// Off after mains power came back, about to go on.
    RestoreDelay {
        /// When.
        deadline: Instant,
        /// By which policy.
        cause: RestartCause,
    },
    /// Switched on, power-ok not there yet.
    WaitForPowerOk {
        /// How long it may take.
        deadline: Instant,
    },
    /// On, the firmware is at work.
    OnPost,
    /// On, the firmware is done.
    OnOs,
    /// The operating system was asked to shut down.
    GracefulOff {
        /// How long it may take.
        deadline: Instant,
        /// Whether the host goes on again, and why.
        then: Option<RestartCause>,
    },
    /// The power button is held.
    WaitForPowerOkLoss {
        /// How long it may take.
        deadline: Instant,
        /// Whether the host goes on again, and why.
        then: Option<RestartCause>,
    },
    /// Off for a moment in a power cycle.
    CycleOff {
        /// When the host goes on.
        deadline: Instant,
        /// Why.
        cause: RestartCause,
    },
}

impl State {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Off => "Off",
            Self::RestoreDelay { .. } => "RestoreDelay",
            Self::WaitForPowerOk { .. } => "WaitForPowerOk",
            Self::OnPost => "On (POST)",
            Self::OnOs => "On (OS)",
            Self::GracefulOff { then: None, .. } => "GracefulTransitionToOff",
            Self::GracefulOff { .. } => "GracefulTransitionToCycleOff",
            Self::WaitForPowerOkLoss { then: None, .. } => "WaitForPowerOkLoss",
            Self::WaitForPowerOkLoss { .. } => "TransitionToCycleOff",
            Self::CycleOff { .. } => "CycleOff",
        }
    }

    /// Whether a request can be done now.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn allows(self, request: Request) -> Result<(), Refused> {
        let reason = match (self, request) {
            (Self::Unknown, _) => "the power lines cannot be read",
            _ if self.is_already(request) => return Ok(()),
            (Self::Off | Self::RestoreDelay { .. }, Request::On | Request::Off) => return Ok(()),
            (Self::Off | Self::RestoreDelay { .. }, _) => "the host is off",
            (Self::OnPost | Self::OnOs, _) => return Ok(()),
            // On, and Cycle where the host is on its way off anyway, are remembered until it is off.
            (Self::GracefulOff { .. }, Request::On | Request::Off | Request::Cycle | Request::Reset) => {
                return Ok(());
            }
            (Self::WaitForPowerOkLoss { .. }, Request::On | Request::Off | Request::Cycle) => return Ok(()),
            (Self::WaitForPowerOk { .. } | Self::CycleOff { .. }, Request::Off) => return Ok(()),
            (Self::WaitForPowerOkLoss { .. } | Self::CycleOff { .. }, _) => "the host is going off",
            _ => "another transition is under way",
        };
        Err(Refused { request, state: self.name(), reason })
    }

    /// Whether the host is, or is about to be, what the request would make it.
    pub fn is_already(self, request: Request) -> bool {
        match request {
            Request::On => match self {
                Self::OnPost | Self::OnOs | Self::WaitForPowerOk { .. } | Self::CycleOff { .. } => true,
                Self::GracefulOff { then, .. } | Self::WaitForPowerOkLoss { then, .. } => then.is_some(),
                _ => false,
            },
            Request::Cycle => {
                matches!(self, Self::WaitForPowerOkLoss { then: Some(_), .. } | Self::CycleOff { .. })
            }
            Request::Off => matches!(self, Self::Off | Self::WaitForPowerOkLoss { then: None, .. }),
            Request::Soft => matches!(
                self,
                Self::Off
                    | Self::GracefulOff { then: None, .. }
                    | Self::WaitForPowerOkLoss { then: None, .. }
            ),
            Request::GracefulReboot | Request::Reset | Request::Nmi => false,
        }
    }

    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::RestoreDelay { deadline, .. }
            | Self::WaitForPowerOk { deadline }
            | Self::GracefulOff { deadline, .. }
            | Self::WaitForPowerOkLoss { deadline, .. }
            | Self::CycleOff { deadline, .. } => Some(deadline),
            Self::Unknown | Self::Off | Self::OnPost | Self::OnOs => None,
        }
    }

    /// Whether holding the power button can be needed to switch off.
    pub(super) fn may_have_power(self) -> bool {
        !matches!(self, Self::Unknown | Self::Off | Self::RestoreDelay { .. } | Self::CycleOff { .. })
    }

    /// Whether the host is on, or was told to be: what a restore after a loss of mains power goes by.
    pub(super) fn is_meant_to_be_on(self) -> bool {
        match self {
            Self::OnPost | Self::OnOs | Self::WaitForPowerOk { .. } | Self::CycleOff { .. } => true,
            // With "always on" that need not have been so, but powerd would restore it if it started now.
            Self::RestoreDelay { .. } => true,
            Self::GracefulOff { then, .. } | Self::WaitForPowerOkLoss { then, .. } => then.is_some(),
            Self::Unknown | Self::Off => false,
        }
    }
}

/// What the rest of powerd has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Assert or release an output.
    Set(Output, bool),
    /// Switch the identify LED over.
    ToggleIdentify,
    /// Log and publish the state.
    Changed {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// What brought it.
        why: &'static str,
    },
    /// The host is reset under power, for this cause: tell who follows.
    Reset(RestartCause),
    /// The host is interrupted: tell who follows.
    Nmi,
    /// The host restarted by itself.
    Restarted,
    /// Log and publish an event of the power supply.
    PowerEvent(PowerEvent, &'static str),
}

/// What the machine knows besides its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Why the host last started.
    pub restart_cause: RestartCause,
    /// The last event of the power supply.
    pub last_power_event: PowerEvent,
    /// Power failed, and was not good since.
    pub power_fault: bool,
    /// A request had no effect, and none had since.
    pub control_fault: bool,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            restart_cause: RestartCause::Unknown,
            last_power_event: PowerEvent::None,
            power_fault: false,
            control_fault: false,
        }
    }
}

/// What the last run of powerd left behind.
#[derive(Debug, Clone, Copy)]
pub struct Past {
    /// Whether the host was on, or was to be.
    pub was_on: bool,
    /// Whether the BMC itself started since: only then can mains power have been lost.
    pub new_boot: bool,
    /// Why the host last started.
    pub restart_cause: RestartCause,
    /// Why power last came or went.
    pub last_power_event: PowerEvent,
}

/// How long things take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// A short press of the power button, and of NMI.
    pub power_pulse: Duration,
    /// A press that forces off.
    pub force_off_pulse: Duration,
    /// A press of the reset button.
    pub reset_pulse: Duration,
    /// How long a power cycle stays off.
    pub power_cycle: Duration,
    /// How long power-ok may take to come.
    pub power_ok_watchdog: Duration,
    /// How long an operating system may take to shut down.
    pub graceful_power_off: Duration,
}

/// What the machine goes by.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long things take.
    pub timings: Timings,
    /// Whether a soft request that the host ignores ends in a forced power-off.
    pub force_off_after_graceful: bool,
    /// Whether panel buttons are passed on.
    pub button_passthrough: bool,
    /// How long power-ok must be steady to be believed.
    pub power_ok_debounce: Duration,
    /// Whether a line tells that the host went to S5 by itself. Without one a shutdown that the host began and a failure look
    /// the same; as x86-power-control does, neither is then called a fault.
    pub has_s5: bool,
    /// What happens after mains power comes back.
    pub policy: RestorePolicy,
    /// How long to wait before that.
    pub restore_delay: Duration,
}
