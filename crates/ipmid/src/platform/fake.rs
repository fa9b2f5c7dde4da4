//! A board that is a table: tests fill it in and see what was asked of it.

use std::{
    collections::{BTreeMap, HashMap},
    future::ready,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use bmc_daemon::ChannelTable;
use bmc_dbus::users::UserEntry;
use ipmi_wire::command::app::Guid;

use super::{
    Pending, Platform, PlatformError,
    event_log::{EventLog, LogInfo, LogRecord, Setting},
    inventory::{FruDevice, Inventory},
    lan::{Interface, Lan, LanOffer},
    power::{Power, PowerAction, PowerStatus, RestorePolicy},
    sensors::Sensors,
    sessions::{Session, SessionTable, Sessions},
    users::{Table, Users},
};
use crate::{
    Ipmid, Kept,
    config::Config,
    guid::Guids,
    sensors::{Hysteresis, Sensor, Snapshot, Threshold},
};

/// The state of a fake board. `None` is a provider that is not on the bus.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) power: Mutex<Option<PowerStatus>>,
    pub(crate) users: Mutex<Option<Table>>,
    pub(crate) interface: Mutex<Option<Interface>>,
    pub(crate) sessions: Mutex<Vec<Session>>,
    pub(crate) sensors: Mutex<Arc<Snapshot>>,
    /// Records by ID, and when the log was last erased.
    pub(crate) log: Mutex<(BTreeMap<u16, [u8; 16]>, u32)>,
    pub(crate) log_settings: Mutex<HashMap<Setting, i64>>,
    pub(crate) auxiliary_logs: Mutex<BTreeMap<u8, Vec<u8>>>,
    pub(crate) frus: Mutex<BTreeMap<u8, Vec<u8>>>,
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
        };
        let users = vec![user(1, "", false, &[]), user(2, "admin", true, &[(1, 4)])];
        *board.users.lock().unwrap() = Some(Table { slots: 15, users });
        *board.interface.lock().unwrap() = Some(Interface {
            mac: [2, 0, 0, 0, 0, 1],
            ipv4: Some((Ipv4Addr::new(10, 0, 2, 15), 20)),
            ..Interface::default()
        });
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
        users: board.clone(),
        lan: board.clone(),
        sessions: board.clone(),
        sensors: board.clone(),
        event_log: board.clone(),
        inventory: board.clone(),
    };
    let guids = Guids { system: Guid([1; 16]), device: Guid([2; 16]) };
    Ipmid::new(&Config::default(), guids, Arc::new(channels), platform, Arc::new(Kept::default()))
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

impl Inventory for Board {
    fn list(&self) -> Vec<FruDevice> {
        let frus = self.frus.lock().unwrap();
        let device = |(id, bytes): (&u8, &Vec<u8>)| FruDevice {
            id: *id,
            name: format!("FRU {id}"),
            size: u16::try_from(bytes.len()).unwrap(),
            entity: (7, 1),
        };
        frus.iter().map(device).collect()
    }

    fn read(&self, id: u8, offset: u16, count: u8) -> Pending<'_, Vec<u8>> {
        let frus = self.frus.lock().unwrap();
        let bytes = frus
            .get(&id)
            .map(|bytes| bytes.iter().skip(usize::from(offset)).take(usize::from(count)).copied().collect());
        Box::pin(ready(bytes.ok_or(PlatformError::NotPresent)))
    }
}
