//! From a chip's register through I2C, the kernel's driver and sensord to a client.

use system_tests::{Ipmitool, eventually};

use crate::board::{Board, reading};

/// Chips, their property in QEMU, and the sensor.
const TEMPERATURES: [(&str, &str, &str); 6] = [
    ("tmp105", "temperature", "Board_Temp"),
    ("riser", "temperature0", "Riser_Temp"),
    ("riser", "temperature1", "Riser_Diode_Temp"),
    ("sockets", "temperature0", "Sockets_Temp"),
    ("sockets", "temperature1", "CPU0_Temp"),
    // No driver: read by sensord itself.
    ("raw-temperature", "temperature", "Raw_Temp"),
];

fn value(client: &Ipmitool, sensor: &str) -> Option<f64> {
    reading(&client.run(&format!("-c sdr get {sensor}")))
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_temperature_set_in_a_chip_is_read_over_the_lan_through_i2c() {
    let board = Board::get();
    let (client, mut machine) = (board.ipmitool(), board.machine());
    for (chip, property, sensor) in TEMPERATURES {
        for wanted in [41, 27] {
            machine.heat(chip, property, wanted);
            eventually(&format!("{sensor} to be {wanted}"), || {
                value(&client, sensor) == Some(f64::from(wanted))
            });
        }
    }
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn every_sensor_of_the_board_has_a_reading() {
    let client = Board::get().ipmitool();
    eventually("all sensors to be read", || {
        let table = client.ok("-c sdr list full").stdout;
        table.lines().count() >= 22 && table.lines().all(|line| reading_of(line).is_some())
    });
}

fn reading_of(line: &str) -> Option<f64> {
    line.split(',').nth(1)?.parse().ok()
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_temperature_beyond_its_threshold_is_an_event_in_the_log_and_so_is_its_end() {
    let board = Board::get();
    let (client, mut machine) = (board.ipmitool(), board.machine());
    client.ok("sel clear");
    let logged = |direction: &str| {
        let log = client.ok("sel elist").stdout;
        log.lines().any(|line| {
            line.contains("Board Temp") && line.contains("Upper Non-critical") && line.contains(direction)
        })
    };
    machine.heat("tmp105", "temperature", 85);
    eventually("the event", || logged("| Asserted"));
    machine.heat("tmp105", "temperature", 25);
    eventually("its end", || logged("| Deasserted"));
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_regulator_is_read_the_same_by_the_kernels_driver_and_without_it() {
    let board = Board::get();
    let (client, mut machine) = (board.ipmitool(), board.machine());
    // In the chip's unit of 10 mV; IPMI's eight bits cover 15 V.
    for register in [1050_u16, 1100] {
        for chip in ["regulator", "raw-regulator"] {
            machine.set(chip, "vin[0]", register.into());
        }
        for sensor in ["VR_Input", "Raw_VR_Input"] {
            let near = |volts: f64| (volts - f64::from(register) / 100.0).abs() < 0.1;
            eventually(&format!("{sensor} to follow"), || value(&client, sensor).is_some_and(near));
        }
    }
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn a_chip_that_vanishes_has_no_reading_and_comes_back() {
    let board = Board::get();
    let (client, mut shell) = (board.ipmitool(), board.shell());
    board.machine().heat("riser", "temperature0", 33);
    eventually("the chip to be read", || value(&client, "Riser_Temp") == Some(33.0));
    shell.ok("echo 5-004c > /sys/bus/i2c/drivers/tmp421/unbind");
    eventually("the reading to go", || value(&client, "Riser_Temp").is_none());
    assert!(value(&client, "Board_Temp").is_some(), "another chip's reading went too");
    shell.ok("echo 5-004c > /sys/bus/i2c/drivers/tmp421/bind");
    eventually("the reading to come back", || value(&client, "Riser_Temp") == Some(33.0));
}

#[test]
#[ignore = "needs the emulated board: cargo xtask qemu test"]
fn master_write_read_reaches_a_chip_that_no_driver_has() {
    let board = Board::get();
    board.machine().heat("raw-temperature", "temperature", 42);
    // Private bus 3, address 90h, two bytes of register 0.
    let answer = board.ipmitool().ok("raw 0x06 0x52 0x07 0x90 0x02 0x00");
    assert_eq!(answer.stdout.trim(), "2a 00");
}
