//! The controller itself: identity and GUIDs (NetFn 06h).

use ipmi_wire::{
    CompletionCode,
    command::app::{DeviceId, GetDeviceGuid, GetDeviceId, GetSystemGuid, Guid},
};

use crate::{
    dispatch::{Caller, Entry, now},
    ipmid::Ipmid,
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetDeviceId, get_device_id),
    now!(GetDeviceGuid, get_device_guid),
    now!(GetSystemGuid, get_system_guid),
];

fn get_device_id(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<DeviceId, CompletionCode> {
    Ok(ipmid.device_id.clone())
}

fn get_device_guid(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Guid, CompletionCode> {
    Ok(ipmid.guids.device)
}

fn get_system_guid(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Guid, CompletionCode> {
    Ok(ipmid.platform.power.system_guid().unwrap_or(ipmid.guids.system))
}
