//! powerd's watchdog timer, as its callers see it.

use serde::Serialize;
use zbus::{Type, proxy};

/// What each value of `ExpireAction` begins with.
pub const ACTION: &str = "xyz.openbmc_project.State.Watchdog.Action.";
/// What each value of `CurrentTimerUse` and `ExpiredTimerUse` begins with.
pub const TIMER_USE: &str = "xyz.openbmc_project.State.Watchdog.TimerUse.";

structure! {
    /// What `Set` takes: `(yyyybbyq)`, as in v2.0§27.6.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
    pub struct Setting {
        /// What the timer watches, 1 to 5.
        pub timer_use: u8,
        /// What happens at the end, 0 to 3.
        pub action: u8,
        /// What happens before, 0 to 3.
        pub interrupt: u8,
        /// How long before, in seconds.
        pub pre_timeout: u8,
        /// The next expiration is not logged.
        pub dont_log: bool,
        /// A timer that runs goes on.
        pub dont_stop: bool,
        /// Expiration flags to clear: bit `n` for use `n`.
        pub clear: u8,
        /// Where the countdown begins, in 100 ms.
        pub countdown: u16,
    }
}

structure! {
    /// What `Get` answers: `(yyyybbyqqy)`, as in v2.0§27.7, and what IPMI's sensor shows beside it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
    pub struct Timer {
        /// What the timer watches, 1 to 5; 0 before anybody set it.
        pub timer_use: u8,
        /// What happens at the end, 0 to 3.
        pub action: u8,
        /// What happens before, 0 to 3.
        pub interrupt: u8,
        /// How long before, in seconds.
        pub pre_timeout: u8,
        /// The next expiration is not logged.
        pub dont_log: bool,
        /// It counts.
        pub running: bool,
        /// Expiration flags: bit `n` for use `n`.
        pub expired: u8,
        /// Where the countdown begins, in 100 ms.
        pub initial: u16,
        /// Where it is, in 100 ms.
        pub present: u16,
        /// What happened when it last ended, 0 to 3.
        pub expired_action: u8,
    }
}

/// The timer as IPMI has it.
#[proxy(
    interface = "org.ferrite.Watchdog",
    default_service = "xyz.openbmc_project.Watchdog",
    default_path = "/xyz/openbmc_project/watchdog/host0"
)]
pub trait Watchdog {
    /// Sets the timer, and stops it unless the setting says not to. `org.ferrite.Error.InvalidSetting`.
    fn set(&self, setting: Setting) -> zbus::Result<()>;
    /// The timer now.
    fn get(&self) -> zbus::Result<Timer>;
    /// Starts the countdown, or starts it again. `org.ferrite.Error.NotInitialized` before any `Set`,
    /// `org.ferrite.Error.PreTimeoutReached` after the pre-timeout.
    fn reset(&self) -> zbus::Result<()>;
    /// The pre-timeout interval is reached: 1 SMI, 2 NMI, 3 messaging interrupt.
    #[zbus(signal)]
    fn pre_timeout(&self, interrupt: u8) -> zbus::Result<()>;
    /// The countdown ended; powerd acts on the host by itself.
    #[zbus(signal)]
    fn expired(&self, timer_use: u8, action: u8) -> zbus::Result<()>;
}

/// The timer as OpenBMC has it; times in milliseconds.
#[proxy(
    interface = "xyz.openbmc_project.State.Watchdog",
    default_service = "xyz.openbmc_project.Watchdog",
    default_path = "/xyz/openbmc_project/watchdog/host0"
)]
pub trait StateWatchdog {
    /// Starts the countdown again; with `enable`, also where it does not run.
    fn reset_time_remaining(&self, enable: bool) -> zbus::Result<()>;
    /// Whether anybody set it.
    #[zbus(property)]
    fn initialized(&self) -> zbus::Result<bool>;
    /// Says whether it is set.
    #[zbus(property)]
    fn set_initialized(&self, initialized: bool) -> zbus::Result<()>;
    /// Whether it counts.
    #[zbus(property)]
    fn enabled(&self) -> zbus::Result<bool>;
    /// Starts or stops it.
    #[zbus(property)]
    fn set_enabled(&self, enabled: bool) -> zbus::Result<()>;
    /// Whether the next expiration is logged.
    #[zbus(property)]
    fn log_timeout(&self) -> zbus::Result<bool>;
    /// Says whether it is.
    #[zbus(property)]
    fn set_log_timeout(&self, log: bool) -> zbus::Result<()>;
    /// What happens at the end.
    #[zbus(property)]
    fn expire_action(&self) -> zbus::Result<String>;
    /// Changes that.
    #[zbus(property)]
    fn set_expire_action(&self, action: &str) -> zbus::Result<()>;
    /// Where the countdown begins.
    #[zbus(property)]
    fn interval(&self) -> zbus::Result<u64>;
    /// Changes that, for the next start.
    #[zbus(property)]
    fn set_interval(&self, interval: u64) -> zbus::Result<()>;
    /// What is left.
    #[zbus(property(emits_changed_signal = "false"))]
    fn time_remaining(&self) -> zbus::Result<u64>;
    /// Lets a timer that runs go on from there.
    #[zbus(property)]
    fn set_time_remaining(&self, left: u64) -> zbus::Result<()>;
    /// What the timer watches.
    #[zbus(property)]
    fn current_timer_use(&self) -> zbus::Result<String>;
    /// Changes that.
    #[zbus(property)]
    fn set_current_timer_use(&self, timer_use: &str) -> zbus::Result<()>;
    /// What it watched when it last ran out.
    #[zbus(property)]
    fn expired_timer_use(&self) -> zbus::Result<String>;
    /// Forgets that.
    #[zbus(property)]
    fn set_expired_timer_use(&self, timer_use: &str) -> zbus::Result<()>;
    /// The countdown ended.
    #[zbus(signal)]
    fn timeout(&self, action: &str) -> zbus::Result<()>;
}
