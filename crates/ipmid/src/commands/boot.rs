//! System boot options, which powerd keeps (NetFn 00h).

use ipmi_wire::{
    CompletionCode,
    command::boot::{
        BootOption, BootOptionData, BootOptionSelector, GetSystemBootOptions, SetSystemBootOptions,
    },
};

use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later},
};

pub(crate) const COMMANDS: &[Entry] = &[later!(SetSystemBootOptions, set), later!(GetSystemBootOptions, get)];

async fn set(ipmid: &Ipmid, caller: &Caller, option: BootOption) -> Result<(), CompletionCode> {
    let Caller { channel, user_slot, session_id, .. } = *caller;
    let (user_slot, session) = (user_slot.unwrap_or(0), session_id.unwrap_or(0));
    let parameter = option.parameter;
    // What is in the mailbox is between initiator and loader: no bytes in the journal.
    tracing::info!(user_slot, session, channel, "boot option {parameter} is set");
    ipmid.platform.boot_options.set(option).await?
}

async fn get(
    ipmid: &Ipmid,
    _: &Caller,
    selector: BootOptionSelector,
) -> Result<BootOptionData, CompletionCode> {
    ipmid.platform.boot_options.get(selector).await?
}
