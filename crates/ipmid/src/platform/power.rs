//! The host's power and the chassis: state, actions, identify light.

use ipmi_wire::command::app::Guid;

use super::{Pending, PlatformError};

/// The seam to powerd, the LED groups and, on a stock BMC, the settings daemon.
pub trait Power: Send + Sync {
    /// What is known now.
    ///
    /// # Errors
    /// [`PlatformError::Absent`] while nobody on the bus tells the chassis' state.
    fn status(&self) -> Result<PowerStatus, PlatformError>;
    /// Starts `action`. Done means accepted: sequencing takes seconds.
    fn request(&self, action: PowerAction) -> Pending<'_, ()>;
    /// What happens from the next loss of mains on.
    fn set_restore_policy(&self, policy: RestorePolicy) -> Pending<'_, ()>;
    /// The system's own GUID, where the board keeps one.
    fn system_guid(&self) -> Option<Guid>;
    /// Turns the identify light on or off.
    fn set_identify(&self, on: bool) -> Pending<'_, ()>;
}

/// State of power and chassis. What no provider tells is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PowerStatus {
    /// Whether the main power is on.
    pub on: bool,
    /// What happens when mains comes back.
    pub restore_policy: Option<RestorePolicy>,
    /// Why power last changed.
    pub last_event: Option<PowerEvent>,
    /// The main power subsystem has a fault.
    pub fault: bool,
    /// The controller could not make power do what was asked.
    pub control_fault: bool,
    /// Whether the identify light is on.
    pub identify: Option<bool>,
    /// Why the host last started.
    pub restart_cause: Option<RestartCause>,
    /// Hours of operation.
    pub on_hours: Option<u32>,
}

/// What Chassis Control can ask for (v2.0§28.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerAction {
    /// Off at once.
    Off,
    /// On.
    On,
    /// Off for a while, then on.
    Cycle,
    /// Hard reset, power stays.
    Reset,
    /// Non-maskable interrupt to the host.
    DiagnosticInterrupt,
    /// Asks the operating system to shut down.
    SoftOff,
}

/// What happens when mains power comes back (v2.0§28.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorePolicy {
    /// Stays off.
    AlwaysOff,
    /// As it was before.
    Previous,
    /// Powers on.
    AlwaysOn,
}

/// Why power last changed (v2.0§28.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerEvent {
    /// Mains was lost.
    AcFailure,
    /// Too much was drawn.
    Overload,
    /// An interlock opened.
    Interlock,
    /// A power supply or regulator failed.
    PowerFault,
    /// An IPMI command turned it on.
    Command,
}

/// Why the host last started, as OpenBMC names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartCause {
    /// Nobody knows.
    Unknown,
    /// A command over a channel.
    RemoteCommand,
    /// The reset button.
    ResetButton,
    /// The power button.
    PowerButton,
    /// The watchdog.
    WatchdogTimer,
    /// Restore policy "always on".
    PowerPolicyAlwaysOn,
    /// Restore policy "as before".
    PowerPolicyPreviousState,
    /// The host reset itself.
    SoftReset,
}
