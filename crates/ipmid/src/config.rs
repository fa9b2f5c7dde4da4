//! `ipmid.toml`.

use std::path::PathBuf;

use ipmi_wire::command::app::{DeviceId, DeviceSupport};
use serde::Deserialize;

use crate::{
    fru::FruFile,
    sensors::{Contains, OemRecord, Vendor},
};

/// The settings; each has a default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What Get Device ID says.
    pub device: Device,
    /// FRU inventory areas, `[[fru]]`.
    pub fru: Vec<FruFile>,
    /// What the board is made of, `[[contains]]`.
    pub contains: Vec<Contains>,
    /// Sensor data records of the vendor's own, `[[oem_record]]`.
    #[serde(rename = "oem_record")]
    pub oem_records: Vec<OemRecord>,
    /// Devices that Send Message reaches, `[[ipmb]]`.
    pub ipmb: Vec<IpmbDevice>,
    /// Devices that Master Write-Read reaches, `[[i2c]]`.
    pub i2c: Vec<I2cDevice>,
}

impl Config {
    /// What the vendor says of the board.
    pub fn vendor(&self) -> Vendor {
        Vendor { contains: self.contains.clone(), oem_records: self.oem_records.clone() }
    }
}

/// A controller on an IPMB that ipmbbridge knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpmbDevice {
    /// The channel's number.
    pub channel: u8,
    /// The device's address as IPMI writes it, in eight bits.
    pub address: u8,
    /// Its number in ipmbbridge's configuration.
    pub device: u8,
}

/// A device on an I2C bus, and what may be done with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, try_from = "I2cFields")]
pub struct I2cDevice {
    /// The number of the private bus as requests have it, 0 to 7.
    pub bus: u8,
    /// The kernel's device of that bus.
    pub device: PathBuf,
    /// The device's address in seven bits, 08h to 77h.
    pub address: u8,
    /// Most bytes of one write. What a device only reads from takes its register's number: 1, or 2 for a large EEPROM. More lets
    /// callers change the device.
    pub write: u8,
    /// Most bytes of one read.
    pub read: u8,
}

/// The fields of [`I2cDevice`] before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct I2cFields {
    bus: u8,
    device: PathBuf,
    address: u8,
    #[serde(default = "register_number")]
    write: u8,
    #[serde(default = "most_of_a_message")]
    read: u8,
}

fn register_number() -> u8 {
    1
}

/// As much as every system interface has room for.
fn most_of_a_message() -> u8 {
    32
}

impl TryFrom<I2cFields> for I2cDevice {
    type Error = String;

    fn try_from(fields: I2cFields) -> Result<Self, String> {
        let I2cFields { bus, device, address, write, read } = fields;
        if bus > 7 {
            return Err(format!("bus {bus} is not 0 to 7"));
        }
        if !(0x08..=0x77).contains(&address) {
            return Err(format!(
                "address {address:#04x} is not 0x08 to 0x77\nhint: it is the address in seven bits"
            ));
        }
        Ok(Self { bus, device, address, write, read })
    }
}

/// What the controller can do, for Get Device ID and its locator record alike.
pub(crate) const DEVICE_SUPPORT: u8 = DeviceSupport::CHASSIS
    | DeviceSupport::FRU_INVENTORY
    | DeviceSupport::SEL
    | DeviceSupport::SDR_REPOSITORY
    | DeviceSupport::SENSORS;

/// `[device]`: the controller's identity, the board vendor's to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Device {
    /// Device ID, 0 is unspecified.
    pub id: u8,
    /// Revision of the hardware, 0 to 15.
    pub revision: u8,
    /// IANA enterprise number of the manufacturer; 0 is unspecified.
    pub manufacturer: u32,
    /// The manufacturer's number of the product.
    pub product: u16,
    /// Firmware revision `major.minor` of the image; Ferrite's own version where the image does not say.
    pub firmware: Firmware,
    /// Further revision bytes, the vendor's.
    pub auxiliary: Option<[u8; 4]>,
}

impl Default for Device {
    fn default() -> Self {
        let firmware =
            Firmware::from_version(env!("CARGO_PKG_VERSION")).unwrap_or(Firmware { major: 0, minor: 0 });
        Self { id: 0, revision: 0, manufacturer: 0, product: 0, firmware, auxiliary: None }
    }
}

/// A firmware revision as Get Device ID can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Firmware {
    /// 0 to 127.
    pub major: u8,
    /// 0 to 99.
    pub minor: u8,
}

impl Firmware {
    /// The first two numbers of `version`.
    fn from_version(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse::<u8>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (major <= 127 && minor <= 99).then_some(Self { major, minor })
    }
}

impl TryFrom<String> for Firmware {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::from_version(&text)
            .ok_or_else(|| format!("firmware `{text}` is not `major.minor` with 0 to 127 and 0 to 99"))
    }
}

impl Device {
    /// The answer to Get Device ID.
    pub fn device_id(&self) -> DeviceId {
        DeviceId {
            device_id: self.id,
            device_sdrs: false,
            device_revision: self.revision,
            update_in_progress: false,
            firmware_major: self.firmware.major,
            firmware_minor: self.firmware.minor,
            support: DeviceSupport(DEVICE_SUPPORT),
            manufacturer: self.manufacturer,
            product: self.product,
            auxiliary_revision: self.auxiliary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fru::{Access, Place},
        sensors::Part,
    };

    #[test]
    fn the_example_file_names_every_key_with_its_default() {
        let example: Config = system_tests::read_example_config("ipmid");
        let device = Device { auxiliary: Some([0; 4]), ..Device::default() };
        assert_eq!(example.device, device);
        let fru = &example.fru[0];
        assert_eq!((fru.id, fru.entity, fru.instance), (0, 7, 1));
        assert_eq!((fru.access, fru.read_only, fru.unchecked), (Access::Bytes, false, false));
        assert_eq!(fru.place, Place::File { path: "/sys/bus/i2c/devices/4-0050/eeprom".into(), create: 0 });
        assert!(matches!(example.fru[1].place, Place::Eeprom(_)));
        let Contains { entity, instance, parts } = &example.contains[0];
        let cpu = |instance| Part { entity: 3, instance };
        assert_eq!((*entity, *instance, parts), (7, 1, &vec![cpu(1), cpu(2)]));
        let oem = serde_json::json!({ "manufacturer": 0, "data": [1, 2, 3] });
        assert_eq!(example.oem_records, [serde_json::from_value(oem).unwrap()]);
        assert_eq!(example.ipmb, [IpmbDevice { channel: 0, address: 0x2C, device: 1 }]);
        let i2c = &example.i2c[0];
        assert_eq!((i2c.bus, i2c.address, i2c.write, i2c.read), (2, 0x50, 1, 32));
    }

    #[test]
    fn an_i2c_device_that_cannot_be_is_refused_with_its_reason() {
        let device = |fields: &str| {
            let fields = format!("{{\"device\": \"/dev/i2c-4\", {fields}}}");
            serde_json::from_str::<I2cDevice>(&fields).map_err(|error| error.to_string())
        };
        assert!(device("\"bus\": 2, \"address\": 80").is_ok());
        assert!(device("\"bus\": 2, \"address\": 160").unwrap_err().contains("seven bits"));
        assert!(device("\"bus\": 8, \"address\": 80").unwrap_err().contains("0 to 7"));
    }
}
