//! On a bus of its own, with a provider that publishes as dbus-sensors does.

use std::{collections::HashMap, time::Duration};

use system_tests::PrivateBus;
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Str, fdo::ObjectManager};

use super::*;
use crate::{
    fru::FruFiles,
    sensors::{Address, added::FIRST_ADDED},
};

struct FakeSensor {
    value: f64,
    unit: &'static str,
}

#[zbus::interface(name = "xyz.openbmc_project.Sensor.Value")]
impl FakeSensor {
    #[zbus(property)]
    fn value(&self) -> f64 {
        self.value
    }
    #[zbus(property)]
    fn set_value(&mut self, value: f64) {
        self.value = value;
    }
    #[zbus(property)]
    fn max_value(&self) -> f64 {
        127.0
    }
    #[zbus(property)]
    fn min_value(&self) -> f64 {
        -128.0
    }
    #[zbus(property)]
    fn unit(&self) -> String {
        format!("xyz.openbmc_project.Sensor.Value.Unit.{}", self.unit)
    }
}

struct Warning {
    high: f64,
}

#[zbus::interface(name = "xyz.openbmc_project.Sensor.Threshold.Warning")]
impl Warning {
    #[zbus(property)]
    fn warning_high(&self) -> f64 {
        self.high
    }
    #[zbus(property)]
    fn set_warning_high(&mut self, value: f64) -> zbus::fdo::Result<()> {
        if value > 100.0 {
            return Err(zbus::fdo::Error::InvalidArgs("too hot".into()));
        }
        self.high = value;
        Ok(())
    }
}

const NAME: &str = "xyz.openbmc_project.HwmonTempSensor";

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

fn path(index: usize) -> String {
    format!("{}/temperature/T{index:04}", names::ROOT)
}

/// A provider with `count` sensors, published before it has its name.
async fn provider(bus: &PrivateBus, count: usize) -> Connection {
    let connection = connect(bus).await;
    let objects = connection.object_server();
    objects.at(names::ROOT, ObjectManager).await.unwrap();
    for index in 0..count {
        objects.at(path(index), FakeSensor { value: 20.0, unit: "DegreesC" }).await.unwrap();
    }
    objects.at(path(0), Warning { high: 80.0 }).await.unwrap();
    connection.request_name(NAME).await.unwrap();
    connection
}

/// Sensors that follow the bus, in a task.
async fn follow(bus: &PrivateBus, dir: &tempfile::TempDir) -> DbusSensors {
    let files = SensorFiles::in_directory(dir.path());
    let sensors = DbusSensors::new(files, Arc::new(FruFiles::default()), Vendor::default());
    let (follower, connection) = (sensors.clone(), connect(bus).await);
    tokio::spawn(async move { follower.follow(&connection).await });
    sensors
}

/// Waits until `condition` holds; the deadline is for a test that fails.
async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), held).await.expect("it never came to be");
}

fn first(sensors: &DbusSensors) -> Option<Arc<Sensor>> {
    sensors.snapshot().sensor(Address { lun: 0, number: 1 }).cloned()
}

fn available(sensors: &DbusSensors) -> bool {
    first(sensors).is_some_and(|sensor| sensor.read().1.available)
}

async fn set_value(provider: &Connection, index: usize, value: f64) {
    let interface = provider.object_server().interface::<_, FakeSensor>(path(index)).await.unwrap();
    interface.get_mut().await.value = value;
    interface.get().await.value_changed(interface.signal_emitter()).await.unwrap();
}

/// An ObjectMapper that knows nobody, and before it says so of inventory has a provider publish sensors.
struct SlowMapper {
    provider: Connection,
    sensors: usize,
}

#[zbus::interface(name = "xyz.openbmc_project.ObjectMapper")]
impl SlowMapper {
    async fn get_sub_tree(
        &self,
        root: String,
        _depth: i32,
        _interfaces: Vec<String>,
    ) -> HashMap<String, HashMap<String, Vec<String>>> {
        if root == ROOTS[0].0 {
            for index in 0..self.sensors {
                let sensor = FakeSensor { value: 20.0, unit: "DegreesC" };
                self.provider.object_server().at(path(index), sensor).await.unwrap();
            }
        }
        HashMap::new()
    }
}

#[tokio::test]
async fn sensors_that_come_while_other_objects_are_looked_for_are_all_taken() {
    const SENSORS: usize = 600;
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let provider = provider(&bus, 1).await;
    let mapper = connect(&bus).await;
    let slow = SlowMapper { provider: provider.clone(), sensors: SENSORS };
    mapper.object_server().at("/xyz/openbmc_project/object_mapper", slow).await.unwrap();
    mapper.request_name("xyz.openbmc_project.ObjectMapper").await.unwrap();
    let sensors = follow(&bus, &dir).await;
    until(|| sensors.snapshot().sensors().len() == SENSORS).await;
}

#[tokio::test]
async fn a_thousand_sensors_come_and_a_burst_of_readings_is_all_taken() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let provider = provider(&bus, 1000).await;
    let sensors = follow(&bus, &dir).await;
    until(|| sensors.snapshot().sensors().len() == 1000).await;
    let generation = sensors.snapshot().generation;
    for value in [30.0, 31.0, 32.0] {
        for index in 0..1000 {
            set_value(&provider, index, value).await;
        }
    }
    until(|| sensors.snapshot().sensors().iter().all(|sensor| sensor.read().0.value == 32.0)).await;
    assert_eq!(sensors.snapshot().generation, generation, "readings encode nothing");
}

#[tokio::test]
async fn a_provider_that_restarts_has_its_sensors_back_under_the_same_numbers() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let sensors = follow(&bus, &dir).await;
    let running = provider(&bus, 3).await;
    until(|| available(&sensors)).await;
    let before = sensors.snapshot();
    running.close().await.unwrap();
    until(|| !available(&sensors)).await;
    assert!(!first(&sensors).unwrap().read().1.scanned);
    let _running = provider(&bus, 3).await;
    until(|| available(&sensors)).await;
    assert_eq!(sensors.snapshot().generation, before.generation);
    let again = follow(&bus, &dir).await;
    until(|| again.snapshot().sensors().len() == 3).await;
    assert_eq!(first(&again).unwrap().path, path(0), "numbers outlive ipmid");
}

#[tokio::test]
async fn a_threshold_is_written_to_its_provider_and_read_back_at_once() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let _provider = provider(&bus, 1).await;
    let sensors = follow(&bus, &dir).await;
    until(|| first(&sensors).is_some()).await;
    let sensor = first(&sensors).unwrap();
    let upper = Threshold::ALL[3];
    sensors.set_thresholds(&sensor, &[(upper, 90.0)]).await.unwrap();
    assert_eq!(first(&sensors).unwrap().record.thresholds[3], 90);
    let refused = sensors.set_thresholds(&sensor, &[(upper, 101.0)]).await;
    assert_eq!(refused, Err(PlatformError::Refused("too hot".into())));
    let hysteresis = Hysteresis { positive: 1.0, negative: 1.0 };
    assert!(sensors.set_hysteresis(&sensor, hysteresis).await.is_err());
}

#[tokio::test]
async fn a_sensor_that_is_plugged_and_pulled_comes_and_goes() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let provider = provider(&bus, 1).await;
    let sensors = follow(&bus, &dir).await;
    until(|| available(&sensors)).await;
    let objects = provider.object_server();
    objects.at(path(7), FakeSensor { value: 1.0, unit: "DegreesC" }).await.unwrap();
    until(|| sensors.snapshot().sensors().len() == 2).await;
    objects.remove::<FakeSensor, _>(path(7)).await.unwrap();
    until(|| sensors.snapshot().sensors().len() == 1).await;
}

#[tokio::test]
async fn a_write_to_a_provider_that_left_is_an_absence_and_to_a_sensor_that_was_pulled_is_not() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let provider = provider(&bus, 1).await;
    let sensors = follow(&bus, &dir).await;
    until(|| available(&sensors)).await;
    let sensor = first(&sensors).unwrap();
    provider.object_server().remove::<Warning, _>(path(0)).await.unwrap();
    provider.object_server().remove::<FakeSensor, _>(path(0)).await.unwrap();
    let upper = [(Threshold::ALL[3], 90.0)];
    assert_eq!(sensors.set_thresholds(&sensor, &upper).await, Err(PlatformError::NotPresent));
    provider.close().await.unwrap();
    assert!(matches!(sensors.set_thresholds(&sensor, &upper).await, Err(PlatformError::Absent(_))));
}

/// A vendor's record.
const OEM: [u8; 9] = [0, 0, 0x51, 0xC0, 4, 1, 2, 3, 9];

fn without_a_bus(directory: &Path) -> DbusSensors {
    DbusSensors::new(SensorFiles::in_directory(directory), Arc::new(FruFiles::default()), Vendor::default())
}

#[tokio::test]
async fn what_clients_added_and_the_times_of_changes_outlive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sensors = without_a_bus(dir.path());
    let id = sensors.change_records(RecordChange::Add(OEM.to_vec())).await.unwrap().unwrap();
    sensors.write_history();
    let (before, after) = (sensors.snapshot(), without_a_bus(dir.path()).snapshot());
    assert!(after.records().iter().any(|record| record.id == id));
    assert_eq!((after.records(), after.changes), (before.records(), before.changes));
    let modes = std::fs::read_dir(dir.path()).unwrap().map(|entry| {
        std::os::unix::fs::PermissionsExt::mode(&entry.unwrap().metadata().unwrap().permissions()) & 0o777
    });
    assert_eq!(modes.collect::<Vec<_>>(), [0o600, 0o600]);
}

#[tokio::test]
async fn a_record_that_cannot_be_written_down_is_not_there() {
    let sensors = without_a_bus(Path::new("/nonexistent"));
    let before = sensors.snapshot();
    let outcome = sensors.change_records(RecordChange::Add(OEM.to_vec())).await;
    assert!(matches!(outcome, Err(PlatformError::Failed(_))), "{outcome:?}");
    assert_eq!(sensors.snapshot().records(), before.records());
}

#[tokio::test]
async fn a_change_whose_client_no_longer_waits_is_in_memory_as_it_is_in_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let sensors = without_a_bus(dir.path());
    let mut change = sensors.change_records(RecordChange::Add(OEM.to_vec()));
    // Just so far that the file is being written.
    tokio::select! {
        biased;
        done = &mut change => panic!("{done:?}"),
        () = std::future::ready(()) => drop(change),
    }
    let mut other = OEM;
    other[8] += 1;
    let id = sensors.change_records(RecordChange::Add(other.to_vec())).await.unwrap().unwrap();
    let ids = |sensors: &DbusSensors| {
        let snapshot = sensors.snapshot();
        snapshot.records().iter().map(|record| record.id).filter(|it| *it >= FIRST_ADDED).collect::<Vec<_>>()
    };
    assert_eq!(
        (ids(&sensors), ids(&without_a_bus(dir.path()))),
        (vec![FIRST_ADDED, id], vec![FIRST_ADDED, id])
    );
}

/// Adds its sensors, lists them as they are, has one change, and only then gets to send the list.
struct Hurried;

/// A sensor of [`Hurried`]'s, as an object of the bus has it.
fn object(value: f64, available: bool) -> HashMap<String, HashMap<String, OwnedVariant>> {
    let unit = Str::from("xyz.openbmc_project.Sensor.Value.Unit.DegreesC");
    let value = [("Value".to_owned(), value.into()), ("Unit".to_owned(), unit.into())].into();
    let available = [("Available".to_owned(), available.into())].into();
    [(names::VALUE.to_owned(), value), (names::AVAILABILITY.to_owned(), available)].into()
}

#[zbus::interface(name = "org.freedesktop.DBus.ObjectManager")]
impl Hurried {
    async fn get_managed_objects(
        &self,
        #[zbus(connection)] connection: &Connection,
    ) -> HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>> {
        let [first, second] = [0, 1].map(|index| OwnedObjectPath::try_from(path(index)).unwrap());
        let (interface, member) = ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded");
        let added = (&second, object(f64::NAN, false));
        connection.emit_signal(None::<&str>, names::ROOT, interface, member, &added).await.unwrap();
        let change = HashMap::from([("Available", Variant::from(true))]);
        let body = (names::AVAILABILITY, change, Vec::<String>::new());
        let (interface, member) = ("org.freedesktop.DBus.Properties", "PropertiesChanged");
        connection.emit_signal(None::<&str>, path(0), interface, member, &body).await.unwrap();
        [(first, object(20.0, false)), (second, object(20.0, true))].into()
    }
}

#[tokio::test]
async fn what_changes_while_a_provider_lists_its_sensors_is_not_lost() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let connection = connect(&bus).await;
    connection.object_server().at(names::ROOT, Hurried).await.unwrap();
    connection.request_name(NAME).await.unwrap();
    let sensors = follow(&bus, &dir).await;
    let all = || sensors.snapshot().sensors().to_vec();
    until(|| all().len() == 2 && all().iter().all(|sensor| sensor.read().1.available)).await;
}
