//! The two-socket board with more temperatures, so that there are a hundred sensors.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::workspace;

/// A TMP75 has three address pins: eight of them fit on a bus.
const PER_BUS: usize = 8;
const FIRST_BUS: usize = 10;
/// An entity's instances that are the system's; those behind them are a device's own (v2.0§39.1).
const INSTANCES: usize = 0x5F;
const FIRST_ADDRESS: usize = 0x48;

/// How the host's serial console behaves, and who may watch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Console {
    /// Prints as fast as it is read, to one SOL instance.
    Fast,
    /// Prints at [`BAUD`], to [`WATCHERS`] SOL instances.
    Watched,
}

/// Bits per second, ten for each byte.
pub(crate) const BAUD: usize = 115_200;
pub(crate) const WATCHERS: usize = 3;

impl Console {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Watched => "watched",
        }
    }
}

/// Writes `sim.toml`, `board.json`, `power-config.json` and `netipmid.toml` of a board with `sensors` sensors to `dir`.
///
/// # Errors
/// Where the two-socket board cannot be read, or `dir` not written.
pub(crate) fn write(dir: &Path, sensors: usize, console: Console) -> anyhow::Result<()> {
    let from = workspace::root().join("tests/boards/two-socket");
    let read = |name: &str| {
        let path = from.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let mut board: Value = serde_json::from_str(&read("board.json")?).context("board.json")?;
    let exposes = board["Exposes"].as_array_mut().context("board.json has no Exposes")?;
    let there: usize = exposes.iter().map(sensors_of).sum();
    let more =
        sensors.checked_sub(there).with_context(|| format!("the board has {there} sensors already"))?;
    let mut sim = read("sim.toml")?;
    for number in 0..more {
        exposes.push(described(number));
        sim.push_str(&simulated(number));
    }
    let mut netipmid = String::new();
    if console == Console::Watched {
        sim.push_str(&format!("\n[console]\nbaud = {BAUD}\n"));
        netipmid.push_str(&format!("consoles = {:?}\n", ["default"; WATCHERS]));
    }
    fs::create_dir_all(dir)?;
    fs::write(dir.join("netipmid.toml"), netipmid)?;
    fs::write(dir.join("board.json"), serde_json::to_vec_pretty(&board)?)?;
    fs::write(dir.join("sim.toml"), sim)?;
    fs::write(dir.join("power-config.json"), read("power-config.json")?)?;
    Ok(())
}

/// Entries that have states and no readings.
const DISCRETE: [&str; 2] = ["XeonCPU", "ChassisIntrusionSensor"];

/// How many sensors an entry stands for: one for each label of a power supply, one for each name of a chip, a fan's PWM too.
fn sensors_of(entry: &Value) -> usize {
    if entry["Type"].as_str().is_some_and(|kind| DISCRETE.contains(&kind)) {
        return 0;
    }
    match entry["Labels"].as_array() {
        Some(labels) => labels.len(),
        None => [&entry["Name"], &entry["Name1"], &entry["Connector"]["PwmName"]]
            .iter()
            .filter(|name| name.is_string())
            .count(),
    }
}

fn place(number: usize) -> (usize, usize) {
    (FIRST_BUS + number / PER_BUS, FIRST_ADDRESS + number % PER_BUS)
}

/// The entry of `board.json`.
fn described(number: usize) -> Value {
    let (bus, address) = place(number);
    let threshold = |direction: &str, severity: u8, value: f64| json!({"Direction": direction, "Severity": severity, "Value": value});
    json!({
        "Name": format!("Drive{number}_Temp"), "Type": "TMP75", "Bus": bus, "Address": format!("{address:#x}"),
        "EntityId": 4, "EntityInstance": number % INSTANCES + 1, "PowerState": "Always",
        "Thresholds": [
            threshold("greater than", 0, 60.0), threshold("greater than", 1, 65.0), threshold("greater than", 4, 70.0),
            threshold("less than", 0, 5.0), threshold("less than", 1, 0.0),
        ],
    })
}

/// The device of `sim.toml`.
fn simulated(number: usize) -> String {
    let (bus, address) = place(number);
    format!(
        "\n[[device]]\ndriver = \"tmp75\"\nbus = {bus}\naddress = {address:#x}\n\n[[device.channel]]\nname = \"Drive{number}_Temp\"\n\
         attribute = \"temp1\"\ntemperature = {{ standby = 1.0, idle = 8.0, load = 6.0, seconds = 30.0 }}\n"
    )
}
