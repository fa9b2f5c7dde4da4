//! powerd's objects, as its callers see them.
//!
//! Enumerations travel as OpenBMC's full names, such as `xyz.openbmc_project.State.Host.Transition.On`.

use zbus::proxy;

/// What each value of `RequestedHostTransition` begins with; Off, On, Reboot, GracefulWarmReboot or ForceWarmReboot follows.
pub const HOST_TRANSITION: &str = "xyz.openbmc_project.State.Host.Transition.";
/// What each value of `CurrentHostState` begins with.
pub const HOST_STATE: &str = "xyz.openbmc_project.State.Host.HostState.";
/// What each restart cause begins with.
pub const RESTART_CAUSE: &str = "xyz.openbmc_project.State.Host.RestartCause.";
/// What each value of `RequestedPowerTransition` begins with; Off, On or PowerCycle follows.
pub const CHASSIS_TRANSITION: &str = "xyz.openbmc_project.State.Chassis.Transition.";
/// What each value of `CurrentPowerState` begins with.
pub const POWER_STATE: &str = "xyz.openbmc_project.State.Chassis.PowerState.";
/// What each value of `CurrentPowerStatus` begins with.
pub const POWER_STATUS: &str = "xyz.openbmc_project.State.Chassis.PowerStatus.";
/// What each restore policy begins with; None, AlwaysOn, AlwaysOff or Restore follows.
pub const RESTORE_POLICY: &str = "xyz.openbmc_project.Control.Power.RestorePolicy.Policy.";
/// What each operating system state begins with.
pub const OS_STATE: &str = "xyz.openbmc_project.State.OperatingSystem.Status.OSStatus.";
/// What each boot progress begins with.
pub const BOOT_PROGRESS: &str = "xyz.openbmc_project.State.Boot.Progress.ProgressStages.";

/// The host's state and requested transitions.
#[proxy(
    interface = "xyz.openbmc_project.State.Host",
    default_service = "xyz.openbmc_project.State.Host",
    default_path = "/xyz/openbmc_project/state/host0"
)]
pub trait Host {
    /// Asks for a transition; refused with a reason where the present state does not allow it.
    #[zbus(property)]
    fn set_requested_host_transition(&self, transition: &str) -> zbus::Result<()>;
    /// The last transition that was asked for.
    #[zbus(property)]
    fn requested_host_transition(&self) -> zbus::Result<String>;
    /// The transitions that the present state allows.
    #[zbus(property)]
    fn allowed_host_transitions(&self) -> zbus::Result<Vec<String>>;
    /// The state.
    #[zbus(property)]
    fn current_host_state(&self) -> zbus::Result<String>;
    /// Why the host last started.
    #[zbus(property)]
    fn restart_cause(&self) -> zbus::Result<String>;
}

/// The chassis' state and requested transitions.
#[proxy(
    interface = "xyz.openbmc_project.State.Chassis",
    default_service = "xyz.openbmc_project.State.Chassis",
    default_path = "/xyz/openbmc_project/state/chassis0"
)]
pub trait Chassis {
    /// Asks for a transition, at once and without asking the operating system.
    #[zbus(property)]
    fn set_requested_power_transition(&self, transition: &str) -> zbus::Result<()>;
    /// The last transition that was asked for.
    #[zbus(property)]
    fn requested_power_transition(&self) -> zbus::Result<String>;
    /// The state.
    #[zbus(property)]
    fn current_power_state(&self) -> zbus::Result<String>;
    /// The state of the supply; Undefined where the lines cannot be read.
    #[zbus(property)]
    fn current_power_status(&self) -> zbus::Result<String>;
    /// When the state last changed, milliseconds since the epoch.
    #[zbus(property)]
    fn last_state_change_time(&self) -> zbus::Result<u64>;
}

/// What IPMI's chassis status wants and OpenBMC has no property for.
#[proxy(
    interface = "org.ferrite.Power.Status",
    default_service = "xyz.openbmc_project.State.Chassis",
    default_path = "/xyz/openbmc_project/state/chassis0"
)]
pub trait PowerStatus {
    /// None, AcFailure, Overload, Interlock, PowerFault (each what power last went by), or Command: power is, or was last, on
    /// because a client asked for it.
    #[zbus(property)]
    fn last_power_event(&self) -> zbus::Result<String>;
    /// Whether the main power failed.
    #[zbus(property)]
    fn power_fault(&self) -> zbus::Result<bool>;
    /// Whether a request to switch had no effect.
    #[zbus(property)]
    fn control_fault(&self) -> zbus::Result<bool>;
    /// powerd resets the host under power, whatever the cause. Where the host is a virtual machine, this is its reset line.
    #[zbus(signal)]
    fn host_reset(&self) -> zbus::Result<()>;
    /// powerd interrupts the host (non-maskable), whatever the cause.
    #[zbus(signal)]
    fn host_nmi(&self) -> zbus::Result<()>;
}

/// Hours of operation.
#[proxy(
    interface = "xyz.openbmc_project.State.PowerOnHours",
    default_service = "xyz.openbmc_project.State.Chassis",
    default_path = "/xyz/openbmc_project/state/chassis0"
)]
pub trait PowerOnHours {
    /// Whole hours with host power on, since the counter was made.
    #[zbus(property, name = "POHCounter")]
    fn poh_counter(&self) -> zbus::Result<u32>;
}

/// What happens after mains power comes back.
#[proxy(
    interface = "xyz.openbmc_project.Control.Power.RestorePolicy",
    default_service = "xyz.openbmc_project.State.Host",
    default_path = "/xyz/openbmc_project/control/host0/power_restore_policy"
)]
pub trait RestorePolicy {
    /// The policy.
    #[zbus(property)]
    fn power_restore_policy(&self) -> zbus::Result<String>;
    /// Changes and keeps the policy.
    #[zbus(property)]
    fn set_power_restore_policy(&self, policy: &str) -> zbus::Result<()>;
    /// How long to wait before it is applied, in µs.
    #[zbus(property)]
    fn power_restore_delay(&self) -> zbus::Result<u64>;
    /// Changes and keeps the delay, in µs.
    #[zbus(property)]
    fn set_power_restore_delay(&self, delay: u64) -> zbus::Result<()>;
}

/// Non-maskable interrupt to the host.
#[proxy(
    interface = "xyz.openbmc_project.Control.Host.NMI",
    default_service = "xyz.openbmc_project.State.Host",
    default_path = "/xyz/openbmc_project/control/host0/nmi"
)]
pub trait Nmi {
    /// Pulses the line; refused where the host is off or the board has none.
    #[zbus(name = "NMI")]
    fn nmi(&self) -> zbus::Result<()>;
}

/// Why the host last restarted.
#[proxy(
    interface = "xyz.openbmc_project.Control.Host.RestartCause",
    default_service = "xyz.openbmc_project.State.Host",
    default_path = "/xyz/openbmc_project/control/host0/restart_cause"
)]
pub trait RestartCause {
    /// The cause.
    #[zbus(property)]
    fn restart_cause(&self) -> zbus::Result<String>;
    /// The cause that a client asked to be noted for the next restart.
    #[zbus(property)]
    fn requested_restart_cause(&self) -> zbus::Result<String>;
    /// Notes the cause of the restart that the caller asks for next.
    #[zbus(property)]
    fn set_requested_restart_cause(&self, cause: &str) -> zbus::Result<()>;
}

/// The identify LED group.
#[proxy(
    interface = "xyz.openbmc_project.Led.Group",
    default_service = "xyz.openbmc_project.LED.GroupManager",
    default_path = "/xyz/openbmc_project/led/groups/enclosure_identify"
)]
pub trait LedGroup {
    /// Whether the LEDs of the group are driven.
    #[zbus(property)]
    fn asserted(&self) -> zbus::Result<bool>;
    /// Drives them, or stops.
    #[zbus(property)]
    fn set_asserted(&self, asserted: bool) -> zbus::Result<()>;
}

/// A button of the front panel; its path is `BUTTONS_ROOT/<name>`.
#[proxy(
    interface = "xyz.openbmc_project.Chassis.Buttons",
    default_service = "xyz.openbmc_project.Chassis.Buttons"
)]
pub trait Button {
    /// Whether it is down.
    #[zbus(property)]
    fn button_pressed(&self) -> zbus::Result<bool>;
    /// Whether presses are passed over.
    #[zbus(property)]
    fn button_masked(&self) -> zbus::Result<bool>;
    /// Passes presses over, or no longer. Not kept over restarts.
    #[zbus(property)]
    fn set_button_masked(&self, masked: bool) -> zbus::Result<()>;
}
