//! What crashes comes back alone, and what was accepted outlives a power cut.

use std::{collections::BTreeMap, time::Duration};

use system_tests::{Agent, Ipmitool, eventually, remote_console::SolClient};

use crate::board::{Board, HostUart};

/// The daemons' units on this board.
pub(crate) const UNITS: [&str; 9] = [
    "ipmid.service",
    "sensord.service",
    "powerd.service",
    "seld.service",
    "userd.service",
    "networkd.service",
    "consoled@default.service",
    "kcsbridged@ipmi_kcs3.service",
    "netipmid@eth0.service",
];

/// What tells that a unit's service is back.
pub(crate) fn serves(unit: &str, board: &Board, client: &Ipmitool) -> bool {
    let words = match unit {
        "sensord.service" => "sdr get Board_Temp",
        "powerd.service" => "chassis status",
        "seld.service" => "sel info",
        "userd.service" => "user list 1",
        "networkd.service" => "lan print 1",
        "consoled@default.service" => "sol info 1",
        "kcsbridged@ipmi_kcs3.service" => {
            return board.host().ask(&[0x18, 0x01]).is_ok_and(|response| response[..3] == [0x1C, 0x01, 0x00]);
        }
        _ => "mc info",
    };
    let answer = client.run(words);
    answer.success && !answer.stdout.contains("no reading")
}

/// How often systemd started each unit again.
fn restarts(shell: &mut Agent) -> BTreeMap<String, u32> {
    let text = shell.ok(&format!("systemctl show --property=Id,NRestarts {}", UNITS.join(" "))).stdout;
    let blocks = text.split("\n\n").map(|block| {
        let value = |key: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {key} in {block}")).to_owned()
        };
        (value("Id"), value("NRestarts").parse().unwrap())
    });
    blocks.collect()
}

/// What the host prints reaches the console session.
fn console_follows(host: &mut HostUart, console: &mut SolClient, text: &str) {
    host.print(text);
    let came =
        |client: &SolClient| client.received().windows(text.len()).any(|window| window == text.as_bytes());
    assert!(console.run(Duration::from_secs(20), came).unwrap(), "the console does not show {text}");
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_daemon_that_is_killed_comes_back_and_no_other_is_started_again() {
    let board = Board::get();
    let (client, mut shell) = (board.ipmitool(), board.shell());
    let mut host = board.host_uart();
    let mut console = SolClient::activate(board.session(), 1, Duration::from_millis(500)).unwrap();
    for unit in UNITS {
        let mut expected = restarts(&mut shell);
        shell.ok(&format!("systemctl kill --signal=KILL {unit}"));
        *expected.get_mut(unit).unwrap() += 1;
        eventually(&format!("{unit} to be started again"), || {
            shell.run(&format!("systemctl is-active {unit}")).success && restarts(&mut shell) == expected
        });
        eventually(&format!("{unit} to serve"), || serves(unit, &board, &client));
        // The session's keys die with the process that has them.
        if unit != "netipmid@eth0.service" {
            console_follows(&mut host, &mut console, &format!("{unit} is back\r\n"));
        }
        assert_eq!(restarts(&mut shell), expected, "after {unit}");
    }
}

/// The upper non-critical threshold of the board's temperature.
fn threshold(client: &Ipmitool) -> String {
    client.ok("sensor get Board_Temp").field("Upper Non-Critical")
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn what_was_accepted_before_a_power_cut_is_there_after_it() {
    let board = Board::get();
    let client = board.ipmitool();
    client.ok("sel clear");
    for event in ["1", "2", "3"] {
        client.ok(&format!("event {event}"));
    }
    let was = threshold(&client);
    client.ok("sensor thresh Board_Temp unc 71");
    let before = client.ok("sel list").stdout;
    assert!(before.lines().count() >= 3, "{before}");
    // Users are kept too: the client logs in with what it had.
    board.cut_power();
    let after = client.ok("sel list").stdout;
    assert!(after.starts_with(&before), "before: {before}after: {after}");
    eventually("the sensor to be told with its threshold", || {
        client.run("sensor get Board_Temp").stdout.contains("Upper Non-Critical    : 71")
    });
    client.ok(&format!("sensor thresh Board_Temp unc {was}"));
}
