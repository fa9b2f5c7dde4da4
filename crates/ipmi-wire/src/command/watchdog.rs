//! The watchdog timer (v2.0§27).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Operator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Reset Watchdog Timer (v2.0§27.5): starts the countdown, or starts it again.
    ResetWatchdogTimer = APP 0x22 "Reset Watchdog Timer", AtLeast(Operator), () => ()
}

command! {
    /// Set Watchdog Timer (v2.0§27.6).
    SetWatchdogTimer = APP 0x24 "Set Watchdog Timer", AtLeast(Operator), WatchdogSetting => ()
}

command! {
    /// Get Watchdog Timer (v2.0§27.7).
    GetWatchdogTimer = APP 0x25 "Get Watchdog Timer", AtLeast(User), () => WatchdogState
}

/// The sensor type "watchdog 2" (v2.0 table 42-3), whose events the timer leaves in the log.
pub const SENSOR_TYPE: u8 = 0x23;
/// The number of that sensor at the BMC, LUN 0: the last there is, which no other sensor is given.
pub const SENSOR_NUMBER: u8 = crate::record::event::number::WATCHDOG;

/// Reset Watchdog Timer: nobody set it yet (v2.0§27.5).
pub const NOT_INITIALIZED: CompletionCode = CompletionCode(0x80);

/// An enumeration of codes that are written as they are, and the rest of which are reserved.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
        impl $name {
            /// All of them, in the order of their codes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The specification's code.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }
            /// What a code means; `None` for reserved ones.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

codes! {
    /// What the timer watches.
    TimerUse {
        /// The BIOS' first stage: fault resilient boot 2.
        BiosFrb2 = 1,
        /// The BIOS' self-test.
        BiosPost = 2,
        /// The load of the operating system.
        OsLoad = 3,
        /// System management software or the operating system.
        SmsOs = 4,
        /// The vendor's.
        Oem = 5,
    }
}
codes! {
    /// What happens when the countdown ends.
    TimeoutAction {
        /// Nothing but the event.
        None = 0,
        /// The host is reset.
        HardReset = 1,
        /// The host goes off.
        PowerDown = 2,
        /// The host goes off and on.
        PowerCycle = 3,
    }
}
codes! {
    /// What happens the pre-timeout interval before that.
    PreTimeoutInterrupt {
        /// Nothing.
        None = 0,
        /// System management interrupt.
        Smi = 1,
        /// Non-maskable interrupt.
        Nmi = 2,
        /// The system interface's interrupt, and a message flag.
        Messaging = 3,
    }
}

/// A set of timer uses: bit `n` is the use with code `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExpirationFlags(u8);

impl ExpirationFlags {
    /// Of the byte in a message, without its reserved bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0x3E)
    }

    /// The byte of a message.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// With one use more.
    #[must_use]
    pub const fn with(self, timer_use: TimerUse) -> Self {
        Self(self.0 | 1 << timer_use.code())
    }

    /// Without those in `cleared`.
    #[must_use]
    pub const fn without(self, cleared: Self) -> Self {
        Self(self.0 & !cleared.0)
    }
}

/// What a client sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchdogSetting {
    /// What the timer watches.
    pub timer_use: TimerUse,
    /// Its next expiration leaves no event in the log.
    pub dont_log: bool,
    /// A timer that runs goes on from the new countdown.
    pub dont_stop: bool,
    /// What happens at the end.
    pub action: TimeoutAction,
    /// What happens before.
    pub interrupt: PreTimeoutInterrupt,
    /// How long before the end, in seconds.
    pub pre_timeout: u8,
    /// Expiration flags to clear.
    pub clear: ExpirationFlags,
    /// Where the countdown begins, in 100 ms.
    pub countdown: u16,
}

impl Encode for WatchdogSetting {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([
            u8::from(self.dont_log) << 7 | u8::from(self.dont_stop) << 6 | self.timer_use.code(),
            actions(self.interrupt, self.action),
            self.pre_timeout,
            self.clear.bits(),
        ]);
        out.extend(self.countdown.to_le_bytes());
    }
}

impl Decode for WatchdogSetting {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [timer_use, actions, pre_timeout, clear] = reader.array()?;
        let countdown = reader.u16()?;
        let (interrupt, action) = from_actions(actions)?;
        Ok(Self {
            timer_use: TimerUse::from_code(timer_use & 0x07).ok_or(CompletionCode::INVALID_DATA_FIELD)?,
            dont_log: timer_use & 0x80 != 0,
            dont_stop: timer_use & 0x40 != 0,
            action,
            interrupt,
            pre_timeout,
            clear: ExpirationFlags::from_bits(clear),
            countdown,
        })
    }
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchdogState {
    /// What the timer watches; `None` before anybody set it.
    pub timer_use: Option<TimerUse>,
    /// Its next expiration leaves no event in the log.
    pub dont_log: bool,
    /// It counts.
    pub running: bool,
    /// What happens at the end.
    pub action: TimeoutAction,
    /// What happens before.
    pub interrupt: PreTimeoutInterrupt,
    /// How long before the end, in seconds.
    pub pre_timeout: u8,
    /// Uses in which it ran out, until a client clears them.
    pub expired: ExpirationFlags,
    /// Where the countdown begins, in 100 ms.
    pub initial: u16,
    /// Where it is, in 100 ms.
    pub present: u16,
}

impl Encode for WatchdogState {
    fn encode(&self, out: &mut Vec<u8>) {
        let timer_use = self.timer_use.map_or(0, TimerUse::code);
        out.extend([
            u8::from(self.dont_log) << 7 | u8::from(self.running) << 6 | timer_use,
            actions(self.interrupt, self.action),
            self.pre_timeout,
            self.expired.bits(),
        ]);
        out.extend(self.initial.to_le_bytes());
        out.extend(self.present.to_le_bytes());
    }
}

impl Decode for WatchdogState {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [timer_use, actions, pre_timeout, expired] = reader.array()?;
        let (interrupt, action) = from_actions(actions)?;
        Ok(Self {
            timer_use: TimerUse::from_code(timer_use & 0x07),
            dont_log: timer_use & 0x80 != 0,
            running: timer_use & 0x40 != 0,
            action,
            interrupt,
            pre_timeout,
            expired: ExpirationFlags::from_bits(expired),
            initial: reader.u16()?,
            present: reader.u16()?,
        })
    }
}

const fn actions(interrupt: PreTimeoutInterrupt, action: TimeoutAction) -> u8 {
    interrupt.code() << 4 | action.code()
}

fn from_actions(byte: u8) -> Result<(PreTimeoutInterrupt, TimeoutAction), CompletionCode> {
    let interrupt = PreTimeoutInterrupt::from_code(byte >> 4 & 0x07);
    interrupt.zip(TimeoutAction::from_code(byte & 0x07)).ok_or(CompletionCode::INVALID_DATA_FIELD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_after_a_minute_with_an_nmi_ten_seconds_before_has_these_bytes() {
        let setting = WatchdogSetting {
            timer_use: TimerUse::SmsOs,
            dont_log: true,
            dont_stop: true,
            action: TimeoutAction::HardReset,
            interrupt: PreTimeoutInterrupt::Nmi,
            pre_timeout: 10,
            clear: ExpirationFlags::default().with(TimerUse::SmsOs),
            countdown: 600,
        };
        let bytes = [0xC4, 0x21, 10, 0x10, 0x58, 0x02];
        assert_eq!(setting.to_bytes(), bytes);
        assert_eq!(WatchdogSetting::from_bytes(&bytes), Ok(setting));
    }

    #[test]
    fn a_running_timer_tells_initial_and_present_countdown() {
        let state = WatchdogState {
            timer_use: Some(TimerUse::OsLoad),
            dont_log: false,
            running: true,
            action: TimeoutAction::PowerCycle,
            interrupt: PreTimeoutInterrupt::Messaging,
            pre_timeout: 1,
            expired: ExpirationFlags::default().with(TimerUse::BiosFrb2).with(TimerUse::Oem),
            initial: 0x0102,
            present: 0x0100,
        };
        assert_eq!(state.to_bytes(), [0x43, 0x33, 1, 0x22, 2, 1, 0, 1]);
    }

    #[test]
    fn reserved_uses_and_actions_are_invalid_fields() {
        for (timer_use, actions) in [(0, 0), (6, 0), (7, 0), (1, 4), (1, 7), (1, 0x40)] {
            let setting = WatchdogSetting::from_bytes(&[timer_use, actions, 0, 0, 0, 0]);
            assert_eq!(setting, Err(CompletionCode::INVALID_DATA_FIELD), "{timer_use:02X}h {actions:02X}h");
        }
    }

    reads_back! {
        a_setting_reads_back: WatchdogSetting;
        a_state_reads_back: WatchdogState;
    }
}
