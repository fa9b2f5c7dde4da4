//! FRU inventory (NetFn 0Ah).

use ipmi_wire::{
    CompletionCode,
    command::fru::{FruArea, FruData, FruDevice, GetFruInventoryAreaInfo, ReadFru, ReadFruData},
};

use super::sdr::data_limit;
use crate::{
    Ipmid,
    dispatch::{Caller, Entry, later, now},
};

pub(crate) const COMMANDS: &[Entry] = &[now!(GetFruInventoryAreaInfo, info), later!(ReadFruData, read)];

fn info(ipmid: &Ipmid, _: &Caller, device: FruDevice) -> Result<FruArea, CompletionCode> {
    Ok(FruArea { size: size(ipmid, device.id)?, words: false })
}

async fn read(ipmid: &Ipmid, caller: &Caller, request: ReadFru) -> Result<FruData, CompletionCode> {
    if request.offset >= size(ipmid, request.id)? {
        return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
    }
    if usize::from(request.count) > data_limit(caller.medium) {
        return Err(CompletionCode::CANNOT_RETURN_BYTES);
    }
    Ok(FruData(ipmid.platform.inventory.read(request.id, request.offset, request.count).await?))
}

fn size(ipmid: &Ipmid, id: u8) -> Result<u16, CompletionCode> {
    let frus = ipmid.platform.inventory.list();
    frus.iter().find(|fru| fru.id == id).map(|fru| fru.size).ok_or(CompletionCode::NOT_PRESENT)
}
