use std::time::Duration;

use proptest::prelude::*;
use zbus::{OwnedVariant, Variant};

use super::*;
use crate::sensors::{Address, Reading, Status, reading::HEARTBEAT_LIMIT, record_of};

const ROOT: &str = names::ROOT;
const WARNING: &str = "xyz.openbmc_project.Sensor.Threshold.Warning";

fn text(text: &str) -> OwnedVariant {
    Variant::from(text).try_to_owned().unwrap()
}

fn values(pairs: &[(&str, f64)]) -> Properties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), OwnedVariant::from(*value))).collect()
}

/// As dbus-sensors publishes a temperature: no interface of ours.
fn temperature(value: f64) -> Interfaces {
    let mut properties = values(&[("Value", value), ("MinValue", -128.0), ("MaxValue", 127.0)]);
    properties.insert("Unit".into(), text("xyz.openbmc_project.Sensor.Value.Unit.DegreesC"));
    let mut warning = values(&[("WarningHigh", 80.0), ("WarningLow", f64::NAN)]);
    warning.insert("WarningAlarmHigh".into(), false.into());
    Interfaces::from([(names::VALUE.to_owned(), properties), (WARNING.to_owned(), warning)])
}

fn path(name: &str) -> String {
    format!("{ROOT}/temperature/{name}")
}

struct World {
    model: Model,
    provider: Arc<str>,
    start: Instant,
}

impl World {
    fn with(paths: &[&str]) -> Self {
        let provider = Arc::from("xyz.openbmc_project.HwmonTempSensor");
        let mut world = Self { model: Model::new(Numbers::default()), provider, start: Instant::now() };
        world.load(paths);
        world
    }

    fn load(&mut self, paths: &[&str]) {
        let objects = paths.iter().map(|name| (path(name), temperature(25.0))).collect();
        self.model.load(&self.provider, objects, self.start);
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        self.model.rebuild(1000).0
    }

    fn change(&mut self, name: &str, interface: &str, properties: &Properties) {
        self.model.change(&self.provider.clone(), &path(name), interface, properties, self.start);
    }

    fn first(&mut self) -> Arc<Sensor> {
        self.snapshot().sensor(Address { lun: 0, number: 1 }).unwrap().clone()
    }

    fn read(&mut self) -> (Reading, Status) {
        let start = self.start;
        self.first().read_at(start)
    }
}

#[test]
fn a_reading_changes_without_a_new_snapshot() {
    let mut world = World::with(&["Inlet"]);
    let (snapshot, sensor) = (world.snapshot(), world.first());
    world.change("Inlet", names::VALUE, &values(&[("Value", 31.0)]));
    assert!(!world.model.is_dirty());
    assert_eq!(sensor.read_at(world.start).0.value, 31.0);
    assert_eq!(snapshot.sensors().len(), 1);
}

#[test]
fn a_threshold_that_changes_encodes_that_record_alone() {
    let mut world = World::with(&["A", "B"]);
    let before = world.snapshot();
    world.change("B", WARNING, &values(&[("WarningHigh", 90.0)]));
    assert!(world.model.is_dirty());
    let after = world.snapshot();
    assert!(Arc::ptr_eq(&before.sensors()[0], &after.sensors()[0]));
    assert_eq!(after.sensors()[1].record.thresholds[3], 90);
    assert_ne!(before.generation, after.generation);
}

#[test]
fn the_same_objects_again_keep_the_generation() {
    let mut world = World::with(&["A", "B"]);
    let before = world.snapshot();
    world.model.gone(&world.provider.clone());
    world.load(&["A", "B"]);
    assert_eq!(world.snapshot().generation, before.generation);
}

#[test]
fn a_provider_that_left_leaves_its_sensors_unavailable_until_it_is_back() {
    let mut world = World::with(&["A"]);
    assert!(world.read().1.available);
    world.model.gone(&world.provider.clone());
    let gone = world.read().1;
    assert!(!gone.available && !gone.scanned);
    // Back on the bus, with nothing published yet.
    world.load(&[]);
    assert!(!world.read().1.available);
    world.load(&["A"]);
    assert!(world.read().1.available);
}

#[test]
fn not_available_not_functional_and_not_a_number_are_no_reading_but_still_scanned() {
    for (interface, properties) in [
        (names::AVAILABILITY, Properties::from([("Available".to_owned(), false.into())])),
        (names::OPERATIONAL_STATUS, Properties::from([("Functional".to_owned(), false.into())])),
        (names::VALUE, values(&[("Value", f64::NAN)])),
    ] {
        let mut world = World::with(&["A"]);
        world.change("A", interface, &properties);
        let (_, status) = world.read();
        assert!(!status.available && status.scanned, "{interface}");
    }
}

#[test]
fn a_heartbeat_makes_readings_fresh_and_its_absence_makes_them_unavailable() {
    let mut world = World::with(&["A"]);
    let (sensor, start) = (world.first(), world.start);
    let hour = Duration::from_secs(3600);
    let old = sensor.read_at(start + hour).1;
    assert!(old.available && old.age == hour, "without a heartbeat nothing tells");
    let beat = Properties::from([("Heartbeat".to_owned(), 1_u64.into())]);
    world.model.change(&world.provider.clone(), ROOT, names::SENSOR_TABLE, &beat, start + hour);
    let fresh = sensor.read_at(start + hour + Duration::from_secs(1)).1;
    assert!(fresh.available && fresh.age == Duration::from_secs(1));
    let stale = sensor.read_at(start + hour + HEARTBEAT_LIMIT + Duration::from_secs(1)).1;
    assert!(!stale.available && !stale.scanned);
}

#[test]
fn an_alarm_counts_for_more_than_the_comparison_because_it_knows_hysteresis() {
    let mut world = World::with(&["A"]);
    world.change("A", names::VALUE, &values(&[("Value", 81.0)]));
    let sensor = world.first();
    let reading = sensor.read_at(world.start).0;
    assert_eq!(sensor.reached(&reading), 0);
    world.change("A", WARNING, &Properties::from([("WarningAlarmHigh".to_owned(), true.into())]));
    assert_eq!(sensor.reached(&sensor.read_at(world.start).0), 0x08);
}

#[test]
fn nobody_but_the_provider_changes_a_sensor() {
    let mut world = World::with(&["A"]);
    world.model.change("xyz.other", &path("A"), names::VALUE, &values(&[("Value", 99.0)]), world.start);
    world.model.remove("xyz.other", &path("A"), &[names::VALUE.to_owned()]);
    assert_eq!(world.read().0.value, 25.0);
}

#[test]
fn interfaces_may_come_one_by_one_and_in_any_order() {
    let mut world = World::with(&[]);
    for (interface, properties) in temperature(20.0) {
        let one = Interfaces::from([(interface, properties)]);
        world.model.add(&world.provider.clone(), &path("A"), &one, world.start);
    }
    assert_eq!(world.first().record.readable, 0x08);
}

#[test]
fn a_sensor_that_comes_back_has_its_number_and_its_new_readings() {
    let mut world = World::with(&["A", "B"]);
    let before = world.snapshot().sensors()[1].address;
    world.model.remove(&world.provider.clone(), &path("B"), &[names::VALUE.to_owned()]);
    assert_eq!(world.snapshot().sensors().len(), 1);
    world.model.add(&world.provider.clone(), &path("B"), &temperature(1.0), world.start);
    world.change("B", names::VALUE, &values(&[("Value", 2.0)]));
    let sensor = world.snapshot().sensor(before).unwrap().clone();
    assert_eq!(sensor.read_at(world.start).0.value, 2.0);
    world.model.remove(&world.provider.clone(), &path("B"), &[names::VALUE.to_owned()]);
    world.model.add(&world.provider.clone(), &path("B"), &temperature(5.0), world.start);
    assert_eq!(world.snapshot().sensor(before).unwrap().read_at(world.start).0.value, 5.0);
}

#[test]
fn a_thousand_sensors_are_held_and_no_more() {
    let names: Vec<String> = (0..1010).map(|index| format!("T{index}")).collect();
    let mut world = World::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let snapshot = world.snapshot();
    assert_eq!(snapshot.sensors().len(), MAX_SENSORS);
    let (mut id, mut count) = (0, 0);
    while let Some((record, next)) = record_of(snapshot.records(), id) {
        count += 1;
        assert!(record.bytes.len() <= 64);
        match next {
            Some(next) => id = next.id,
            None => break,
        }
    }
    assert_eq!(count, MAX_SENSORS + 1 + 9, "the controller's locator and its own discrete sensors too");
}

proptest! {
    #[test]
    fn no_range_or_threshold_brings_the_encoder_down(
        min: f64, max: f64, value: f64, thresholds: [f64; 2], unit in "[A-Za-z.]{0,20}",
    ) {
        let mut world = World::with(&["A"]);
        let mut properties = values(&[("Value", value), ("MinValue", min), ("MaxValue", max)]);
        properties.insert("Unit".into(), text(&unit));
        world.change("A", names::VALUE, &properties);
        world.change("A", WARNING, &values(&[("WarningHigh", thresholds[0]), ("WarningLow", thresholds[1])]));
        let sensor = world.first();
        prop_assert_eq!(sensor.raw(value).is_none(), value.is_nan());
    }
}
