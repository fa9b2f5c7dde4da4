//! `ferrite ctl` as an operator runs it: the executable, against daemons on a bus of the test's own.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test failing")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use system_tests::PrivateBus;

const FERRITE: &str = env!("CARGO_BIN_EXE_ferrite");

/// A daemon, ended when the test is.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ferrite(bus: &PrivateBus, arguments: &[&str]) -> Command {
    let mut command = Command::new(FERRITE);
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
    command
}

/// Starts `daemon` and waits until `name` is owned.
fn start(bus: &PrivateBus, daemon: &str, name: &str, dir: &Path) -> Daemon {
    let mut monitor = Command::new("dbus-monitor")
        .args(["--address", bus.address(), "type='signal',member='NameOwnerChanged'"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    // The monitor's own arrival says that it listens.
    lines.next().unwrap().unwrap();
    let dir = dir.to_str().unwrap();
    let child = ferrite(bus, &[daemon, "--config-dir", dir, "--state-dir", dir]).spawn().unwrap();
    let owned = lines.any(|line| line.unwrap().contains(&format!("\"{name}\"")));
    let _ = monitor.kill();
    let _ = monitor.wait();
    assert!(owned);
    Daemon(child)
}

fn ctl(bus: &PrivateBus, arguments: &[&str], stdin: &str) -> Output {
    let mut command = ferrite(bus, &["ctl"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that asks for nothing may have gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(output: &Output) -> (i32, String) {
    assert_eq!(output.stdout, b"", "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn a_user_is_added_changed_and_deleted() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let _userd = start(&bus, "userd", "org.ferrite.Users", dir.path());
    let password = dir.path().join("password");
    std::fs::write(&password, "Passw0rd\n").unwrap();
    let password = password.to_str().unwrap();

    let add = ["user", "add", "admin", "--privilege", "administrator", "--password-file", password];
    assert_eq!(stdout(&ctl(&bus, &add, "")), "added admin (slot 2)\n");
    assert_eq!(stdout(&ctl(&bus, &["user", "add", "guest"], "piped\n")), "added guest (slot 3)\n");
    assert_eq!(stdout(&ctl(&bus, &["user", "disable", "3"], "")), "disabled guest (slot 3)\n");
    ctl(&bus, &["user", "privilege", "admin", "operator", "--channel", "2"], "");
    let expected = "\
SLOT  NAME         LOGIN     PASSWORD  PRIVILEGE BY CHANNEL
   1  (null user)  disabled  none
   2  admin        enabled   set       1: administrator, 2: operator
   3  guest        disabled  set       1: user, 2: user
";
    assert_eq!(stdout(&ctl(&bus, &["user"], "")), expected);
    let json: serde_json::Value = serde_json::from_str(&stdout(&ctl(&bus, &["user", "--json"], ""))).unwrap();
    assert_eq!(json[1]["privileges"]["2"], "operator");

    let (code, text) = refusal(&ctl(&bus, &add, ""));
    assert!(code == 1 && text.contains("slot 2 is called `admin`"), "{text}");
    let (code, text) = refusal(&ctl(&bus, &["user", "delete", "nobody"], ""));
    assert!(code == 1 && text.contains("no user `nobody`"), "{text}");
    assert_eq!(stdout(&ctl(&bus, &["user", "delete", "admin"], "")), "deleted admin (slot 2)\n");
    let stored = std::fs::read_to_string(dir.path().join("secrets.json")).unwrap();
    assert!(!stored.contains("\"2\"") && stored.contains("\"3\""), "{stored}");
}

#[test]
fn a_daemon_that_is_missing_is_named_with_its_unit() {
    let bus = PrivateBus::start().unwrap();
    for (arguments, unit) in [
        (&["user"][..], "systemctl status userd.service"),
        (&["user", "add", "x"], "systemctl status userd.service"),
        (&["sensors"], "systemctl status sensord.service"),
        (&["power"], "systemctl status powerd.service"),
        (&["power", "off"], "systemctl status powerd.service"),
        (&["power", "nmi"], "systemctl status powerd.service"),
        (&["sessions"], "systemctl status 'netipmid@*'"),
    ] {
        let (code, text) = refusal(&ctl(&bus, arguments, ""));
        assert!(code == 3 && text.contains(unit), "{arguments:?}: {text}");
    }
}

#[test]
fn status_tells_who_runs_and_ends_with_3_where_somebody_does_not() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let userd = start(&bus, "userd", "org.ferrite.Users", dir.path());
    let output = ctl(&bus, &["status", "--json"], "");
    assert_eq!(output.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let find = |name: &str| json["daemons"].as_array().unwrap().iter().find(|d| d["name"] == name).unwrap();
    assert_eq!(find("userd")["pid"], userd.0.id());
    assert!(find("sensord")["pid"].is_null() && json["power"].is_null());
    let text = String::from_utf8(ctl(&bus, &["status"], "").stdout).unwrap();
    assert!(text.contains("hint: sensord is missing: systemctl status sensord.service"), "{text}");
}

#[test]
fn without_a_bus_the_text_says_so() {
    let output = Command::new(FERRITE)
        .args(["ctl", "status"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()
        .unwrap();
    let (code, text) = refusal(&output);
    assert!(code == 3 && text.contains("cannot reach the system bus") && text.contains("hint: "), "{text}");
}
