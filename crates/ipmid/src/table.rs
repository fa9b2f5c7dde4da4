//! The one command table. Each file of `commands/` has a `COMMANDS` slice; it stands here or it does not exist.

use crate::{
    commands,
    dispatch::{Entry, entry::key},
};

/// Every command that ipmid answers, by file.
pub const TABLE: &[&[Entry]] = &[
    commands::app::COMMANDS,
    commands::channel::COMMANDS,
    commands::user::COMMANDS,
    commands::chassis::COMMANDS,
    commands::lan::COMMANDS,
    commands::sensor::COMMANDS,
    commands::sdr::COMMANDS,
    commands::sel::COMMANDS,
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
