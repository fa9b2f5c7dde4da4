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
