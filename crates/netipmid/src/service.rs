//! The channel on the bus.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context as _;
use bmc_dbus::{
    Serve as _,
    direct_line::DirectLine,
    execute::{Call, Options},
    names::ipmi,
    sessions::{ListedPayload, ListedSession},
};
use ipmi_wire::rmcp_plus::PayloadType;
use rmcp_session::{SessionState, SolSummary};
use zbus::{Connection, fdo, object_server::SignalEmitter};

use crate::{
    alerts, channel::LanChannel, credentials, driver::Kernel, neighbors::Neighbors, session_events, sessions,
    sol,
};

/// Serves on `connection` until it closes; calls `ready` once the channel's name is owned.
///
/// # Errors
/// Where somebody else owns the name, or the bus fails.
pub(crate) async fn serve(
    connection: &Connection,
    channel: &Arc<LanChannel>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let path = ipmi::channel_path(&channel.name);
    let objects = connection.object_server();
    objects.serve(&path, Lan(Arc::clone(channel))).await.context("cannot serve the channel")?;
    sessions::publish(connection, channel).await.context("cannot serve the sessions")?;
    sol::publish(connection, channel).await.context("cannot serve the SOL configuration")?;
    alerts::publish(connection, channel).await.context("cannot serve the alerts")?;
    // ipmid and userd know the channel by this name: before any call to them.
    bmc_dbus::own_name(connection, &format!("{}{}", ipmi::CHANNEL_PREFIX, channel.name)).await?;
    let line = DirectLine::connect(connection).await.context("cannot watch for ipmid")?;
    channel.lines.set(line.clone());
    channel.bus.send_replace(Some(connection.clone()));
    ready();
    tokio::select! {
        result = credentials::follow(connection, channel) => result.context("cannot follow userd"),
        result = sessions::reconcile(connection, channel) => result.context("cannot publish the sessions"),
        result = sol::follow_bit_rate(connection, channel) => result.context("cannot follow consoled"),
        result = sol::follow_power(connection, channel) => result.context("cannot follow powerd"),
        result = session_events::announce(connection, channel) => result.context("cannot tell of logins"),
        () = follow_guid(&line, channel) => Ok(()),
        () = connection.closed() => Err(anyhow::anyhow!("the connection was closed")),
    }
}

/// Asks ipmid for the system GUID each time it comes (v2.0§22.14): RAKP message 2 carries the same.
async fn follow_guid(line: &DirectLine, channel: &LanChannel) {
    let mut presence = line.presence();
    loop {
        presence.arrived().await;
        channel.lines.drop_before();
        let options = Options { privilege: Some(0), ..Options::default() };
        let call = Call { net_fn: 0x06, lun: 0, command: 0x37, data: Vec::new(), options };
        match line.execute(call).await.map(|reply| (reply.completion_code, <[u8; 16]>::try_from(reply.data)))
        {
            Ok((0, Ok(guid))) => channel.act(|endpoint| endpoint.set_guid(guid)),
            Ok((code, _)) => tracing::warn!("ipmid gives no system GUID: completion code {code:02X}h"),
            Err(error) => tracing::warn!("ipmid gives no system GUID: {error}"),
        }
        presence.changed().await;
    }
}

/// `org.ferrite.Ipmi.LanChannel`.
pub(crate) struct Lan(Arc<LanChannel>);

#[zbus::interface(name = "org.ferrite.Ipmi.LanChannel")]
impl Lan {
    #[zbus(property(emits_changed_signal = "const"))]
    fn cipher_suites(&self) -> Vec<u8> {
        self.0.suites.iter().map(|suite| suite.id()).collect()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn listen_address(&self) -> String {
        self.0.listen.to_string()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn direct_line(&self) -> bool {
        self.0.lines.best().is_some_and(|line| line.is_direct())
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn discards(&self) -> HashMap<String, u64> {
        self.0.endpoint().discards().iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn kg_set(&self) -> bool {
        self.0.has_kg()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn payloads(&self) -> Vec<ListedPayload> {
        let listed = |sol: SolSummary| ListedPayload {
            payload_type: PayloadType::SOL.value(),
            instance: sol.instance,
            session_id: sol.session.id,
            port: sol.session.peer.port(),
            seconds: sol.opened.elapsed().as_secs(),
            bytes_in: sol.received,
            bytes_out: sol.acknowledged,
        };
        self.0.endpoint().sol_instances().map(listed).collect()
    }

    fn deactivate_payload(&self, payload_type: u8, instance: u8) -> fdo::Result<()> {
        let sol = payload_type == PayloadType::SOL.value();
        if sol && self.0.act(|endpoint| endpoint.deactivate_sol(instance)) {
            return Ok(());
        }
        Err(fdo::Error::InvalidArgs(format!("instance {instance} of payload {payload_type} is not active")))
    }

    fn send_message(&self, handle: u8, message: Vec<u8>) -> fdo::Result<()> {
        let sent = self.0.act(|endpoint| endpoint.send_message(handle, &message, &mut Kernel::new()));
        sent.map_err(|error| fdo::Error::InvalidArgs(format!("session handle {handle}: {error}")))
    }

    #[zbus(signal)]
    pub(crate) async fn session_event(
        emitter: &SignalEmitter<'_>,
        channel: u8,
        event: u8,
        user_slot: u8,
        cause: u8,
    ) -> zbus::Result<()>;

    /// The sessions of this instant; the objects follow a little later.
    fn sessions(&self) -> (u8, Vec<ListedSession>) {
        let neighbors = Neighbors::read();
        let endpoint = self.0.endpoint();
        let active = endpoint.sessions().filter(|session| session.state == SessionState::Active);
        let listed = active.map(|session| ListedSession {
            id: session.id,
            handle: session.handle,
            user_slot: session.user_slot,
            privilege: session.privilege as u8,
            address: session.peer.ip().to_string(),
            port: session.peer.port(),
            mac: neighbors.mac(session.peer.ip()).to_vec(),
        });
        (self.0.session_limit, listed.collect())
    }

    fn close_session(&self, session_id: u32) -> fdo::Result<()> {
        if self.0.close(session_id) {
            return Ok(());
        }
        Err(fdo::Error::InvalidArgs(format!("no session {session_id:08x}")))
    }
}
