//! The watchdog timer, which powerd keeps (NetFn 06h).

use ipmi_wire::{
    CompletionCode,
    command::watchdog::{
        GetWatchdogTimer, NOT_INITIALIZED, ResetWatchdogTimer, SetWatchdogTimer, WatchdogSetting,
        WatchdogState,
    },
};

use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later},
    platform::watchdog::{Outcome, Refusal},
};

pub(crate) const COMMANDS: &[Entry] =
    &[later!(ResetWatchdogTimer, reset), later!(SetWatchdogTimer, set), later!(GetWatchdogTimer, get)];

async fn get(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<WatchdogState, CompletionCode> {
    Ok(ipmid.platform.watchdog.get().await?)
}

async fn set(ipmid: &Ipmid, caller: &Caller, setting: WatchdogSetting) -> Result<(), CompletionCode> {
    let Caller { channel, user_slot, session_id, .. } = *caller;
    let (user_slot, session) = (user_slot.unwrap_or(0), session_id.unwrap_or(0));
    tracing::info!(user_slot, session, channel, "watchdog: {setting:?}");
    completion(ipmid.platform.watchdog.set(setting).await?)
}

async fn reset(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<(), CompletionCode> {
    completion(ipmid.platform.watchdog.reset().await?)
}

fn completion(outcome: Outcome) -> Result<(), CompletionCode> {
    outcome.map_err(|refusal| match refusal {
        Refusal::NotInitialized => NOT_INITIALIZED,
        Refusal::PreTimeoutReached => CompletionCode::NOT_SUPPORTED_IN_STATE,
        Refusal::InvalidSetting => CompletionCode::INVALID_DATA_FIELD,
    })
}
