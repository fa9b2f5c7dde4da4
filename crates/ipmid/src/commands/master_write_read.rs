//! Master Write-Read (NetFn 06h), to the devices of `ipmid.toml` and as much as stands there.

use bmc_hw::i2c::I2cError;
use ipmi_wire::{
    CompletionCode,
    command::host_message::{BusData, MasterWriteRead, WriteRead, codes},
};

use crate::{
    config::I2cDevice,
    dispatch::{Caller, Entry, later},
    ipmid::Ipmid,
};

pub(crate) const COMMANDS: &[Entry] = &[later!(MasterWriteRead, master_write_read)];

/// What is not in the allow list is D4h ("other security-based restriction"), whether a device is there or not.
async fn master_write_read(
    ipmid: &Ipmid,
    caller: &Caller,
    request: WriteRead,
) -> Result<BusData, CompletionCode> {
    let WriteRead { address, read, ref write, .. } = request;
    let device = ipmid
        .i2c
        .iter()
        .find(|device| request.private && (device.bus, device.address) == (request.bus, address));
    let Some(device) = device.filter(|device| allows(device, &request)) else {
        tracing::warn!(
            channel = caller.channel,
            "refused: i2c bus {}, address {address:#04x}, {} bytes to write, {read} to read",
            request.bus,
            write.len()
        );
        return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
    };
    let outcome = ipmid.platform.i2c.transfer(device.device.clone(), address, write.clone(), read).await;
    let data = outcome.ok_or(CompletionCode::NODE_BUSY)?.map_err(|error| failure(device, &error))?;
    Ok(BusData { data })
}

fn allows(device: &I2cDevice, request: &WriteRead) -> bool {
    request.read <= device.read && request.write.len() <= device.write.into()
}

fn failure(device: &I2cDevice, error: &I2cError) -> CompletionCode {
    match error {
        I2cError::ArbitrationLost => codes::LOST_ARBITRATION,
        I2cError::NoAcknowledge => codes::NAK_ON_WRITE,
        I2cError::Timeout => codes::BUS_ERROR,
        I2cError::Held | I2cError::Failed(_) => {
            tracing::warn!("{}: {error}", device.device.display());
            codes::BUS_ERROR
        }
    }
}
