//! Power commands, and what becomes of the board.

use bmc_sim::{Button, HostPhase, Request};

use crate::support::{Running, eventually, shared};

/// The host runs its operating system.
fn running(stack: &Running) {
    if !stack.board().power_ok {
        stack.ipmitool().ok("chassis power on");
    }
    stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    says(stack, "on");
}

fn says(stack: &Running, power: &str) {
    eventually(&format!("ipmitool to say that power is {power}"), || {
        stack.ipmitool().ok("chassis power status").stdout.trim() == format!("Chassis Power is {power}")
    });
}

#[test]
fn off_takes_the_power_and_on_brings_it_back() {
    let stack = shared();
    running(&stack);
    // The system would not listen: off must not ask it.
    stack.tell(&Request::Host { hung: true });
    stack.ipmitool().ok("chassis power off");
    stack.board_becomes("the host to be off", |board| board.host == HostPhase::Off && !board.power_ok);
    says(&stack, "off");
    let boots = stack.board().boots;
    stack.ipmitool().ok("chassis power on");
    let board = stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    assert_eq!(board.boots, boots + 1);
    says(&stack, "on");
}

#[test]
fn cycle_takes_the_power_for_a_while() {
    let stack = shared();
    running(&stack);
    let before = stack.board();
    stack.ipmitool().ok("chassis power cycle");
    stack.board_becomes("the power to go", |board| !board.power_ok);
    let after = stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    assert_eq!((after.boots, after.resets), (before.boots + 1, before.resets));
}

#[test]
fn reset_restarts_the_host_under_power() {
    let stack = shared();
    running(&stack);
    let before = stack.board();
    stack.ipmitool().ok("chassis power reset");
    let after = stack.board_becomes("the reset to take effect", |board| board.resets > before.resets);
    assert!(after.power_ok);
    running(&stack);
    assert_eq!(stack.board().resets, before.resets + 1, "once");
}

#[test]
fn soft_asks_the_operating_system() {
    let stack = shared();
    running(&stack);
    stack.ipmitool().ok("chassis power soft");
    stack.board_becomes("the system to shut down", |board| board.host == HostPhase::ShuttingDown);
    stack.board_becomes("the host to be off", |board| board.host == HostPhase::Off);
    says(&stack, "off");
    running(&stack);
}

#[test]
fn the_front_panel_and_a_loss_of_mains_are_seen() {
    let stack = shared();
    running(&stack);
    stack.tell(&Request::Button { button: Button::Power, milliseconds: 200 });
    says(&stack, "off");
    running(&stack);
    stack.tell(&Request::Ac { present: false });
    says(&stack, "off");
    stack.tell(&Request::Ac { present: true });
    running(&stack);
}

#[test]
fn why_power_came_and_went_is_told_as_it_was() {
    // Get System Restart Cause (v2.0§28.11): chassis control, power-up by the button.
    const CONTROL: &str = "01";
    const BUTTON: &str = "03";
    let stack = shared();
    running(&stack);
    let tells = |event: &str, cause: &str| {
        eventually(&format!("last power event `{event}`, restart cause `{cause}`"), || {
            let status = stack.ipmitool().ok("chassis status").stdout;
            let last = status.lines().find_map(|line| line.strip_prefix("Last Power Event"));
            last.is_some_and(|last| last.trim_matches([' ', ':']) == event)
                && stack.ipmitool().ok("raw 0x00 0x07").stdout.trim().starts_with(cause)
        });
    };
    stack.ipmitool().ok("chassis power off");
    says(&stack, "off");
    stack.ipmitool().ok("chassis power off");
    stack.ipmitool().ok("chassis power on");
    tells("command", CONTROL);
    running(&stack);
    stack.ipmitool().ok("chassis power on");
    stack.tell(&Request::Button { button: Button::Power, milliseconds: 200 });
    says(&stack, "off");
    stack.tell(&Request::Button { button: Button::Power, milliseconds: 200 });
    tells("", BUTTON);
    stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
    stack.tell(&Request::PowerOk { hold_low: true });
    tells("fault", BUTTON);
    stack.tell(&Request::PowerOk { hold_low: false });
    running(&stack);
    tells("command", CONTROL);
}

#[test]
fn sensors_of_main_rails_have_no_reading_while_the_host_is_off() {
    let stack = shared();
    running(&stack);
    let row = |name: &str| stack.ipmitool().ok("sensor list").row(name);
    stack.ipmitool().ok("chassis power off");
    // On its way off the chassis is no longer "on" for sensors, and not off yet for the next request.
    says(&stack, "off");
    eventually("P12V to be unavailable", || row("P12V")[1] == "na");
    assert_eq!(row("P5V_STBY")[3], "ok", "standby rails stay");
    running(&stack);
    eventually("P12V to be back", || row("P12V")[1] != "na");
    assert_eq!(row("P12V")[3], "ok");
}
