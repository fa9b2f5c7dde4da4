//! Users (NetFn 06h).

use bmc_dbus::users::UserEntry;
use ipmi_wire::{
    CompletionCode,
    command::app_user::{
        GetUserAccess, GetUserName, NO_ACCESS, UserAccess, UserAccessQuery, UserName, UserSlot,
    },
};

use crate::{
    dispatch::{Caller, Entry, now},
    ipmid::Ipmid,
    platform::users::Table,
};

pub(crate) const COMMANDS: &[Entry] =
    &[now!(GetUserAccess, get_user_access), now!(GetUserName, get_user_name)];

/// Slot 1 is the null user for good; all other names can be changed.
const FIXED_NAMES: u8 = 1;

fn get_user_access(
    ipmid: &Ipmid,
    caller: &Caller,
    query: UserAccessQuery,
) -> Result<UserAccess, CompletionCode> {
    let channel = ipmid.channel(query.channel, caller)?;
    let table = ipmid.platform.users.table()?;
    let user = find(&table, query.user)?;
    let privilege = user.and_then(|user| user.privileges.get(&channel.number)).copied();
    let privilege_limit = privilege.unwrap_or(NO_ACCESS);
    let enabled = table.users.iter().filter(|user| user.enabled).count();
    Ok(UserAccess {
        slots: table.slots,
        enabled: Some(user.is_some_and(|user| user.enabled)),
        enabled_count: u8::try_from(enabled).unwrap_or(u8::MAX).min(table.slots),
        fixed_names: FIXED_NAMES,
        callback_only: false,
        link_authentication: false,
        messaging: privilege_limit != NO_ACCESS,
        privilege_limit,
    })
}

/// An empty slot is CCh: clients skip it, and a name of zeros would look like the null user.
fn get_user_name(ipmid: &Ipmid, _: &Caller, slot: UserSlot) -> Result<UserName, CompletionCode> {
    let table = ipmid.platform.users.table()?;
    let user = find(&table, slot)?.ok_or(CompletionCode::INVALID_DATA_FIELD)?;
    UserName::new(&user.name).ok_or(CompletionCode::UNSPECIFIED)
}

/// The user in `slot`, if there is one.
///
/// # Errors
/// [`CompletionCode::PARAMETER_OUT_OF_RANGE`] for a slot that does not exist.
pub(super) fn find(table: &Table, slot: UserSlot) -> Result<Option<&UserEntry>, CompletionCode> {
    if slot.0 == 0 || slot.0 > table.slots {
        return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
    }
    Ok(table.users.iter().find(|user| user.slot == slot.0))
}
