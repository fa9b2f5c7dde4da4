//! Event records in words.

use ipmi_wire::{
    codec::Decode as _,
    record::{
        event::sensor_type::SESSION_AUDIT,
        sel::{SelBody, SelRecord, SystemEvent},
    },
};

const THRESHOLDS: [&str; 6] = [
    "lower non-critical",
    "lower critical",
    "lower non-recoverable",
    "upper non-critical",
    "upper critical",
    "upper non-recoverable",
];

/// Number, name, and states by offset.
type Type = (u8, &'static str, &'static [(u8, &'static str)]);

/// Sensor types (v2.0 table 42-3) that a BMC without special hardware logs, and their states.
const TYPES: &[Type] = &[
    (0x01, "Temperature", &[]),
    (0x02, "Voltage", &[]),
    (0x03, "Current", &[]),
    (0x04, "Fan", &[]),
    (0x05, "Physical security", &[(0, "chassis intrusion")]),
    (0x07, "Processor", &[(0, "internal error"), (1, "thermal trip"), (7, "present"), (8, "disabled")]),
    (0x08, "Power supply", &[(0, "present"), (1, "failed"), (3, "input lost")]),
    (
        0x09,
        "Power unit",
        &[
            (0, "power off"),
            (1, "power cycle"),
            (3, "interlock"),
            (4, "mains lost"),
            (5, "soft power control failed"),
            (6, "failed"),
        ],
    ),
    (0x0B, "Other units", &[]),
    (0x0D, "Drive", &[(0, "present"), (1, "fault"), (7, "rebuild in progress")]),
    (
        0x10,
        "Event logging",
        &[
            (1, "storm: events are counted"),
            (2, "log cleared"),
            (3, "all logging off"),
            (4, "log full"),
            (5, "log almost full"),
        ],
    ),
    (0x12, "System event", &[(5, "clock set")]),
    (0x14, "Button", &[(0, "power pressed"), (1, "sleep pressed"), (2, "reset pressed")]),
    (
        0x1D,
        "System start",
        &[(0, "power up"), (1, "hard reset"), (2, "warm reset"), (5, "PXE boot requested"), (7, "restart")],
    ),
    (0x1F, "OS boot", &[(6, "booted")]),
    (0x20, "OS stop", &[(1, "run-time stop"), (2, "stopped"), (3, "shut down")]),
    (
        0x23,
        "Watchdog",
        &[(0, "expired"), (1, "hard reset"), (2, "power down"), (3, "power cycle"), (8, "pre-timeout")],
    ),
    (
        SESSION_AUDIT,
        "Session audit",
        &[
            (0, "session opened"),
            (1, "session closed"),
            (2, "wrong name or password"),
            (3, "locked out after bad passwords"),
        ],
    ),
];

/// Sensor, event, and whether it began or ended.
pub(super) fn describe(record: &[u8; 16], path: &str) -> (String, String, Option<&'static str>) {
    let name = path.rsplit('/').next().unwrap_or_default();
    match SelRecord::from_bytes(record).map(|record| record.body) {
        Ok(SelBody::Event(event)) => {
            let state = if event.deasserted { "deasserted" } else { "asserted" };
            (sensor(&event, name), what(&event), Some(state))
        }
        Ok(SelBody::OemTimed { record_type: SUMMARY, manufacturer: 0, data, .. }) => {
            let count = u16::from_le_bytes([data[4], data[5]]);
            let many = if count == u16::MAX { " or more" } else { "" };
            (name.to_owned(), format!("storm: {count}{many} events counted, the last follows"), None)
        }
        Ok(SelBody::OemTimed { record_type, manufacturer, .. }) => {
            (format!("OEM {record_type:02x}h"), format!("of manufacturer {manufacturer}"), None)
        }
        Ok(SelBody::Other { record_type, .. }) => (format!("OEM {record_type:02x}h"), String::new(), None),
        Err(_) => (String::new(), "unreadable".to_owned(), None),
    }
}

/// seld's summary of a storm.
const SUMMARY: u8 = 0xDE;

fn sensor(event: &SystemEvent, name: &str) -> String {
    let kind = TYPES.iter().find(|(kind, ..)| *kind == event.sensor_type).map(|(_, text, _)| *text);
    match (kind, path_names_it(event)) {
        (_, true) if !name.is_empty() => name.to_owned(),
        (Some(kind), _) if ITEMS.contains(&event.sensor_type) && !name.is_empty() => format!("{kind} {name}"),
        (Some(kind), _) => format!("{kind} #{:02x}h", event.sensor),
        (None, _) => format!("type {:02x}h #{:02x}h", event.sensor_type, event.sensor),
    }
}

/// Types of which there are several, each an object with a name.
const ITEMS: [u8; 4] = [0x05, 0x07, 0x08, 0x0D];
/// Event logging of one sensor is off: the record has the sensor's object.
const STORM: (u8, u8) = (0x10, 0x01);

/// User and channel of a session audit event, where they stand in it.
fn who(event: &SystemEvent) -> String {
    const BOTH_BYTES_SPECIFIC: u8 = 0xF0;
    let [offset, user, channel] = event.data;
    if event.sensor_type != SESSION_AUDIT || offset & 0xF0 != BOTH_BYTES_SPECIFIC {
        return String::new();
    }
    match user & 0x3F {
        0 => format!(", channel {}", channel & 0x0F),
        user => format!(", user {user}, channel {}", channel & 0x0F),
    }
}

/// Objects of analogue sensors are named after what they measure; those of states are not.
fn path_names_it(event: &SystemEvent) -> bool {
    event.event_type == 0x01 || (event.sensor_type, event.data[0] & 0x0F) == STORM
}

fn what(event: &SystemEvent) -> String {
    let offset = event.data[0] & 0x0F;
    match event.event_type {
        0x01 => {
            let direction = if offset.is_multiple_of(2) { "going low" } else { "going high" };
            let threshold = THRESHOLDS.get(usize::from(offset / 2)).copied().unwrap_or("threshold");
            format!("{threshold}, {direction}")
        }
        0x6F => {
            let states = TYPES.iter().find(|(kind, ..)| *kind == event.sensor_type);
            let text = states.and_then(|(.., states)| states.iter().find(|(state, _)| *state == offset));
            let text = text.map_or_else(|| format!("state {offset}"), |(_, text)| (*text).to_owned());
            text + &who(event)
        }
        event_type => format!("event type {event_type:02x}h, state {offset}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_in_words() {
        let event =
            |kind, event, data| [1, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, kind, 0xF0, event, data, 0xFF, 0xFF];
        let chassis = "/xyz/openbmc_project/state/chassis0";
        let told = describe(&event(0x09, 0x6F, 0), chassis);
        assert_eq!(told, ("Power unit #f0h".into(), "power off".into(), Some("asserted")));
        let told = describe(&event(0x42, 0x83, 1), "");
        assert_eq!(told, ("type 42h #f0h".into(), "event type 03h, state 1".into(), Some("deasserted")));
        let told = describe(&event(0x08, 0xEF, 0), "/xyz/openbmc_project/inventory/system/powersupply/PSU1");
        assert_eq!(told, ("Power supply PSU1".into(), "present".into(), Some("deasserted")));
        let summary = [1, 0, SUMMARY, 0, 0, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0x10, 0x27];
        let told = describe(&summary, "/x/temperature/CPU");
        assert_eq!(told, ("CPU".into(), "storm: 10000 events counted, the last follows".into(), None));
    }
}
