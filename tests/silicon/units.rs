//! The units, as the systemd that runs them judges them.

use crate::{board::Board, faults::UNITS};

/// What `systemd-analyze security` may say of a unit: 0 is all closed, 10 all open.
const MOST_EXPOSED: f64 = 2.0;

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn every_unit_runs_and_nothing_failed() {
    let mut shell = Board::get().shell();
    for unit in UNITS {
        shell.ok(&format!("systemctl is-active {unit}"));
    }
    let failed = shell.ok("systemctl list-units --state=failed --no-legend --plain").stdout;
    assert_eq!(failed, "");
}

/// The names that OpenBMC's units have, and ours behind them.
const ALIASES: [(&str, &str); 8] = [
    ("phosphor-ipmi-host.service", "ipmid.service"),
    ("xyz.openbmc_project.Control.Host.service", "ipmid.service"),
    ("phosphor-ipmi-net@eth0.service", "netipmid@eth0.service"),
    ("phosphor-ipmi-net@eth0.socket", "netipmid@eth0.socket"),
    ("phosphor-ipmi-kcs@ipmi_kcs3.service", "kcsbridged@ipmi_kcs3.service"),
    ("xyz.openbmc_project.Logging.IPMI.service", "seld.service"),
    ("xyz.openbmc_project.Network.service", "networkd.service"),
    ("obmc-console@default.service", "consoled@default.service"),
];

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn units_that_are_enabled_are_found_by_the_names_of_openbmcs() {
    let mut shell = Board::get().shell();
    shell.ok(&format!("systemctl enable {} netipmid@eth0.socket", UNITS.join(" ")));
    for (alias, unit) in ALIASES {
        let found = shell.ok(&format!("systemctl show --property=Id --value {alias}")).stdout;
        assert_eq!(found.trim(), unit, "{alias}");
    }
    // No alias, but whoever wants it has powerd.
    let power = "xyz.openbmc_project.Chassis.Control.Power@0.service";
    shell.ok(&format!("systemctl start {power} && systemctl is-active {power} powerd.service"));
    shell.ok(&format!("systemctl stop {power} && systemctl is-active powerd.service"));
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn systemd_finds_nothing_wrong_with_the_units() {
    let mut shell = Board::get().shell();
    let units = format!("{} netipmid@eth0.socket", UNITS.join(" "));
    let answer = shell.ok(&format!("systemd-analyze verify --man=no {units} 2>&1"));
    // systemd before 258 does not fill this in, and netipmid binds its socket itself.
    let known = |line: &&str| !line.ends_with("Invalid interface name, ignoring: %i");
    assert_eq!(answer.stdout.lines().filter(known).collect::<Vec<_>>(), [""; 0]);
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn no_unit_is_more_exposed_than_it_may_be() {
    let mut shell = Board::get().shell();
    let exposed = UNITS.iter().map(|unit| {
        let report = shell.ok(&format!("systemd-analyze security --no-pager {unit}")).stdout;
        let line = report.lines().rfind(|line| line.contains("Overall exposure level")).unwrap();
        let level = line.split(": ").nth(1).unwrap().split_whitespace().next().unwrap();
        (*unit, level.parse::<f64>().unwrap())
    });
    let too_much: Vec<_> = exposed.filter(|(_, level)| *level > MOST_EXPOSED).collect();
    assert_eq!(too_much, []);
}
