//! The one command table. Each file of `commands/` has a `COMMANDS` slice; it stands here or it does not exist.

use crate::{
    commands,
    dispatch::{Entry, entry::key},
};

/// Every command that ipmid answers, by file.
pub const TABLE: &[&[Entry]] = &[
    commands::app::COMMANDS,
    commands::acpi::COMMANDS,
    commands::channel::COMMANDS,
    commands::host_message::COMMANDS,
    commands::master_write_read::COMMANDS,
    commands::system_info::COMMANDS,
    commands::firewall::COMMANDS,
    commands::session::COMMANDS,
    commands::user::COMMANDS,
    commands::watchdog::COMMANDS,
    commands::chassis::COMMANDS,
    commands::boot::COMMANDS,
    commands::lan::COMMANDS,
    commands::payload::COMMANDS,
    commands::sol::COMMANDS,
    commands::sensor::COMMANDS,
    commands::sdr::COMMANDS,
    commands::sel::COMMANDS,
    commands::event::COMMANDS,
    commands::pef::COMMANDS,
    commands::fru::COMMANDS,
];

const _: () =
    assert!(!has_duplicate(), "two entries of the command table have the same NetFn, command and group");

/// All entries.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().copied().flatten()
}

/// The entry of a command, if it is in the table.
pub(crate) fn find(net_fn: u8, command: u8, group: Option<u8>) -> Option<&'static Entry> {
    let wanted = key(net_fn, command, group);
    entries().find(|entry| entry.key() == wanted)
}

/// Whether any two entries have the same key. Loops, because a constant cannot use iterators.
const fn has_duplicate() -> bool {
    let (mut file, mut line) = (0, 0);
    while file < TABLE.len() {
        if line == TABLE[file].len() {
            (file, line) = (file + 1, 0);
        } else if stands_after(TABLE[file][line].key(), file, line + 1) {
            return true;
        } else {
            line += 1;
        }
    }
    false
}

const fn stands_after(key: u32, mut file: usize, mut line: usize) -> bool {
    while file < TABLE.len() {
        if line == TABLE[file].len() {
            (file, line) = (file + 1, 0);
        } else if TABLE[file][line].key() == key {
            return true;
        } else {
            line += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use ipmi_wire::command::Access;

    use super::*;

    /// The specification's table: key of a command to its name and privilege.
    fn specification() -> HashMap<u32, (&'static str, &'static str)> {
        let byte = |text: &str| u8::from_str_radix(text.trim_end_matches('h'), 16).unwrap();
        let lines = include_str!("../data/commands.tsv").lines().filter(|line| !line.starts_with('#'));
        let row = |line: &'static str| {
            let [net_fn, group, command, name, privilege] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not five columns: {line}");
            };
            let group = (group != "-").then(|| byte(group));
            // What a payload needs beyond the least that there is, is configured (v2.0 appendix G, note on 48h and 49h).
            let privilege = if privilege == "payload-dep." { "User" } else { privilege };
            (key(byte(net_fn), byte(command), group), (name, privilege))
        };
        lines.map(row).collect()
    }

    #[test]
    fn every_entry_has_the_name_and_the_privilege_of_the_specification() {
        let specification = specification();
        assert_eq!(specification.len(), 209);
        for entry in entries() {
            let privilege = match entry.access {
                Access::BeforeSession => "before session".to_owned(),
                Access::SystemInterface => "system interface".to_owned(),
                Access::AtLeast(privilege) => format!("{privilege:?}"),
            };
            let expected = specification.get(&entry.key()).copied();
            assert_eq!(expected, Some((entry.name, privilege.as_str())), "{entry:?}");
        }
    }

    #[test]
    fn every_storage_and_sensor_event_command_of_the_specification_is_there() {
        let functions = [key(0x04, 0, None), key(0x0A, 0, None)];
        let specification = specification().into_iter();
        let wanted: Vec<_> = specification.filter(|(of, _)| functions.contains(&(of & !0xFF))).collect();
        assert_eq!(wanted.len(), 27 + 30);
        for (of, (name, _)) in wanted {
            assert!(entries().any(|entry| entry.key() == of), "{name}");
        }
    }

    #[test]
    fn a_command_is_found_by_all_of_its_key() {
        assert_eq!(find(0x06, 0x01, None).map(|entry| entry.name), Some("Get Device ID"));
        assert!(find(0x06, 0x01, Some(0)).is_none());
        assert!(find(0x07, 0x01, None).is_none());
    }
}
