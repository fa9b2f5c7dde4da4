//! FRU inventory (NetFn 0Ah).

use ipmi_wire::{
    CompletionCode,
    command::fru::{
        DEVICE_BUSY, FruArea, FruData, FruDevice, FruWritten, GetFruInventoryAreaInfo, ReadFru, ReadFruData,
        WRITE_PROTECTED, WriteFru, WriteFruData,
    },
};

use super::sdr::data_limit;
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later, now},
    platform::{PlatformError, inventory},
};

pub(crate) const COMMANDS: &[Entry] =
    &[now!(GetFruInventoryAreaInfo, info), later!(ReadFruData, read), later!(WriteFruData, write)];

fn info(ipmid: &Ipmid, _: &Caller, device: FruDevice) -> Result<FruArea, CompletionCode> {
    let device = find(ipmid, device.id)?;
    Ok(FruArea { size: device.size, words: device.words })
}

async fn read(ipmid: &Ipmid, caller: &Caller, request: ReadFru) -> Result<FruData, CompletionCode> {
    let device = find(ipmid, request.id)?;
    let unit = unit(&device);
    let (offset, count) = (u32::from(request.offset) * u32::from(unit), u16::from(request.count) * unit);
    if offset >= u32::from(device.size) {
        return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
    }
    if usize::from(count) > data_limit(caller.medium) {
        return Err(CompletionCode::CANNOT_RETURN_BYTES);
    }
    let data = ipmid.platform.inventory.read(device.id, offset, count).await.map_err(|e| code(&e))?;
    Ok(FruData { data, words: device.words })
}

async fn write(ipmid: &Ipmid, _: &Caller, request: WriteFru) -> Result<FruWritten, CompletionCode> {
    let device = find(ipmid, request.id)?;
    let (unit, length) = (unit(&device), request.data.len());
    let offset = u32::from(request.offset) * u32::from(unit);
    if length % usize::from(unit) != 0 {
        return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
    }
    let end = usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(length);
    let count = u8::try_from(length / usize::from(unit)).ok().filter(|_| end <= usize::from(device.size));
    let count = count.ok_or(CompletionCode::PARAMETER_OUT_OF_RANGE)?;
    ipmid.platform.inventory.write(device.id, offset, request.data).await.map_err(|e| code(&e))?;
    Ok(FruWritten { count })
}

fn find(ipmid: &Ipmid, id: u8) -> Result<inventory::FruDevice, CompletionCode> {
    let frus = ipmid.platform.inventory.list();
    frus.into_iter().find(|fru| fru.id == id).ok_or(CompletionCode::NOT_PRESENT)
}

/// Bytes that one of a client's counts stands for.
fn unit(device: &inventory::FruDevice) -> u16 {
    if device.words { 2 } else { 1 }
}

/// The codes that these commands have of their own.
fn code(error: &PlatformError) -> CompletionCode {
    match error {
        PlatformError::WriteProtected => WRITE_PROTECTED,
        PlatformError::Busy => DEVICE_BUSY,
        other => other.clone().into(),
    }
}
