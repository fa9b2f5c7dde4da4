//! What the board has beside QEMU's own: its device tree, the chips on its I2C buses, and what they and its card keep.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use ipmi_wire::record::fru::{AreaKind, Fru};
use serde::Deserialize;

use super::tool_root::{Kernel, ToolRoot};
use crate::workspace::{self, run};

/// The size of the card, in MiB. QEMU wants a power of two.
const CARD: u32 = 64;
/// The EEPROMs: the drive that `devices` gives to the chip, the size in bytes that it has there, and the file that tells its content.
const EEPROMS: [(&str, usize, &str); 2] = [("fru", 8192, "fru.toml"), ("riser", 4096, "riser-fru.toml")];

/// What an EEPROM says when the board leaves the factory: fields by area.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Factory {
    chassis: Option<toml::Table>,
    board: Option<toml::Table>,
    product: Option<toml::Table>,
}

/// Makes device tree, card and EEPROMs in `work`, all of them new.
pub(crate) fn make(tools: &ToolRoot, kernel: &Kernel, work: &Path) -> Result<()> {
    fs::copy(&kernel.device_tree, work.join("base.dtb"))?;
    for (drive, size, file) in EEPROMS {
        fs::write(work.join(format!("{drive}.eeprom")), eeprom(size, file).context(file)?)?;
    }
    // The card is left as mke2fs makes it: whether it is whole after a power cut is what journals are for.
    let script = format!(
        "cd /shared && dtc -q -I dtb -O dts -o board.dts base.dtb && cat /src/tests/boards/ast2600-evb/board.dtsi >> board.dts \
         && dtc -q -I dts -O dtb -o board.dtb board.dts \
         && rm -f card && mke2fs -q -t ext4 -m 0 card {CARD}M"
    );
    run(&mut tools.command(work, &script)?)
}

/// QEMU's options for the chips and what keeps their content.
pub(crate) fn options() -> Result<String> {
    let mut options = "-drive if=sd,index=0,format=raw,file=card".to_owned();
    for (drive, ..) in EEPROMS {
        options.push_str(&format!(" -drive if=none,id={drive},format=raw,file={drive}.eeprom"));
    }
    for line in board_file("devices")?.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [model, bus, address, properties] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("devices: `{line}` is not model, bus, address and properties");
        };
        options
            .push_str(&format!(" -device {model},bus=aspeed.i2c.bus.{bus},address={address},{properties}"));
    }
    Ok(options)
}

fn eeprom(size: usize, file: &str) -> Result<Vec<u8>> {
    let factory: Factory = toml::from_str(&board_file(file)?)?;
    let mut fru = Fru::default();
    for (kind, fields) in AreaKind::ALL.into_iter().zip([factory.chassis, factory.board, factory.product]) {
        for (name, text) in fields.unwrap_or_default() {
            let text = text.as_str().with_context(|| format!("{name} is no text"))?;
            fru.area_mut(kind)?.set_field(&name, text)?;
        }
    }
    Ok(fru.build(size)?)
}

fn board_file(name: &str) -> Result<String> {
    let path = workspace::root().join("tests/boards/ast2600-evb").join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
