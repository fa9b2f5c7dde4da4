//! A board that is a table: tests fill it in and see what was asked of it.

use std::{
    future::ready,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use bmc_daemon::ChannelTable;
use bmc_dbus::users::UserEntry;
use ipmi_wire::command::app::Guid;

use super::{
    Pending, Platform, PlatformError,
    lan::{Interface, Lan, LanOffer},
    power::{Power, PowerAction, PowerStatus, RestorePolicy},
    sessions::{Session, Sessions},
    users::{Table, Users},
};
use crate::{Ipmid, Kept, config::Config, guid::Guids};

/// The state of a fake board. `None` is a provider that is not on the bus.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) power: Mutex<Option<PowerStatus>>,
    pub(crate) users: Mutex<Option<Table>>,
    pub(crate) interface: Mutex<Option<Interface>>,
    pub(crate) sessions: Mutex<Vec<Session>>,
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
    let platform =
        Platform { power: board.clone(), users: board.clone(), lan: board.clone(), sessions: board.clone() };
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
    fn active(&self) -> Pending<'_, Vec<Session>> {
        Box::pin(ready(Ok(self.sessions.lock().unwrap().clone())))
    }

    fn close<'a>(&'a self, session: &'a Session) -> Pending<'a, ()> {
        self.ask(format!("close {}", session.id))
    }
}
