//! ACPI power states (NetFn 06h): what the operating system says; on D-Bus for whoever wants to know.

use ipmi_wire::{
    CompletionCode,
    command::acpi::{AcpiChange, AcpiPowerState, GetAcpiPowerState, SetAcpiPowerState},
};

use crate::{
    dispatch::{Caller, Entry, now},
    ipmid::Ipmid,
};

pub(crate) const COMMANDS: &[Entry] =
    &[now!(SetAcpiPowerState, set_acpi_power_state), now!(GetAcpiPowerState, get_acpi_power_state)];

fn set_acpi_power_state(ipmid: &Ipmid, _: &Caller, change: AcpiChange) -> Result<(), CompletionCode> {
    ipmid.kept.host.change(|host| {
        host.system_state = change.system.map_or(host.system_state, |state| state.0);
        host.device_state = change.device.map_or(host.device_state, |state| state.0);
    });
    Ok(())
}

fn get_acpi_power_state(ipmid: &Ipmid, _: &Caller, (): ()) -> Result<AcpiPowerState, CompletionCode> {
    Ok(ipmid.kept.host.get(crate::host::HostSettings::acpi))
}
