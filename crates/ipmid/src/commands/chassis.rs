//! Power, identify and what the chassis tells of itself (NetFn 00h).

use std::time::Duration;

use ipmi_wire::{
    CompletionCode,
    command::chassis::{
        ChassisCapabilities, ChassisControl, ChassisIdentify, ChassisStatus, ControlAction,
        GetChassisCapabilities, GetChassisStatus, GetPohCounter, GetSystemRestartCause, IdentifyRequest,
        IdentifyState, LastPowerEvent, PohCounter, PolicyChange, PolicySupport, RestartCause, RestorePolicy,
        SetPowerRestorePolicy,
    },
    record::event::sensor_type,
};
use tokio::time::Instant;

use crate::{
    dispatch::{Caller, Entry, later, now},
    identify::Plan,
    ipmid::Ipmid,
    platform::power::{self, PowerAction, PowerEvent},
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetChassisCapabilities, get_chassis_capabilities),
    now!(GetChassisStatus, get_chassis_status),
    later!(ChassisControl, chassis_control),
    later!(ChassisIdentify, chassis_identify),
    later!(SetPowerRestorePolicy, set_power_restore_policy),
    now!(GetSystemRestartCause, get_system_restart_cause),
    now!(GetPohCounter, get_poh_counter),
];

/// Our address on IPMB, where SDRs, SEL and FRU data are to be asked for.
const BMC_ADDRESS: u8 = 0x20;

/// How long the chassis shows itself where the request does not say (v2.0§28.5).
const IDENTIFY_DEFAULT: Duration = Duration::from_secs(15);

/// States of physical security and of drive slots (v2.0 table 42-3): general chassis intrusion, drive fault.
const INTRUSION: u16 = 1 << 0x00;
const DRIVE_FAULT: u16 = 1 << 0x01;

/// The capability bits tell of intrusion sensor, front panel lock, NMI button and interlock: but for the first none of them is wired
/// to the BMC on the boards so far. The interrupt that Chassis Control sends is no front panel's.
fn get_chassis_capabilities(
    ipmid: &Ipmid,
    _: &Caller,
    (): (),
) -> Result<ChassisCapabilities, CompletionCode> {
    Ok(ChassisCapabilities {
        interlock: false,
        diagnostic_interrupt: false,
        lockout: false,
        intrusion: ipmid.platform.sensors.snapshot().item_states(sensor_type::PHYSICAL_SECURITY).is_some(),
        fru_address: BMC_ADDRESS,
        sdr_address: BMC_ADDRESS,
        sel_address: BMC_ADDRESS,
        system_management_address: BMC_ADDRESS,
        bridge_address: None,
    })
}

fn get_chassis_status(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<ChassisStatus, CompletionCode> {
    let status = ipmid.platform.power.status()?;
    let event = |event| status.last_event == Some(event);
    let sensors = ipmid.platform.sensors.snapshot();
    let is = |sensor_type, state| sensors.item_states(sensor_type).is_some_and(|states| states & state != 0);
    Ok(ChassisStatus {
        on: status.on,
        overload: !status.on && event(PowerEvent::Overload),
        interlock: !status.on && event(PowerEvent::Interlock),
        fault: status.fault,
        control_fault: status.control_fault,
        restore_policy: match status.restore_policy {
            Some(power::RestorePolicy::AlwaysOff) => RestorePolicy::AlwaysOff,
            Some(power::RestorePolicy::Previous) => RestorePolicy::Previous,
            Some(power::RestorePolicy::AlwaysOn) => RestorePolicy::AlwaysOn,
            None => RestorePolicy::Unknown,
        },
        last_event: LastPowerEvent(status.last_event.map_or(0, last_event)),
        intrusion: is(sensor_type::PHYSICAL_SECURITY, INTRUSION),
        lockout: false,
        drive_fault: is(sensor_type::DRIVE_SLOT, DRIVE_FAULT),
        cooling_fault: false,
        identify: status.identify.map(|on| identify_state(on, ipmid.kept.identify.plan())),
    })
}

const fn last_event(event: PowerEvent) -> u8 {
    match event {
        PowerEvent::AcFailure => LastPowerEvent::AC_FAILED,
        PowerEvent::Overload => LastPowerEvent::OVERLOAD,
        PowerEvent::Interlock => LastPowerEvent::INTERLOCK,
        PowerEvent::PowerFault => LastPowerEvent::FAULT,
        PowerEvent::Command => LastPowerEvent::COMMAND,
    }
}

/// The light can be on without a plan of ours: somebody pressed the ID button.
fn identify_state(on: bool, plan: Plan) -> IdentifyState {
    match (on, plan) {
        (false, _) => IdentifyState::Off,
        (true, Plan::Until(_)) => IdentifyState::Timed,
        (true, Plan::Indefinite | Plan::None) => IdentifyState::Indefinite,
    }
}

async fn chassis_control(
    ipmid: &Ipmid,
    caller: &Caller,
    action: ControlAction,
) -> Result<(), CompletionCode> {
    let (action, needs_power) = match action {
        ControlAction::PowerDown => (PowerAction::Off, false),
        ControlAction::PowerUp => (PowerAction::On, false),
        ControlAction::PowerCycle => (PowerAction::Cycle, true),
        ControlAction::HardReset => (PowerAction::Reset, true),
        ControlAction::DiagnosticInterrupt => (PowerAction::DiagnosticInterrupt, true),
        ControlAction::SoftShutdown => (PowerAction::SoftOff, false),
    };
    if needs_power && !ipmid.platform.power.status()?.on {
        return Err(CompletionCode::NOT_SUPPORTED_IN_STATE);
    }
    let result = ipmid.platform.power.request(action).await;
    audit(caller, &format_args!("chassis control: {action:?}"), &result);
    result?;
    ipmid.kept.set_control_channel(caller.channel);
    Ok(())
}

async fn chassis_identify(
    ipmid: &Ipmid,
    caller: &Caller,
    request: IdentifyRequest,
) -> Result<(), CompletionCode> {
    let duration = request.seconds.map_or(IDENTIFY_DEFAULT, |seconds| Duration::from_secs(seconds.into()));
    let plan = match (request.force_on, duration.is_zero()) {
        (Some(true), _) => Plan::Indefinite,
        (_, true) => Plan::None,
        (_, false) => Plan::Until(Instant::now() + duration),
    };
    let result = ipmid.platform.power.set_identify(plan != Plan::None).await;
    audit(caller, &format_args!("chassis identify: {plan:?}"), &result);
    result?;
    ipmid.kept.identify.set(plan);
    Ok(())
}

async fn set_power_restore_policy(
    ipmid: &Ipmid,
    caller: &Caller,
    PolicyChange(policy): PolicyChange,
) -> Result<PolicySupport, CompletionCode> {
    let policy = match policy {
        RestorePolicy::AlwaysOff => Some(power::RestorePolicy::AlwaysOff),
        RestorePolicy::Previous => Some(power::RestorePolicy::Previous),
        RestorePolicy::AlwaysOn => Some(power::RestorePolicy::AlwaysOn),
        RestorePolicy::Unknown => None,
    };
    if let Some(policy) = policy {
        let result = ipmid.platform.power.set_restore_policy(policy).await;
        audit(caller, &format_args!("power restore policy: {policy:?}"), &result);
        result?;
    }
    Ok(PolicySupport { always_off: true, previous: true, always_on: true })
}

fn get_system_restart_cause(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<RestartCause, CompletionCode> {
    let cause = match ipmid.platform.power.status()?.restart_cause {
        Some(power::RestartCause::RemoteCommand) => {
            let channel = ipmid.kept.control_channel();
            return Ok(RestartCause { cause: RestartCause::CHASSIS_CONTROL, channel });
        }
        Some(power::RestartCause::ResetButton) => RestartCause::RESET_BUTTON,
        Some(power::RestartCause::PowerButton) => RestartCause::POWER_BUTTON,
        Some(power::RestartCause::WatchdogTimer) => RestartCause::WATCHDOG,
        Some(power::RestartCause::PowerPolicyAlwaysOn) => RestartCause::ALWAYS_RESTORE,
        Some(power::RestartCause::PowerPolicyPreviousState) => RestartCause::RESTORE_PREVIOUS,
        Some(power::RestartCause::SoftReset) => RestartCause::SOFT_RESET,
        Some(power::RestartCause::Unknown) | None => RestartCause::UNKNOWN,
    };
    Ok(RestartCause { cause, channel: 0 })
}

fn get_poh_counter(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<PohCounter, CompletionCode> {
    let hours = ipmid.platform.power.status()?.on_hours;
    Ok(PohCounter { minutes_per_count: 60, count: hours.ok_or(CompletionCode::RESPONSE_NOT_PROVIDED)? })
}

/// Who did what to power or identify light, and whether it was done, for the journal.
fn audit(
    caller: &Caller,
    what: &std::fmt::Arguments<'_>,
    result: &Result<(), crate::platform::PlatformError>,
) {
    let Caller { channel, user_slot, session_id, .. } = *caller;
    let user_slot = user_slot.unwrap_or(0);
    let session = session_id.unwrap_or(0);
    match result {
        Ok(()) => tracing::info!(user_slot, session, channel, "{what}"),
        Err(error) => tracing::warn!(user_slot, session, channel, "{what} was not done: {error}"),
    }
}
