//! The firmware firewall's commands (NetFn 06h), from the command table.

use bmc_daemon::{Channel, ChannelMedium};
use ipmi_wire::{
    CompletionCode, NetFn,
    command::{
        app_channel::ChannelNumber,
        firmware_firewall::{
            CommandEnables, CommandMask, CommandRange, GetCommandEnables, GetCommandSubFunctionEnables,
            GetCommandSubFunctionSupport, GetCommandSupport, GetConfigurableCommandSubFunctions,
            GetConfigurableCommands, GetNetFnSupport, GetOemNetFnIanaSupport, NetFnSupport, OemDefiner,
            OemNetFn, OemNetFnQuery, OneCommand, SetCommandEnables, SetCommandSubFunctionEnables,
            SubFunctionEnables, SubFunctionMask, SubFunctionSupport, UnavailableCommands,
        },
    },
};

use crate::{
    dispatch::{Caller, Entry, entry::key, now},
    ipmid::Ipmid,
    restriction::firewall::{group, has_command, is_configurable, is_for, is_on, sub_functions},
    table,
};

pub(crate) const COMMANDS: &[Entry] = &[
    now!(GetNetFnSupport, get_net_fn_support),
    now!(GetCommandSupport, get_command_support),
    now!(GetCommandSubFunctionSupport, get_command_sub_function_support),
    now!(GetConfigurableCommands, get_configurable_commands),
    now!(GetConfigurableCommandSubFunctions, get_configurable_command_sub_functions),
    now!(SetCommandEnables, set_command_enables),
    now!(GetCommandEnables, get_command_enables),
    now!(SetCommandSubFunctionEnables, set_command_sub_function_enables),
    now!(GetCommandSubFunctionEnables, get_command_sub_function_enables),
    now!(GetOemNetFnIanaSupport, get_oem_net_fn_iana_support),
];

fn get_net_fn_support(
    ipmid: &Ipmid,
    caller: &Caller,
    channel: ChannelNumber,
) -> Result<NetFnSupport, CompletionCode> {
    let medium = ipmid.channel(channel, caller)?.medium;
    let mut support = NetFnSupport::default();
    for (lun, pairs) in (0u8..).zip(&mut support.pairs) {
        let there = table::entries().filter(|entry| is_for(medium, entry) && is_on(lun, entry));
        *pairs = there.fold(0, |pairs, entry| pairs | 1 << (entry.net_fn.value() / 2));
    }
    Ok(support)
}

/// Whether a channel has a command, on the logical unit that is asked about.
fn is_there(medium: ChannelMedium, command: &OneCommand) -> bool {
    let OneCommand { net_fn, command, definer, lun, .. } = *command;
    let on_lun = match table::find(net_fn.value(), command, group(definer)) {
        Some(entry) => is_on(lun.value(), entry),
        None => lun.value() == 0,
    };
    on_lun && has_command(medium, net_fn, command, definer)
}

/// The mask of those commands of `range` that the channel has and for which `is` holds.
fn mask(channel: &Channel, range: &CommandRange, is: impl Fn(u8) -> bool) -> CommandMask {
    let CommandRange { channel: number, net_fn, lun, definer, .. } = *range;
    CommandMask::of(range.first(), |command| {
        let one = OneCommand { channel: number, net_fn, lun, command, definer };
        is_there(channel.medium, &one) && is(command)
    })
}

fn get_command_support(
    ipmid: &Ipmid,
    caller: &Caller,
    range: CommandRange,
) -> Result<UnavailableCommands, CompletionCode> {
    let channel = ipmid.channel(range.channel, caller)?;
    Ok(UnavailableCommands::except(&mask(channel, &range, |_| true)))
}

fn get_configurable_commands(
    ipmid: &Ipmid,
    caller: &Caller,
    range: CommandRange,
) -> Result<CommandMask, CompletionCode> {
    let channel = ipmid.channel(range.channel, caller)?;
    Ok(mask(channel, &range, |command| is_configurable(range.net_fn, command)))
}

fn get_command_enables(
    ipmid: &Ipmid,
    caller: &Caller,
    range: CommandRange,
) -> Result<CommandMask, CompletionCode> {
    let channel = ipmid.channel(range.channel, caller)?;
    let is_enabled = |command| {
        let command_key = key(range.net_fn.value(), command, group(range.definer));
        ipmid.kept.restrictions.get(|all| !all.firewall.is_key_disabled(channel.number, command_key))
    };
    Ok(mask(channel, &range, is_enabled))
}

/// The channel whose firewall `caller` may change. The host has its own alone: it cannot lock out anybody else.
fn changeable<'a>(
    ipmid: &'a Ipmid,
    caller: &Caller,
    number: ChannelNumber,
) -> Result<&'a Channel, CompletionCode> {
    let channel = ipmid.channel(number, caller)?;
    match caller.medium {
        ChannelMedium::SystemInterface if channel.number != caller.channel => {
            Err(CompletionCode::INSUFFICIENT_PRIVILEGE)
        }
        _ => Ok(channel),
    }
}

/// All or nothing: a mask that would disable what must stay is CCh, and the host gives no right back to itself (D4h). Bits of
/// commands that are not there say nothing.
fn set_command_enables(
    ipmid: &Ipmid,
    caller: &Caller,
    enables: CommandEnables,
) -> Result<(), CompletionCode> {
    let CommandEnables { range, enabled } = enables;
    let channel = changeable(ipmid, caller, range.channel)?;
    let there = mask(channel, &range, |_| true);
    let commands: Vec<u8> =
        (range.first()..=range.first() | 0x7F).filter(|command| there.has(*command)).collect();
    let command_key = |command| key(range.net_fn.value(), command, group(range.definer));
    let is_host = caller.medium == ChannelMedium::SystemInterface;
    for command in &commands {
        let disabled = ipmid
            .kept
            .restrictions
            .get(|all| all.firewall.is_key_disabled(channel.number, command_key(*command)));
        match enabled.has(*command) {
            false if !is_configurable(range.net_fn, *command) => {
                return Err(CompletionCode::INVALID_DATA_FIELD);
            }
            true if disabled && is_host => return Err(CompletionCode::INSUFFICIENT_PRIVILEGE),
            _ => {}
        }
    }
    ipmid.kept.restrictions.change(|all| {
        for command in commands {
            all.firewall.set(channel.number, command_key(command), enabled.has(command));
        }
    });
    tracing::info!(
        channel = caller.channel,
        "firewall of channel {} set for NetFn {}",
        channel.number,
        range.net_fn
    );
    Ok(())
}

/// A command that the channel has, its key and its sub-functions.
fn command(channel: &Channel, command: &OneCommand) -> Result<(u32, u32), CompletionCode> {
    if !is_there(channel.medium, command) {
        return Err(CompletionCode::NOT_PRESENT);
    }
    let command_key = key(command.net_fn.value(), command.command, group(command.definer));
    Ok((command_key, sub_functions(command_key)))
}

/// From the specification IPMI 2.0, revision 1.0 with errata 5 or later.
fn get_command_sub_function_support(
    ipmid: &Ipmid,
    caller: &Caller,
    request: OneCommand,
) -> Result<SubFunctionSupport, CompletionCode> {
    let (_, there) = command(ipmid.channel(request.channel, caller)?, &request)?;
    Ok(SubFunctionSupport { errata: 5, version: 0x02, revision: 0x10, unavailable: !there })
}

fn get_configurable_command_sub_functions(
    ipmid: &Ipmid,
    caller: &Caller,
    request: OneCommand,
) -> Result<SubFunctionMask, CompletionCode> {
    let (_, there) = command(ipmid.channel(request.channel, caller)?, &request)?;
    Ok(SubFunctionMask(there))
}

fn get_command_sub_function_enables(
    ipmid: &Ipmid,
    caller: &Caller,
    request: OneCommand,
) -> Result<SubFunctionMask, CompletionCode> {
    let channel = ipmid.channel(request.channel, caller)?;
    let (command_key, there) = command(channel, &request)?;
    let disabled =
        ipmid.kept.restrictions.get(|all| all.firewall.disabled_sub_functions(channel.number, command_key));
    Ok(SubFunctionMask(there & !disabled))
}

fn set_command_sub_function_enables(
    ipmid: &Ipmid,
    caller: &Caller,
    request: SubFunctionEnables,
) -> Result<(), CompletionCode> {
    let SubFunctionEnables { command: request, enabled: SubFunctionMask(enabled) } = request;
    let channel = changeable(ipmid, caller, request.channel)?;
    let (command_key, there) = command(channel, &request)?;
    let disabled = there & !enabled;
    let before =
        ipmid.kept.restrictions.get(|all| all.firewall.disabled_sub_functions(channel.number, command_key));
    let is_host = caller.medium == ChannelMedium::SystemInterface;
    if is_host && before & !disabled != 0 {
        return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
    }
    ipmid
        .kept
        .restrictions
        .change(|all| all.firewall.set_disabled_sub_functions(channel.number, command_key, disabled));
    Ok(())
}

/// The standards bodies whose commands are in the table; no vendor has any.
fn get_oem_net_fn_iana_support(
    ipmid: &Ipmid,
    caller: &Caller,
    query: OemNetFnQuery,
) -> Result<OemNetFn, CompletionCode> {
    let medium = ipmid.channel(query.channel, caller)?.medium;
    if query.net_fn < NetFn::GROUP_EXTENSION {
        return Err(CompletionCode::INVALID_DATA_FIELD);
    }
    let there = table::entries().filter(|entry| entry.net_fn == query.net_fn && is_for(medium, entry));
    let mut groups: Vec<u8> = there.filter_map(|entry| entry.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let code = groups.get(usize::from(query.index)).copied().ok_or(CompletionCode::PARAMETER_OUT_OF_RANGE)?;
    let last = groups.last() == Some(&code);
    Ok(OemNetFn { last, luns: 0b01, definer: OemDefiner::Group(code) })
}
