//! System info parameters (NetFn 06h).

use ipmi_wire::{
    CompletionCode,
    command::system_info::{
        GetSystemInfoParameters, SET_IN_PROGRESS, SetSystemInfoParameters, SystemInfoChange,
        SystemInfoParameter, SystemInfoQuery, codes,
    },
};

use crate::{
    dispatch::{Caller, Entry, now},
    host::HostSettings,
    ipmid::Ipmid,
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(SetSystemInfoParameters, set_system_info_parameters),
    now!(GetSystemInfoParameters, get_system_info_parameters),
];

/// Revision 1, compatible back to 1 (v2.0§22.14b).
const REVISION: u8 = 0x11;

fn set_system_info_parameters(
    ipmid: &Ipmid,
    _: &Caller,
    change: SystemInfoChange,
) -> Result<(), CompletionCode> {
    ipmid.kept.host.change(|host| match change.parameter {
        SET_IN_PROGRESS => set_in_progress(host, &change.data),
        parameter => host.system_info.write(parameter, &change.data),
    })
}

/// Whoever finds it complete may begin; there is no commit, as each write counts at once.
fn set_in_progress(host: &mut HostSettings, data: &[u8]) -> Result<(), CompletionCode> {
    const COMPLETE: u8 = 0;
    const IN_PROGRESS: u8 = 1;
    let [state] = data else { return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID) };
    match state & 0b11 {
        IN_PROGRESS if host.set_in_progress => Err(codes::SET_IN_PROGRESS),
        state @ (COMPLETE | IN_PROGRESS) => {
            host.set_in_progress = state == IN_PROGRESS;
            Ok(())
        }
        _ => Err(CompletionCode::INVALID_DATA_FIELD),
    }
}

fn get_system_info_parameters(
    ipmid: &Ipmid,
    _: &Caller,
    query: SystemInfoQuery,
) -> Result<SystemInfoParameter, CompletionCode> {
    let data = ipmid.kept.host.get(|host| match query.parameter {
        SET_IN_PROGRESS => Ok(vec![u8::from(host.set_in_progress)]),
        parameter => host.system_info.read(parameter, query.set),
    })?;
    let data = if query.revision_only { Vec::new() } else { data };
    Ok(SystemInfoParameter { revision: REVISION, data })
}
