//! The timer on the bus: OpenBMC's interface, and ours for what IPMI has beyond it.

use std::{sync::Arc, time::Duration};

use bmc_dbus::{
    Serve as _,
    names::watchdog as names,
    own_name,
    watchdog::{self as values, Setting, Timer},
};
use futures_util::FutureExt as _;
use ipmi_wire::command::watchdog::{
    ExpirationFlags, PreTimeoutInterrupt, TimeoutAction, TimerUse, WatchdogSetting,
};
use tokio::sync::broadcast::error::RecvError;
use zbus::{Connection, DBusError, fdo, interface, object_server::SignalEmitter};

use super::{
    keeper::{Signal, Watch},
    machine::{Refused, Settings, Watchdog},
};

/// OpenBMC's names for what happens at the end.
const ACTIONS: [(&str, TimeoutAction); 4] = [
    ("None", TimeoutAction::None),
    ("HardReset", TimeoutAction::HardReset),
    ("PowerOff", TimeoutAction::PowerDown),
    ("PowerCycle", TimeoutAction::PowerCycle),
];
/// OpenBMC's names for what is watched.
const USES: [(&str, Option<TimerUse>); 6] = [
    ("Reserved", None),
    ("BIOSFRB2", Some(TimerUse::BiosFrb2)),
    ("BIOSPOST", Some(TimerUse::BiosPost)),
    ("OSLoad", Some(TimerUse::OsLoad)),
    ("SMSOS", Some(TimerUse::SmsOs)),
    ("OEM", Some(TimerUse::Oem)),
];

fn name<T: PartialEq>(rows: &[(&'static str, T)], prefix: &str, value: &T) -> String {
    let name = rows.iter().find(|row| row.1 == *value).map_or("", |row| row.0);
    format!("{prefix}{name}")
}

fn value<T: Copy>(rows: &[(&str, T)], prefix: &str, text: &str) -> fdo::Result<T> {
    let name = text.strip_prefix(prefix).unwrap_or_default();
    let row = rows.iter().find(|row| row.0 == name);
    row.map(|row| row.1)
        .ok_or_else(|| fdo::Error::InvalidArgs(format!("`{text}` is not a value of {prefix}*")))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn invalid(refused: Refused) -> fdo::Error {
    fdo::Error::InvalidArgs(refused.to_string())
}

/// What OpenBMC's properties show, beside the time that is left.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    initialized: bool,
    enabled: bool,
    settings: Settings,
    expired_use: Option<TimerUse>,
}

impl Shown {
    fn of(watch: &Watch) -> Self {
        watch.look(|timer, _| Self {
            initialized: timer.initialized,
            enabled: timer.is_running(),
            settings: timer.settings,
            expired_use: timer.expired_use,
        })
    }
}

struct Openbmc(Arc<Watch>);

impl Openbmc {
    fn settings(&self) -> Settings {
        self.0.look(|timer, _| timer.settings)
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) -> fdo::Result<()> {
        self.0.change(|timer, _| timer.change(change)).map_err(invalid)
    }
}

#[interface(name = "xyz.openbmc_project.State.Watchdog")]
impl Openbmc {
    /// Starts the countdown again; with `enable`, also where it does not run.
    fn reset_time_remaining(&self, enable: bool) -> fdo::Result<()> {
        let restart = |timer: &mut Watchdog, now| {
            if enable {
                timer.enable(now, true);
            }
            timer.set_left(now, timer.settings.interval)
        };
        self.0.change(restart).map_err(invalid)
    }
    #[zbus(property)]
    fn initialized(&self) -> bool {
        self.0.look(|timer, _| timer.initialized)
    }
    #[zbus(property)]
    fn set_initialized(&mut self, initialized: bool) {
        self.0.change(|timer, _| timer.initialized = initialized);
    }
    #[zbus(property)]
    fn enabled(&self) -> bool {
        self.0.look(|timer, _| timer.is_running())
    }
    #[zbus(property)]
    fn set_enabled(&mut self, enabled: bool) {
        self.0.change(|timer, now| timer.enable(now, enabled));
    }
    #[zbus(property)]
    fn log_timeout(&self) -> bool {
        self.settings().log
    }
    #[zbus(property)]
    fn set_log_timeout(&mut self, log: bool) -> fdo::Result<()> {
        self.set(|settings| settings.log = log)
    }
    #[zbus(property)]
    fn expire_action(&self) -> String {
        name(&ACTIONS, values::ACTION, &self.settings().action)
    }
    #[zbus(property)]
    fn set_expire_action(&mut self, action: String) -> fdo::Result<()> {
        let action = value(&ACTIONS, values::ACTION, &action)?;
        self.set(|settings| settings.action = action)
    }
    /// Milliseconds.
    #[zbus(property)]
    fn interval(&self) -> u64 {
        milliseconds(self.settings().interval)
    }
    #[zbus(property)]
    fn set_interval(&mut self, interval: u64) -> fdo::Result<()> {
        self.set(|settings| settings.interval = Duration::from_millis(interval))
    }
    /// Milliseconds.
    #[zbus(property(emits_changed_signal = "false"))]
    fn time_remaining(&self) -> u64 {
        self.0.look(|timer, now| milliseconds(timer.left(now)))
    }
    #[zbus(property)]
    fn set_time_remaining(&mut self, left: u64) -> fdo::Result<()> {
        self.0.change(|timer, now| timer.set_left(now, Duration::from_millis(left))).map_err(invalid)
    }
    #[zbus(property)]
    fn current_timer_use(&self) -> String {
        name(&USES, values::TIMER_USE, &self.settings().timer_use)
    }
    #[zbus(property)]
    fn set_current_timer_use(&mut self, timer_use: String) -> fdo::Result<()> {
        let timer_use = value(&USES, values::TIMER_USE, &timer_use)?;
        self.set(|settings| settings.timer_use = timer_use)
    }
    #[zbus(property)]
    fn expired_timer_use(&self) -> String {
        name(&USES, values::TIMER_USE, &self.0.look(|timer, _| timer.expired_use))
    }
    #[zbus(property)]
    fn set_expired_timer_use(&mut self, timer_use: String) -> fdo::Result<()> {
        let timer_use = value(&USES, values::TIMER_USE, &timer_use)?;
        self.0.change(|timer, _| timer.expired_use = timer_use);
        Ok(())
    }
    /// The countdown ended.
    #[zbus(signal)]
    async fn timeout(emitter: &SignalEmitter<'_>, action: &str) -> zbus::Result<()>;
}

/// Why IPMI's commands were not done.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.ferrite.Error")]
enum WatchdogError {
    #[zbus(error)]
    ZBus(zbus::Error),
    NotInitialized(String),
    PreTimeoutReached(String),
    InvalidSetting(String),
}

impl From<Refused> for WatchdogError {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::NotInitialized => Self::NotInitialized(text),
            Refused::PreTimeoutReached => Self::PreTimeoutReached(text),
            Refused::PreTimeoutTooLong { .. } | Refused::TooLong(_) => Self::InvalidSetting(text),
        }
    }
}

struct Ipmi(Arc<Watch>);

#[interface(name = "org.ferrite.Watchdog")]
impl Ipmi {
    fn set(&self, setting: Setting) -> Result<(), WatchdogError> {
        let code = |what: &str| WatchdogError::InvalidSetting(format!("reserved code of the {what}"));
        let setting = WatchdogSetting {
            timer_use: TimerUse::from_code(setting.timer_use).ok_or_else(|| code("timer use"))?,
            dont_log: setting.dont_log,
            dont_stop: setting.dont_stop,
            action: TimeoutAction::from_code(setting.action).ok_or_else(|| code("action"))?,
            interrupt: PreTimeoutInterrupt::from_code(setting.interrupt).ok_or_else(|| code("interrupt"))?,
            pre_timeout: setting.pre_timeout,
            clear: ExpirationFlags::from_bits(setting.clear),
            countdown: setting.countdown,
        };
        Ok(self.0.change(|timer, now| timer.set(now, &setting))?)
    }
    fn get(&self) -> Timer {
        let (state, expired_action) =
            self.0.look(|timer, now| (timer.state(now), timer.expired_action.code()));
        Timer {
            timer_use: state.timer_use.map_or(0, TimerUse::code),
            action: state.action.code(),
            interrupt: state.interrupt.code(),
            pre_timeout: state.pre_timeout,
            dont_log: state.dont_log,
            running: state.running,
            expired: state.expired.bits(),
            initial: state.initial,
            present: state.present,
            expired_action,
        }
    }
    fn reset(&self) -> Result<(), WatchdogError> {
        Ok(self.0.change(Watchdog::reset)?)
    }
    #[zbus(signal)]
    async fn pre_timeout(emitter: &SignalEmitter<'_>, interrupt: u8) -> zbus::Result<()>;
    #[zbus(signal)]
    async fn expired(emitter: &SignalEmitter<'_>, timer_use: u8, action: u8) -> zbus::Result<()>;
}

/// Serves the objects, then takes the name.
pub(crate) async fn serve(connection: &Connection, watch: &Arc<Watch>) -> anyhow::Result<()> {
    let server = connection.object_server();
    server.serve(names::PATH, Openbmc(Arc::clone(watch))).await?;
    server.serve(names::PATH, Ipmi(Arc::clone(watch))).await?;
    Ok(own_name(connection, names::SERVICE).await?)
}

/// Announces changes and expirations, and hands records to the event log, for as long as `connection` lives.
pub(crate) async fn announce(connection: &Connection, watch: &Arc<Watch>) -> anyhow::Result<()> {
    tokio::try_join!(
        changes(connection, watch),
        signals(connection, watch),
        watch.queue.deliver(connection)
    )?;
    Ok(())
}

/// Never ends by itself: `watch` is ours.
async fn changes(connection: &Connection, watch: &Watch) -> anyhow::Result<()> {
    let mut seen = watch.shown.subscribe();
    let object = connection.object_server().interface::<_, Openbmc>(names::PATH).boxed().await?;
    let (emitter, mut before) = (object.signal_emitter(), Shown::of(watch));
    loop {
        seen.changed().await?;
        let after = Shown::of(watch);
        let openbmc = object.get().await;
        macro_rules! changed {
            ($($field:expr => $signal:ident),+ $(,)?) => {$(
                if $field(&before) != $field(&after) {
                    openbmc.$signal(emitter).boxed().await?;
                }
            )+};
        }
        changed! {
            |it: &Shown| it.initialized => initialized_changed,
            |it: &Shown| it.enabled => enabled_changed,
            |it: &Shown| it.settings.log => log_timeout_changed,
            |it: &Shown| it.settings.action => expire_action_changed,
            |it: &Shown| it.settings.interval => interval_changed,
            |it: &Shown| it.settings.timer_use => current_timer_use_changed,
            |it: &Shown| it.expired_use => expired_timer_use_changed,
        }
        before = after;
    }
}

async fn signals(connection: &Connection, watch: &Watch) -> anyhow::Result<()> {
    let mut signals = watch.signals.subscribe();
    let emitter = SignalEmitter::new(connection, names::PATH)?;
    loop {
        match signals.recv().await {
            Ok(Signal::PreTimeout(about)) => {
                Ipmi::pre_timeout(&emitter, about.interrupt.code()).boxed().await?
            }
            Ok(Signal::Expired(about)) => {
                let timer_use = about.timer_use.map_or(0, TimerUse::code);
                Ipmi::expired(&emitter, timer_use, about.action.code()).boxed().await?;
                Openbmc::timeout(&emitter, &name(&ACTIONS, values::ACTION, &about.action)).boxed().await?;
            }
            Err(RecvError::Lagged(lost)) => tracing::error!("{lost} signals of the watchdog were lost"),
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
