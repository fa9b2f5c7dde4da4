//! Parts of the stack that end and start again under those that stay. Each test has a stack of its own.

use crate::support::{Answer, Running, Shell, crash, crash_and_restart, eventually, start_again};

#[test]
fn a_session_survives_a_crash_of_ipmid() {
    let stack = Running::start();
    let mut shell = Shell::open(&stack.ipmitool());
    let before = shell.ask("mc info", "Manufacturer ID");
    let _again = crash_and_restart(&stack, "ipmid", || {});
    eventually("ipmid to answer a new session", || stack.ipmitool().run("mc info").success);
    assert_eq!(shell.ask("mc info", "Manufacturer ID"), before);
}

#[test]
fn every_daemon_comes_back_after_a_restart_of_the_bus() {
    let stack = Running::start();
    let sensors = stack.board().sensors.len();
    let mut shell = Shell::open(&stack.ipmitool());
    let before = shell.ask("mc info", "Manufacturer ID");
    let socket = stack.description.state_dir.join("run/bus");
    // An abrupt end leaves the socket's file.
    let _again = crash_and_restart(&stack, "dbus-daemon", || std::fs::remove_file(socket).unwrap());
    // ipmid and netipmid talk past the bus meanwhile: that commands are answered does not say that they are back on it.
    eventually("every daemon to be on the bus", || Answer::of(stack.ferrite("ctl status")).success);
    eventually("the stack to answer again", || stack.ipmitool().run("mc info").success);
    assert_eq!(shell.ask("mc info", "Manufacturer ID"), before, "the session is still the same");
    eventually("the sensors to be back", || {
        let answer = stack.ipmitool().run("sdr elist full");
        answer.success && answer.stdout.lines().filter(|line| !line.contains("no reading")).count() >= sensors
    });
    stack.ipmitool().ok("chassis power off");
    stack.board_becomes("the power to go", |board| !board.power_ok);
}

#[test]
fn a_daemon_that_starts_without_a_bus_says_so_and_works_once_there_is_one() {
    let stack = Running::start();
    let ipmid = crash(&stack, "ipmid");
    let socket = stack.description.state_dir.join("run/bus");
    let mut again = None;
    let _bus = crash_and_restart(&stack, "dbus-daemon", || {
        std::fs::remove_file(&socket).unwrap();
        let started = start_again(&stack, &ipmid);
        eventually("the complaint", || started.log().contains("cannot reach the system bus"));
        assert!(started.log().contains("hint: is dbus running?"), "{}", started.log());
        again = Some(started);
    });
    eventually("the stack to answer", || stack.ipmitool().run("mc info").success);
    let log = again.unwrap().log();
    assert_eq!(log.matches("cannot reach the system bus").count(), 1, "{log}");
}

#[test]
fn readings_of_a_sensord_that_died_are_unavailable_until_another_starts() {
    let stack = Running::start();
    let row = || stack.ipmitool().ok("sensor list").row("Inlet_Temp");
    eventually("a reading", || row()[1] != "na");
    let _again = crash_and_restart(&stack, "sensord", || {
        eventually("no reading", || row()[1] == "na");
        // ipmitool's word for a sensor that nobody scans.
        assert_eq!(stack.ipmitool().ok("sdr elist full").row("Inlet_Temp")[4], "Disabled");
    });
    eventually("the reading to be back", || row()[1] != "na" && row()[3] == "ok");
}
