//! Input that is wrong, from the network and from whoever writes board files.

use std::{fs, process::Command};

use crate::support::{Answer, Running, shared};

const GARBAGE: u64 = 20_000;

fn is_running(pid: u32) -> bool {
    // Of one that ended and was not reaped, the kernel no longer tells the program.
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

fn log_bytes(stack: &Running) -> u64 {
    let logs = fs::read_dir(stack.description.state_dir.join("log")).unwrap();
    logs.map(|log| log.unwrap().metadata().unwrap().len()).sum()
}

fn discarded(stack: &Running) -> u64 {
    let answer = stack.ctl("sessions --json");
    let model: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    let channels = model["discards"].as_object().unwrap().values();
    channels
        .flat_map(|reasons| reasons.as_object().unwrap().values())
        .map(|count| count.as_u64().unwrap())
        .sum()
}

#[test]
fn mutated_datagrams_are_counted_and_leave_everything_running() {
    let stack = shared();
    let (bytes, discards) = (log_bytes(&stack), discarded(&stack));
    let mut load = Command::new(env!("CARGO_BIN_EXE_ferrite-load"));
    load.args(["--port", &stack.description.port.to_string(), "--user", &stack.description.user]);
    load.arg("--password-file").arg(stack.description.state_dir.join("password"));
    load.args(["--count", &GARBAGE.to_string(), "garbage"]);
    let answer = Answer::of(load);
    assert!(answer.success, "{answer:#?}");
    stack.ipmitool().ok("mc info");
    for (daemon, pid) in &stack.description.daemons {
        assert!(is_running(*pid), "{daemon}");
    }
    // Some of it is well-formed enough to be answered, and some may be lost in the socket's buffer.
    let counted = discarded(&stack) - discards;
    assert!(counted > GARBAGE / 10 && counted <= GARBAGE, "{counted}");
    let grown = log_bytes(&stack) - bytes;
    assert!(grown < 16 * 1024, "{grown} bytes of log");
}

#[test]
fn a_wrong_board_file_is_refused_with_file_line_and_field() {
    let stack = shared();
    let dir = tempfile::tempdir().unwrap();
    let board = xtask::workspace::root().join("tests/boards/two-socket/board.json");
    let text = fs::read_to_string(board).unwrap();
    let wrong = text.replacen("\"Address\": \"0x49\"", "\"Address\": \"0x490\"", 1);
    let line = 1 + wrong.lines().position(|line| line.contains("0x490")).unwrap();
    let file = dir.path().join("board.json");
    fs::write(&file, wrong).unwrap();
    let mut command = stack.ferrite("sensord");
    command.arg("--config-dir").arg(dir.path()).arg("--state-dir").arg(dir.path().join("state"));
    let answer = Answer::of(command);
    assert!(!answer.success, "{answer:#?}");
    let said = answer.stdout + &answer.stderr;
    assert!(said.contains(&format!("{}:{line}: ", file.display())) && said.contains("Address"), "{said}");
}

#[test]
fn a_wrong_setting_is_refused_with_file_line_and_field() {
    let stack = shared();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("netipmid.toml");
    fs::write(&file, "# two lines\n\nidle_seconds = 5\n").unwrap();
    let mut command = stack.ferrite("netipmid");
    command.arg("--config-dir").arg(dir.path()).arg("--state-dir").arg(dir.path().join("state"));
    let answer = Answer::of(command);
    assert!(!answer.success, "{answer:#?}");
    let said = answer.stdout + &answer.stderr;
    let expected = format!("{}:3: idle_seconds: 5 is not 10 to 3600", file.display());
    assert!(said.contains(&expected), "{said}");
}
