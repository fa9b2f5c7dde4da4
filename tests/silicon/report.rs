//! What the board takes: written to `target/silicon-report.json`, which README quotes. Of it, memory alone is judged.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use system_tests::{Agent, eventually};

use crate::{
    board::{Board, reading},
    faults::{UNITS, serves},
};

/// What all daemons together may keep in memory while nobody asks, in KiB of their proportional set size.
const MOST_MEMORY: u64 = 20 * 1024;

/// What a unit's processes have, in KiB: proportional set size, and what its cgroup is charged.
fn memory(shell: &mut Agent, unit: &str) -> (u64, u64) {
    let script = format!(
        "pid=$(systemctl show --property=MainPID --value {unit}); grep '^Pss:' /proc/$pid/smaps_rollup | tr -dc 0-9; echo; \
         systemctl show --property=MemoryCurrent --value {unit}"
    );
    let answer = shell.ok(&script).stdout;
    let mut numbers = answer.lines().map(|line| line.trim().parse::<u64>());
    let mut next = || numbers.next().and_then(Result::ok);
    let resident = next().unwrap_or_else(|| panic!("{unit}: {answer}"));
    (resident, next().map_or(0, |bytes| bytes / 1024))
}

/// From a chip's register to a client's answer.
fn seconds_of_a_reading(board: &Board) -> f64 {
    let (client, mut machine) = (board.ipmitool(), board.machine());
    machine.heat("riser", "temperature1", 61);
    let start = Instant::now();
    while reading(&client.run("-c sdr get Riser_Diode_Temp")) != Some(61.0) {
        assert!(start.elapsed() < Duration::from_secs(60), "the reading does not come");
    }
    let seconds = start.elapsed().as_secs_f64();
    machine.heat("riser", "temperature1", 25);
    seconds
}

/// Seconds by the board's clock from a kill until systemd has the unit's word that it is ready.
fn seconds_of_a_restart(shell: &mut Agent, unit: &str) -> f64 {
    let script = format!(
        "systemctl kill --signal=KILL {unit}; start=$(cut -d' ' -f1 /proc/uptime); sleep 0.5; \
         until systemctl is-active --quiet {unit}; do sleep 0.1; done; \
         echo $start; systemctl show --property=ActiveEnterTimestampMonotonic --value {unit}"
    );
    let answer = shell.ok(&script).stdout;
    let numbers: Vec<f64> = answer.lines().map(|line| line.trim().parse().unwrap()).collect();
    numbers[1] / 1e6 - numbers[0]
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn the_daemons_together_stay_within_their_memory() {
    let board = Board::get();
    let (client, mut shell) = (board.ipmitool(), board.shell());
    let mut units = Map::new();
    let mut sum = 0;
    for unit in UNITS {
        let (resident, charged) = memory(&mut shell, unit);
        sum += resident;
        units.insert(unit.to_owned(), json!({ "pss_kib": resident, "cgroup_kib": charged }));
    }
    for unit in UNITS {
        units[unit]["seconds_from_kill_to_ready"] = json!(seconds_of_a_restart(&mut shell, unit));
        eventually(&format!("{unit} to serve"), || serves(unit, &board, &client));
    }
    let size = |path| fs::metadata(path).unwrap().len();
    let report = json!({
        "seconds_from_power_on_to_first_answer": board.boot_seconds,
        "seconds_from_chip_to_client": seconds_of_a_reading(&board),
        "executable_bytes": size(&board.executable),
        "image_bytes": size(&board.image),
        "pss_kib": sum,
        "units": Value::Object(units),
    });
    let text = serde_json::to_string_pretty(&report).unwrap();
    println!("{text}");
    let target = xtask::workspace::target_dir(false).unwrap();
    fs::write(target.with_file_name("silicon-report.json"), text).unwrap();
    assert!(sum <= MOST_MEMORY, "{sum} KiB: {units:#?}", units = report["units"]);
}
