//! Global commands of the App network function (v2.0§20).

use super::Access::{AtLeast, BeforeSession};
use crate::{
    CompletionCode,
    Privilege::User,
    codec::{Decode, Encode, Reader},
};

command! {
    /// Get Device ID (v2.0§20.1).
    GetDeviceId = APP 0x01 "Get Device ID", AtLeast(User), () => DeviceId
}

command! {
    /// Get Self Test Results (v2.0§20.4).
    GetSelfTestResults = APP 0x04 "Get Self Test Results", AtLeast(User), () => SelfTestResults
}

command! {
    /// Get Device GUID (v2.0§20.8): the controller's own.
    GetDeviceGuid = APP 0x08 "Get Device GUID", AtLeast(User), () => Guid
}

command! {
    /// Get System GUID (v2.0§22.14): the managed system's.
    GetSystemGuid = APP 0x37 "Get System GUID", BeforeSession, () => Guid
}

/// What a controller says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId {
    /// The device ID, the vendor's; 0 is unspecified.
    pub device_id: u8,
    /// Whether it has device SDRs of its own (a BMC with a repository has not).
    pub device_sdrs: bool,
    /// Revision of the hardware, 0 to 15.
    pub device_revision: u8,
    /// Whether an update or initialisation keeps it from full operation.
    pub update_in_progress: bool,
    /// Firmware revision before the point, 0 to 127.
    pub firmware_major: u8,
    /// Firmware revision after the point, as a number 0 to 99 (BCD on the wire).
    pub firmware_minor: u8,
    /// What it can do, [`DeviceSupport`].
    pub support: DeviceSupport,
    /// IANA number of the manufacturer, 20 bits.
    pub manufacturer: u32,
    /// Product, the manufacturer's number.
    pub product: u16,
    /// Further firmware revision, the vendor's.
    pub auxiliary_revision: Option<[u8; 4]>,
}

/// "Additional device support" of [`DeviceId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceSupport(pub u8);

impl DeviceSupport {
    /// Has sensors.
    pub const SENSORS: u8 = 0x01;
    /// Has the SDR repository.
    pub const SDR_REPOSITORY: u8 = 0x02;
    /// Has the SEL.
    pub const SEL: u8 = 0x04;
    /// Has FRU inventory.
    pub const FRU_INVENTORY: u8 = 0x08;
    /// Takes event messages.
    pub const EVENT_RECEIVER: u8 = 0x10;
    /// Sends event messages over IPMB.
    pub const EVENT_GENERATOR: u8 = 0x20;
    /// Is a bridge.
    pub const BRIDGE: u8 = 0x40;
    /// Is the chassis device.
    pub const CHASSIS: u8 = 0x80;
}

/// IPMI version 2.0, as Get Device ID writes it: BCD with the digits swapped.
const IPMI_VERSION: u8 = 0x02;

impl Encode for DeviceId {
    fn encode(&self, out: &mut Vec<u8>) {
        let [m0, m1, m2, _] = self.manufacturer.to_le_bytes();
        let minor = self.firmware_minor.min(99);
        out.extend([
            self.device_id,
            u8::from(self.device_sdrs) << 7 | self.device_revision & 0x0F,
            u8::from(self.update_in_progress) << 7 | self.firmware_major & 0x7F,
            ((minor / 10) << 4) | (minor % 10),
            IPMI_VERSION,
            self.support.0,
            m0,
            m1,
            m2,
        ]);
        out.extend(self.product.to_le_bytes());
        out.extend(self.auxiliary_revision.into_iter().flatten());
    }
}

impl Decode for DeviceId {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [device_id, revision, major, minor, _version, support] = reader.array()?;
        Ok(Self {
            device_id,
            device_sdrs: revision & 0x80 != 0,
            device_revision: revision & 0x0F,
            update_in_progress: major & 0x80 != 0,
            firmware_major: major & 0x7F,
            firmware_minor: (minor >> 4).min(9) * 10 + (minor & 0x0F).min(9),
            support: DeviceSupport(support),
            manufacturer: reader.u24()?,
            product: reader.u16()?,
            auxiliary_revision: if reader.is_empty() { None } else { Some(reader.array()?) },
        })
    }
}

/// What a self test found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfTestResults {
    /// All that was tested is well.
    Passed,
    /// There is no self test.
    NotImplemented,
    /// Some data or devices cannot be used.
    Faulty(SelfTestFaults),
    /// The controller should be taken out of service; the byte is the vendor's.
    FatalHardwareError(u8),
    /// A code and detail that are the vendor's.
    Other(u8, u8),
}

/// What cannot be used, of [`SelfTestResults::Faulty`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SelfTestFaults(pub u8);

impl SelfTestFaults {
    /// The SEL cannot be accessed.
    pub const SEL: u8 = 0x80;
    /// The SDR repository cannot be accessed.
    pub const SDR_REPOSITORY: u8 = 0x40;
    /// The BMC's own FRU data cannot be accessed.
    pub const BMC_FRU: u8 = 0x20;
    /// The SDR repository is empty.
    pub const SDR_REPOSITORY_EMPTY: u8 = 0x08;
}

impl Encode for SelfTestResults {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(match *self {
            Self::Passed => [0x55, 0],
            Self::NotImplemented => [0x56, 0],
            Self::Faulty(SelfTestFaults(faults)) => [0x57, faults],
            Self::FatalHardwareError(detail) => [0x58, detail],
            Self::Other(code, detail) => [code, detail],
        });
    }
}

impl Decode for SelfTestResults {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(match reader.array()? {
            [0x55, _] => Self::Passed,
            [0x56, _] => Self::NotImplemented,
            [0x57, faults] => Self::Faulty(SelfTestFaults(faults)),
            [0x58, detail] => Self::FatalHardwareError(detail),
            [code, detail] => Self::Other(code, detail),
        })
    }
}

/// A GUID in the order of IPMI: the least significant byte first, the reverse of RFC 4122's network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// From the sixteen bytes in the order in which a UUID is written as text.
    pub fn from_network_order(mut bytes: [u8; 16]) -> Self {
        bytes.reverse();
        Self(bytes)
    }
}

impl Encode for Guid {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }
}

impl Decode for Guid {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        reader.array().map(Self)
    }
}

#[cfg(test)]
mod tests;
