//! The Chassis network function (v2.0§28).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Operator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Get Chassis Capabilities (v2.0§28.1).
    GetChassisCapabilities = CHASSIS 0x00 "Get Chassis Capabilities", AtLeast(User), () => ChassisCapabilities
}

command! {
    /// Get Chassis Status (v2.0§28.2).
    GetChassisStatus = CHASSIS 0x01 "Get Chassis Status", AtLeast(User), () => ChassisStatus
}

command! {
    /// Chassis Control (v2.0§28.3).
    ChassisControl = CHASSIS 0x02 "Chassis Control", AtLeast(Operator), ControlAction => ()
}

command! {
    /// Chassis Identify (v2.0§28.5).
    ChassisIdentify = CHASSIS 0x04 "Chassis Identify", AtLeast(Operator), IdentifyRequest => ()
}

command! {
    /// Set Power Restore Policy (v2.0§28.8).
    SetPowerRestorePolicy = CHASSIS 0x06 "Set Power Restore Policy", AtLeast(Operator),
    PolicyChange => PolicySupport
}

command! {
    /// Get System Restart Cause (v2.0§28.11).
    GetSystemRestartCause = CHASSIS 0x07 "Get System Restart Cause", AtLeast(User), () => RestartCause
}

command! {
    /// Get POH Counter (v2.0§28.14).
    GetPohCounter = CHASSIS 0x0F "Get POH Counter", AtLeast(User), () => PohCounter
}

/// What a chassis has, and at which IPMB addresses (20h is the BMC) its parts answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChassisCapabilities {
    /// Has a power interlock.
    pub interlock: bool,
    /// Can send the host a diagnostic interrupt from the front panel.
    pub diagnostic_interrupt: bool,
    /// Can lock the front panel.
    pub lockout: bool,
    /// Has an intrusion sensor.
    pub intrusion: bool,
    /// Where FRU data is.
    pub fru_address: u8,
    /// Where the SDR repository is.
    pub sdr_address: u8,
    /// Where the SEL is.
    pub sel_address: u8,
    /// Where system management software listens.
    pub system_management_address: u8,
    /// Where the bridge is; 20h where this is not told.
    pub bridge_address: Option<u8>,
}

impl Encode for ChassisCapabilities {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([
            u8::from(self.interlock) << 3
                | u8::from(self.diagnostic_interrupt) << 2
                | u8::from(self.lockout) << 1
                | u8::from(self.intrusion),
            self.fru_address,
            self.sdr_address,
            self.sel_address,
            self.system_management_address,
        ]);
        out.extend(self.bridge_address);
    }
}

impl Decode for ChassisCapabilities {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [flags, fru_address, sdr_address, sel_address, system_management_address] = reader.array()?;
        Ok(Self {
            interlock: flags & 0x08 != 0,
            diagnostic_interrupt: flags & 0x04 != 0,
            lockout: flags & 0x02 != 0,
            intrusion: flags & 0x01 != 0,
            fru_address,
            sdr_address,
            sel_address,
            system_management_address,
            bridge_address: if reader.is_empty() { None } else { Some(reader.u8()?) },
        })
    }
}

/// What happens when mains power comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorePolicy {
    /// The chassis stays off.
    AlwaysOff,
    /// It goes back to the state it had.
    Previous,
    /// It powers on.
    AlwaysOn,
    /// Nobody knows (Get Chassis Status), or leave it (Set Power Restore Policy).
    Unknown,
}

impl RestorePolicy {
    const fn code(self) -> u8 {
        match self {
            Self::AlwaysOff => 0b00,
            Self::Previous => 0b01,
            Self::AlwaysOn => 0b10,
            Self::Unknown => 0b11,
        }
    }

    const fn from_code(code: u8) -> Self {
        match code & 0b11 {
            0b00 => Self::AlwaysOff,
            0b01 => Self::Previous,
            0b10 => Self::AlwaysOn,
            _ => Self::Unknown,
        }
    }
}

/// State of the identify light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifyState {
    /// Off.
    Off,
    /// On for a while.
    Timed,
    /// On until told otherwise.
    Indefinite,
}

/// "Last power event" of [`ChassisStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LastPowerEvent(pub u8);

impl LastPowerEvent {
    /// Mains was lost.
    pub const AC_FAILED: u8 = 0x01;
    /// A power overload switched it off.
    pub const OVERLOAD: u8 = 0x02;
    /// An interlock switched it off.
    pub const INTERLOCK: u8 = 0x04;
    /// A fault switched it off.
    pub const FAULT: u8 = 0x08;
    /// An IPMI command switched it on.
    pub const COMMAND: u8 = 0x10;
}

/// State of the chassis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChassisStatus {
    /// Main power is on.
    pub on: bool,
    /// Switched off by an overload.
    pub overload: bool,
    /// Switched off by an interlock.
    pub interlock: bool,
    /// A fault of the main power subsystem.
    pub fault: bool,
    /// The controller cannot switch power.
    pub control_fault: bool,
    /// What happens when mains comes back.
    pub restore_policy: RestorePolicy,
    /// Why power last changed.
    pub last_event: LastPowerEvent,
    /// The chassis is open.
    pub intrusion: bool,
    /// The front panel is locked.
    pub lockout: bool,
    /// A drive has a fault.
    pub drive_fault: bool,
    /// Cooling has a fault.
    pub cooling_fault: bool,
    /// The identify light; `None` where its state is not known.
    pub identify: Option<IdentifyState>,
}

impl Encode for ChassisStatus {
    fn encode(&self, out: &mut Vec<u8>) {
        let power = u8::from(self.on)
            | u8::from(self.overload) << 1
            | u8::from(self.interlock) << 2
            | u8::from(self.fault) << 3
            | u8::from(self.control_fault) << 4
            | self.restore_policy.code() << 5;
        let identify: u8 = match self.identify {
            None => 0,
            Some(IdentifyState::Off) => 0x40,
            Some(IdentifyState::Timed) => 0x50,
            Some(IdentifyState::Indefinite) => 0x60,
        };
        let miscellaneous = u8::from(self.intrusion)
            | u8::from(self.lockout) << 1
            | u8::from(self.drive_fault) << 2
            | u8::from(self.cooling_fault) << 3
            | identify;
        out.extend([power, self.last_event.0, miscellaneous]);
    }
}

impl Decode for ChassisStatus {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [power, last_event, miscellaneous] = reader.array()?;
        // The fourth byte, what the front panel's buttons may do, is optional and not kept.
        reader.rest();
        Ok(Self {
            on: power & 0x01 != 0,
            overload: power & 0x02 != 0,
            interlock: power & 0x04 != 0,
            fault: power & 0x08 != 0,
            control_fault: power & 0x10 != 0,
            restore_policy: RestorePolicy::from_code(power >> 5),
            last_event: LastPowerEvent(last_event),
            intrusion: miscellaneous & 0x01 != 0,
            lockout: miscellaneous & 0x02 != 0,
            drive_fault: miscellaneous & 0x04 != 0,
            cooling_fault: miscellaneous & 0x08 != 0,
            identify: match miscellaneous & 0x70 {
                0x40 => Some(IdentifyState::Off),
                0x50 => Some(IdentifyState::Timed),
                0x60 => Some(IdentifyState::Indefinite),
                _ => None,
            },
        })
    }
}

/// What Chassis Control can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlAction {
    /// Off at once.
    PowerDown,
    /// On.
    PowerUp,
    /// Off for a while, then on.
    PowerCycle,
    /// Hard reset, power stays.
    HardReset,
    /// A non-maskable interrupt to the host.
    DiagnosticInterrupt,
    /// Asks the operating system to shut down.
    SoftShutdown,
}

impl Encode for ControlAction {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
}

impl Decode for ControlAction {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(match reader.u8()? & 0x0F {
            0 => Self::PowerDown,
            1 => Self::PowerUp,
            2 => Self::PowerCycle,
            3 => Self::HardReset,
            4 => Self::DiagnosticInterrupt,
            5 => Self::SoftShutdown,
            _ => return Err(CompletionCode::INVALID_DATA_FIELD),
        })
    }
}

/// How long the chassis is to show itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdentifyRequest {
    /// Seconds, 0 to end it; `None` is 15 s.
    pub seconds: Option<u8>,
    /// Until told otherwise, whatever `seconds` says.
    pub force_on: Option<bool>,
}

impl Encode for IdentifyRequest {
    fn encode(&self, out: &mut Vec<u8>) {
        // The second byte has no place without the first.
        if let (Some(force_on), seconds) = (self.force_on, self.seconds) {
            out.extend([seconds.unwrap_or(15), u8::from(force_on)]);
        } else {
            out.extend(self.seconds);
        }
    }
}

impl Decode for IdentifyRequest {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let mut optional = || if reader.is_empty() { Ok(None) } else { reader.u8().map(Some) };
        Ok(Self { seconds: optional()?, force_on: optional()?.map(|byte| byte & 1 != 0) })
    }
}

/// The restore policy that is wanted; [`RestorePolicy::Unknown`] only asks what is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyChange(pub RestorePolicy);

impl Encode for PolicyChange {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0.code());
    }
}

impl Decode for PolicyChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        match reader.u8()? & 0x07 {
            code @ 0..=0b11 => Ok(Self(RestorePolicy::from_code(code))),
            _ => Err(CompletionCode::INVALID_DATA_FIELD),
        }
    }
}

/// Which restore policies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySupport {
    /// [`RestorePolicy::AlwaysOff`].
    pub always_off: bool,
    /// [`RestorePolicy::Previous`].
    pub previous: bool,
    /// [`RestorePolicy::AlwaysOn`].
    pub always_on: bool,
}

impl Encode for PolicySupport {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.always_off) | u8::from(self.previous) << 1 | u8::from(self.always_on) << 2);
    }
}

impl Decode for PolicySupport {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let byte = reader.u8()?;
        Ok(Self { always_off: byte & 0x01 != 0, previous: byte & 0x02 != 0, always_on: byte & 0x04 != 0 })
    }
}

/// Why the host last started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartCause {
    /// The cause, 0 to 15: one of the constants.
    pub cause: u8,
    /// The channel of the command that caused it; 0 where none did.
    pub channel: u8,
}

impl RestartCause {
    /// Nobody knows.
    pub const UNKNOWN: u8 = 0x0;
    /// Chassis Control.
    pub const CHASSIS_CONTROL: u8 = 0x1;
    /// The reset button.
    pub const RESET_BUTTON: u8 = 0x2;
    /// The power button.
    pub const POWER_BUTTON: u8 = 0x3;
    /// The watchdog.
    pub const WATCHDOG: u8 = 0x4;
    /// Restore policy "always on".
    pub const ALWAYS_RESTORE: u8 = 0x6;
    /// Restore policy "as before".
    pub const RESTORE_PREVIOUS: u8 = 0x7;
    /// The host reset itself.
    pub const SOFT_RESET: u8 = 0xA;
}

impl Encode for RestartCause {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.cause & 0x0F, self.channel & 0x0F]);
    }
}

impl Decode for RestartCause {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [cause, channel] = reader.array()?;
        Ok(Self { cause: cause & 0x0F, channel: channel & 0x0F })
    }
}

/// How long the system has been powered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PohCounter {
    /// Minutes that one count stands for.
    pub minutes_per_count: u8,
    /// Counts.
    pub count: u32,
}

impl Encode for PohCounter {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.minutes_per_count);
        out.extend(self.count.to_le_bytes());
    }
}

impl Decode for PohCounter {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { minutes_per_count: reader.u8()?, count: reader.u32()? })
    }
}

#[cfg(test)]
mod tests;
