//! The host's watchdog timer.

use bmc_dbus::{
    error_reply,
    watchdog::{Setting, Timer, WatchdogProxy},
};
use futures_util::FutureExt as _;
use ipmi_wire::command::watchdog::{
    ExpirationFlags, PreTimeoutInterrupt, TimeoutAction, TimerUse, WatchdogSetting, WatchdogState,
};
use zbus::{Connection, proxy::CacheProperties};

use super::{Pending, PlatformError, dbus::platform_error};

/// The seam to powerd's timer.
pub trait Watchdog: Send + Sync {
    /// The timer now.
    fn get(&self) -> Pending<'_, WatchdogState>;
    /// What it did when it last ended, until its expiration flags are cleared.
    fn expired_action(&self) -> Pending<'_, Option<TimeoutAction>>;
    /// Sets it.
    fn set(&self, setting: WatchdogSetting) -> Pending<'_, Outcome>;
    /// Starts its countdown, or starts it again.
    fn reset(&self) -> Pending<'_, Outcome>;
}

/// Whether the timer did what it was asked.
pub type Outcome = Result<(), Refusal>;

/// Why the timer did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It was not set yet.
    NotInitialized,
    /// It reached its pre-timeout.
    PreTimeoutReached,
    /// The setting contradicts itself.
    InvalidSetting,
}

/// The timer behind `org.ferrite.Watchdog`.
pub struct DbusWatchdog {
    connection: Connection,
}

impl DbusWatchdog {
    /// The timer on this bus.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn timer(&self) -> Result<WatchdogProxy<'_>, PlatformError> {
        let builder = WatchdogProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        builder.build().boxed().await.map_err(|error| platform_error(&error))
    }

    async fn told(&self) -> Result<Timer, PlatformError> {
        self.timer().await?.get().boxed().await.map_err(|error| platform_error(&error))
    }
}

fn reserved() -> PlatformError {
    PlatformError::Failed("the watchdog tells a reserved code".to_owned())
}

/// What the timer's answer means.
fn outcome(answer: zbus::Result<()>) -> Result<Outcome, PlatformError> {
    let Err(error) = answer else { return Ok(Ok(())) };
    let name = error_reply(&error).map(|(name, _)| name).unwrap_or_default();
    match name.as_str() {
        "org.ferrite.Error.NotInitialized" => Ok(Err(Refusal::NotInitialized)),
        "org.ferrite.Error.PreTimeoutReached" => Ok(Err(Refusal::PreTimeoutReached)),
        "org.ferrite.Error.InvalidSetting" => Ok(Err(Refusal::InvalidSetting)),
        _ => Err(platform_error(&error)),
    }
}

impl Watchdog for DbusWatchdog {
    fn get(&self) -> Pending<'_, WatchdogState> {
        Box::pin(async {
            let timer = self.told().await?;
            Ok(WatchdogState {
                timer_use: TimerUse::from_code(timer.timer_use),
                dont_log: timer.dont_log,
                running: timer.running,
                action: TimeoutAction::from_code(timer.action).ok_or_else(reserved)?,
                interrupt: PreTimeoutInterrupt::from_code(timer.interrupt).ok_or_else(reserved)?,
                pre_timeout: timer.pre_timeout,
                expired: ExpirationFlags::from_bits(timer.expired),
                initial: timer.initial,
                present: timer.present,
            })
        })
    }

    fn expired_action(&self) -> Pending<'_, Option<TimeoutAction>> {
        Box::pin(async {
            let timer = self.told().await?;
            let action = TimeoutAction::from_code(timer.expired_action).ok_or_else(reserved)?;
            Ok((ExpirationFlags::from_bits(timer.expired).bits() != 0).then_some(action))
        })
    }

    fn set(&self, setting: WatchdogSetting) -> Pending<'_, Outcome> {
        let setting = Setting {
            timer_use: setting.timer_use.code(),
            action: setting.action.code(),
            interrupt: setting.interrupt.code(),
            pre_timeout: setting.pre_timeout,
            dont_log: setting.dont_log,
            dont_stop: setting.dont_stop,
            clear: setting.clear.bits(),
            countdown: setting.countdown,
        };
        Box::pin(async move { outcome(self.timer().await?.set(setting).boxed().await) })
    }

    fn reset(&self) -> Pending<'_, Outcome> {
        Box::pin(async { outcome(self.timer().await?.reset().boxed().await) })
    }
}
