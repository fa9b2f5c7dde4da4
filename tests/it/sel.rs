//! The event log as ipmitool, FreeIPMI and `ferrite ctl` show it, held against what the board was made to do.

use std::time::Duration;

use bmc_sim::{Button, HostPhase, Request};

use crate::support::{
    Answer, Running, crash, crash_and_restart, eventually, freeipmi_with_sensors, shared, start_again,
};

/// No other test lets it cross a threshold: after a few events within a minute they would be counted instead of logged.
const SENSOR: &str = "CPU0_Temp";
/// A sensor to flap.
const FLAPPING: &str = "DIMM_AB_Temp";

/// A log without records, and no alarm on.
fn emptied(stack: &Running) {
    stack.control().sensor(SENSOR, None).unwrap();
    eventually("no alarm", || stack.ipmitool().ok("sensor list").row(SENSOR)[3] == "ok");
    stack.empty_log();
}

fn elist(stack: &Running) -> Answer {
    stack.ipmitool().run("sel elist")
}

fn appears(stack: &Running, words: &[&str]) -> Vec<String> {
    eventually(&format!("{words:?} in the log"), || elist(stack).line_with(words).is_some());
    elist(stack).line_with(words).unwrap()
}

fn ipmi_sel(stack: &Running, words: &[&str]) -> Answer {
    freeipmi_with_sensors("ipmi-sel", &stack.description, words)
}

#[test]
fn a_threshold_that_is_crossed_reads_the_same_in_every_client() {
    let stack = shared();
    emptied(&stack);
    stack.control().set(SENSOR, 97.0).unwrap();
    let cells = appears(&stack, &["CPU0 Temp", "Upper Critical going high", "Asserted"]);
    assert_eq!(cells[3], "Temperature CPU0 Temp", "{cells:?}");
    assert_eq!(cells[6], "Reading 97 > Threshold 95 degrees C", "{cells:?}");
    appears(&stack, &["CPU0 Temp", "Upper Non-critical going high", "Asserted"]);
    stack.control().sensor(SENSOR, None).unwrap();
    appears(&stack, &["CPU0 Temp", "Upper Critical going high", "Deasserted"]);
    let theirs = ipmi_sel(&stack, &["--output-event-state"]);
    let row = theirs.line_with(&["CPU0 Temp", "Upper Critical - going high", "97.00 C", "95.00 C"]);
    assert!(row.is_some_and(|cells| cells[4] == "Temperature"), "{theirs:#?}");
    let ours = stack.ctl("sel list");
    assert!(
        ours.line_with(&["CPU0_Temp", "upper critical, going high", "deasserted"]).is_some(),
        "{ours:#?}"
    );
    let get = stack.ipmitool().ok(&format!("sel get 0x{}", cells[0]));
    assert_eq!(get.field("Sensor Type"), "Temperature");
    assert_eq!(get.field("Generator ID"), "0020");
    emptied(&stack);
}

#[test]
fn power_that_goes_and_comes_is_logged_with_what_the_system_did() {
    // Alone: after other tests' power cycles of the last minute its events would be counted rather than logged.
    let stack = Running::start();
    if !stack.board().power_ok {
        stack.ipmitool().ok("chassis power on");
    }
    stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    emptied(&stack);
    stack.tell(&Request::Host { hung: false });
    stack.ipmitool().ok("chassis power soft");
    appears(&stack, &["Power Unit", "Power off/down", "Asserted"]);
    appears(&stack, &["OS graceful", "Asserted"]);
    stack.ipmitool().ok("chassis power on");
    appears(&stack, &["Power Unit", "Power off/down", "Deasserted"]);
    appears(&stack, &["System Boot Initiated", "power up", "Asserted"]);
    appears(&stack, &["OS Boot", "boot completed", "Asserted"]);
    let theirs = ipmi_sel(&stack, &[]);
    assert!(theirs.line_with(&["Power Unit", "Power Off/Power Down"]).is_some(), "{theirs:#?}");
    stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    emptied(&stack);
}

#[test]
fn a_powerd_that_starts_beside_a_host_that_runs_is_no_event_and_power_that_went_before_it_is() {
    let stack = Running::start();
    stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    emptied(&stack);
    // A log that comes before powerd, and knows of no host yet.
    let (powerd, seld) = (crash(&stack, "powerd"), crash(&stack, "seld"));
    let _seld = start_again(&stack, &seld);
    eventually("the log to be back", || stack.ipmitool().run("sel info").success);
    let first = start_again(&stack, &powerd);
    eventually("powerd to be back", || stack.ipmitool().run("chassis power status").success);
    // A kill.
    drop(first);
    stack.tell(&Request::Button { button: Button::Power, milliseconds: 10_000 });
    stack.board_becomes("power to go", |board| !board.power_ok);
    let _second = start_again(&stack, &powerd);
    appears(&stack, &["Power Unit", "Power off/down", "Asserted"]);
    let list = elist(&stack);
    assert!(list.line_with(&["OS Boot"]).is_none(), "{list:#?}");
    assert!(list.line_with(&["Power off/down", "Deasserted"]).is_none(), "{list:#?}");
}

#[test]
fn events_of_a_client_are_logged_as_a_remote_consoles() {
    let stack = shared();
    emptied(&stack);
    stack.ipmitool().ok("event 1");
    let id = appears(&stack, &["Temperature", "Upper Critical", "Asserted"])[0].clone();
    // Over channel 1.
    assert_eq!(stack.ipmitool().ok(&format!("sel get 0x{id}")).field("Generator ID"), "1081");
    emptied(&stack);
}

#[test]
fn records_are_saved_added_deleted_and_survive_a_crash() {
    let stack = Running::start();
    emptied(&stack);
    let (client, dir) = (stack.ipmitool(), tempfile::tempdir().unwrap());
    for _ in 0..3 {
        client.ok("event 2");
    }
    let file = dir.path().join("saved");
    client.ok(&format!("sel save {}", file.display()));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
    client.ok(&format!("sel add {}", file.display()));
    let info = client.ok("sel info");
    assert_eq!((info.field("Entries"), info.field("Overflow")), ("6".into(), "false".into()));
    assert_eq!(info.field("# of Alloc Units"), "3639");
    let ids = |answer: &Answer| -> Vec<u16> {
        let id = |line: &str| u16::from_str_radix(line.split('|').next().unwrap().trim(), 16).unwrap();
        answer.stdout.lines().map(id).collect()
    };
    let first = ids(&client.ok("sel list"))[0];
    client.ok(&format!("sel delete {}", first + 1));
    assert_eq!(ids(&client.ok("sel list")), [0, 2, 3, 4, 5].map(|place| first + place));
    let before = client.ok("sel list").stdout;
    let _again = crash_and_restart(&stack, "seld", || {});
    eventually("seld to answer", || client.run("sel info").success);
    assert_eq!(client.ok("sel list").stdout, before);
    client.ok("event 2");
    assert_eq!(ids(&client.ok("sel list")).last(), Some(&(first + 6)), "no ID is given twice");
}

#[test]
fn the_logs_clock_is_set_and_the_step_is_logged() {
    let stack = shared();
    emptied(&stack);
    let client = stack.ipmitool();
    // 7000_0000h. ipmitool's own `sel time set` reads its words as the locale has them.
    client.ok("raw 0x0a 0x49 0x00 0x00 0x00 0x70");
    let time = client.ok("sel time get").stdout;
    assert!(time.starts_with("07/18/29 05:49:"), "{time}");
    appears(&stack, &["07/18/29", "System Event", "Timestamp Clock Sync"]);
    client.ok("sel time set now");
    emptied(&stack);
}

#[test]
fn a_flapping_sensor_is_counted_and_leaves_the_log_to_others() {
    // Alone: it counts the records of the whole log.
    let stack = Running::start();
    emptied(&stack);
    for _ in 0..12 {
        for value in [120.0, 40.0] {
            stack.control().set(FLAPPING, value).unwrap();
            std::thread::sleep(Duration::from_millis(1));
            eventually("the alarm to follow", || {
                (stack.ipmitool().ok("sensor list").row(FLAPPING)[3] == "ok") == (value < 90.0)
            });
        }
    }
    appears(&stack, &["Event Logging Disabled"]);
    let entries: u32 = stack.ipmitool().ok("sel info").field("Entries").parse().unwrap();
    assert!(entries <= 9, "{entries} records of one sensor");
    stack.control().sensor(FLAPPING, None).unwrap();
    emptied(&stack);
}

#[test]
fn people_list_save_and_clear_the_log() {
    let stack = shared();
    emptied(&stack);
    stack.ipmitool().ok("event 1");
    appears(&stack, &["Temperature"]);
    let json: serde_json::Value = serde_json::from_str(&stack.ctl("sel list --json").stdout).unwrap();
    assert_eq!(json[0]["event"], "upper critical, going high");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.json");
    stack.ctl(&format!("sel save {}", file.display()));
    let saved: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(saved, json);
    stack.ctl("sel clear");
    // That it was cleared is in the log.
    assert_eq!(stack.ipmitool().ok("sel info").field("Entries"), "1");
}
