//! The session objects: published by comparing what is with what stands on the bus.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bmc_dbus::{Serve as _, names::ipmi};
use rmcp_session::{SessionState, SessionSummary};
use zbus::{Connection, fdo};

use crate::{
    channel::LanChannel,
    neighbors::{self, Neighbors},
};

/// The least time between two comparisons: a login flood must not become a flood on the bus.
const PACE: Duration = Duration::from_millis(100);

/// `State` values of OpenBMC's interface.
const INACTIVE: u8 = 0;
const ACTIVE: u8 = 2;
const TEAR_DOWN: u8 = 3;

/// Keeps the objects in step with the sessions, at once for the first change.
pub(crate) async fn publish(connection: &Connection, channel: &Arc<LanChannel>) -> zbus::Result<()> {
    let objects = connection.object_server();
    objects.serve(ipmi::SESSION_ROOT, fdo::ObjectManager).await?;
    let before = Info { channel: Arc::clone(channel), summary: None, mac: neighbors::UNKNOWN };
    objects.serve(&format!("{}/{}/0", ipmi::SESSION_ROOT, ipmi::path_element(&channel.name)), before).await?;
    Ok(())
}

/// Runs after [`publish`], until the connection ends.
pub(crate) async fn reconcile(connection: &Connection, channel: &Arc<LanChannel>) -> zbus::Result<()> {
    let mut published: HashMap<String, Shared> = HashMap::new();
    loop {
        update(connection, channel, &mut published).await?;
        tokio::time::sleep(PACE).await;
        channel.sessions_changed.notified().await;
    }
}

type Shared = Arc<Mutex<SessionSummary>>;

async fn update(
    connection: &Connection,
    channel: &Arc<LanChannel>,
    published: &mut HashMap<String, Shared>,
) -> zbus::Result<()> {
    let objects = connection.object_server();
    let active = |session: &SessionSummary| session.state == SessionState::Active;
    let now: HashMap<String, SessionSummary> = channel
        .endpoint()
        .sessions()
        .filter(active)
        .map(|session| (path(&channel.name, &session), session))
        .collect();
    let gone: Vec<String> = published.keys().filter(|path| !now.contains_key(*path)).cloned().collect();
    for path in gone {
        published.remove(&path);
        objects.remove::<Info, _>(path.as_str()).await?;
        objects.remove::<Session, _>(path.as_str()).await?;
    }
    // Read for new ones alone.
    let mut table = None;
    for (path, summary) in now {
        if published.contains_key(&path) {
            continue;
        }
        let mac = table.get_or_insert_with(Neighbors::read).mac(summary.peer.ip());
        let shared = Arc::new(Mutex::new(summary));
        let info = Info { channel: Arc::clone(channel), summary: Some(Arc::clone(&shared)), mac };
        objects.serve(path.as_str(), Session(Arc::clone(&shared))).await?;
        objects.serve(path.as_str(), info).await?;
        published.insert(path, shared);
    }
    Ok(())
}

fn path(channel: &str, session: &SessionSummary) -> String {
    format!("{}/{}/{:x}_{:x}", ipmi::SESSION_ROOT, ipmi::path_element(channel), session.id, session.handle)
}

/// `xyz.openbmc_project.Ipmi.SessionInfo`; without a summary the context before a session.
pub(crate) struct Info {
    channel: Arc<LanChannel>,
    summary: Option<Shared>,
    /// The client's hardware address as the kernel knew it when the object was published.
    mac: [u8; 6],
}

impl Info {
    fn of<T: Default>(&self, value: impl Fn(&SessionSummary) -> T) -> T {
        match &self.summary {
            Some(summary) => value(&summary.lock().unwrap_or_else(PoisonError::into_inner)),
            None => T::default(),
        }
    }

    /// The session as it is now, which the copy need not be.
    fn live(&self) -> Option<SessionSummary> {
        let id = self.of(|session| session.id);
        self.channel.endpoint().sessions().find(|session| session.id == id && id != 0)
    }
}

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.SessionInfo")]
impl Info {
    #[zbus(property(emits_changed_signal = "const"))]
    fn session_handle(&self) -> u8 {
        self.of(|session| session.handle)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn channel_num(&self) -> u8 {
        self.channel.number
    }

    /// Read when asked for: it changes with Set Session Privilege Level.
    #[zbus(property(emits_changed_signal = "false"))]
    fn current_privilege(&self) -> u8 {
        self.live().map_or(0, |session| session.privilege as u8)
    }

    /// The four bytes in network order as they lie in memory, as phosphor has it; 0 for IPv6.
    #[zbus(property(emits_changed_signal = "const"), name = "RemoteIPAddr")]
    fn remote_ip_addr(&self) -> u32 {
        self.of(|session| match session.peer.ip() {
            IpAddr::V4(address) => u32::from_le_bytes(address.octets()),
            IpAddr::V6(_) => 0,
        })
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn remote_port(&self) -> u16 {
        self.of(|session| session.peer.port())
    }

    /// Zeros where it is not known, as over IPv6.
    #[zbus(property(emits_changed_signal = "const"), name = "RemoteMACAddress")]
    fn remote_mac_address(&self) -> Vec<u8> {
        self.mac.to_vec()
    }

    #[zbus(property(emits_changed_signal = "const"), name = "UserID")]
    fn user_id(&self) -> u8 {
        self.of(|session| session.user_slot)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> u8 {
        if self.live().is_some() { ACTIVE } else { INACTIVE }
    }

    /// Writing 3 closes the session.
    #[zbus(property)]
    fn set_state(&self, state: u8) -> zbus::Result<()> {
        let id = self.of(|session| session.id);
        if state != TEAR_DOWN || id == 0 {
            return Err(fdo::Error::InvalidArgs("only 3 can be written, on a session".into()).into());
        }
        self.channel.close(id);
        Ok(())
    }
}

/// `org.ferrite.Ipmi.Session`: what OpenBMC's interface has no room for.
pub(crate) struct Session(Shared);

impl Session {
    fn of<T>(&self, value: impl Fn(&SessionSummary) -> T) -> T {
        value(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[zbus::interface(name = "org.ferrite.Ipmi.Session")]
impl Session {
    #[zbus(property(emits_changed_signal = "const"))]
    fn remote_address(&self) -> String {
        self.of(|session| session.peer.ip().to_string())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn user_name(&self) -> String {
        self.of(|session| String::from_utf8_lossy(&session.user_name).into_owned())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn cipher_suite(&self) -> u8 {
        self.of(|session| session.suite.id())
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn age_milliseconds(&self) -> u64 {
        self.of(|session| u64::try_from(session.opened.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
