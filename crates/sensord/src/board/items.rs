//! What of the board is there or not, whole or not: power supplies, processors, openings of the chassis.

use std::{collections::HashSet, path::Path, time::Duration};

use bmc_daemon::Located;
use bmc_dbus::names::{chassis, inventory};
use bmc_hw::hwmon::HwmonDevice;

use super::{
    BoardError, boards,
    record::{Node, Record},
    spec::{Entity, path_segment},
};

/// Record types of power supplies, as opposed to regulators that speak PMBus too.
const POWER_SUPPLIES: [&str; 6] = ["pmbus", "PSU", "cffps", "CRPS185", "DPS800", "IPSPS"];
/// The line of a detector whose record names none.
const INTRUSION_LINE: &str = "CHASSIS_INTRUSION";
/// Entity IDs (v2.0§43.14, table 43-13).
const PROCESSOR: u8 = 3;
const POWER_SUPPLY: u8 = 10;
const CHASSIS: u8 = 23;

/// Whether records of `record_type` describe such a thing, and nothing else.
pub(super) fn is_item(record_type: &str) -> bool {
    matches!(record_type, "XeonCPU" | "ChassisIntrusionSensor")
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ItemSpec {
    pub(crate) name: String,
    /// Its object.
    pub(crate) path: String,
    pub(crate) kind: ItemKind,
    pub(crate) entity: Entity,
    /// The line that says whether it is there, or open; without one it is there.
    pub(crate) line: Option<PresenceLine>,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ItemKind {
    /// A power supply, whose alarms are looked at so often.
    PowerSupply {
        device: HwmonDevice,
        poll: Duration,
    },
    Cpu,
    /// A detector of openings.
    Intrusion {
        /// What it has seen stays until somebody re-arms it.
        manual: bool,
    },
}

/// A line, and which level says yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PresenceLine {
    pub(crate) name: String,
    pub(crate) active_low: bool,
}

/// Reads the items of the board description at `path`.
pub(crate) fn load_items(path: &Path, poll: Duration) -> Result<Vec<ItemSpec>, BoardError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| BoardError::Unreadable { path: path.to_owned(), source })?;
    Ok(parse_items(path, &text, poll)?)
}

/// Reads the items of the text of a board description.
pub(crate) fn parse_items(path: &Path, text: &str, poll: Duration) -> Result<Vec<ItemSpec>, Located> {
    let (mut items, mut paths) = (Vec::new(), HashSet::new());
    for board in boards(path, text)? {
        let board = board.record("board")?;
        let Some(exposes) = board.node("Exposes") else { continue };
        for node in exposes.list()? {
            let record = named(&node)?;
            let Some(item) = read(&record, poll)? else { continue };
            if !paths.insert(item.path.clone()) {
                return Err(record.error("another record has this name already"));
            }
            items.push(item);
        }
    }
    // OpenBMC's clients know one path alone; it is the first detector's, unless another has its name.
    if !paths.contains(chassis::DETECTOR)
        && let Some(first) = items.iter_mut().find(|item| matches!(item.kind, ItemKind::Intrusion { .. }))
    {
        chassis::DETECTOR.clone_into(&mut first.path);
    }
    Ok(items)
}

fn named<'a>(node: &Node<'a>) -> Result<Record<'a>, Located> {
    let mut record = node.record("record")?;
    let name: String = record.require("Name")?;
    record.call(format!("record `{name}`"));
    Ok(record)
}

fn read(record: &Record<'_>, poll: Duration) -> Result<Option<ItemSpec>, Located> {
    let name: String = record.require("Name")?;
    let (kind, root, entity, line) = match record.require::<String>("Type")?.as_str() {
        supply if POWER_SUPPLIES.contains(&supply) => {
            let poll = record.number("PollRate", 0.05, 3600.0)?.map_or(poll, Duration::from_secs_f64);
            let kind = ItemKind::PowerSupply { device: i2c(record)?, poll };
            (kind, inventory::POWER_SUPPLIES, POWER_SUPPLY, presence(record)?)
        }
        "XeonCPU" => (ItemKind::Cpu, inventory::CPUS, PROCESSOR, presence_gpio(record)?),
        "ChassisIntrusionSensor" => {
            let Some((kind, line)) = intrusion(record)? else { return Ok(None) };
            (kind, chassis::ROOT, CHASSIS, Some(line))
        }
        _ => return Ok(None),
    };
    let byte =
        |field, default| Ok(record.whole(field, 0x7f)?.and_then(|n| u8::try_from(n).ok()).unwrap_or(default));
    let entity = Entity { id: byte("EntityId", entity)?, instance: byte("EntityInstance", 1)? };
    let path = format!("{root}/{}", path_segment(&name));
    Ok(Some(ItemSpec { name, path, kind, entity, line }))
}

fn i2c(record: &Record<'_>) -> Result<HwmonDevice, Located> {
    let (bus, address) = (record.require_whole("Bus", 4095)?, record.require_whole("Address", 0x7f)?);
    Ok(HwmonDevice::I2c {
        bus: u32::try_from(bus).unwrap_or_default(),
        address: u16::try_from(address).unwrap_or_default(),
    })
}

/// `Presence`, as entity-manager's fan records have it.
fn presence(record: &Record<'_>) -> Result<Option<PresenceLine>, Located> {
    let Some(node) = record.node("Presence") else { return Ok(None) };
    let presence = node.record("Presence")?;
    Ok(Some(PresenceLine { name: presence.require("PinName")?, active_low: is_low(&presence, "Polarity")? }))
}

/// `PresenceGpio` of a processor's record: a list of one line.
fn presence_gpio(record: &Record<'_>) -> Result<Option<PresenceLine>, Located> {
    let Some(node) = record.node("PresenceGpio") else { return Ok(None) };
    let lines = if node.is_list() { node.list()? } else { vec![node] };
    let Some(line) = lines.first() else { return Ok(None) };
    let line = line.record("PresenceGpio")?;
    Ok(Some(PresenceLine { name: line.require("Name")?, active_low: is_low(&line, "Polarity")? }))
}

/// A detector on a line; detectors of other classes are not read here.
fn intrusion(record: &Record<'_>) -> Result<Option<(ItemKind, PresenceLine)>, Located> {
    let class: String = record.require("Class")?;
    if class != "Gpio" {
        tracing::info!("{}: no detector on a line", record.error(format!("class `{class}`")));
        return Ok(None);
    }
    let manual = match record.get::<String>("Rearm")?.as_deref() {
        None | Some("Automatic") => false,
        Some("Manual") => true,
        Some(other) => {
            return Err(record.field_error("Rearm", format!("`{other}` is neither Automatic nor Manual")));
        }
    };
    let name = record.get("GpioPinName")?.unwrap_or_else(|| INTRUSION_LINE.to_owned());
    let line = PresenceLine { name, active_low: is_low(record, "GpioPolarity")? };
    Ok(Some((ItemKind::Intrusion { manual }, line)))
}

fn is_low(record: &Record<'_>, field: &str) -> Result<bool, Located> {
    match record.require::<String>(field)?.as_str() {
        "Low" => Ok(true),
        "High" => Ok(false),
        other => Err(record.field_error(field, format!("`{other}` is neither Low nor High"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(records: &str) -> Result<Vec<ItemSpec>, Located> {
        let text = format!("{{\"Name\": \"B\", \"Exposes\": [\n{records}\n]}}");
        parse_items(Path::new("board.json"), &text, Duration::from_secs(1))
    }

    fn line(name: &str, active_low: bool) -> Option<PresenceLine> {
        Some(PresenceLine { name: name.to_owned(), active_low })
    }

    #[test]
    fn supplies_processors_and_detectors_are_found_among_sensors() {
        let items = parse(
            r#"{"Name": "Inlet", "Type": "TMP75", "Bus": 1, "Address": 72},
            {"Name": "PSU 1", "Type": "pmbus", "Bus": 7, "Address": "0x58", "EntityInstance": 2,
              "Presence": {"PinName": "psu1-present", "Polarity": "Low"}},
            {"Name": "VR", "Type": "ISL68137", "Bus": 7, "Address": "0x60"},
            {"Name": "CPU1", "Type": "XeonCPU", "PresenceGpio": [{"Name": "cpu1-present", "Polarity": "Low"}]},
            {"Name": "Lid", "Type": "ChassisIntrusionSensor", "Class": "Gpio", "GpioPolarity": "High", "Rearm": "Manual"},
            {"Name": "Other", "Type": "ChassisIntrusionSensor", "Class": "Aspeed2600_Hwmon"}"#,
        )
        .unwrap();
        let shown: Vec<_> =
            items.iter().map(|item| (item.path.as_str(), item.entity.id, item.line.clone())).collect();
        assert_eq!(
            shown,
            [
                ("/xyz/openbmc_project/inventory/system/powersupply/PSU_1", 10, line("psu1-present", true)),
                (
                    "/xyz/openbmc_project/inventory/system/chassis/motherboard/CPU1",
                    3,
                    line("cpu1-present", true)
                ),
                ("/xyz/openbmc_project/Chassis/Intrusion", 23, line("CHASSIS_INTRUSION", false)),
            ]
        );
        assert_eq!(items[0].entity.instance, 2);
        assert_eq!(items[2].kind, ItemKind::Intrusion { manual: true });
    }

    #[test]
    fn the_first_detector_is_where_openbmcs_clients_look_for_it_unless_another_has_that_name() {
        let paths = |names: &[&str]| {
            let detector = |name: &&str| {
                format!(
                    r#"{{"Name": "{name}", "Type": "ChassisIntrusionSensor", "Class": "Gpio", "GpioPolarity": "Low"}}"#
                )
            };
            let records: Vec<_> = names.iter().map(detector).collect();
            let items = parse(&records.join(",")).unwrap().into_iter();
            items.map(|item| item.path.rsplit_once("/Chassis/").unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(paths(&["Lid", "Side"]), ["Intrusion", "Side"]);
        assert_eq!(paths(&["Lid", "Intrusion"]), ["Lid", "Intrusion"]);
    }

    #[test]
    fn a_wrong_field_is_named_with_its_line() {
        let wrong = parse(
            "{\"Name\": \"Lid\", \"Type\": \"ChassisIntrusionSensor\", \"Class\": \"Gpio\",\n\"GpioPolarity\": \"Up\"}",
        );
        let text = wrong.unwrap_err().to_string();
        assert_eq!(text, "board.json:3: record `Lid`: GpioPolarity: `Up` is neither Low nor High");
        let twice = r#"{"Name": "A", "Type": "XeonCPU"}, {"Name": "A", "Type": "XeonCPU"}"#;
        assert!(parse(twice).unwrap_err().to_string().contains("already"));
    }
}
