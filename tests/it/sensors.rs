//! Sensors that fail, cross thresholds and come back.

use bmc_sim::{Fault, Request};

use crate::support::{Running, eventually, shared};

const SENSOR: &str = "CPU1_Temp";

fn reading(stack: &Running) -> String {
    stack.ipmitool().ok("sensor list").row(SENSOR)[1].clone()
}

/// Has `fault` befall a sensor: its reading must go and come back, and its neighbour's must stay.
fn loses_its_reading(fault: Fault) {
    let stack = shared();
    eventually("a reading", || reading(&stack) != "na");
    stack.control().sensor(SENSOR, Some(fault)).unwrap();
    eventually("the reading to be unavailable", || reading(&stack) == "na");
    let shown = stack.ipmitool().run(&format!("sensor get {SENSOR}"));
    assert!(
        !shown.stdout.contains("degrees C)")
            || shown.stdout.contains("Unable")
            || shown.stdout.contains("na")
    );
    assert_ne!(
        stack.ipmitool().ok("sensor list").row("Inlet_Temp")[1],
        "na",
        "its neighbour is not concerned"
    );
    stack.control().sensor(SENSOR, None).unwrap();
    eventually("the reading to be back", || reading(&stack) != "na");
}

#[test]
fn a_sensor_that_fails_has_no_reading_until_it_is_whole() {
    loses_its_reading(Fault::Fail);
}

#[test]
fn a_device_that_is_pulled_out_has_no_reading_until_it_returns_under_another_number() {
    loses_its_reading(Fault::Disappear);
}

#[test]
fn a_device_that_blocks_its_reader_has_no_reading_and_delays_no_other() {
    loses_its_reading(Fault::Stall);
}

#[test]
fn crossing_a_threshold_shows_and_ends() {
    let stack = shared();
    let state = || stack.ipmitool().ok("sensor list").row(SENSOR)[3].clone();
    for (value, expected) in [(92.0, "nc"), (97.0, "cr"), (110.0, "nr")] {
        stack.control().set(SENSOR, value).unwrap();
        eventually(&format!("{value} degrees to be {expected}"), || state() == expected);
    }
    stack.control().sensor(SENSOR, None).unwrap();
    eventually("the state to be ok", || state() == "ok");
}

#[test]
fn a_failed_supply_gives_nothing_and_the_other_carries_its_load() {
    let stack = shared();
    let watts =
        |name: &str| stack.ipmitool().ok("sensor list").row(name)[1].parse::<f64>().unwrap_or(f64::NAN);
    eventually("both supplies to give", || watts("PSU1_Pout") > 50.0 && watts("PSU2_Pout") > 50.0);
    let before = watts("PSU1_Pout");
    stack.tell(&Request::Psu { name: "PSU2".into(), failed: true });
    eventually("PSU2 to give nothing", || watts("PSU2_Pout") == 0.0);
    eventually("PSU1 to carry the load", || watts("PSU1_Pout") > 1.5 * before);
    stack.tell(&Request::Psu { name: "PSU2".into(), failed: false });
    eventually("PSU2 to give again", || watts("PSU2_Pout") > 50.0);
}
