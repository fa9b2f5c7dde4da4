//! The guest's power follows the board's, and the board's the guest's.

use bmc_sim::{BoardState, HostPhase};

use super::host;
use crate::support::eventually;

fn runs(board: &BoardState) -> bool {
    board.host == HostPhase::Os && board.machine.is_some()
}

fn is_off(board: &BoardState) -> bool {
    board.host == HostPhase::Off && board.machine.is_none()
}

#[test]
fn a_guest_that_turns_itself_off_is_off_for_the_bmc_and_a_power_on_starts_another() {
    let mut host = host();
    let first = host.stack.board_becomes("the guest to run", runs).machine;
    // In a moment, so that the answer to this is out.
    host.guest.ok("(sleep 1; poweroff) > /dev/null 2>&1 &");
    host.stack.board_becomes("the guest to be gone", is_off);
    let says = |state: &str| {
        let answer = host.stack.ipmitool().ok("chassis status");
        answer.field("System Power") == state
    };
    eventually("chassis status to say off", || says("off"));
    host.stack.ipmitool().ok("chassis power on");
    eventually("chassis status to say on", || says("on"));
    let second = host.stack.board_becomes("the guest to run", runs).machine;
    assert_ne!(first, second);
    host.guest.boots();
}

#[test]
fn a_soft_off_asks_the_guest_and_an_off_does_not() {
    let mut host = host();
    host.stack.board_becomes("the guest to run", runs);
    // Only a system that shuts down in order comes by here.
    host.guest.ok("echo '::shutdown:/bin/echo in order > /dev/console' >> /etc/inittab; kill -HUP 1");
    host.stack.ipmitool().ok("chassis power soft");
    host.stack.board_becomes("the guest to be gone", is_off);
    let console = host.stack.description.state_dir.join("log/guest-console.log");
    let console = String::from_utf8_lossy(&std::fs::read(console).unwrap()).into_owned();
    assert!(console.contains("in order"), "{console}");
    host.stack.ipmitool().ok("chassis power on");
    host.stack.board_becomes("the guest to run", runs);
    host.guest.boots().ok("sync");
    host.stack.ipmitool().ok("chassis power off");
    host.stack.board_becomes("the guest to be gone", is_off);
    host.stack.ipmitool().ok("chassis power on");
    host.stack.board_becomes("the guest to run", runs);
    host.guest.boots();
}

#[test]
fn a_reset_restarts_the_guest_in_the_same_machine_and_a_diagnostic_interrupt_reaches_its_kernel() {
    let mut host = host();
    let machine = host.stack.board_becomes("the guest to run", runs).machine;
    let boot = host.guest.boot();
    host.stack.ipmitool().ok("chassis power diag");
    let guest = &mut host.guest;
    eventually("the kernel to tell of the interrupt", || guest.ok("dmesg").stdout.contains("NMI"));
    host.stack.ipmitool().ok("chassis power reset");
    host.guest.boots_anew(&boot);
    assert_eq!(host.stack.board_becomes("the guest to run", runs).machine, machine);
}
