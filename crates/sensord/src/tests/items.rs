//! Lines and alarms of a board's items, and what the bus hears of them.

use std::collections::HashMap;

use bmc_dbus::names::{chassis, inventory};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
};

use super::*;

const PSU: &str = "/xyz/openbmc_project/inventory/system/powersupply/PSU1";
const PROCESSOR: &str = "/xyz/openbmc_project/inventory/system/chassis/motherboard/CPU1";
const LID: &str = chassis::DETECTOR;
const NORMAL: &str = "xyz.openbmc_project.Chassis.Intrusion.Status.Normal";

/// The other end of sensord's lines.
struct Board {
    listener: UnixListener,
    watched: HashMap<String, UnixStream>,
}

impl Board {
    /// A board that listens for `rig`.
    fn listen(rig: &Rig) -> Self {
        let socket = rig.dir.path().join("gpio.sock");
        // That of an earlier one.
        let _ = fs::remove_file(&socket);
        Self { listener: UnixListener::bind(socket).unwrap(), watched: HashMap::new() }
    }

    /// Waits until sensord watches one more line, and says which.
    async fn next(&mut self) -> String {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut text = String::new();
        stream.read_line(&mut text).await.unwrap();
        let line = text.strip_prefix("{\"watch\":[\"").and_then(|rest| rest.strip_suffix("\"]}\n")).unwrap();
        self.watched.insert(line.to_owned(), stream.into_inner());
        line.to_owned()
    }

    /// Waits until sensord watches the lines of `rig`.
    async fn watched(rig: &Rig) -> Self {
        let mut board = Self::listen(rig);
        while board.watched.len() < 2 {
            board.next().await;
        }
        board
    }

    async fn show(&mut self, line: &str, high: bool) {
        let text = format!("{{\"line\":\"{line}\",\"value\":{high}}}\n");
        self.watched.get_mut(line).unwrap().write_all(text.as_bytes()).await.unwrap();
    }
}

fn alarms(rig: &Rig, raised: &[&str]) {
    let directory = "bus/i2c/devices/7-0058/hwmon/hwmon9";
    for (channel, label) in [("in1", "vin"), ("in2", "vout1")] {
        rig.put(&format!("{directory}/{channel}_label"), &format!("{label}\n"));
    }
    for alarm in ["in1_lcrit_alarm", "in2_lcrit_alarm"] {
        rig.put(&format!("{directory}/{alarm}"), if raised.contains(&alarm) { "1\n" } else { "0\n" });
    }
}

/// Waits until `path` has `interface`.
async fn appears(rig: &mut Rig, path: &str, interface: &str) {
    type Added = (zbus::OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>);
    rig.signal(|message| {
        (message.header().member()?.as_str() == "InterfacesAdded").then_some(())?;
        let (at, interfaces) = message.body().deserialize::<Added>().ok()?;
        (at.as_str() == path && interfaces.contains_key(interface)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_supply_appears_when_it_is_known_and_tells_when_it_fails_and_when_it_is_pulled() {
    let mut rig = Rig::start().await;
    alarms(&rig, &[]);
    let mut board = Board::watched(&rig).await;
    board.show("psu", false).await;
    appears(&mut rig, PSU, inventory::ITEM_POWER_SUPPLY).await;
    assert!(rig.get::<bool>(PSU, inventory::ITEM, "Present").await);
    assert!(rig.get::<bool>(PSU, sensors::OPERATIONAL_STATUS, "Functional").await);
    alarms(&rig, &["in2_lcrit_alarm"]);
    rig.property(PSU, "Functional", |functional: &bool| !functional).await;
    alarms(&rig, &[]);
    rig.property(PSU, "Functional", |functional: &bool| *functional).await;
    alarms(&rig, &["in1_lcrit_alarm"]);
    rig.property(PSU, "Status", |status: &String| status.ends_with(".Fault")).await;
    assert!(rig.get::<bool>(PSU, sensors::OPERATIONAL_STATUS, "Functional").await);
    board.show("psu", true).await;
    rig.property(PSU, "Present", |present: &bool| !present).await;
    let status: String = rig.get(PSU, inventory::POWER_SYSTEM_INPUTS, "Status").await;
    assert!(status.ends_with(".Good"), "nothing is wrong with what is not there");
    assert!(rig.get::<bool>(PROCESSOR, inventory::ITEM, "Present").await, "it has no line");
}

#[tokio::test]
async fn a_line_that_cannot_be_had_hides_no_item_but_its_own() {
    let mut rig = Rig::start().await;
    let mut board = Board::listen(&rig);
    while !board.watched.contains_key("lid") {
        let line = board.next().await;
        board.watched.retain(|line, _| line != "psu");
        assert!(["lid", "psu"].contains(&line.as_str()));
    }
    board.show("lid", false).await;
    appears(&mut rig, LID, chassis::INTRUSION).await;
    while board.next().await != "psu" {}
    board.show("psu", false).await;
    appears(&mut rig, PSU, inventory::ITEM_POWER_SUPPLY).await;
}

#[tokio::test]
async fn a_broken_supply_that_is_put_back_is_reported_again() {
    let mut rig = Rig::start().await;
    alarms(&rig, &["in2_lcrit_alarm"]);
    let mut board = Board::watched(&rig).await;
    board.show("psu", false).await;
    appears(&mut rig, PSU, inventory::ITEM_POWER_SUPPLY).await;
    assert!(!rig.get::<bool>(PSU, sensors::OPERATIONAL_STATUS, "Functional").await);
    board.show("psu", true).await;
    rig.property(PSU, "Functional", |functional: &bool| *functional).await;
    board.show("psu", false).await;
    rig.property(PSU, "Functional", |functional: &bool| !functional).await;
}

#[tokio::test]
async fn an_opened_chassis_stays_so_until_somebody_re_arms_the_detector() {
    let mut rig = Rig::start().await;
    let mut board = Board::watched(&rig).await;
    board.show("lid", false).await;
    appears(&mut rig, LID, chassis::INTRUSION).await;
    assert_eq!(rig.get::<String>(LID, chassis::INTRUSION, "Status").await, NORMAL);
    board.show("lid", true).await;
    rig.property(LID, "Status", |status: &String| status.ends_with(".HardwareIntrusion")).await;
    board.show("lid", false).await;
    let detector = rig.proxy(LID, chassis::INTRUSION).await;
    let refused =
        detector.set_property("Status", "xyz.openbmc_project.Chassis.Intrusion.Status.HardwareIntrusion");
    assert!(refused.await.is_err());
    detector.set_property("Status", NORMAL).await.unwrap();
    rig.property(LID, "Status", |status: &String| status == NORMAL).await;
}

#[tokio::test]
async fn an_intrusion_is_not_forgotten_over_a_restart_until_the_detector_is_re_armed() {
    let mut rig = Rig::start().await;
    let mut board = Board::watched(&rig).await;
    board.show("lid", true).await;
    appears(&mut rig, LID, chassis::INTRUSION).await;

    drop(board);
    rig.run().await;
    let mut board = Board::watched(&rig).await;
    board.show("lid", false).await;
    appears(&mut rig, LID, chassis::INTRUSION).await;
    let status: String = rig.get(LID, chassis::INTRUSION, "Status").await;
    assert!(status.ends_with(".HardwareIntrusion"), "{status}");
    rig.proxy(LID, chassis::INTRUSION).await.set_property("Status", NORMAL).await.unwrap();

    drop(board);
    rig.run().await;
    let mut board = Board::watched(&rig).await;
    board.show("lid", false).await;
    appears(&mut rig, LID, chassis::INTRUSION).await;
    assert_eq!(rig.get::<String>(LID, chassis::INTRUSION, "Status").await, NORMAL);
}

#[tokio::test]
async fn where_what_detectors_saw_cannot_be_read_they_are_tripped() {
    let mut rig = Rig::start().await;
    fs::write(rig.dir.path().join("state/intrusions.json"), "torn").unwrap();
    rig.run().await;
    let mut board = Board::watched(&rig).await;
    board.show("lid", false).await;
    appears(&mut rig, LID, chassis::INTRUSION).await;
    assert_ne!(rig.get::<String>(LID, chassis::INTRUSION, "Status").await, NORMAL);
}
