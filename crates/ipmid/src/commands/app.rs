//! The controller itself: identity, self test, GUIDs (NetFn 06h).

use ipmi_wire::{
    CompletionCode,
    command::app::{DeviceId, GetDeviceId},
};

use crate::{
    Ipmid,
    dispatch::{Caller, Entry, now},
};

pub(crate) const COMMANDS: &[Entry] = &[now!(GetDeviceId, get_device_id)];

fn get_device_id(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<DeviceId, CompletionCode> {
    Ok(ipmid.device_id.clone())
}
