//! A board that is a table: tests fill it in and see what was asked of it.

mod alerting;

use std::{
    collections::{BTreeMap, HashMap},
    future::ready,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use bmc_daemon::{Channel, ChannelTable};
use bmc_dbus::users::{UserEntry, payloads_on};
use ipmi_wire::{
    CompletionCode,
    command::{
        app::Guid,
        boot::{BootOption, BootOptionData, BootOptionSelector},
        sol_configuration::{BitRate, Progress, SolParameter},
        watchdog::{TimeoutAction, WatchdogSetting, WatchdogState},
    },
};

use bmc_hw::i2c::{I2c, I2cError};

use super::{
    Pending, Platform, PlatformError,
    boot::BootOptions,
    event_log::{EventLog, LogInfo, LogRecord, Setting},
    host::Host,
    i2c::Transfers,
    inventory::{FruDevice, Inventory},
    ipmb::{Ipmb, IpmbAnswer, IpmbRequest},
    lan::{Interface, Lan, LanOffer},
    power::{Power, PowerAction, PowerStatus, RestorePolicy},
    sensors::Sensors,
    sessions::{Session, SessionTable, Sessions},
    sol::{Configuration, ListedPayload, Sol},
    users::{Table, Users},
    watchdog::{Outcome, Refusal, Watchdog},
};
use crate::{
    Ipmid, Kept,
    config::{Config, I2cDevice, IpmbDevice},
    guid::Guids,
    restriction::Mode,
    sensors::{Hysteresis, Model, RecordChange, RecordRefused, Sensor, Snapshot, Threshold},
};

/// The state of a fake board. `None` is a provider that is not on the bus.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) power: Mutex<Option<PowerStatus>>,
    pub(crate) users: Mutex<Option<Table>>,
    pub(crate) interface: Mutex<Option<Interface>>,
    pub(crate) sessions: Mutex<Vec<Session>>,
    pub(crate) sol: Mutex<Option<Configuration>>,
    pub(crate) payloads: Mutex<Vec<ListedPayload>>,
    /// Event filters and alerts.
    pub(crate) alerting: Mutex<alerting::Alerting>,
    pub(crate) sensors: Mutex<Arc<Snapshot>>,
    /// What the snapshot is made from once records are changed.
    pub(crate) model: Mutex<Model>,
    /// The repository's clock.
    pub(crate) time: Mutex<u32>,
    /// Records by ID, and when the log was last erased.
    pub(crate) log: Mutex<(BTreeMap<u16, [u8; 16]>, u32)>,
    /// The watchdog timer, once it is set.
    pub(crate) watchdog: Mutex<Option<WatchdogState>>,
    /// What it did when it last ended.
    pub(crate) watchdog_did: Mutex<Option<TimeoutAction>>,
    /// Boot options, by parameter; there are only those that are in it.
    pub(crate) boot_options: Mutex<BTreeMap<u8, BootOption>>,
    pub(crate) log_settings: Mutex<HashMap<Setting, i64>>,
    pub(crate) auxiliary_logs: Mutex<BTreeMap<u8, Vec<u8>>>,
    pub(crate) frus: Mutex<BTreeMap<u8, Vec<u8>>>,
    /// How the IPMB's devices answer.
    pub(crate) ipmb: Mutex<Option<IpmbAnswer>>,
    /// How the I2C devices answer.
    pub(crate) i2c: Mutex<Option<Result<Vec<u8>, I2cError>>>,
    /// The restriction mode of OpenBMC's settings daemon.
    pub(crate) mode: Mutex<Option<Mode>>,
    /// What was asked of it, in order.
    pub(crate) asked: Mutex<Vec<String>>,
    /// Never answers an action.
    pub(crate) stuck: bool,
}

impl Board {
    /// A board whose host runs, with one administrator in slot 2.
    pub(crate) fn running() -> Self {
        let board = Self::default();
        *board.power.lock().unwrap() = Some(PowerStatus {
            on: true,
            identify: Some(false),
            on_hours: Some(1000),
            ..PowerStatus::default()
        });
        board.log_settings.lock().unwrap().insert(Setting::UtcOffset, 0);
        let user = |slot, name: &str, enabled, privileges: &[(u8, u8)]| UserEntry {
            slot,
            name: name.to_owned(),
            enabled,
            privileges: privileges.iter().copied().collect(),
            has_password: enabled,
            payloads: Default::default(),
        };
        let users = vec![user(1, "", false, &[]), user(2, "admin", true, &[(1, 4)])];
        *board.users.lock().unwrap() = Some(Table { slots: 15, users });
        *board.interface.lock().unwrap() = Some(Interface {
            mac: [2, 0, 0, 0, 0, 1],
            ipv4: Some((Ipv4Addr::new(10, 0, 2, 15), 20)),
            ..Interface::default()
        });
        *board.sol.lock().unwrap() = Some(Configuration::default());
        board
    }

    fn ask(&self, what: String) -> Pending<'_, ()> {
        self.asked.lock().unwrap().push(what);
        if self.stuck {
            return Box::pin(std::future::pending());
        }
        Box::pin(ready(Ok(())))
    }
}

/// A controller on `board` with OpenBMC's channels.
pub(crate) fn ipmid(board: &Arc<Board>) -> Ipmid {
    let channels = ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
    let platform = Platform {
        power: board.clone(),
        boot_options: board.clone(),
        watchdog: board.clone(),
        users: board.clone(),
        lan: board.clone(),
        sessions: board.clone(),
        alerts: board.clone(),
        event_filter: board.clone(),
        sol: board.clone(),
        sensors: board.clone(),
        event_log: board.clone(),
        inventory: board.clone(),
        host: board.clone(),
        ipmb: board.clone(),
        i2c: Transfers::new(board.clone()),
    };
    let guids = Guids { system: Guid([1; 16]), device: Guid([2; 16]) };
    let config = Config {
        ipmb: vec![IpmbDevice { channel: 0, address: 0x2C, device: 1 }],
        i2c: vec![I2cDevice { bus: 2, device: "/dev/i2c-4".into(), address: 0x50, write: 1, read: 16 }],
        ..Config::default()
    };
    Ipmid::new(&config, guids, Arc::new(channels), platform, Arc::new(Kept::default()))
}

impl Power for Board {
    fn status(&self) -> Result<PowerStatus, PlatformError> {
        self.power.lock().unwrap().ok_or(PlatformError::Absent("power"))
    }

    fn request(&self, action: PowerAction) -> Pending<'_, ()> {
        self.ask(format!("{action:?}"))
    }

    fn set_restore_policy(&self, policy: RestorePolicy) -> Pending<'_, ()> {
        self.ask(format!("policy {policy:?}"))
    }

    fn system_guid(&self) -> Option<Guid> {
        None
    }

    fn set_identify(&self, on: bool) -> Pending<'_, ()> {
        if let Some(status) = self.power.lock().unwrap().as_mut() {
            status.identify = Some(on);
        }
        self.ask(format!("identify {on}"))
    }
}

impl Users for Board {
    fn table(&self) -> Result<Arc<Table>, PlatformError> {
        self.users.lock().unwrap().clone().map(Arc::new).ok_or(PlatformError::Absent("users"))
    }

    fn set_payloads(&self, slot: u8, channel: u8, payloads: u32, allowed: bool) -> Pending<'_, ()> {
        if let Some(user) = self
            .users
            .lock()
            .unwrap()
            .iter_mut()
            .flat_map(|table| &mut table.users)
            .find(|user| user.slot == slot)
        {
            let before = payloads_on(&user.payloads, channel);
            user.payloads.insert(channel, if allowed { before | payloads } else { before & !payloads });
        }
        self.ask(format!("payloads {payloads:#x} of {slot} on {channel}: {allowed}"))
    }
}

impl Lan for Board {
    fn interface(&self, _: &str) -> Result<Interface, PlatformError> {
        self.interface.lock().unwrap().clone().ok_or(PlatformError::Absent("network"))
    }

    fn offer(&self, _: &str) -> Pending<'_, LanOffer> {
        Box::pin(ready(Ok(LanOffer { cipher_suites: vec![17, 3], kg_set: false })))
    }
}

impl Sessions for Board {
    fn table(&self) -> Pending<'_, SessionTable> {
        let active = self.sessions.lock().unwrap().clone();
        Box::pin(ready(Ok(SessionTable { possible: 15, active })))
    }

    fn close<'a>(&'a self, session: &'a Session) -> Pending<'a, ()> {
        self.ask(format!("close {}", session.id))
    }

    fn send<'a>(&'a self, session: &'a Session, message: &'a [u8]) -> Pending<'a, ()> {
        self.ask(format!("to session {}: {message:02X?}", session.handle))
    }
}

fn take(configuration: &mut Configuration, parameter: SolParameter) {
    use SolParameter as P;
    let bits = |rate| if let BitRate::Baud(baud) = rate { u64::from(baud) } else { 0 };
    match parameter {
        P::SetInProgress(progress) => configuration.in_progress = progress == Progress::InProgress,
        P::Enable(enable) => configuration.enable = enable,
        P::Authentication { force_encryption, force_authentication, privilege } => {
            configuration.force_encryption = force_encryption;
            configuration.force_authentication = force_authentication;
            configuration.privilege = privilege;
        }
        P::Accumulate { interval, threshold } => {
            (configuration.accumulate_interval, configuration.threshold) = (interval, threshold);
        }
        P::Retry { count, interval } => {
            (configuration.retry_count, configuration.retry_interval) = (count, interval);
        }
        P::NonVolatileBitRate(rate) => configuration.bit_rate = bits(rate),
        P::VolatileBitRate(rate) => configuration.volatile_bit_rate = bits(rate),
        P::PayloadChannel(_) | P::PayloadPort(_) => panic!("{parameter:?} cannot be written"),
    }
}

impl Sol for Board {
    fn configuration<'a>(&'a self, name: &'a str) -> Pending<'a, Configuration> {
        // The second LAN channel has no owner.
        let found = self.sol.lock().unwrap().clone().filter(|_| name == "eth0");
        Box::pin(ready(found.ok_or(PlatformError::Absent("netipmid"))))
    }

    fn set<'a>(&'a self, name: &'a str, parameter: SolParameter) -> Pending<'a, ()> {
        if let Some(configuration) = self.sol.lock().unwrap().as_mut() {
            take(configuration, parameter);
        }
        self.ask(format!("{name}: {parameter:?}"))
    }

    fn payloads<'a>(&'a self, name: &'a str) -> Pending<'a, Vec<ListedPayload>> {
        let active = self.payloads.lock().unwrap().clone();
        let there = self.sol.lock().unwrap().is_some() && name == "eth0";
        Box::pin(ready(if there { Ok(active) } else { Err(PlatformError::Absent("netipmid")) }))
    }

    fn deactivate<'a>(&'a self, name: &'a str, payload_type: u8, instance: u8) -> Pending<'a, ()> {
        self.ask(format!("deactivate {payload_type} {instance} of {name}"))
    }
}

impl Sensors for Board {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.sensors.lock().unwrap().clone()
    }

    fn set_thresholds<'a>(
        &'a self,
        sensor: &'a Sensor,
        thresholds: &'a [(Threshold, f64)],
    ) -> Pending<'a, ()> {
        let all: Vec<_> = thresholds.iter().map(|(t, value)| format!("{} {value}", t.property())).collect();
        self.ask(format!("{}: {}", sensor.path, all.join(", ")))
    }

    fn set_hysteresis<'a>(&'a self, sensor: &'a Sensor, hysteresis: Hysteresis) -> Pending<'a, ()> {
        self.ask(format!("{}: {} {}", sensor.path, hysteresis.positive, hysteresis.negative))
    }

    fn set_reading<'a>(&'a self, sensor: &'a Sensor, value: f64) -> Pending<'a, ()> {
        if sensor.path.ends_with("Measured") {
            return Box::pin(ready(Err(PlatformError::Refused("it is measured".into()))));
        }
        self.ask(format!("{}: reads {value}", sensor.path))
    }

    fn change_records(&self, change: RecordChange) -> Pending<'_, Result<u16, RecordRefused>> {
        let mut model = self.model.lock().unwrap();
        let outcome = model.changed_records(&change).map(|changed| {
            changed.records.into_iter().for_each(|records| model.set_added(records));
            changed.id
        });
        *self.sensors.lock().unwrap() = model.rebuild(self.repository_time()).0;
        Box::pin(ready(Ok(outcome)))
    }

    fn repository_time(&self) -> u32 {
        *self.time.lock().unwrap()
    }

    fn set_repository_time(&self, seconds: u32) {
        *self.time.lock().unwrap() = seconds;
    }
}

impl Board {
    /// The record that `id` stands for, as in [`EventLog::get`].
    fn logged(&self, id: u16) -> Result<u16, PlatformError> {
        let log = &self.log.lock().unwrap().0;
        let id = match id {
            0 => log.keys().next().copied(),
            0xFFFF => log.keys().next_back().copied(),
            id => log.contains_key(&id).then_some(id),
        };
        id.ok_or(PlatformError::NotPresent)
    }
}

impl EventLog for Board {
    fn info(&self) -> Pending<'_, LogInfo> {
        let log = self.log.lock().unwrap();
        let records = u32::try_from(log.0.len()).unwrap();
        let info = LogInfo {
            records,
            free: 100 - records,
            last_erase: log.1,
            erasures: log.1,
            ..LogInfo::default()
        };
        Box::pin(ready(Ok(info)))
    }

    fn get(&self, id: u16) -> Pending<'_, LogRecord> {
        Box::pin(ready(self.logged(id).map(|id| {
            let log = &self.log.lock().unwrap().0;
            let next = log.range(id + 1..).next().map_or(0xFFFF, |(id, _)| *id);
            LogRecord { id, next, bytes: log[&id] }
        })))
    }

    fn add(&self, record: [u8; 16]) -> Pending<'_, u16> {
        let log = &mut self.log.lock().unwrap().0;
        let id = log.keys().next_back().map_or(1, |id| id + 1);
        log.insert(id, record);
        Box::pin(ready(Ok(id)))
    }

    fn delete(&self, id: u16) -> Pending<'_, u16> {
        let id = self.logged(id);
        if let Ok(id) = &id {
            let mut log = self.log.lock().unwrap();
            log.0.remove(id);
            log.1 += 1;
        }
        Box::pin(ready(id))
    }

    fn clear(&self) -> Pending<'_, ()> {
        self.log.lock().unwrap().0.clear();
        self.log.lock().unwrap().1 += 1;
        self.ask("clear log".to_owned())
    }

    fn report(&self, record: [u8; 16]) -> Pending<'_, ()> {
        let added = EventLog::add(self, record);
        Box::pin(async move { added.await.map(drop) })
    }

    fn rearm<'a>(&'a self, path: &'a str, events: u16) -> Pending<'a, ()> {
        self.ask(format!("re-arm {path} {events:04x}"))
    }

    fn setting(&self, setting: Setting) -> Pending<'_, i64> {
        let value = self.log_settings.lock().unwrap().get(&setting).copied();
        Box::pin(ready(value.ok_or(PlatformError::Absent("seld"))))
    }

    fn set(&self, setting: Setting, value: i64) -> Pending<'_, ()> {
        self.log_settings.lock().unwrap().insert(setting, value);
        Box::pin(ready(Ok(())))
    }

    fn auxiliary(&self, log_type: u8) -> Pending<'_, Vec<u8>> {
        let status = self.auxiliary_logs.lock().unwrap().get(&log_type).cloned();
        Box::pin(ready(status.ok_or(PlatformError::NotPresent)))
    }

    fn set_auxiliary(&self, log_type: u8, status: Vec<u8>) -> Pending<'_, ()> {
        self.auxiliary_logs.lock().unwrap().insert(log_type, status);
        Box::pin(ready(Ok(())))
    }
}

impl Host for Board {
    fn booted(&self) -> bool {
        true
    }

    fn mode(&self) -> Option<Mode> {
        *self.mode.lock().unwrap()
    }
}

impl Ipmb for Board {
    fn send<'a>(&'a self, _: &'a Channel, device: u8, request: IpmbRequest<'a>) -> Pending<'a, IpmbAnswer> {
        let IpmbRequest { net_fn, lun, command, data } = request;
        let asked = format!("device {device}: {net_fn:02X}/{lun} {command:02X} {data:02X?}");
        self.asked.lock().unwrap().push(asked);
        let answer = self.ipmb.lock().unwrap().clone().ok_or(PlatformError::Absent("the bridge"));
        Box::pin(ready(answer))
    }
}

impl I2c for Board {
    fn transfer(
        &self,
        device: &std::path::Path,
        address: u8,
        write: &[u8],
        count: u8,
    ) -> Result<Vec<u8>, I2cError> {
        let asked = format!("{} {address:#04x}: write {write:?}, read {count}", device.display());
        self.asked.lock().unwrap().push(asked);
        self.i2c.lock().unwrap().clone().unwrap_or(Err(I2cError::NoAcknowledge))
    }
}

impl Inventory for Board {
    fn list(&self) -> Vec<FruDevice> {
        let frus = self.frus.lock().unwrap();
        let device = |(id, bytes): (&u8, &Vec<u8>)| FruDevice {
            id: *id,
            name: format!("FRU {id}"),
            size: u16::try_from(bytes.len()).unwrap(),
            // Every other device, so that both are tried.
            words: id % 2 == 1,
            entity: (7, 1),
        };
        frus.iter().map(device).collect()
    }

    fn read(&self, id: u8, offset: u32, count: u16) -> Pending<'_, Vec<u8>> {
        let (frus, offset) = (self.frus.lock().unwrap(), usize::try_from(offset).unwrap());
        let bytes =
            frus.get(&id).map(|bytes| bytes.iter().skip(offset).take(usize::from(count)).copied().collect());
        Box::pin(ready(bytes.ok_or(PlatformError::NotPresent)))
    }

    fn write(&self, id: u8, offset: u32, data: Vec<u8>) -> Pending<'_, ()> {
        let (mut frus, offset) = (self.frus.lock().unwrap(), usize::try_from(offset).unwrap());
        let written = frus.get_mut(&id).ok_or(PlatformError::NotPresent).map(|bytes| {
            bytes[offset..offset + data.len()].copy_from_slice(&data);
        });
        Box::pin(ready(written))
    }
}

impl Watchdog for Board {
    fn get(&self) -> Pending<'_, WatchdogState> {
        Box::pin(ready(self.watchdog.lock().unwrap().ok_or(PlatformError::Absent("the watchdog"))))
    }

    fn expired_action(&self) -> Pending<'_, Option<TimeoutAction>> {
        Box::pin(ready(Ok(*self.watchdog_did.lock().unwrap())))
    }

    fn set(&self, setting: WatchdogSetting) -> Pending<'_, Outcome> {
        if u16::from(setting.pre_timeout) * 10 > setting.countdown {
            return Box::pin(ready(Ok(Err(Refusal::InvalidSetting))));
        }
        *self.watchdog.lock().unwrap() = Some(WatchdogState {
            timer_use: Some(setting.timer_use),
            dont_log: setting.dont_log,
            running: false,
            action: setting.action,
            interrupt: setting.interrupt,
            pre_timeout: setting.pre_timeout,
            expired: setting.clear,
            initial: setting.countdown,
            present: setting.countdown,
        });
        Box::pin(ready(Ok(Ok(()))))
    }

    fn reset(&self) -> Pending<'_, Outcome> {
        let outcome = match &mut *self.watchdog.lock().unwrap() {
            None => Err(Refusal::NotInitialized),
            Some(timer) if timer.running => Err(Refusal::PreTimeoutReached),
            Some(timer) => {
                timer.running = true;
                Ok(())
            }
        };
        Box::pin(ready(Ok(outcome)))
    }
}

impl BootOptions for Board {
    fn set(&self, option: BootOption) -> Pending<'_, Result<(), CompletionCode>> {
        let mut options = self.boot_options.lock().unwrap();
        let old = options.get_mut(&option.parameter).ok_or(CompletionCode(0x80));
        Box::pin(ready(Ok(old.map(|old| *old = option))))
    }

    fn get(&self, selector: BootOptionSelector) -> Pending<'_, Result<BootOptionData, CompletionCode>> {
        let options = self.boot_options.lock().unwrap();
        let data = options.get(&selector.parameter).map(|option| BootOptionData {
            invalid: option.invalid,
            parameter: option.parameter,
            data: option.data.clone(),
        });
        Box::pin(ready(Ok(data.ok_or(CompletionCode(0x80)))))
    }
}
