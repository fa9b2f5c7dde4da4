//! Requests of commands, FRU images and event records: what was read and written again reads the same.

use ipmi_wire::{
    codec::{Decode, Encode},
    command::{
        Command, acpi::SetAcpiPowerState, app_channel, app_user, boot, chassis, event,
        firmware_firewall as firewall, fru as fru_device, host_message, payload_access, pef, sdr, sel,
        sensor, sol_configuration as sol, system_info, transport, watchdog,
    },
    record::{
        fru::{AreaKind, Fru},
        sel::SelRecord,
    },
};

/// Reads the data of a request. Where it is one, what is written of it reads the same.
fn request<C: Command>(data: &[u8]) {
    let Ok(value) = C::Request::from_bytes(data) else { return };
    let written = value.to_bytes();
    let again = C::Request::from_bytes(&written).unwrap();
    assert_eq!(again.to_bytes(), written, "{}", C::NAME);
}

macro_rules! commands {
    ($($command:ty),* $(,)?) => {
        vec![$((<$command>::NET_FN.value(), <$command>::CMD, request::<$command> as fn(&[u8]))),*]
    };
}

/// Network function, command, and what reads its data.
type Reader = (u8, u8, fn(&[u8]));

/// Every command whose request has data, but those of session setup.
fn commands() -> Vec<Reader> {
    commands![
        SetAcpiPowerState,
        app_channel::GetChannelAccess,
        app_channel::GetChannelInfo,
        app_channel::GetSessionInfo,
        app_channel::SetChannelAccess,
        app_user::GetUserAccess,
        app_user::GetUserName,
        boot::GetSystemBootOptions,
        boot::SetSystemBootOptions,
        chassis::ChassisControl,
        chassis::ChassisIdentify,
        chassis::SetPowerRestorePolicy,
        event::PlatformEventMessage,
        event::RearmSensorEvents,
        event::SetEventReceiver,
        event::SetSensorEventEnable,
        firewall::GetCommandEnables,
        firewall::GetCommandSubFunctionEnables,
        firewall::GetCommandSubFunctionSupport,
        firewall::GetCommandSupport,
        firewall::GetConfigurableCommandSubFunctions,
        firewall::GetConfigurableCommands,
        firewall::GetNetFnSupport,
        firewall::SetCommandEnables,
        firewall::SetCommandSubFunctionEnables,
        fru_device::GetFruInventoryAreaInfo,
        fru_device::ReadFruData,
        fru_device::WriteFruData,
        host_message::ClearMessageFlags,
        host_message::EnableMessageChannelReceive,
        host_message::GetSystemInterfaceCapabilities,
        host_message::MasterWriteRead,
        host_message::SendMessage,
        host_message::SetBmcGlobalEnables,
        payload_access::GetChannelPayloadVersion,
        payload_access::GetPayloadActivationStatus,
        payload_access::GetPayloadInstanceInfo,
        payload_access::GetUserPayloadAccess,
        payload_access::SetUserPayloadAccess,
        pef::AlertImmediate,
        pef::ArmPefPostponeTimer,
        pef::GetPefConfiguration,
        pef::PetAcknowledge,
        pef::SetLastProcessedEventId,
        pef::SetPefConfiguration,
        sdr::GetSdr,
        sel::AddSelEntry,
        sel::ClearSel,
        sel::DeleteSelEntry,
        sel::GetAuxiliaryLogStatus,
        sel::GetSelEntry,
        sel::PartialAddSelEntry,
        sel::SetAuxiliaryLogStatus,
        sel::SetSelTime,
        sel::SetSelTimeUtcOffset,
        sensor::GetDeviceSdr,
        sensor::GetDeviceSdrInfo,
        sensor::GetSensorEventEnable,
        sensor::GetSensorEventStatus,
        sensor::GetSensorHysteresis,
        sensor::GetSensorReading,
        sensor::GetSensorReadingFactors,
        sensor::GetSensorThresholds,
        sensor::GetSensorType,
        sensor::SetSensorHysteresis,
        sensor::SetSensorThresholds,
        sol::GetSolConfiguration,
        sol::SetSolConfiguration,
        system_info::GetSystemInfoParameters,
        system_info::SetSystemInfoParameters,
        transport::GetLanConfiguration,
        transport::SetLanConfiguration,
        watchdog::SetWatchdogTimer,
    ]
}

/// Network function, command, and the data of its request.
pub fn command_data(data: &[u8]) {
    let [net_fn, command, data @ ..] = data else { return };
    let named = commands().into_iter().filter(|(theirs, number, _)| (theirs, number) == (net_fn, command));
    named.for_each(|(_, _, request)| request(data));
}

/// A record of the event log: every 16 bytes are one, and are written as they were.
pub fn sel_record(data: &[u8]) {
    match SelRecord::from_bytes(data) {
        Ok(record) => assert_eq!(record.to_bytes(), data),
        Err(_) => assert_ne!(data.len(), ipmi_wire::record::sel::LENGTH),
    }
}

/// The bytes of a FRU device.
pub fn fru_image(data: &[u8]) {
    const DEVICE: usize = 8192;
    let Ok(mut fru) = Fru::parse(data) else { return };
    rebuilds(&fru, DEVICE);
    for kind in AreaKind::ALL {
        let Ok(area) = fru.area_mut(kind) else { continue };
        let edited = area.set_field("serial_number", "SN 0001").is_ok();
        assert!(!edited || area.field("serial_number").as_deref() == Some("SN 0001"));
    }
    rebuilds(&fru, DEVICE);
}

/// What is built of `fru` says the same; areas beyond what a header can tell of are refused.
fn rebuilds(fru: &Fru, device: usize) {
    let Ok(image) = fru.build(device) else { return };
    let read = Fru::parse(&image).unwrap();
    assert_eq!((&read.areas, &read.records), (&fru.areas, &fru.records));
    // It has no length of its own, and goes to the end of the device.
    assert!(read.internal.unwrap_or_default().starts_with(fru.internal.as_deref().unwrap_or_default()));
}
