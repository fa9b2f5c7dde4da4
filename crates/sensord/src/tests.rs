//! The daemon on a bus of its own, over a hwmon tree of plain files.

use std::{fs, path::PathBuf, time::Duration};

use bmc_daemon::{Arguments, Shutdown};
use bmc_sim::i2c::SimulatedI2c;
use futures_util::StreamExt as _;
use system_tests::PrivateBus;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use zbus::{
    MatchRule, MessageStream, OwnedVariant, Proxy, Variant,
    connection::Builder,
    message::{Message, Type},
};

use super::*;

mod driverless;
mod items;

const AMBIENT: &str = "/xyz/openbmc_project/sensors/temperature/Ambient";
const CPU: &str = "/xyz/openbmc_project/sensors/temperature/CPU";
const RAIL: &str = "/xyz/openbmc_project/sensors/voltage/P12V";
const CRITICAL: &str = "xyz.openbmc_project.Sensor.Threshold.Critical";
const PATIENCE: Duration = Duration::from_secs(20);

const SETTINGS: &str = "sysfs = \"sys\"\npoll_ms = 50\nbus_deadline_ms = 300\nfailures_until_broken = 3\n";
const BOARD: &str = r#"{"Name": "Test Board", "Exposes": [
  {"Name": "Ambient", "Type": "TMP75", "Bus": 1, "Address": "0x48", "MinValue": 0, "MaxValue": 100, "Thresholds": [
    {"Direction": "greater than", "Severity": 1, "Value": 50, "Hysteresis": 2}]},
  {"Name": "CPU", "Type": "TMP75", "Bus": 2, "Address": "0x49"},
  {"Name": "P12V", "Type": "ADC", "Index": 0, "ScaleFactor": 0.125, "PowerState": "On"},
  {"Name": "Fan", "Type": "AspeedFan", "Connector": {"Pwm": 0, "Tachs": [0]}},
  {"Name": "PSU1", "Type": "pmbus", "Bus": 7, "Address": "0x58", "Labels": [], "Presence": {"PinName": "psu", "Polarity": "Low"}},
  {"Name": "CPU1", "Type": "XeonCPU"},
  {"Name": "Lid", "Type": "ChassisIntrusionSensor", "Class": "Gpio", "GpioPinName": "lid", "GpioPolarity": "High", "Rearm": "Manual"}
]}"#;

/// A board of files, a bus, and sensord between them.
struct Rig {
    dir: TempDir,
    bus: PrivateBus,
    client: Connection,
    signals: MessageStream,
    /// The buses of chips without a driver.
    i2c: SimulatedI2c,
    daemon: JoinHandle<()>,
    /// The daemon's connection.
    served: Option<Connection>,
}

impl Rig {
    async fn start() -> Self {
        Self::with(BOARD, SimulatedI2c::default()).await
    }

    async fn with(board: &str, i2c: SimulatedI2c) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        let rig_path = |path: &str| dir.path().join(path);
        fs::write(rig_path("etc/board.json"), board).unwrap();
        let gpio = format!("gpio = \"unix:{}\"\n", rig_path("gpio.sock").display());
        let settings = gpio + &SETTINGS.replace("\"sys\"", &format!("{:?}", rig_path("sys")));
        fs::write(rig_path("etc/sensord.toml"), settings).unwrap();
        let bus = PrivateBus::start().unwrap();
        let client = Builder::address(bus.address()).build().await.unwrap();
        let rule = MatchRule::builder().msg_type(Type::Signal).path_namespace("/xyz").build().unwrap();
        let signals = MessageStream::for_match_rule(rule, &client, None).await.unwrap();
        let daemon = tokio::spawn(async {});
        let mut rig = Self { dir, bus, client, signals, i2c, daemon, served: None };
        rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", "20000\n");
        rig.put("bus/i2c/devices/2-0049/hwmon/hwmon1/temp1_input", "40000\n");
        rig.put("class/hwmon/hwmon2/name", "iio_hwmon\n");
        rig.put("class/hwmon/hwmon2/in1_input", "1500\n");
        rig.put("class/hwmon/hwmon3/name", "aspeed_tach\n");
        rig.put("class/hwmon/hwmon3/fan1_input", "8000\n");
        rig.put("class/hwmon/hwmon3/pwm1", "128\n");
        rig.run().await;
        rig
    }

    /// Starts the daemon, again where it runs, and waits until it is ready.
    async fn run(&mut self) {
        self.daemon.abort();
        let _ = (&mut self.daemon).await;
        if let Some(connection) = self.served.take() {
            connection.close().await.unwrap();
        }
        let context = self.context();
        let connection = Builder::address(self.bus.address()).build().await.unwrap();
        self.served = Some(connection.clone());
        let i2c = self.i2c.clone();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        self.daemon = tokio::spawn(async move {
            let settings: Settings = context.config().unwrap();
            let hardware = Hardware::new(&settings.sysfs, i2c);
            let station = super::start(&context, &settings, &hardware).await.unwrap();
            let (host, power) = watch::channel(HostPower::default());
            let (items, findings) = super::start_items(&context, &settings).unwrap();
            let source = settings.gpio.parse().unwrap();
            let polling = poll::run(station.clone(), settings.bus_deadline(), power);
            let watching = crate::items::run(&items, &station.publisher, &source, findings);
            let serving = serve(&connection, &station, &items, &host, || ready.send(()).unwrap());
            tokio::select! {
                _ = polling => {}
                _ = watching => {}
                result = serving => tracing::info!("{result:?}"),
            }
        });
        is_ready.await.unwrap();
    }

    fn context(&self) -> Context {
        let (_, shutdown) = Shutdown::channel();
        let arguments = Arguments {
            config_dir: self.dir.path().join("etc"),
            config: None,
            state_dir: self.dir.path().join("state"),
            instance: None,
            log_level: tracing::Level::INFO,
        };
        Context::new("sensord", arguments, shutdown)
    }

    fn sys(&self, path: &str) -> PathBuf {
        self.dir.path().join("sys").join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.sys(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // In one step, so that no reader sees an empty file.
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    async fn proxy(&self, path: &'static str, interface: &'static str) -> Proxy<'static> {
        zbus::proxy::Builder::new(&self.client)
            .destination(sensors::SERVICE)
            .path(path)
            .interface(interface)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await
            .unwrap()
    }

    async fn get<T>(&self, path: &'static str, interface: &'static str, property: &str) -> T
    where
        T: serde::de::DeserializeOwned + zbus::Type,
    {
        self.proxy(path, interface).await.get_property(property).await.unwrap()
    }

    /// Waits for a signal that `wanted` finds something in.
    async fn signal<T>(&mut self, mut wanted: impl FnMut(&Message) -> Option<T>) -> T {
        let find = async {
            while let Some(message) = self.signals.next().await {
                if let Some(found) = wanted(&message.unwrap()) {
                    return found;
                }
            }
            panic!("the bus ended");
        };
        tokio::time::timeout(PATIENCE, find).await.expect("the signal came in time")
    }

    /// Waits until the value of `path` is `wanted`, which it may have been before anyone listened.
    async fn settled(&mut self, path: &'static str, wanted: f64) {
        let value: f64 = self.get(path, sensors::VALUE, "Value").await;
        if value != wanted {
            self.property(path, "Value", |value: &f64| *value == wanted).await;
        }
    }

    /// Waits until `property` of `path` is told to be what `wanted` accepts.
    async fn property<T>(&mut self, path: &str, property: &str, wanted: impl Fn(&T) -> bool) -> T
    where
        T: TryFrom<OwnedVariant>,
    {
        self.signal(|message| {
            (message.header().path()?.as_str() == path).then_some(())?;
            type Changed = (String, std::collections::HashMap<String, OwnedVariant>, Vec<String>);
            let (_, mut changed, _) = message.body().deserialize::<Changed>().ok()?;
            let value = T::try_from(changed.remove(property)?).ok()?;
            wanted(&value).then_some(value)
        })
        .await
    }
}

#[tokio::test]
async fn a_changed_value_is_told_and_read_back() {
    let mut rig = Rig::start().await;
    rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", "23500\n");
    rig.property(AMBIENT, "Value", |value: &f64| *value == 23.5).await;
    assert_eq!(rig.get::<f64>(AMBIENT, sensors::VALUE, "Value").await, 23.5);
    let unit: String = rig.get(AMBIENT, sensors::VALUE, "Unit").await;
    assert_eq!(unit, "xyz.openbmc_project.Sensor.Value.Unit.DegreesC");
    assert!(rig.get::<bool>(AMBIENT, sensors::AVAILABILITY, "Available").await);
}

#[tokio::test]
async fn crossing_a_threshold_sets_the_alarm_and_sends_the_signals() {
    let mut rig = Rig::start().await;
    rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", "51000\n");
    let body: (String, String, String, bool, f64) = rig
        .signal(|message| {
            (message.header().member()?.as_str() == "ThresholdAsserted").then_some(())?;
            message.body().deserialize().ok()
        })
        .await;
    let expected = ("Ambient".to_owned(), CRITICAL.to_owned(), "CriticalAlarmHigh".to_owned(), true, 51.0);
    assert_eq!(body, expected);
    let value: f64 = rig
        .signal(|message| {
            (message.header().member()?.as_str() == "CriticalHighAlarmAsserted").then_some(())?;
            message.body().deserialize().ok()
        })
        .await;
    assert_eq!(value, 51.0);
    assert!(rig.get::<bool>(AMBIENT, CRITICAL, "CriticalAlarmHigh").await);
    rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", "47900\n");
    rig.property(AMBIENT, "CriticalAlarmHigh", |alarm: &bool| !alarm).await;
}

#[tokio::test]
async fn a_device_that_vanishes_is_nan_and_comes_back_under_another_number() {
    let mut rig = Rig::start().await;
    rig.settled(CPU, 40.0).await;
    fs::remove_dir_all(rig.sys("bus/i2c/devices/2-0049/hwmon/hwmon1")).unwrap();
    rig.property(CPU, "Available", |available: &bool| !available).await;
    assert!(rig.get::<f64>(CPU, sensors::VALUE, "Value").await.is_nan());
    rig.property(CPU, "Functional", |functional: &bool| !functional).await;
    rig.put("bus/i2c/devices/2-0049/hwmon/hwmon9/temp1_input", "41000\n");
    rig.property(CPU, "Value", |value: &f64| *value == 41.0).await;
    rig.property(CPU, "Functional", |functional: &bool| *functional).await;
}

#[tokio::test]
async fn a_stuck_bus_is_unavailable_and_delays_no_other() {
    let mut rig = Rig::start().await;
    rig.settled(CPU, 40.0).await;
    // Opening a FIFO that nobody writes to blocks, as a wedged driver does.
    let fifo = rig.sys("bus/i2c/devices/2-0049/hwmon/hwmon1/temp1_input");
    fs::remove_file(&fifo).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    rig.property(CPU, "Available", |available: &bool| !available).await;
    for value in 30..40 {
        rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", &format!("{value}000\n"));
        let changed = std::time::Instant::now();
        rig.property(AMBIENT, "Value", |told: &f64| *told == f64::from(value)).await;
        assert!(changed.elapsed() < Duration::from_secs(2), "the other bus waits: {:?}", changed.elapsed());
    }
    // The driver comes back to life: the open returns, and the next read is of a plain file again.
    let writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    rig.put("bus/i2c/devices/2-0049/hwmon/hwmon1/temp1_input", "42000\n");
    drop(writer);
    rig.property(CPU, "Value", |value: &f64| *value == 42.0).await;
    assert!(rig.get::<bool>(CPU, sensors::AVAILABILITY, "Available").await);
}

#[tokio::test]
async fn text_that_is_no_number_makes_a_sensor_unavailable_and_nothing_else() {
    let mut rig = Rig::start().await;
    rig.settled(CPU, 40.0).await;
    rig.put("bus/i2c/devices/2-0049/hwmon/hwmon1/temp1_input", "hot\n");
    rig.property(CPU, "Available", |available: &bool| !available).await;
    assert!(rig.get::<bool>(AMBIENT, sensors::AVAILABILITY, "Available").await);
}

#[tokio::test]
async fn a_threshold_that_was_set_is_judged_at_once_and_outlives_a_restart() {
    let mut rig = Rig::start().await;
    rig.settled(AMBIENT, 20.0).await;
    let proxy = rig.proxy(AMBIENT, CRITICAL).await;
    proxy.set_property("CriticalHigh", 19.0).await.unwrap();
    proxy.set_property("CriticalLow", -5.0).await.unwrap();
    rig.proxy(AMBIENT, sensors::HYSTERESIS).await.set_property("Positive", 4.0).await.unwrap();
    rig.property(AMBIENT, "CriticalAlarmHigh", |alarm: &bool| *alarm).await;
    rig.run().await;
    assert_eq!(rig.get::<f64>(AMBIENT, CRITICAL, "CriticalHigh").await, 19.0);
    assert_eq!(rig.get::<f64>(AMBIENT, CRITICAL, "CriticalLow").await, -5.0);
    assert_eq!(rig.get::<f64>(AMBIENT, sensors::HYSTERESIS, "Positive").await, 4.0);
    rig.settled(AMBIENT, 20.0).await;
    assert!(rig.get::<bool>(AMBIENT, CRITICAL, "CriticalAlarmHigh").await);
}

#[tokio::test]
async fn a_measured_value_cannot_be_written() {
    let rig = Rig::start().await;
    let proxy = rig.proxy(AMBIENT, sensors::VALUE).await;
    let error = proxy.set_property("Value", 1.0).await.unwrap_err();
    assert!(format!("{error:?}").contains("xyz.openbmc_project.Common.Errors.NotAllowed"), "{error:?}");
}

/// powerd, as far as sensord looks.
struct FakeHost(&'static str);

#[zbus::interface(name = "xyz.openbmc_project.State.Host")]
impl FakeHost {
    #[zbus(property)]
    fn current_host_state(&self) -> String {
        format!("xyz.openbmc_project.State.Host.HostState.{}", self.0)
    }
}

#[tokio::test]
async fn a_sensor_of_the_host_is_read_only_while_the_host_runs() {
    use bmc_dbus::names::power;
    let mut rig = Rig::start().await;
    rig.settled(AMBIENT, 20.0).await;
    assert!(rig.get::<f64>(RAIL, sensors::VALUE, "Value").await.is_nan(), "nobody says that the host runs");
    let host = Builder::address(rig.bus.address()).build().await.unwrap();
    host.object_server().at(power::HOST_PATH, FakeHost("Running")).await.unwrap();
    host.request_name(power::HOST_SERVICE).await.unwrap();
    rig.property(RAIL, "Value", |value: &f64| *value == 12.0).await;
    let object = host.object_server().interface::<_, FakeHost>(power::HOST_PATH).await.unwrap();
    object.get_mut().await.0 = "Off";
    object.get().await.current_host_state_changed(object.signal_emitter()).await.unwrap();
    rig.property(RAIL, "Available", |available: &bool| !available).await;
    object.get_mut().await.0 = "Running";
    object.get().await.current_host_state_changed(object.signal_emitter()).await.unwrap();
    rig.property(RAIL, "Available", |available: &bool| *available).await;
    host.release_name(power::HOST_SERVICE).await.unwrap();
    rig.property(RAIL, "Available", |available: &bool| !available).await;
}

/// What powerd, as x86-power-control, says of the operating system on the host's object.
struct FakeOs(&'static str);

#[zbus::interface(name = "xyz.openbmc_project.State.OperatingSystem.Status")]
impl FakeOs {
    #[zbus(property)]
    fn operating_system_state(&self) -> String {
        format!("{}{}", bmc_dbus::power::OS_STATE, self.0)
    }
}

#[tokio::test]
async fn a_sensor_of_what_the_firmware_sets_up_waits_for_the_end_of_post() {
    use bmc_dbus::names::power;
    let mut rig = Rig::start().await;
    let board = BOARD.replace("\"PowerState\": \"On\"", "\"PowerState\": \"BiosPost\"");
    fs::write(rig.dir.path().join("etc/board.json"), board).unwrap();
    rig.run().await;
    let host = Builder::address(rig.bus.address()).build().await.unwrap();
    host.object_server().at(power::HOST_PATH, FakeHost("Running")).await.unwrap();
    host.object_server().at(power::HOST_PATH, FakeOs("Inactive")).await.unwrap();
    host.request_name(power::OS_SERVICE).await.unwrap();
    host.request_name(power::HOST_SERVICE).await.unwrap();
    rig.settled(AMBIENT, 20.0).await;
    rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", "30000\n");
    rig.settled(AMBIENT, 30.0).await;
    assert!(rig.get::<f64>(RAIL, sensors::VALUE, "Value").await.is_nan(), "the host is in POST");
    let object = host.object_server().interface::<_, FakeOs>(power::HOST_PATH).await.unwrap();
    object.get_mut().await.0 = "Standby";
    object.get().await.operating_system_state_changed(object.signal_emitter()).await.unwrap();
    rig.property(RAIL, "Value", |value: &f64| *value == 12.0).await;
    object.get_mut().await.0 = "Inactive";
    object.get().await.operating_system_state_changed(object.signal_emitter()).await.unwrap();
    rig.property(RAIL, "Available", |available: &bool| !available).await;
}

#[tokio::test]
async fn a_fan_is_set_by_its_target_and_shown_in_percent() {
    let mut rig = Rig::start().await;
    let proxy =
        rig.proxy("/xyz/openbmc_project/control/fanpwm/Pwm_1", "xyz.openbmc_project.Control.FanPwm").await;
    proxy.set_property("Target", 51u64).await.unwrap();
    rig.property("/xyz/openbmc_project/sensors/fan_pwm/Pwm_1", "Value", |value: &f64| *value == 20.0).await;
    assert_eq!(fs::read_to_string(rig.sys("class/hwmon/hwmon3/pwm1")).unwrap(), "51\n");
    assert_eq!(proxy.get_property::<u64>("Target").await.unwrap(), 51);
    assert!(proxy.set_property("Target", 256u64).await.is_err());
}

#[tokio::test]
async fn the_table_says_everything_in_one_call() {
    let mut rig = Rig::start().await;
    rig.put("bus/i2c/devices/1-0048/hwmon/hwmon0/temp1_input", "60000\n");
    rig.property(AMBIENT, "CriticalAlarmHigh", |alarm: &bool| *alarm).await;
    let table = bmc_dbus::sensors::SensorTableProxy::new(&rig.client).await.unwrap().read().await.unwrap();
    assert_eq!(table.len(), 5);
    let row = table.iter().find(|row| row.path.as_str() == AMBIENT).unwrap();
    assert_eq!(
        (row.value, row.available, row.functional, row.alarms.clone()),
        (60.0, true, true, vec!["CriticalAlarmHigh".to_owned()])
    );
    assert!(row.age_ms < 10_000, "age {} ms", row.age_ms);
    let rail = table.iter().find(|row| row.path.as_str() == RAIL).unwrap();
    assert_eq!((rail.available, rail.age_ms), (false, u64::MAX), "never read");
}

#[tokio::test]
async fn the_history_holds_what_was_read() {
    let mut rig = Rig::start().await;
    rig.settled(CPU, 40.0).await;
    let proxy = rig.proxy(CPU, sensors::HISTORY).await;
    let raw: Vec<(u64, f64)> = proxy.call("Raw", &()).await.unwrap();
    assert!(!raw.is_empty() && raw.iter().all(|(at, value)| *at > 0 && *value == 40.0), "{raw:?}");
    let minutes: Vec<(u64, f64, f64, f64)> = proxy.call("Minutes", &()).await.unwrap();
    assert!(minutes.len() <= 1, "the minute that runs is not among them");
}

#[tokio::test]
async fn every_sensor_is_managed_below_the_root() {
    let rig = Rig::start().await;
    let manager = zbus::fdo::ObjectManagerProxy::builder(&rig.client)
        .destination(sensors::SERVICE)
        .path(sensors::ROOT)
        .build()
        .await
        .unwrap();
    let objects = manager.get_managed_objects().await.unwrap();
    let ambient = &objects[&zbus::OwnedObjectPath::try_from(AMBIENT).unwrap()];
    let entity = &ambient[sensors::DECORATOR_IPMI]["EntityId"];
    assert_eq!(Variant::try_from(entity).unwrap(), Variant::U64(7));
    assert!(ambient.contains_key(CRITICAL) && ambient.contains_key(sensors::ASSOCIATIONS));
}

/// The lines between an interface's tags, without comments' and levels' indentation, sorted: order says nothing.
fn members(xml: &str, interface: &str) -> Vec<String> {
    let start =
        xml.find(&format!("<interface name=\"{interface}\">")).unwrap_or_else(|| panic!("no {interface}"));
    let mut lines: Vec<_> = xml[start..].lines().map(|line| line.trim().to_owned()).skip(1).collect();
    let end = lines.iter().position(|line| line == "</interface>").unwrap();
    lines.truncate(end);
    lines.sort();
    lines
}

#[tokio::test]
async fn the_interfaces_are_served_as_their_xml_says() {
    let rig = Rig::start().await;
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dbus-interfaces"));
    let fan = "/xyz/openbmc_project/control/fanpwm/Pwm_1";
    let served: [(&'static str, &[&str]); 3] = [
        (sensors::ROOT, &[sensors::SENSOR_TABLE]),
        (fan, &["xyz.openbmc_project.Control.FanPwm"]),
        (
            AMBIENT,
            &[
                sensors::VALUE,
                sensors::AVAILABILITY,
                sensors::OPERATIONAL_STATUS,
                sensors::DECORATOR_IPMI,
                sensors::ASSOCIATIONS,
                sensors::HYSTERESIS,
                sensors::HISTORY,
                "xyz.openbmc_project.Sensor.ValueMutability",
                CRITICAL,
            ],
        ),
    ];
    for (path, interfaces) in served {
        let introspectable = rig.proxy(path, "org.freedesktop.DBus.Introspectable").await;
        let xml: String = introspectable.call("Introspect", &()).await.unwrap();
        for interface in interfaces {
            let contract = fs::read_to_string(directory.join(format!("{interface}.xml"))).unwrap();
            assert_eq!(members(&xml, interface), members(&contract, interface), "{interface}");
        }
    }
}

#[tokio::test]
async fn a_wrong_board_file_ends_the_start_with_file_line_and_field() {
    let mut rig = Rig::start().await;
    rig.daemon.abort();
    let _ = (&mut rig.daemon).await;
    fs::write(rig.dir.path().join("etc/board.json"), BOARD.replace("\"0x49\"", "\"0x149\"")).unwrap();
    let settings: Settings = rig.context().config().unwrap();
    let hardware = Hardware::new(&settings.sysfs, rig.i2c.clone());
    let error = format!("{:#}", super::start(&rig.context(), &settings, &hardware).await.unwrap_err());
    assert!(error.contains("board.json:4: record `CPU`: Address: \"0x149\""), "{error}");
}
