//! The objects on the bus: views of the core, and questions to it.

use bmc_dbus::{names::power as names, power as values};
use tokio::sync::{mpsc, oneshot, watch};
use zbus::{Connection, fdo, interface};

use crate::{
    core::{Ask, Asked, View},
    machine::{Request, RestartCause, RestorePolicy, State},
};

/// Bus names that powerd owns; OpenBMC's callers use both spellings of host and chassis.
const NAMES: &[&str] = &[
    names::HOST_SERVICE,
    "xyz.openbmc_project.State.Host0",
    names::CHASSIS_SERVICE,
    "xyz.openbmc_project.State.Chassis0",
    "xyz.openbmc_project.State.OperatingSystem",
    "xyz.openbmc_project.State.OperatingSystem0",
    names::NMI,
    "xyz.openbmc_project.Control.Host.NMI0",
    names::RESTART_CAUSE,
    "xyz.openbmc_project.Control.Host.RestartCause0",
    names::LED_SERVICE,
];

/// The way to the core.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) view: watch::Receiver<View>,
    pub(crate) ask: mpsc::Sender<Asked>,
}

impl Handle {
    fn view(&self) -> View {
        self.view.borrow().clone()
    }

    async fn ask(&self, ask: Ask) -> fdo::Result<()> {
        let gone = || fdo::Error::Failed("powerd is ending".to_owned());
        let (answer, answered) = oneshot::channel();
        self.ask.send((ask, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(fdo::Error::Failed)
    }
}

fn full(prefix: &str, name: &str) -> String {
    format!("{prefix}{name}")
}

/// The row whose name stands behind `prefix` in `text`.
fn choice<T: Copy>(rows: &[(&str, T)], prefix: &str, text: &str) -> fdo::Result<T> {
    let name = text.strip_prefix(prefix).unwrap_or_default();
    rows.iter()
        .find(|row| row.0 == name)
        .map(|row| row.1)
        .ok_or_else(|| fdo::Error::InvalidArgs(format!("`{text}` is not a value of {prefix}*")))
}

const HOST_REQUESTS: &[(&str, Request)] = &[
    ("On", Request::On),
    ("Off", Request::Soft),
    ("Reboot", Request::Cycle),
    ("GracefulWarmReboot", Request::GracefulReboot),
    ("ForceWarmReboot", Request::Reset),
];
const CHASSIS_REQUESTS: &[(&str, Request)] =
    &[("On", Request::On), ("Off", Request::Off), ("PowerCycle", Request::Cycle)];

fn host_state(state: State) -> &'static str {
    match state {
        State::Unknown => "Quiesced",
        State::Off | State::RestoreDelay { .. } | State::CycleOff { .. } => "Off",
        State::WaitForPowerOk { .. } => "TransitioningToRunning",
        State::OnPost | State::OnOs => "Running",
        State::GracefulOff { .. } | State::WaitForPowerOkLoss { .. } => "TransitioningToOff",
    }
}

fn power_state(state: State) -> &'static str {
    match state {
        State::Unknown | State::Off | State::RestoreDelay { .. } | State::CycleOff { .. } => "Off",
        State::WaitForPowerOk { .. } => "TransitioningToOn",
        State::OnPost | State::OnOs | State::GracefulOff { .. } => "On",
        State::WaitForPowerOkLoss { .. } => "TransitioningToOff",
    }
}

fn allowed(state: State) -> &'static [&'static str] {
    match state {
        State::Off | State::RestoreDelay { .. } => &["On"],
        State::OnPost | State::OnOs => &["Off", "Reboot", "GracefulWarmReboot", "ForceWarmReboot"],
        _ => &[],
    }
}

struct Host(Handle, String);

#[interface(name = "xyz.openbmc_project.State.Host")]
impl Host {
    #[zbus(property)]
    fn requested_host_transition(&self) -> String {
        full(values::HOST_TRANSITION, &self.1)
    }
    #[zbus(property)]
    async fn set_requested_host_transition(&mut self, value: String) -> fdo::Result<()> {
        let request = choice(HOST_REQUESTS, values::HOST_TRANSITION, &value)?;
        self.0.ask(Ask::Request(request)).await?;
        self.1 = value.trim_start_matches(values::HOST_TRANSITION).to_owned();
        Ok(())
    }
    #[zbus(property)]
    fn allowed_host_transitions(&self) -> Vec<String> {
        allowed(self.0.view().state).iter().map(|name| full(values::HOST_TRANSITION, name)).collect()
    }
    #[zbus(property)]
    fn current_host_state(&self) -> String {
        full(values::HOST_STATE, host_state(self.0.view().state))
    }
    #[zbus(property)]
    fn restart_cause(&self) -> String {
        full(values::RESTART_CAUSE, self.0.view().status.restart_cause.name())
    }
}

struct Chassis(Handle, String);

#[interface(name = "xyz.openbmc_project.State.Chassis")]
impl Chassis {
    #[zbus(property)]
    fn requested_power_transition(&self) -> String {
        full(values::CHASSIS_TRANSITION, &self.1)
    }
    #[zbus(property)]
    async fn set_requested_power_transition(&mut self, value: String) -> fdo::Result<()> {
        let request = choice(CHASSIS_REQUESTS, values::CHASSIS_TRANSITION, &value)?;
        self.0.ask(Ask::Request(request)).await?;
        self.1 = value.trim_start_matches(values::CHASSIS_TRANSITION).to_owned();
        Ok(())
    }
    #[zbus(property)]
    fn current_power_state(&self) -> String {
        full(values::POWER_STATE, power_state(self.0.view().state))
    }
    #[zbus(property)]
    fn current_power_status(&self) -> String {
        let known = self.0.view().state != State::Unknown;
        full(values::POWER_STATUS, if known { "Good" } else { "Undefined" })
    }
    #[zbus(property)]
    fn last_state_change_time(&self) -> u64 {
        self.0.view().changed_ms
    }
}

struct PowerStatus(Handle);

#[interface(name = "org.ferrite.Power.Status")]
impl PowerStatus {
    #[zbus(property)]
    fn last_power_event(&self) -> String {
        self.0.view().status.last_power_event.name().to_owned()
    }
    #[zbus(property)]
    fn power_fault(&self) -> bool {
        self.0.view().status.power_fault
    }
    #[zbus(property)]
    fn control_fault(&self) -> bool {
        self.0.view().status.control_fault
    }
}

struct OnHours(Handle);

#[interface(name = "xyz.openbmc_project.State.PowerOnHours")]
impl OnHours {
    #[zbus(property, name = "POHCounter")]
    fn poh_counter(&self) -> u32 {
        self.0.view().memory.on_hours
    }
}

struct OsStatus(Handle);

#[interface(name = "xyz.openbmc_project.State.OperatingSystem.Status")]
impl OsStatus {
    #[zbus(property)]
    fn operating_system_state(&self) -> String {
        let running = self.0.view().state == State::OnOs;
        full(values::OS_STATE, if running { "Standby" } else { "Inactive" })
    }
}

struct BootProgress(Handle);

#[interface(name = "xyz.openbmc_project.State.Boot.Progress")]
impl BootProgress {
    #[zbus(property)]
    fn boot_progress(&self) -> String {
        let stage = match self.0.view().state {
            State::OnPost => "SystemInitComplete",
            State::OnOs => "OSStart",
            _ => "Unspecified",
        };
        full(values::BOOT_PROGRESS, stage)
    }
    /// Microseconds since the epoch.
    #[zbus(property)]
    fn boot_progress_last_update(&self) -> u64 {
        self.0.view().changed_ms.saturating_mul(1000)
    }
}

struct Policy(Handle);

#[interface(name = "xyz.openbmc_project.Control.Power.RestorePolicy")]
impl Policy {
    #[zbus(property)]
    fn power_restore_policy(&self) -> String {
        full(values::RESTORE_POLICY, self.0.view().memory.policy.name())
    }
    #[zbus(property)]
    async fn set_power_restore_policy(&mut self, value: String) -> fdo::Result<()> {
        let rows: Vec<_> = RestorePolicy::ALL.iter().map(|policy| (policy.name(), *policy)).collect();
        self.0.ask(Ask::Policy(choice(&rows, values::RESTORE_POLICY, &value)?)).await
    }
    #[zbus(property)]
    fn power_restore_delay(&self) -> u64 {
        self.0.view().memory.restore_delay_us
    }
    #[zbus(property)]
    async fn set_power_restore_delay(&mut self, delay: u64) -> fdo::Result<()> {
        // An hour is longer than any rack's staggered start, and far from what an instant can hold.
        if delay > 3_600_000_000 {
            return Err(fdo::Error::InvalidArgs(format!("{delay} us is longer than an hour")));
        }
        self.0.ask(Ask::RestoreDelay(delay)).await
    }
}

struct Nmi(Handle);

#[interface(name = "xyz.openbmc_project.Control.Host.NMI")]
impl Nmi {
    #[zbus(name = "NMI")]
    async fn nmi(&self) -> fdo::Result<()> {
        self.0.ask(Ask::Request(Request::Nmi)).await
    }
}

struct Cause(Handle, String);

#[interface(name = "xyz.openbmc_project.Control.Host.RestartCause")]
impl Cause {
    #[zbus(property)]
    fn restart_cause(&self) -> String {
        full(values::RESTART_CAUSE, self.0.view().status.restart_cause.name())
    }
    #[zbus(property)]
    fn requested_restart_cause(&self) -> String {
        self.1.clone()
    }
    #[zbus(property)]
    async fn set_requested_restart_cause(&mut self, value: String) -> fdo::Result<()> {
        let rows: Vec<_> = RestartCause::ALL.iter().map(|cause| (cause.name(), *cause)).collect();
        self.0.ask(Ask::Cause(choice(&rows, values::RESTART_CAUSE, &value)?)).await?;
        self.1 = value;
        Ok(())
    }
}

struct Identify(Handle);

#[interface(name = "xyz.openbmc_project.Led.Group")]
impl Identify {
    #[zbus(property)]
    fn asserted(&self) -> bool {
        self.0.view().identify
    }
    #[zbus(property)]
    async fn set_asserted(&mut self, asserted: bool) -> fdo::Result<()> {
        self.0.ask(Ask::Identify(asserted)).await
    }
}

/// Serves all objects, then takes the names.
pub(crate) async fn serve(connection: &Connection, handle: &Handle) -> anyhow::Result<()> {
    let server = connection.object_server();
    let handle = || handle.clone();
    server.at("/xyz/openbmc_project", zbus::fdo::ObjectManager).await?;
    server.at(names::HOST_PATH, Host(handle(), "Off".to_owned())).await?;
    server.at(names::HOST_PATH, OsStatus(handle())).await?;
    server.at(names::HOST_PATH, BootProgress(handle())).await?;
    server.at(names::CHASSIS_PATH, Chassis(handle(), "Off".to_owned())).await?;
    server.at(names::CHASSIS_PATH, PowerStatus(handle())).await?;
    server.at(names::CHASSIS_PATH, OnHours(handle())).await?;
    server.at(names::RESTORE_POLICY_PATH, Policy(handle())).await?;
    server.at(names::NMI_PATH, Nmi(handle())).await?;
    let unknown = full(values::RESTART_CAUSE, "Unknown");
    server.at(names::RESTART_CAUSE_PATH, Cause(handle(), unknown)).await?;
    server.at(names::IDENTIFY_PATH, Identify(handle())).await?;
    for name in NAMES {
        bmc_dbus::own_name(connection, name).await?;
    }
    Ok(())
}

/// Announces what changed, until the core ends.
pub(crate) async fn announce(connection: &Connection, handle: &Handle) -> anyhow::Result<()> {
    let mut view = handle.view.clone();
    let server = connection.object_server();
    macro_rules! changed {
        ($path:expr, $object:ty: $($signal:ident),+) => {{
            let object = server.interface::<_, $object>($path).await?;
            let it = object.get().await;
            $(it.$signal(object.signal_emitter()).await?;)+
        }};
    }
    while view.changed().await.is_ok() {
        changed!(names::HOST_PATH, Host: current_host_state_changed, allowed_host_transitions_changed, restart_cause_changed);
        changed!(names::HOST_PATH, OsStatus: operating_system_state_changed);
        changed!(names::HOST_PATH, BootProgress: boot_progress_changed, boot_progress_last_update_changed);
        changed!(names::CHASSIS_PATH, Chassis: current_power_state_changed, current_power_status_changed, last_state_change_time_changed);
        changed!(names::CHASSIS_PATH, PowerStatus: last_power_event_changed, power_fault_changed, control_fault_changed);
        changed!(names::CHASSIS_PATH, OnHours: p_o_h_counter_changed);
        changed!(names::RESTART_CAUSE_PATH, Cause: restart_cause_changed);
        changed!(names::IDENTIFY_PATH, Identify: asserted_changed);
    }
    Ok(())
}
