//! ACPI power states as the operating system tells them (v2.0§20.6, §20.7).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Administrator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Set ACPI Power State (v2.0§20.6).
    SetAcpiPowerState = APP 0x06 "Set ACPI Power State", AtLeast(Administrator), AcpiChange => ()
}

command! {
    /// Get ACPI Power State (v2.0§20.7).
    GetAcpiPowerState = APP 0x07 "Get ACPI Power State", AtLeast(User), () => AcpiPowerState
}

/// The state of the whole system; an open set, as the specification may add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemState(pub u8);

impl SystemState {
    /// All values that the specification has: S0 to S5, S4/S5 undistinguished, G3, sleeping, G1 sleeping, S5 by override, legacy
    /// on, legacy off, unknown.
    pub const KNOWN: [u8; 14] =
        [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x20, 0x21, 0x2A];
    /// Nobody told.
    pub const UNKNOWN: Self = Self(0x2A);
}

/// The state of the device that the controller is part of, D0 to D3 or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceState(pub u8);

impl DeviceState {
    /// All values that the specification has.
    pub const KNOWN: [u8; 5] = [0x00, 0x01, 0x02, 0x03, 0x2A];
    /// Nobody told.
    pub const UNKNOWN: Self = Self(0x2A);
}

/// What the operating system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcpiChange {
    /// The system's new state; `None` leaves it.
    pub system: Option<SystemState>,
    /// The device's new state; `None` leaves it.
    pub device: Option<DeviceState>,
}

const SET: u8 = 0x80;
const NO_CHANGE: u8 = 0x7F;

impl Encode for AcpiChange {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.system.map_or(NO_CHANGE, |state| SET | state.0));
        out.push(self.device.map_or(NO_CHANGE, |state| SET | state.0));
    }
}

/// The state of one byte: without the "set" bit, or with the value for it, nothing changes.
fn change(byte: u8, known: &[u8]) -> Result<Option<u8>, CompletionCode> {
    match byte & !SET {
        _ if byte & SET == 0 => Ok(None),
        NO_CHANGE => Ok(None),
        state if known.contains(&state) => Ok(Some(state)),
        _ => Err(CompletionCode::INVALID_DATA_FIELD),
    }
}

impl Decode for AcpiChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [system, device] = reader.array()?;
        Ok(Self {
            system: change(system, &SystemState::KNOWN)?.map(SystemState),
            device: change(device, &DeviceState::KNOWN)?.map(DeviceState),
        })
    }
}

/// What was last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcpiPowerState {
    /// Of the system.
    pub system: SystemState,
    /// Of the device.
    pub device: DeviceState,
}

impl Encode for AcpiPowerState {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.system.0 & 0x7F, self.device.0 & 0x7F]);
    }
}

impl Decode for AcpiPowerState {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [system, device] = reader.array()?;
        Ok(Self { system: SystemState(system & 0x7F), device: DeviceState(device & 0x7F) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    reads_back! {
        acpi_changes_read_back: AcpiChange;
        acpi_states_read_back: AcpiPowerState;
    }

    #[test]
    fn only_a_byte_with_its_set_bit_changes_a_state() {
        let change = AcpiChange::from_bytes(&[0x80 | 5, 0x03]).unwrap();
        assert_eq!(change, AcpiChange { system: Some(SystemState(5)), device: None });
        assert_eq!(AcpiChange::from_bytes(&[0xFF, 0xFF]).unwrap().system, None);
        assert_eq!(AcpiChange::from_bytes(&[0x8B, 0]), Err(CompletionCode::INVALID_DATA_FIELD));
    }
}
