//! The watchdog timer: what it does to the host, and what it leaves behind.

use bmc_sim::{HostPhase, Request};

use crate::support::{Answer, Running, crash, eventually, shared, start_again};

/// Use SMS/OS, this action, no pre-timeout, clear all flags, this countdown in 100 ms.
fn set(stack: &Running, action: u8, countdown: u16) {
    let [low, high] = countdown.to_le_bytes();
    stack.ipmitool().ok(&format!("raw 6 0x24 4 {action} 0 0x3e {low} {high}"));
}

/// The host runs its operating system, nothing is watched, and the log is empty.
fn running(stack: &Running) {
    stack.tell(&Request::Host { hung: false });
    if !stack.board().power_ok {
        stack.ipmitool().ok("chassis power on");
    }
    stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    stack.ipmitool().ok("mc watchdog off");
    stack.ipmitool().ok("sel clear");
}

/// Waits for an event of the watchdog that says so.
fn logged(stack: &Running, what: &str) {
    eventually(&format!("`{what}` in the log"), || {
        let log = stack.ipmitool().ok("sel elist").stdout;
        log.lines().any(|line| line.contains("Watchdog") && line.contains(what) && line.contains("Asserted"))
    });
}

fn restart_cause(stack: &Running) -> String {
    // The word has a `_` that is none of a sensor's name.
    let mut command = stack.ipmitool().command("chassis");
    command.arg("restart_cause");
    Answer::of(command).stdout.trim().to_owned()
}

#[test]
fn a_hung_host_is_reset_and_the_reason_is_in_the_log_and_in_the_restart_cause() {
    let stack = shared();
    running(&stack);
    let resets = stack.board().resets;
    stack.tell(&Request::Host { hung: true });
    set(&stack, 1, 10);
    stack.ipmitool().ok("mc watchdog reset");
    stack.board_becomes("the host to be reset", |board| board.resets > resets);
    logged(&stack, "Hard reset");
    assert_eq!(restart_cause(&stack), "System restart cause: watchdog expired");
    let timer = stack.ipmitool().ok("mc watchdog get");
    assert_eq!(timer.field("Watchdog Timer Is"), "Stopped");
    // The flag of SMS/OS.
    let flags = stack.ipmitool().ok("raw 6 0x25").stdout;
    assert_eq!(flags.split_whitespace().nth(3), Some("10"), "{flags}");
    running(&stack);
    assert_eq!(stack.board().resets, resets + 1, "once");
}

#[test]
fn the_other_actions_switch_the_host_off_off_and_on_or_only_tell() {
    let stack = shared();
    running(&stack);
    set(&stack, 0, 1);
    stack.ipmitool().ok("mc watchdog reset");
    logged(&stack, "Timer expired");
    assert_eq!(stack.board().host, HostPhase::Os);
    let boots = stack.board().boots;
    set(&stack, 3, 1);
    stack.ipmitool().ok("mc watchdog reset");
    stack.board_becomes("the host to boot again", |board| board.boots > boots && board.host == HostPhase::Os);
    logged(&stack, "Power cycle");
    assert_eq!(restart_cause(&stack), "System restart cause: watchdog expired");
    set(&stack, 2, 1);
    stack.ipmitool().ok("mc watchdog reset");
    stack.board_becomes("the host to be off", |board| board.host == HostPhase::Off);
    logged(&stack, "Power down");
    running(&stack);
}

#[test]
fn ipmitool_sees_what_it_sets_and_off_is_off() {
    let stack = shared();
    running(&stack);
    set(&stack, 1, 6000);
    stack.ipmitool().ok("mc watchdog reset");
    let timer = stack.ipmitool().ok("mc watchdog get");
    assert_eq!(timer.field("Watchdog Timer Is"), "Started/Running");
    assert!(timer.field("Watchdog Timer Use").starts_with("SMS/OS"), "{timer:?}");
    assert!(timer.field("Initial Countdown").starts_with("600"), "{timer:?}");
    stack.ipmitool().ok("mc watchdog off");
    assert_eq!(stack.ipmitool().ok("mc watchdog get").field("Watchdog Timer Is"), "Stopped");
    let long = stack.ipmitool().run("raw 6 0x24 4 0x21 11 0 100 0");
    assert!(long.stderr.contains("rsp=0xcc"), "{long:?}");
}

#[test]
fn a_timer_that_runs_outlives_powerd_and_acts_with_the_next_one() {
    // A stack of its own: processes of the shared one belong to everybody.
    let stack = Running::start();
    running(&stack);
    let resets = stack.board().resets;
    set(&stack, 1, 30);
    stack.ipmitool().ok("mc watchdog reset");
    let line = crash(&stack, "powerd");
    let _powerd = start_again(&stack, &line);
    stack.board_becomes("the host to be reset", |board| board.resets > resets);
    eventually("the cause to be told", || restart_cause(&stack) == "System restart cause: watchdog expired");
    logged(&stack, "Hard reset");
}
