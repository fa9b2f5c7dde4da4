//! The crates by their place, as ARCHITECTURE.md tells them.

use std::{collections::BTreeSet, fs};

/// Formats and the session machine: no clock, socket, file, async or D-Bus.
pub(crate) const PURE: [&str; 2] = ["ipmi-wire", "rmcp-session"];
/// What daemons share.
pub(crate) const EDGES: [&str; 3] = ["bmc-dbus", "bmc-hw", "bmc-daemon"];
/// What runs beside the product.
pub(crate) const OUTSIDE: [&str; 3] = ["bmc-sim", "xtask", "system-tests"];

/// The file at `path` in the repository.
pub(crate) fn read(path: &str) -> String {
    let full = xtask::workspace::root().join(path);
    fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()))
}

/// The daemons that the executable has: the rows of its table.
pub(crate) fn daemons() -> BTreeSet<String> {
    let main = read("crates/ferrite/src/main.rs");
    let table = main.split_once("const DAEMONS").unwrap().1.split_once("];").unwrap().0;
    let rows = table.split("::DAEMON").filter_map(|before| before.split_whitespace().last());
    let daemons = rows.filter(|word| *word != ",").map(str::to_owned).collect::<BTreeSet<_>>();
    assert!(daemons.contains("ipmid"), "the table is written in another way than this reads: {daemons:?}");
    daemons
}

#[test]
fn a_daemon_has_a_unit_of_its_user_and_the_user_and_a_row_in_the_architecture() {
    let (users, architecture) =
        (read("systemd-units/usr/lib/sysusers.d/ferrite.conf"), read("ARCHITECTURE.md"));
    for daemon in daemons() {
        // One instance for each interface, host channel, or console.
        let template =
            if ["netipmid", "kcsbridged", "consoled"].contains(&daemon.as_str()) { "@" } else { "" };
        let unit = read(&format!("systemd-units/usr/lib/systemd/system/{daemon}{template}.service"));
        assert!(unit.contains(&format!("\nUser={daemon}\n")), "{daemon}: another user");
        assert!(
            unit.contains(&format!("\nExecStart=/usr/bin/ferrite {daemon}")),
            "{daemon}: another program"
        );
        assert!(unit.contains("\nType=notify\n") && unit.contains("\nRestart=always\n"), "{daemon}");
        assert!(users.contains(&format!("\nu {daemon} ")), "{daemon}: no user");
        assert!(architecture.contains(&format!("\n| {daemon} |")), "{daemon}: no row");
    }
}

#[test]
fn the_code_map_has_every_crate() {
    let architecture = read("ARCHITECTURE.md");
    let map = architecture.split_once("## Code map").unwrap().1.split_once("\n## ").unwrap().0;
    for entry in fs::read_dir(xtask::workspace::root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(map.contains(&format!("`{name}`")) || map.contains(&format!("| {name} |")), "{name}");
    }
}
