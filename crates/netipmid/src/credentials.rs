//! The users and their secrets, from userd.

use std::sync::atomic::Ordering;

use bmc_dbus::users::{
    CredentialEntry, CredentialsProxy, SOL, SecretBytes, UserError, UserTableProxy, payloads_on,
};
use futures_util::{FutureExt as _, StreamExt as _};
use ipmi_wire::Privilege;
use rmcp_session::{Secret, User};
use zbus::Connection;

use crate::channel::LanChannel;

/// Keeps the endpoint's users those of userd. The channel's bus name is owned already: userd answers nobody else.
pub(crate) async fn follow(connection: &Connection, channel: &LanChannel) -> zbus::Result<()> {
    let credentials = CredentialsProxy::new(connection).boxed().await?;
    let table = UserTableProxy::new(connection).boxed().await?;
    let mut changes = table.receive_changed().boxed().await?;
    let mut owners = credentials.inner().receive_owner_changed().boxed().await?;
    let mut told = false;
    loop {
        match credentials.snapshot().boxed().await {
            Ok((users, kg)) => {
                take(channel, users, &kg);
                told = false;
            }
            Err(error) if !told => {
                tell(channel, &error);
                told = true;
            }
            Err(_) => {}
        }
        tokio::select! {
            Some(_) = changes.next() => {}
            Some(_) = owners.next() => {}
            // The connection is closed, which the caller learns of by itself.
            else => std::future::pending().await,
        }
    }
}

fn tell(channel: &LanChannel, error: &UserError) {
    tracing::warn!(
        channel = channel.name,
        "userd does not give the credentials: {error}; new users cannot log in until it does\nhint: is userd running?"
    );
}

fn take(channel: &LanChannel, entries: Vec<CredentialEntry>, kg: &SecretBytes) {
    let given = match (kg.is_empty(), Secret::new(kg.as_bytes())) {
        (true, _) => None,
        // Zeros are how IPMI says that there is no KG.
        (false, Some(key)) => (!key.is_zero()).then_some(key),
        (false, None) => {
            // Not "no KG": that would let in who knows a password alone.
            tracing::error!(
                channel = channel.name,
                "userd's KG has {} bytes, more than the {} of IPMI; its users and KG are not taken over\n\
                 hint: ferrite ctl user kg",
                kg.as_bytes().len(),
                Secret::MAX
            );
            return;
        }
    };
    let users: Vec<User> = entries.into_iter().filter_map(|entry| user(channel.number, entry)).collect();
    tracing::debug!(users = users.len(), "credentials read");
    channel.kg_set.store(given.is_some(), Ordering::Relaxed);
    channel.act(|endpoint| endpoint.set_users(users, given));
}

/// A user as this channel sees it. Without a password nobody logs in, so that such a user is left out.
fn user(channel: u8, entry: CredentialEntry) -> Option<User> {
    let secret = Secret::new(entry.password.as_bytes()).filter(|secret| !secret.is_zero())?;
    let limit = entry.privileges.get(&channel).copied().and_then(Privilege::from_u8);
    Some(User {
        slot: entry.slot,
        name: entry.name.into_bytes(),
        enabled: entry.enabled,
        max_privilege: limit,
        sol: payloads_on(&entry.payloads, channel) & SOL != 0,
        secret,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_empty_password_and_one_of_zeros_are_none_and_let_nobody_in() {
        let with = |password: &[u8]| CredentialEntry {
            slot: 2,
            name: "admin".into(),
            enabled: true,
            privileges: BTreeMap::from([(1, 4)]),
            password: SecretBytes::new(password.to_vec()),
            payloads: BTreeMap::new(),
        };
        assert!(user(1, with(b"secret")).is_some());
        for none in [&[][..], &[0], &[0; 20], &[b'x'; 21]] {
            assert!(user(1, with(none)).is_none());
        }
    }
}
