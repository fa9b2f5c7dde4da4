//! Power, identify light and system GUID, from powerd and the LED groups, or from OpenBMC's daemons.

use std::sync::Arc;

use bmc_daemon::Tasks;
use bmc_dbus::{names::power as names, power as values};
use ipmi_wire::command::app::Guid;
use zbus::{Connection, Variant};

use super::{
    call,
    mirror::{Mirror, Watched},
    variant_of,
};
use crate::platform::{
    Pending, PlatformError,
    power::{Power, PowerAction, PowerEvent, PowerStatus, RestartCause, RestorePolicy},
};

/// OpenBMC's settings daemon, which has what powerd serves itself here.
const SETTINGS: &str = "xyz.openbmc_project.Settings";

const CHASSIS: usize = 0;
const HOST: usize = 1;
const HOURS: usize = 2;
const POLICY: usize = 3;
const STATUS: usize = 4;
const IDENTIFY: usize = 5;
const X86_CAUSE: usize = 6;
const SYSTEM_UUID: usize = 7;

/// In the order of the constants above.
static WATCHED: [Watched; 8] = [
    Watched {
        what: "the chassis' power state",
        services: &[names::CHASSIS_SERVICE],
        path: names::CHASSIS_PATH,
        interface: names::CHASSIS,
    },
    Watched {
        what: "the host's state",
        services: &[names::HOST_SERVICE],
        path: names::HOST_PATH,
        interface: names::HOST,
    },
    Watched {
        what: "the power-on hours",
        services: &[names::CHASSIS_SERVICE],
        path: names::CHASSIS_PATH,
        interface: names::POWER_ON_HOURS,
    },
    Watched {
        what: "the power restore policy",
        services: &[names::HOST_SERVICE, SETTINGS],
        path: names::RESTORE_POLICY_PATH,
        interface: names::RESTORE_POLICY,
    },
    Watched {
        what: "the last power event",
        services: &[names::CHASSIS_SERVICE],
        path: names::CHASSIS_PATH,
        interface: names::POWER_STATUS,
    },
    Watched {
        what: "the identify light",
        services: &[names::LED_SERVICE],
        path: names::IDENTIFY_PATH,
        interface: names::LED_GROUP,
    },
    Watched {
        what: "x86-power-control's restart cause",
        services: &["xyz.openbmc_project.Control.Host.RestartCause", names::HOST_SERVICE],
        path: names::RESTART_CAUSE_PATH,
        interface: names::RESTART_CAUSE,
    },
    Watched {
        what: "a system UUID of the board",
        services: &[SETTINGS],
        path: "/xyz/openbmc_project/Common/UUID",
        interface: "xyz.openbmc_project.Common.UUID",
    },
];

/// [`Power`] from mirrored properties.
pub(super) struct DbusPower {
    connection: Connection,
    mirror: Arc<Mirror>,
}

impl DbusPower {
    pub(super) async fn start(connection: &Connection, tasks: &mut Tasks) -> zbus::Result<Self> {
        let mirror = Mirror::start(connection, &WATCHED, tasks).await?;
        Ok(Self { connection: connection.clone(), mirror })
    }

    fn text(&self, place: usize, property: &str) -> Option<String> {
        self.mirror.get(place, property)
    }

    fn restart_cause(&self) -> Option<RestartCause> {
        let cause = self.text(X86_CAUSE, "RestartCause").or_else(|| self.text(HOST, "RestartCause"))?;
        Some(match variant_of(&cause) {
            "RemoteCommand" | "IpmiCommand" => RestartCause::RemoteCommand,
            "ResetButton" => RestartCause::ResetButton,
            "PowerButton" => RestartCause::PowerButton,
            "WatchdogTimer" | "Watchdog" => RestartCause::WatchdogTimer,
            "PowerPolicyAlwaysOn" => RestartCause::PowerPolicyAlwaysOn,
            "PowerPolicyPreviousState" => RestartCause::PowerPolicyPreviousState,
            "SoftReset" => RestartCause::SoftReset,
            _ => RestartCause::Unknown,
        })
    }

    /// The interrupt has an object of its own, under powerd's name or under x86-power-control's.
    async fn interrupt(&self) -> Result<(), PlatformError> {
        let mut result = Err(PlatformError::Absent("the diagnostic interrupt"));
        for service in [names::HOST_SERVICE, "xyz.openbmc_project.Control.Host.NMI"] {
            result = call(&self.connection, service, names::NMI_PATH, names::NMI, "NMI", &()).await;
            if !matches!(result, Err(PlatformError::Absent(_))) {
                break;
            }
        }
        result.map(|_| ())
    }

    /// Asks for a transition of the host.
    async fn host(&self, transition: &str) -> Result<(), PlatformError> {
        let value = Variant::from(format!("{}{transition}", values::HOST_TRANSITION));
        self.mirror.set(HOST, "RequestedHostTransition", value).await
    }
}

impl Power for DbusPower {
    fn status(&self) -> Result<PowerStatus, PlatformError> {
        let state = self
            .text(CHASSIS, "CurrentPowerState")
            .ok_or(PlatformError::Absent("the chassis' power state"))?;
        Ok(PowerStatus {
            // Going off is still on, and going on is not on yet.
            on: matches!(variant_of(&state), "On" | "TransitioningToOff"),
            restore_policy: self.text(POLICY, "PowerRestorePolicy").and_then(|policy| {
                match variant_of(&policy) {
                    "AlwaysOff" => Some(RestorePolicy::AlwaysOff),
                    "AlwaysOn" => Some(RestorePolicy::AlwaysOn),
                    "Restore" => Some(RestorePolicy::Previous),
                    _ => None,
                }
            }),
            last_event: self.text(STATUS, "LastPowerEvent").and_then(|event| match variant_of(&event) {
                "AcFailure" => Some(PowerEvent::AcFailure),
                "Overload" => Some(PowerEvent::Overload),
                "Interlock" => Some(PowerEvent::Interlock),
                "PowerFault" => Some(PowerEvent::PowerFault),
                "Command" => Some(PowerEvent::Command),
                _ => None,
            }),
            fault: self.mirror.get(STATUS, "PowerFault").unwrap_or(false),
            control_fault: self.mirror.get(STATUS, "ControlFault").unwrap_or(false),
            identify: self.mirror.get(IDENTIFY, "Asserted"),
            restart_cause: self.restart_cause(),
            on_hours: self.mirror.get(HOURS, "POHCounter"),
        })
    }

    fn request(&self, action: PowerAction) -> Pending<'_, ()> {
        Box::pin(async move {
            match action {
                PowerAction::On => self.host("On").await,
                PowerAction::Off => {
                    let off = format!("{}Off", values::CHASSIS_TRANSITION);
                    self.mirror.set(CHASSIS, "RequestedPowerTransition", Variant::from(off)).await
                }
                PowerAction::Cycle => self.host("Reboot").await,
                PowerAction::Reset => self.host("ForceWarmReboot").await,
                PowerAction::SoftOff => self.host("Off").await,
                PowerAction::DiagnosticInterrupt => self.interrupt().await,
            }
        })
    }

    fn set_restore_policy(&self, policy: RestorePolicy) -> Pending<'_, ()> {
        let value = match policy {
            RestorePolicy::AlwaysOff => "AlwaysOff",
            RestorePolicy::Previous => "Restore",
            RestorePolicy::AlwaysOn => "AlwaysOn",
        };
        let value = Variant::from(format!("{}{value}", values::RESTORE_POLICY));
        Box::pin(self.mirror.set(POLICY, "PowerRestorePolicy", value))
    }

    fn system_guid(&self) -> Option<Guid> {
        crate::guid::parse(&self.text(SYSTEM_UUID, "UUID")?)
    }

    fn set_identify(&self, on: bool) -> Pending<'_, ()> {
        Box::pin(self.mirror.set(IDENTIFY, "Asserted", Variant::Bool(on)))
    }
}
