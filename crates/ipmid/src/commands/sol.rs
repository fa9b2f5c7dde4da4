//! Serial over LAN configuration (NetFn 0Ch).

use bmc_daemon::{Channel, ChannelMedium};
use ipmi_wire::{
    CompletionCode,
    codec::Encode as _,
    command::{
        app_channel::ChannelNumber,
        sol_configuration::{
            BitRate, GetSolConfiguration, PARAMETER_NOT_SUPPORTED, PARAMETER_REVISION, ParameterQuery,
            ParameterValue, Progress, READ_ONLY, SET_IN_PROGRESS, SetSolConfiguration, SolParameter,
            SolParameterChange,
        },
    },
};

use crate::{
    dispatch::{Caller, Entry, later},
    ipmid::Ipmid,
    platform::sol::Configuration,
};

pub(crate) const COMMANDS: &[Entry] =
    &[later!(SetSolConfiguration, set_sol_configuration), later!(GetSolConfiguration, get_sol_configuration)];

/// The channel and the port are those of the sessions, which `netipmid.toml` says.
const READ_ONLY_PARAMETERS: std::ops::RangeInclusive<u8> = 7..=8;

/// The channel that a request names, which must be one of a LAN.
///
/// # Errors
/// [`CompletionCode::INVALID_DATA_FIELD`] for any other.
pub(super) fn lan_channel<'a>(
    ipmid: &'a Ipmid,
    number: ChannelNumber,
    caller: &Caller,
) -> Result<&'a Channel, CompletionCode> {
    let channel = ipmid.channel(number, caller)?;
    if channel.medium == ChannelMedium::Lan { Ok(channel) } else { Err(CompletionCode::INVALID_DATA_FIELD) }
}

async fn get_sol_configuration(
    ipmid: &Ipmid,
    caller: &Caller,
    query: ParameterQuery,
) -> Result<ParameterValue, CompletionCode> {
    let channel = lan_channel(ipmid, query.channel, caller)?;
    if !SolParameter::NUMBERS.contains(&query.parameter) {
        return Err(PARAMETER_NOT_SUPPORTED);
    }
    if query.revision_only {
        return Ok(ParameterValue { revision: PARAMETER_REVISION, data: Vec::new() });
    }
    let configuration = ipmid.platform.sol.configuration(&channel.name).await?;
    let parameter =
        parameter(query.parameter, channel.number, &configuration).ok_or(PARAMETER_NOT_SUPPORTED)?;
    Ok(ParameterValue { revision: PARAMETER_REVISION, data: parameter.to_bytes() })
}

fn parameter(number: u8, channel: u8, of: &Configuration) -> Option<SolParameter> {
    use SolParameter as P;
    Some(match number {
        0 => P::SetInProgress(if of.in_progress { Progress::InProgress } else { Progress::Complete }),
        1 => P::Enable(of.enable),
        2 => P::Authentication {
            force_encryption: of.force_encryption,
            force_authentication: of.force_authentication,
            privilege: of.privilege,
        },
        3 => P::Accumulate { interval: of.accumulate_interval, threshold: of.threshold },
        4 => P::Retry { count: of.retry_count, interval: of.retry_interval },
        5 => P::NonVolatileBitRate(BitRate::of(of.bit_rate)),
        6 => P::VolatileBitRate(BitRate::of(of.volatile_bit_rate)),
        7 => P::PayloadChannel(channel),
        8 => P::PayloadPort(of.port),
        _ => return None,
    })
}

async fn set_sol_configuration(
    ipmid: &Ipmid,
    caller: &Caller,
    change: SolParameterChange,
) -> Result<(), CompletionCode> {
    let channel = lan_channel(ipmid, change.channel, caller)?;
    if READ_ONLY_PARAMETERS.contains(&change.parameter) {
        return Err(READ_ONLY);
    }
    let parameter = SolParameter::read(change.parameter, &change.data)?;
    // One at a time, so that of two who begin a change at once one is told that the other did.
    let _turn = ipmid.kept.sol_changes.lock().await;
    if parameter == SolParameter::SetInProgress(Progress::InProgress)
        && ipmid.platform.sol.configuration(&channel.name).await?.in_progress
    {
        return Err(SET_IN_PROGRESS);
    }
    // "Commit write" has nothing left to do, since each write is kept at once, and it ends the change: ipmitool sends nothing
    // after it, and would find its own next change refused.
    Ok(ipmid.platform.sol.set(&channel.name, parameter).await?)
}

#[cfg(test)]
mod tests;
