//! The controller itself: identity and GUIDs (NetFn 06h).

use ipmi_wire::{
    CompletionCode,
    command::app::{
        DeviceId, GetDeviceGuid, GetDeviceId, GetSelfTestResults, GetSystemGuid, Guid, SelfTestFaults,
        SelfTestResults,
    },
};

use crate::{
    dispatch::{Caller, Entry, later, now},
    ipmid::Ipmid,
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetDeviceId, get_device_id),
    later!(GetSelfTestResults, get_self_test_results),
    now!(GetDeviceGuid, get_device_guid),
    now!(GetSystemGuid, get_system_guid),
];

fn get_device_id(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<DeviceId, CompletionCode> {
    Ok(ipmid.device_id.clone())
}

/// What is tested, at every request: whether seld answers, whether there are sensors to describe, and whether the BMC's own FRU
/// data, where it has any, can be read.
async fn get_self_test_results(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<SelfTestResults, CompletionCode> {
    const BMC_FRU: u8 = 0;
    let platform = &ipmid.platform;
    let mut faults = 0;
    if platform.event_log.info().await.is_err() {
        faults |= SelfTestFaults::SEL;
    }
    if platform.sensors.snapshot().sensors().is_empty() {
        faults |= SelfTestFaults::SDR_REPOSITORY_EMPTY;
    }
    let has_fru = platform.inventory.list().iter().any(|fru| fru.id == BMC_FRU);
    if has_fru && platform.inventory.read(BMC_FRU, 0, 1).await.is_err() {
        faults |= SelfTestFaults::BMC_FRU;
    }
    Ok(match faults {
        0 => SelfTestResults::Passed,
        faults => SelfTestResults::Faulty(SelfTestFaults(faults)),
    })
}

fn get_device_guid(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Guid, CompletionCode> {
    Ok(ipmid.guids.device)
}

fn get_system_guid(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<Guid, CompletionCode> {
    Ok(ipmid.platform.power.system_guid().unwrap_or(ipmid.guids.system))
}
