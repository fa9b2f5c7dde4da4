//! Chips without a driver, on a simulated bus.

use std::sync::{Arc, Mutex};

use bmc_sim::i2c::{Pmbus, Registers};

use super::*;

const BUS: &str = "/dev/i2c-4";
const INLET: &str = "/xyz/openbmc_project/sensors/temperature/Inlet";
const OUTLET: &str = "/xyz/openbmc_project/sensors/temperature/Outlet";
const FAR: &str = "/xyz/openbmc_project/sensors/temperature/Far";
const VCORE: &str = "/xyz/openbmc_project/sensors/voltage/Vcore";

const BOARD: &str = r#"{"Name": "Board", "Exposes": [
  {"Name": "Inlet", "Type": "TMP105", "Driver": "i2c-dev", "Bus": 4, "Address": "0x48", "Thresholds": [
    {"Direction": "greater than", "Severity": 1, "Value": 50, "Hysteresis": 2}]},
  {"Name": "Outlet", "Type": "TMP75", "Driver": "i2c-dev", "Bus": "4", "Address": 73},
  {"Name": "VR", "Type": "ISL69260", "Driver": "i2c-dev", "Bus": 5, "Address": "0x60", "PEC": true,
   "Labels": ["vout2"], "vout2_Name": "Vcore"},
  {"Name": "Far", "Type": "TMP75", "Bus": 6, "Address": "0x48"}
]}"#;

struct Chips {
    inlet: Arc<Mutex<Registers>>,
}

fn tmp75(word: u16) -> Registers {
    Registers::new([(0x00, &word.to_be_bytes())])
}

async fn rig() -> (Rig, Chips) {
    let i2c = SimulatedI2c::default();
    let inlet = i2c.attach(BUS, 0x48, 1, tmp75(0x1980));
    i2c.attach(BUS, 0x49, 1, tmp75(0x2000));
    i2c.attach("/dev/i2c-5", 0x60, 1, Pmbus::new(0x60, 2).with(1, 0x8b, 1050));
    let rig = Rig::with(BOARD, i2c).await;
    rig.put("bus/i2c/devices/6-0048/hwmon/hwmon0/temp1_input", "40000\n");
    (rig, Chips { inlet })
}

#[tokio::test]
async fn a_chip_without_a_driver_is_read_judged_and_told_as_one_with() {
    let (mut rig, chips) = rig().await;
    rig.settled(INLET, 25.5).await;
    rig.settled(VCORE, 1.05).await;
    rig.settled(FAR, 40.0).await;
    chips.inlet.lock().unwrap().set(0x00, &0x3340_u16.to_be_bytes());
    rig.property(INLET, "CriticalAlarmHigh", |alarm: &bool| *alarm).await;
    assert_eq!(rig.get::<f64>(INLET, sensors::VALUE, "Value").await, 51.25);
    let raw: Vec<(u64, f64)> = rig.proxy(INLET, sensors::HISTORY).await.call("Raw", &()).await.unwrap();
    assert_eq!(raw.last().map(|(_, value)| *value), Some(51.25));
}

#[tokio::test]
async fn a_chip_that_vanishes_is_unavailable_alone_and_returns_by_itself() {
    let (mut rig, _chips) = rig().await;
    rig.settled(INLET, 25.5).await;
    rig.i2c.detach(BUS, 0x48);
    rig.property(INLET, "Available", |available: &bool| !available).await;
    assert!(rig.get::<f64>(INLET, sensors::VALUE, "Value").await.is_nan());
    assert!(rig.get::<bool>(OUTLET, sensors::AVAILABILITY, "Available").await, "its neighbour stays");
    rig.i2c.attach(BUS, 0x48, 1, tmp75(0x1a00));
    rig.property(INLET, "Value", |value: &f64| *value == 26.0).await;
}

#[tokio::test]
async fn a_chip_that_a_driver_takes_is_unavailable_until_it_is_free_again() {
    let (mut rig, _chips) = rig().await;
    rig.settled(INLET, 25.5).await;
    rig.i2c.hold(BUS, 0x48, true);
    rig.property(INLET, "Available", |available: &bool| !available).await;
    rig.i2c.hold(BUS, 0x48, false);
    rig.property(INLET, "Value", |value: &f64| *value == 25.5).await;
}

#[tokio::test]
async fn a_bus_that_is_stuck_takes_its_own_chips_away_and_delays_no_other() {
    let (mut rig, _chips) = rig().await;
    rig.settled(INLET, 25.5).await;
    rig.settled(VCORE, 1.05).await;
    rig.i2c.stick(BUS, true);
    rig.property(OUTLET, "Available", |available: &bool| !available).await;
    for value in 30..35 {
        rig.put("bus/i2c/devices/6-0048/hwmon/hwmon0/temp1_input", &format!("{value}000\n"));
        rig.property(FAR, "Value", |told: &f64| *told == f64::from(value)).await;
    }
    assert!(rig.get::<bool>(VCORE, sensors::AVAILABILITY, "Available").await);
    rig.i2c.stick(BUS, false);
    rig.property(OUTLET, "Value", |value: &f64| *value == 32.0).await;
    rig.settled(INLET, 25.5).await;
}
