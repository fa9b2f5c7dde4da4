//! The user table, from userd.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use bmc_daemon::Tasks;
use bmc_dbus::{
    names::users as names,
    set_aside,
    users::{UserError, UserTableProxy},
};
use futures_util::{FutureExt as _, StreamExt as _, stream::select};
use zbus::{Connection, MatchRule, MessageStream, message::Type};

use super::{mirror::owner_changed, platform_error};
use crate::platform::{
    Pending, PlatformError,
    users::{Table, Users},
};

/// [`Users`] from a copy of the table that is read anew at every change.
pub(super) struct DbusUsers {
    copy: Arc<Mutex<Option<Arc<Table>>>>,
    userd: UserTableProxy<'static>,
}

impl DbusUsers {
    pub(super) async fn start(connection: &Connection, tasks: &mut Tasks) -> zbus::Result<Self> {
        let changed = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(names::SERVICE)
            .interface(names::USER_TABLE)
            .member("Changed")
            .build()?;
        let changed = MessageStream::for_match_rule(changed, connection, None).boxed().await?;
        let owner =
            MessageStream::for_match_rule(owner_changed(names::SERVICE)?, connection, None).boxed().await?;
        let mut events = select(changed, owner);
        let table = UserTableProxy::builder(connection)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .boxed()
            .await?;
        let users = Self { copy: Arc::default(), userd: table.clone() };
        let task = Arc::clone(&users.copy);
        tasks.spawn(async move {
            loop {
                let mut changes = VecDeque::new();
                set_aside(&mut events, &mut changes, update(&task, &table)).await;
                if changes.is_empty() && events.next().await.is_none() {
                    return;
                }
            }
        });
        Ok(users)
    }
}

/// Reads the table; while userd is away there is none, and it is said once.
async fn update(copy: &Mutex<Option<Arc<Table>>>, table: &UserTableProxy<'_>) {
    let read = async {
        let users = table.list().boxed().await?;
        Ok::<_, bmc_dbus::users::UserError>(Table { slots: table.slots().boxed().await?, users })
    };
    let result = read.await;
    let mut copy = copy.lock().unwrap_or_else(PoisonError::into_inner);
    match (&result, copy.is_some()) {
        (Ok(_), false) => tracing::info!("the user table is on the bus"),
        (Err(error), true) => tracing::warn!("the user table left the bus: {error}"),
        _ => {}
    }
    *copy = result.ok().map(Arc::new);
}

fn refusal(error: UserError) -> PlatformError {
    match error {
        UserError::ZBus(error) => platform_error(&error),
        refusal => PlatformError::Refused(refusal.to_string()),
    }
}

impl Users for DbusUsers {
    fn table(&self) -> Result<Arc<Table>, PlatformError> {
        let copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        copy.clone().ok_or(PlatformError::Absent("the user table"))
    }

    fn set_payloads(&self, slot: u8, channel: u8, payloads: u32, allowed: bool) -> Pending<'_, ()> {
        Box::pin(async move {
            self.userd.set_payloads(slot, channel, payloads, allowed).boxed().await.map_err(refusal)?;
            // Not left to the signal: who asks next wants to see it.
            update(&self.copy, &self.userd).await;
            Ok(())
        })
    }
}
