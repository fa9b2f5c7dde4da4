//! Discrete sensors: what hands do to the board, as ipmitool and FreeIPMI show it.

use bmc_sim::{Line, Request};

use crate::support::{Answer, Running, eventually, freeipmi_with_sensors};

/// Waits until `command` of ipmitool shows a line with all of `words`.
fn shows(stack: &Running, command: &str, words: &[&str]) {
    eventually(&format!("{words:?} in {command}"), || {
        stack.ipmitool().run(command).line_with(words).is_some()
    });
}

fn theirs(stack: &Running, program: &str, words: &[&str]) -> Answer {
    freeipmi_with_sensors(program, &stack.description, words)
}

fn records(stack: &Running) -> usize {
    stack.ipmitool().ok("sel info").field("Entries").parse().unwrap()
}

#[test]
fn what_is_pulled_opened_or_broken_shows_in_sensors_and_log_of_both_clients() {
    // Alone: it counts the log.
    let stack = Running::start();
    shows(&stack, "sdr elist all", &["PSU1 ", "10.1", "Presence detected"]);
    stack.ipmitool().ok("sel clear");
    shows(&stack, "sel elist", &["Event Logging Disabled Event Log", "Log area reset/cleared", "Asserted"]);
    assert_eq!(records(&stack), 1, "what is there is no event");

    stack.tell(&Request::PsuPresence { name: "PSU1".into(), present: false });
    shows(&stack, "sel elist", &["Power Supply PSU1", "Presence detected", "Deasserted"]);
    let psu = stack.ipmitool().ok("sdr elist compact").line_with(&["PSU1 "]).unwrap();
    assert_eq!(psu[4], "", "no state: {psu:?}");
    let there = theirs(&stack, "ipmi-sensors", &["--sensor-types=Power_Supply", "--output-event-bitmask"]);
    assert!(there.line_with(&["PSU1 ", "Power Supply", "0000h"]).is_some(), "{there:#?}");
    stack.tell(&Request::PsuPresence { name: "PSU1".into(), present: true });
    shows(&stack, "sel elist", &["Power Supply PSU1", "Presence detected", "| Asserted"]);
    shows(&stack, "sdr elist all", &["PSU1 ", "Presence detected"]);
    let there = theirs(&stack, "ipmi-sensors", &["--sensor-types=Power_Supply"]);
    assert!(there.line_with(&["PSU1 ", "Power Supply", "'Presence detected'"]).is_some(), "{there:#?}");

    stack.tell(&Request::Psu { name: "PSU2".into(), failed: true });
    shows(&stack, "sel elist", &["Power Supply PSU2", "Failure detected", "| Asserted"]);
    shows(&stack, "sdr elist all", &["PSU2 ", "Presence detected, Failure detected"]);
    stack.tell(&Request::Psu { name: "PSU2".into(), failed: false });
    shows(&stack, "sel elist", &["Power Supply PSU2", "Failure detected", "Deasserted"]);

    stack.tell(&Request::Line { line: Line::ChassisIntrusion, active: true });
    shows(&stack, "sel elist", &["Physical Security Intrusion", "General Chassis intrusion", "| Asserted"]);
    assert_eq!(stack.ipmitool().ok("chassis status").field("Chassis Intrusion"), "active");
    stack.tell(&Request::Line { line: Line::ChassisIntrusion, active: false });
    shows(&stack, "sel elist", &["Physical Security Intrusion", "General Chassis intrusion", "Deasserted"]);

    stack.tell(&Request::Line { line: Line::Cpu2Present, active: false });
    shows(&stack, "sel elist", &["Processor CPU1", "Presence detected", "Deasserted"]);

    let log = theirs(&stack, "ipmi-sel", &["--output-event-state"]);
    for words in [
        ["PSU1", "Power Supply", "Presence detected"],
        ["PSU2", "Power Supply", "Power Supply Failure detected"],
        ["Intrusion", "Physical Security", "General Chassis Intrusion"],
        ["CPU1", "Processor", "Processor Presence detected"],
    ] {
        assert!(log.line_with(&words).is_some(), "{words:?} in {log:#?}");
    }
}

#[test]
fn sensors_of_the_bmc_itself_are_listed_and_read() {
    let stack = crate::support::shared();
    let listed = stack.ipmitool().ok("sdr elist all");
    for (name, number) in [("Power Unit", "F0h"), ("Watchdog", "F8h"), ("Event Log", "F5h")] {
        let row = listed.line_with(&[name, number]).unwrap_or_else(|| panic!("no {name} in {listed:#?}"));
        assert_eq!(row[2], "ok", "{row:?}");
    }
    for name in ["Session Audit", "OS Boot", "System Restart", "Buttons"] {
        assert!(listed.line_with(&[name, "Event-Only"]).is_some(), "no {name} in {listed:#?}");
    }
}
