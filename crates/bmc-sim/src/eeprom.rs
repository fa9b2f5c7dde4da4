//! EEPROMs: files that keep what the BMC writes to them.

use std::{fs, io, path::Path};

use ipmi_wire::record::fru::{AreaKind, Fru, FruError};

use crate::config::EepromConfig;

/// Shows every EEPROM below `<root>/bus/i2c/devices`, as it left the factory.
///
/// # Errors
/// What the file system says; fields that there are not, or that do not fit.
pub(crate) fn show(root: &Path, eeproms: &[EepromConfig]) -> io::Result<()> {
    for eeprom in eeproms {
        let device = format!("bus/i2c/devices/{}-{:04x}", eeprom.bus, eeprom.address);
        let content =
            content(eeprom).map_err(|error| io::Error::other(format!("eeprom {device}: {error}")))?;
        fs::create_dir_all(root.join(&device))?;
        fs::write(root.join(device).join("eeprom"), content)?;
    }
    Ok(())
}

fn content(eeprom: &EepromConfig) -> Result<Vec<u8>, FruError> {
    let mut fru = Fru::default();
    let given = [&eeprom.chassis, &eeprom.board, &eeprom.product];
    for (kind, fields) in AreaKind::ALL.into_iter().zip(given) {
        for (name, text) in fields {
            fru.area_mut(kind)?.set_field(name, text)?;
        }
    }
    fru.build(usize::from(eeprom.size))
}
