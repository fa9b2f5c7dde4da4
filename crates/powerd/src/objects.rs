//! The objects on the bus: views of the core, and questions to it.

use bmc_dbus::{Serve as _, names::power as names, own_name, power as values};
use futures_util::FutureExt as _;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use zbus::{Connection, fdo, interface, object_server::SignalEmitter};

use crate::{
    core::{Ask, Asked, BUTTONS, View},
    machine::{Request, RestartCause, RestorePolicy, State},
    notice::Notice,
};

/// Bus names that powerd owns: x86-power-control's, each also with its host's number, as OpenBMC's callers use both.
const NAMES: &[&str] = &[
    names::HOST_SERVICE,
    names::CHASSIS_SERVICE,
    names::OS_SERVICE,
    names::NMI,
    names::RESTART_CAUSE,
    names::BUTTONS_SERVICE,
];

/// The way to the core.
#[derive(Clone)]
pub(crate) struct Handle {
    pub(crate) view: watch::Receiver<View>,
    pub(crate) ask: mpsc::Sender<Asked>,
    pub(crate) notices: broadcast::Sender<Notice>,
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

/// What would be done now, and is not so already.
fn allowed(state: State) -> impl Iterator<Item = &'static str> {
    let does = move |request| state.allows(request).is_ok() && !state.is_already(request);
    HOST_REQUESTS.iter().filter(move |row| does(row.1)).map(|row| row.0)
}

/// What the properties say that change by themselves; each is announced when it differs.
mod shown {
    use super::{State, View, allowed, full, host_state, power_state, values};

    pub(super) fn current_host_state(view: &View) -> String {
        full(values::HOST_STATE, host_state(view.state))
    }
    pub(super) fn allowed_host_transitions(view: &View) -> Vec<String> {
        allowed(view.state).map(|name| full(values::HOST_TRANSITION, name)).collect()
    }
    pub(super) fn restart_cause(view: &View) -> String {
        full(values::RESTART_CAUSE, view.status.restart_cause.name())
    }
    pub(super) fn current_power_state(view: &View) -> String {
        full(values::POWER_STATE, power_state(view.state))
    }
    pub(super) fn current_power_status(view: &View) -> String {
        let known = view.state != State::Unknown;
        full(values::POWER_STATUS, if known { "Good" } else { "Undefined" })
    }
    pub(super) fn last_power_event(view: &View) -> String {
        view.status.last_power_event.name().to_owned()
    }
    pub(super) fn operating_system_state(view: &View) -> String {
        full(values::OS_STATE, if view.state == State::OnOs { "Standby" } else { "Inactive" })
    }
    pub(super) fn boot_progress(view: &View) -> String {
        let stage = match view.state {
            State::OnPost => "SystemInitComplete",
            State::OnOs => "OSStart",
            _ => "Unspecified",
        };
        full(values::BOOT_PROGRESS, stage)
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
        shown::allowed_host_transitions(&self.0.view())
    }
    #[zbus(property)]
    fn current_host_state(&self) -> String {
        shown::current_host_state(&self.0.view())
    }
    #[zbus(property)]
    fn restart_cause(&self) -> String {
        shown::restart_cause(&self.0.view())
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
        shown::current_power_state(&self.0.view())
    }
    #[zbus(property)]
    fn current_power_status(&self) -> String {
        shown::current_power_status(&self.0.view())
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
        shown::last_power_event(&self.0.view())
    }
    #[zbus(property)]
    fn power_fault(&self) -> bool {
        self.0.view().status.power_fault
    }
    #[zbus(property)]
    fn control_fault(&self) -> bool {
        self.0.view().status.control_fault
    }
    #[zbus(signal)]
    async fn host_reset(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn host_nmi(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

struct OnHours(Handle);

#[interface(name = "xyz.openbmc_project.State.PowerOnHours")]
impl OnHours {
    #[zbus(property, name = "POHCounter")]
    fn poh_counter(&self) -> u32 {
        self.0.view().on_hours
    }
}

struct OsStatus(Handle);

#[interface(name = "xyz.openbmc_project.State.OperatingSystem.Status")]
impl OsStatus {
    #[zbus(property)]
    fn operating_system_state(&self) -> String {
        shown::operating_system_state(&self.0.view())
    }
}

struct BootProgress(Handle);

#[interface(name = "xyz.openbmc_project.State.Boot.Progress")]
impl BootProgress {
    #[zbus(property)]
    fn boot_progress(&self) -> String {
        shown::boot_progress(&self.0.view())
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
        shown::restart_cause(&self.0.view())
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

/// A button of the front panel, by its place in [`BUTTONS`].
struct Button(Handle, usize);

impl Button {
    fn pressed(view: &View, place: usize) -> bool {
        view.pressed.get(place).is_some_and(|pressed| *pressed)
    }
}

#[interface(name = "xyz.openbmc_project.Chassis.Buttons")]
impl Button {
    #[zbus(property)]
    fn button_pressed(&self) -> bool {
        Self::pressed(&self.0.view(), self.1)
    }
    #[zbus(property)]
    fn button_masked(&self) -> bool {
        self.0.view().masked.get(self.1).is_some_and(|masked| *masked)
    }
    #[zbus(property)]
    async fn set_button_masked(&mut self, masked: bool) -> fdo::Result<()> {
        self.0.ask(Ask::Mask(self.1, masked)).await
    }
}

/// The places in [`BUTTONS`] and the paths of those that the board has.
fn buttons(handle: &Handle) -> impl Iterator<Item = (usize, String)> + use<> {
    let here = handle.view().has_button;
    let all = BUTTONS.iter().enumerate().zip(here);
    all.filter(|(_, here)| *here)
        .map(|((place, button), _)| (place, format!("{}/{}", names::BUTTONS_ROOT, button.name)))
}

/// Serves all objects, then takes the names. Answers what could be read at the earliest, for [`announce`].
pub(crate) async fn serve(connection: &Connection, handle: &Handle) -> anyhow::Result<View> {
    let server = connection.object_server();
    let shown = handle.view();
    for (place, path) in buttons(handle) {
        server.serve(&path, Button(handle.clone(), place)).await?;
    }
    let handle = || handle.clone();
    server.serve("/xyz/openbmc_project", zbus::fdo::ObjectManager).await?;
    server.serve(names::HOST_PATH, Host(handle(), "Off".to_owned())).await?;
    server.serve(names::HOST_PATH, OsStatus(handle())).await?;
    server.serve(names::HOST_PATH, BootProgress(handle())).await?;
    server.serve(names::CHASSIS_PATH, Chassis(handle(), "Off".to_owned())).await?;
    server.serve(names::CHASSIS_PATH, PowerStatus(handle())).await?;
    server.serve(names::CHASSIS_PATH, OnHours(handle())).await?;
    server.serve(names::RESTORE_POLICY_PATH, Policy(handle())).await?;
    server.serve(names::NMI_PATH, Nmi(handle())).await?;
    let unknown = full(values::RESTART_CAUSE, "Unknown");
    server.serve(names::RESTART_CAUSE_PATH, Cause(handle(), unknown)).await?;
    for name in NAMES {
        own_name(connection, name).await?;
        own_name(connection, &format!("{name}0")).await?;
    }
    // A board whose LEDs are none of powerd's business leaves the name to whoever has them.
    if shown.has_identify {
        server.serve(names::IDENTIFY_PATH, Identify(handle())).await?;
        own_name(connection, names::LED_SERVICE).await?;
    }
    Ok(shown)
}

/// Announces what changed since `before`, and nothing else, for as long as the core lives.
pub(crate) async fn announce(
    connection: &Connection,
    handle: &Handle,
    mut before: View,
) -> anyhow::Result<()> {
    let mut view = handle.view.clone();
    while view.changed().await.is_ok() {
        let after = view.borrow_and_update().clone();
        announce_state(connection, &before, &after).await?;
        announce_extras(connection, handle, &before, &after).await?;
        before = after;
    }
    // The core ends at a shutdown, which the caller sees as well, or by its death, which ends powerd.
    std::future::pending().await
}

/// Signals what befalls the host, as it happens; what happens while nobody is on the bus is in the properties only.
pub(crate) async fn signal(connection: &Connection, handle: &Handle) -> anyhow::Result<()> {
    let mut notices = handle.notices.subscribe();
    let emitter = SignalEmitter::new(connection, names::CHASSIS_PATH)?;
    loop {
        match notices.recv().await {
            Ok(Notice::Reset(_)) => PowerStatus::host_reset(&emitter).boxed().await?,
            Ok(Notice::Nmi) => PowerStatus::host_nmi(&emitter).boxed().await?,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(lost)) => tracing::error!("{lost} notices were lost"),
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Emits a property's signal where what it shows differs.
macro_rules! changed {
    ($connection:ident, $before:ident, $after:ident, $path:expr, $object:ty: $($signal:ident = $shown:expr),+) => {
        $(if $shown($before) != $shown($after) {
            let object = $connection.object_server().interface::<_, $object>($path).boxed().await?;
            object.get().await.$signal(object.signal_emitter()).boxed().await?;
        })+
    };
}

async fn announce_state(connection: &Connection, before: &View, after: &View) -> zbus::Result<()> {
    // First whether the state is known: what is told behind "Undefined" is not to be believed.
    changed!(connection, before, after, names::CHASSIS_PATH, Chassis:
        current_power_status_changed = shown::current_power_status);
    changed!(connection, before, after, names::HOST_PATH, Host:
        current_host_state_changed = shown::current_host_state,
        allowed_host_transitions_changed = shown::allowed_host_transitions,
        restart_cause_changed = shown::restart_cause);
    changed!(connection, before, after, names::HOST_PATH, OsStatus:
        operating_system_state_changed = shown::operating_system_state);
    changed!(connection, before, after, names::HOST_PATH, BootProgress:
        boot_progress_changed = shown::boot_progress,
        boot_progress_last_update_changed = |view: &View| view.changed_ms);
    changed!(connection, before, after, names::CHASSIS_PATH, Chassis:
        current_power_state_changed = shown::current_power_state,
        last_state_change_time_changed = |view: &View| view.changed_ms);
    changed!(connection, before, after, names::RESTART_CAUSE_PATH, Cause:
        restart_cause_changed = shown::restart_cause);
    Ok(())
}

async fn announce_extras(
    connection: &Connection,
    handle: &Handle,
    before: &View,
    after: &View,
) -> zbus::Result<()> {
    changed!(connection, before, after, names::CHASSIS_PATH, PowerStatus:
        last_power_event_changed = shown::last_power_event,
        power_fault_changed = |view: &View| view.status.power_fault,
        control_fault_changed = |view: &View| view.status.control_fault);
    changed!(connection, before, after, names::CHASSIS_PATH, OnHours:
        p_o_h_counter_changed = |view: &View| view.on_hours);
    if after.has_identify {
        changed!(connection, before, after, names::IDENTIFY_PATH, Identify:
            asserted_changed = |view: &View| view.identify);
    }
    for (place, path) in buttons(handle) {
        changed!(connection, before, after, path.as_str(), Button:
            button_pressed_changed = |view: &View| Button::pressed(view, place));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_allowed_transitions_are_those_that_would_be_done_and_change_something() {
        let deadline = Instant::now();
        let then = Some(RestartCause::RemoteCommand);
        for (state, names) in [
            (State::Unknown, &[] as &[&str]),
            (State::Off, &["On"]),
            (State::OnOs, &["Off", "Reboot", "GracefulWarmReboot", "ForceWarmReboot"]),
            (State::GracefulOff { deadline, then: None }, &["On", "Reboot", "ForceWarmReboot"]),
            (State::WaitForPowerOkLoss { deadline, then: None }, &["On", "Reboot"]),
            (State::WaitForPowerOkLoss { deadline, then }, &[]),
            (State::WaitForPowerOk { deadline }, &[]),
        ] {
            assert_eq!(allowed(state).collect::<Vec<_>>(), names, "{state:?}");
        }
    }
}
