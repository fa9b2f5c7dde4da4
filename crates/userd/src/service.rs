//! `org.ferrite.UserTable` and `org.ferrite.Credentials`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bmc_dbus::{
    Serve as _,
    names::{ipmi::CHANNEL_PREFIX, users},
    users::{CredentialEntry, SecretBytes, UserEntry, UserError},
};
use zbus::{Connection, fdo::DBusProxy, message::Header, names::BusName, object_server::SignalEmitter};

use crate::{
    store::Store,
    table::{NULL_USER, User, UserTable},
};

/// The store, which outlives the bus connection.
#[derive(Debug, Clone)]
pub struct Shared {
    store: Arc<Mutex<Store>>,
    /// Numbers of the LAN channels, where a new user gets access.
    lan_channels: Arc<[u8]>,
}

impl Shared {
    /// A store to be served; new users get their privilege on `lan_channels`.
    pub fn new(store: Store, lan_channels: Vec<u8>) -> Self {
        Self { store: Arc::new(Mutex::new(store)), lan_channels: lan_channels.into() }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // The store changes by whole values only, so that a panic elsewhere leaves it sound.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts both interfaces on `connection`. The bus name is the caller's to take, afterwards.
///
/// # Errors
/// What the connection says.
pub async fn serve(connection: &Connection, shared: Shared) -> zbus::Result<()> {
    let server = connection.object_server();
    server.serve(users::PATH, TableObject(shared.clone())).await?;
    server.serve(users::PATH, CredentialsObject(shared)).await?;
    Ok(())
}

struct TableObject(Shared);

impl TableObject {
    /// What every change ends with: a line for the audit and the signal.
    async fn done(
        &self,
        emitter: &SignalEmitter<'_>,
        header: &Header<'_>,
        slot: u8,
        change: &str,
    ) -> Result<(), UserError> {
        let name =
            self.0.store().table().users().get(&slot).map(|user| user.name.clone()).unwrap_or_default();
        audit(header, slot, &name, change);
        Ok(emitter.changed().await?)
    }
}

/// One line in the journal per change: what, to whom, by whom. Never a secret.
fn audit(header: &Header<'_>, slot: u8, user: &str, change: &str) {
    let sender = header.sender().map(ToString::to_string).unwrap_or_default();
    tracing::info!(slot, user, sender, "{change}");
}

#[zbus::interface(name = "org.ferrite.UserTable")]
impl TableObject {
    fn list(&self) -> Vec<UserEntry> {
        let store = self.0.store();
        let entries = store.table().users().iter().map(|(slot, user)| UserEntry {
            slot: *slot,
            name: user.name.clone(),
            enabled: user.enabled,
            privileges: user.privileges.clone(),
            has_password: store.password(*slot).is_some(),
            payloads: user.payloads.clone(),
        });
        std::iter::once(null_user()).chain(entries).collect()
    }

    async fn create(
        &self,
        name: String,
        password: SecretBytes,
        privilege: u8,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<u8, UserError> {
        let slot = self.0.store().create(&name, password, privilege, &self.0.lan_channels)?;
        self.done(&emitter, &header, slot, "user created").await?;
        Ok(slot)
    }

    async fn delete(
        &self,
        slot: u8,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        let User { name, .. } = self.0.store().delete(slot)?;
        audit(&header, slot, &name, "user deleted");
        Ok(emitter.changed().await?)
    }

    async fn set_name(
        &self,
        slot: u8,
        name: String,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        self.0.store().update(|table| table.set_name(slot, &name))?;
        self.done(&emitter, &header, slot, "user renamed").await
    }

    async fn set_password(
        &self,
        slot: u8,
        password: SecretBytes,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        self.0.store().set_password(slot, password)?;
        self.done(&emitter, &header, slot, "password set").await
    }

    async fn set_enabled(
        &self,
        slot: u8,
        enabled: bool,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        self.0.store().update(|table| {
            table.user_mut(slot)?.enabled = enabled;
            Ok(())
        })?;
        self.done(&emitter, &header, slot, if enabled { "user enabled" } else { "user disabled" }).await
    }

    async fn set_privilege(
        &self,
        slot: u8,
        channel: u8,
        privilege: u8,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        self.0.store().update(|table: &mut UserTable| table.set_privilege(slot, channel, privilege))?;
        let change = format!("privilege limit on channel {channel} set to {privilege}");
        self.done(&emitter, &header, slot, &change).await
    }

    async fn set_payloads(
        &self,
        slot: u8,
        channel: u8,
        payloads: u32,
        allowed: bool,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        self.0.store().update(|table| table.set_payloads(slot, channel, payloads, allowed))?;
        let verb = if allowed { "allowed" } else { "forbidden" };
        let change = format!("payloads {payloads:#x} {verb} on channel {channel}");
        self.done(&emitter, &header, slot, &change).await
    }

    async fn set_kg(
        &self,
        kg: SecretBytes,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<(), UserError> {
        let change = if kg.is_empty() { "KG cleared" } else { "KG set" };
        self.0.store().set_kg(kg)?;
        self.done(&emitter, &header, 0, change).await
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn slots(&self) -> u8 {
        self.0.store().table().slots()
    }

    #[zbus(signal)]
    async fn changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

fn null_user() -> UserEntry {
    UserEntry {
        slot: NULL_USER,
        name: String::new(),
        enabled: false,
        privileges: Default::default(),
        has_password: false,
        payloads: Default::default(),
    }
}

struct CredentialsObject(Shared);

#[zbus::interface(name = "org.ferrite.Credentials")]
impl CredentialsObject {
    async fn snapshot(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(Vec<CredentialEntry>, SecretBytes), UserError> {
        if !owns_channel(connection, &header).await? {
            let sender = header.sender().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(sender, "refused the credentials to a caller that owns no channel");
            return Err(UserError::AccessDenied(format!("only owners of a {CHANNEL_PREFIX}* name may ask")));
        }
        let store = self.0.store();
        let users = store.table().users().iter().map(|(slot, user)| CredentialEntry {
            slot: *slot,
            name: user.name.clone(),
            enabled: user.enabled,
            privileges: user.privileges.clone(),
            password: store.password(*slot).cloned().unwrap_or_default(),
            payloads: user.payloads.clone(),
        });
        Ok((users.collect(), store.kg().clone()))
    }
}

/// Whether the sender owns a channel's name right now. Who may own one is the bus policy's business.
async fn owns_channel(connection: &Connection, header: &Header<'_>) -> Result<bool, UserError> {
    let Some(sender) = header.sender() else { return Ok(false) };
    let failed = |error: zbus::fdo::Error| UserError::ZBus(error.into());
    let bus = DBusProxy::new(connection).await?;
    for name in bus.list_names().await.map_err(failed)? {
        if !name.as_str().starts_with(CHANNEL_PREFIX) {
            continue;
        }
        // A name that was given up meanwhile has no owner, which is no error of this call's.
        let owner = bus.get_name_owner(BusName::from(name)).await;
        if owner.is_ok_and(|owner| owner.as_str() == sender.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
