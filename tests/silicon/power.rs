//! `chassis power` at the GPIO lines; the test is the host that answers them.

use system_tests::{Ipmitool, eventually};

use crate::board::{Board, Machine, POWER_OK};

const POWER_BUTTON: &str = "gpioP1";
const RESET_BUTTON: &str = "gpioP2";

fn chassis_is(client: &Ipmitool, wanted: &str) {
    eventually(&format!("chassis status to say {wanted}"), || {
        client.ok("chassis status").field("System Power") == wanted
    });
}

/// A press from its beginning to its end.
fn is_pressed(machine: &mut Machine, button: &str) {
    eventually(&format!("{button} to be pressed"), || machine.level(button));
}

fn is_released(machine: &mut Machine, button: &str) {
    eventually(&format!("{button} to be released"), || !machine.level(button));
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn chassis_power_presses_the_buttons_and_power_ok_is_what_chassis_status_shows() {
    let board = Board::get();
    board.host_power(false);
    let (client, mut machine) = (board.ipmitool(), board.machine());
    assert!(!machine.level(POWER_BUTTON), "nobody presses the button yet");

    client.ok("chassis power on");
    is_pressed(&mut machine, POWER_BUTTON);
    machine.drive(POWER_OK, true);
    is_released(&mut machine, POWER_BUTTON);
    chassis_is(&client, "on");

    client.ok("chassis power reset");
    is_pressed(&mut machine, RESET_BUTTON);
    is_released(&mut machine, RESET_BUTTON);
    chassis_is(&client, "on");

    // Held until the host gives in; then pressed again.
    client.ok("chassis power cycle");
    is_pressed(&mut machine, POWER_BUTTON);
    machine.drive(POWER_OK, false);
    is_released(&mut machine, POWER_BUTTON);
    is_pressed(&mut machine, POWER_BUTTON);
    machine.drive(POWER_OK, true);
    is_released(&mut machine, POWER_BUTTON);
    chassis_is(&client, "on");

    client.ok("chassis power off");
    is_pressed(&mut machine, POWER_BUTTON);
    machine.drive(POWER_OK, false);
    chassis_is(&client, "off");
    is_released(&mut machine, POWER_BUTTON);
}
