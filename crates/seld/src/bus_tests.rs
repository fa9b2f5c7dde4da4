//! The log on a private bus, through the proxies that others use.

use bmc_dbus::{
    sel::{EventLogProxy, EventLogSettingsProxy, LoggingIpmiProxy, NO_RECORD},
    sensor_numbers::{Factors, NumberedSensor},
};
use futures_util::StreamExt as _;

use super::*;

mod filters;

/// A log for a few records on a bus of its own.
struct Stand {
    client: Connection,
    server: Connection,
    log: Arc<Log>,
    dir: tempfile::TempDir,
    bus: system_tests::PrivateBus,
}

async fn connect(bus: &system_tests::PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

/// All of seld on `bus`, with its files in `dir`.
async fn start(
    bus: &system_tests::PrivateBus,
    dir: &std::path::Path,
    capacity: usize,
) -> (Arc<Log>, Connection) {
    let store = store::Store::open(&dir.join("sel.log"), capacity).unwrap();
    let file = bmc_daemon::StateFile::new(dir.join("settings.json"));
    let settings = Settings::default();
    let (log, queue) = Log::new(store, file, settings.earliest_time, settings.limits());
    let channels = bmc_daemon::ChannelTable::read(dir).ok();
    let pef = Pef::new(&log, channels, bmc_daemon::StateFile::new(dir.join("pef.json")));
    let (connection, ours) = (connect(bus).await, log.clone());
    let server = connection.clone();
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let numbers = Arc::new(Numbers::default());
        let sources = Sources::new(ours.clone(), numbers.clone());
        let served = serve(&connection, &ours, &numbers, &sources, &pef, || ready.send(()).unwrap());
        tokio::select! {
            served = served => assert!(connection.is_closed(), "{served:?}"),
            () = ours.write(queue) => {}
            () = ours.tend() => {}
        }
    });
    is_ready.await.unwrap();
    (log, server)
}

async fn stand_for(capacity: usize) -> Stand {
    let dir = tempfile::tempdir().unwrap();
    let bus = system_tests::PrivateBus::start().unwrap();
    let (log, server) = start(&bus, dir.path(), capacity).await;
    Stand { client: connect(&bus).await, server, log, dir, bus }
}

async fn stand() -> Stand {
    stand_for(3).await
}

/// ipmid, as far as numbers go: every sensor is CPU temperature 30h.
struct Core;

#[zbus::interface(name = "org.ferrite.Ipmi.SensorNumbers")]
impl Core {
    fn get(&self, path: &str) -> NumberedSensor {
        let digits: String = path.chars().filter(char::is_ascii_digit).collect();
        NumberedSensor {
            lun: 0,
            number: digits.parse().unwrap_or(0x30),
            sensor_type: 1,
            event_type: 1,
            factors: Factors { m: 1, b: 0, b_exponent: 0, r_exponent: 0, signed: false },
            scale: 1.0,
            thresholds: vec![0, 0, 0, 90, 95, 100],
            assertions: 0x0FFF,
            deassertions: 0x0FFF,
        }
    }
}

async fn serve_numbers(bus: &system_tests::PrivateBus) -> Connection {
    let core = connect(bus).await;
    core.object_server().at(bmc_dbus::names::ipmi::PATH, Core).await.unwrap();
    bmc_dbus::own_name(&core, bmc_dbus::names::ipmi::SERVICE).await.unwrap();
    core
}

const CRITICAL: &str = "xyz.openbmc_project.Sensor.Threshold.Critical";

/// What dbus-sensors tells when a sensor crosses its upper critical threshold.
async fn crosses(sensors: &Connection, path: &str, asserted: bool, value: f64) {
    let body = ("name", CRITICAL, "CriticalAlarmHigh", asserted, value);
    sensors.emit_signal(None::<&str>, path, CRITICAL, "ThresholdAsserted", &body).await.unwrap();
}

/// Waits until the log has so many records.
async fn has_records(log: &Log, count: usize) {
    let enough = async {
        let mut news = log.news();
        while log.store().records().len() < count {
            news.recv().await.ok();
        }
    };
    let patience = std::time::Duration::from_secs(60);
    let waited = tokio::time::timeout(patience, enough).await;
    assert!(waited.is_ok(), "{} records, not {count}", log.store().records().len());
}

const SENSOR: &str = "/xyz/openbmc_project/sensors/temperature/CPU";

#[tokio::test]
async fn a_crossing_on_the_bus_is_a_record_with_the_sensors_number_and_raw_bytes() {
    let stand = stand().await;
    let _core = serve_numbers(&stand.bus).await;
    crosses(&stand.client, SENSOR, true, 96.0).await;
    // Told once more, in the other form.
    let signal = "CriticalHighAlarmAsserted";
    stand.client.emit_signal(None::<&str>, SENSOR, CRITICAL, signal, &96.0_f64).await.unwrap();
    crosses(&stand.client, SENSOR, false, 93.0).await;
    has_records(&stand.log, 2).await;
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let page = log.page(0, 10).await.unwrap();
    assert_eq!(page[0].record[7..], [0x20, 0, 4, 1, 0x30, 0x01, 0x59, 96, 95]);
    assert_eq!(page[1].record[7..], [0x20, 0, 4, 1, 0x30, 0x81, 0x59, 93, 95]);
    assert_eq!((page.len(), page[0].next, page[1].next), (2, 2, NO_RECORD));
    assert_eq!(page[0].path, SENSOR);
}

#[tokio::test]
async fn an_event_waits_for_ipmid() {
    let stand = stand().await;
    crosses(&stand.client, SENSOR, true, 96.0).await;
    // Something that the log answers after it has heard the signal.
    stand.log.add(store::NewRecord { bytes: [0xE0; 16], at: 0, path: String::new() }).await.unwrap();
    let _core = serve_numbers(&stand.bus).await;
    has_records(&stand.log, 2).await;
    assert_eq!(stand.log.store().get(2).unwrap().2.record[11], 0x30);
}

#[tokio::test]
async fn what_is_on_after_a_start_and_stands_in_the_log_is_not_logged_again() {
    let stand = stand_for(10).await;
    let _core = serve_numbers(&stand.bus).await;
    crosses(&stand.client, SENSOR, true, 96.0).await;
    has_records(&stand.log, 1).await;
    stand.server.clone().close().await.unwrap();
    let (log, _server) = start(&stand.bus, stand.dir.path(), 10).await;
    crosses(&stand.client, SENSOR, true, 97.0).await;
    crosses(&stand.client, SENSOR, false, 90.0).await;
    has_records(&log, 2).await;
    let events: Vec<u8> = log.store().records().values().map(|stored| stored.record[12]).collect();
    assert_eq!(events, [0x01, 0x81]);
    let proxy = EventLogProxy::new(&stand.client).await.unwrap();
    crosses(&stand.client, SENSOR, true, 98.0).await;
    has_records(&log, 3).await;
    proxy.rearm(SENSOR, 0x0FFF).await.unwrap();
    has_records(&log, 4).await;
    assert_eq!(log.store().get(4).unwrap().2.record[12..14], [0x01, 0x59]);
}

#[tokio::test]
async fn a_hundred_thousand_events_are_all_logged_or_counted_and_the_log_keeps_its_history() {
    const EVENTS: u32 = 100_000;
    const SENSORS: u32 = 20;
    let stand = stand_for(3639).await;
    let _core = serve_numbers(&stand.bus).await;
    let history = store::NewRecord { bytes: [0xE0; 16], at: 0, path: String::new() };
    stand.log.add(history).await.unwrap();
    for event in 0..EVENTS {
        let path = format!("{SENSOR}{}", event % SENSORS);
        crosses(&stand.client, &path, (event / SENSORS).is_multiple_of(2), 96.0).await;
    }
    // The last one comes after all others.
    crosses(&stand.client, &format!("{SENSOR}{SENSORS}"), true, 96.0).await;
    let burst = Settings::default().storm_burst;
    let expected = 1 + SENSORS * (burst + 1) + 1;
    has_records(&stand.log, expected.try_into().unwrap()).await;
    stand.log.end();
    let store = stand.log.store();
    let withheld: u32 = store
        .records()
        .values()
        .filter(|stored| stored.record[2] == storm::SUMMARY)
        .map(|stored| u32::from(u16::from_le_bytes([stored.record[14], stored.record[15]])))
        .sum();
    assert_eq!(SENSORS * burst + withheld, EVENTS, "no event is lost");
    assert_eq!(store.get(0).unwrap().2.record[2], 0xE0, "the history is there");
}

#[tokio::test]
async fn what_a_storm_withholds_is_no_change_of_the_log() {
    let stand = stand_for(20).await;
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let mut changes = log.receive_changed().await.unwrap();
    let event = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 0x30, 0x01, 0x59, 97, 95];
    for _ in 0..100 {
        log.report(&event).await.unwrap();
    }
    let written = log.info().await.unwrap().records;
    let mut told = 0;
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(300), changes.next()).await {
        told += 1;
    }
    assert!((1..=written).contains(&told), "{told} signals for {written} records");
}

#[tokio::test]
async fn a_clock_that_is_set_is_set_for_records_and_tells_of_the_step() {
    let stand = stand_for(10).await;
    let settings = EventLogSettingsProxy::new(&stand.client).await.unwrap();
    let before = settings.time().await.unwrap();
    settings.set_time(0x7000_0000).await.unwrap();
    assert!((0x7000_0000..0x7000_0010).contains(&settings.time().await.unwrap()));
    has_records(&stand.log, 2).await;
    let times: Vec<u32> = stand
        .log
        .store()
        .records()
        .values()
        .map(|stored| u32::from_le_bytes(stored.record[3..7].try_into().unwrap()))
        .collect();
    assert!(times[0] - before < 10 && times[1] - 0x7000_0000 < 10, "{times:x?}");
    assert_eq!(settings.utc_offset().await.unwrap(), 0);
    settings.set_utc_offset(-300).await.unwrap();
    assert!(settings.set_utc_offset(1441).await.is_err());
    settings.set_auxiliary_log(1, &[1; 16]).await.unwrap();
    assert!(settings.set_auxiliary_log(3, &[]).await.is_err());
    // A new seld of the same start.
    stand.server.clone().close().await.unwrap();
    let (_log, _server) = start(&stand.bus, stand.dir.path(), 10).await;
    assert!((0x7000_0000..0x7000_0010).contains(&settings.time().await.unwrap()));
    assert_eq!(settings.utc_offset().await.unwrap(), -300);
    assert_eq!(settings.auxiliary_log(1).await.unwrap(), [1; 16]);
    assert!(settings.auxiliary_log(0).await.unwrap_err().to_string().contains("NotPresent"));
}

#[tokio::test]
async fn an_event_of_a_daemon_is_read_back_as_an_ipmi_record() {
    let stand = stand().await;
    let added = LoggingIpmiProxy::new(&stand.client).await.unwrap();
    let id = added.ipmi_sel_add("hot", "/xyz/x", &[1, 2], true, 0x20).await.unwrap();
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let entry = log.get(0).await.unwrap();
    assert_eq!((entry.id, entry.next, entry.record[13..].to_vec()), (id, NO_RECORD, vec![1, 2, 0xFF]));
    let info = log.info().await.unwrap();
    assert_eq!((info.records, info.free, info.overflow), (1, 2, false));
    let missing = log.get(77).await.unwrap_err();
    assert!(missing.to_string().contains("org.ferrite.Error.NotPresent"), "{missing}");
}

struct Supply {
    functional: bool,
}

#[zbus::interface(name = "xyz.openbmc_project.State.Decorator.OperationalStatus")]
impl Supply {
    #[zbus(property)]
    fn functional(&self) -> bool {
        self.functional
    }
}

struct Kind;

#[zbus::interface(name = "xyz.openbmc_project.Inventory.Item.PowerSupply")]
impl Kind {}

#[tokio::test]
async fn a_supply_that_fails_is_a_record_with_its_number_once() {
    let stand = stand().await;
    let _core = serve_numbers(&stand.bus).await;
    let path = "/xyz/openbmc_project/inventory/system/powersupply/PSU1";
    let inventory = connect(&stand.bus).await;
    let objects = inventory.object_server();
    objects.at(bmc_dbus::names::inventory::ROOT, zbus::fdo::ObjectManager).await.unwrap();
    objects.at(path, Supply { functional: false }).await.unwrap();
    objects.at(path, Kind).await.unwrap();
    inventory.request_name("xyz.openbmc_project.Inventory.Manager").await.unwrap();
    has_records(&stand.log, 1).await;
    let supply = objects.interface::<_, Supply>(path).await.unwrap();
    // Told again, and then that it is over.
    supply.get().await.functional_changed(supply.signal_emitter()).await.unwrap();
    supply.get_mut().await.functional = true;
    supply.get().await.functional_changed(supply.signal_emitter()).await.unwrap();
    has_records(&stand.log, 2).await;
    let records: Vec<_> =
        stand.log.store().records().values().map(|stored| stored.record[10..14].to_vec()).collect();
    assert_eq!(records, [[0x08, 1, 0x6F, 0x01], [0x08, 1, 0xEF, 0x01]]);
}

#[tokio::test]
async fn a_record_that_was_added_is_told_to_all_as_it_is_kept() {
    let stand = stand().await;
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let mut told = log.receive_added().await.unwrap();
    LoggingIpmiProxy::new(&stand.client)
        .await
        .unwrap()
        .ipmi_sel_add("hot", "/x", &[1], true, 0x20)
        .await
        .unwrap();
    let signal = told.next().await.unwrap();
    let arguments = signal.args().unwrap();
    assert_eq!((arguments.id, &arguments.record), (1, &log.get(1).await.unwrap().record));
}

#[tokio::test]
async fn every_change_of_the_log_is_answered_and_announced() {
    let stand = stand().await;
    let log = EventLogProxy::new(&stand.client).await.unwrap();
    let others = LoggingIpmiProxy::new(&stand.client).await.unwrap();
    let mut changes = log.receive_changed().await.unwrap();
    let mut announced = async || {
        tokio::time::timeout(std::time::Duration::from_secs(10), changes.next()).await.unwrap().unwrap();
    };
    let record = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 9, 1, 0x57, 2, 3];
    assert_eq!(log.add(&record).await.unwrap(), 1);
    announced().await;
    assert_eq!(log.get(1).await.unwrap().record[7..], record[7..]);
    assert!(log.add(&record[1..]).await.unwrap_err().to_string().contains("InvalidRecord"));
    assert_eq!(others.ipmi_sel_add_oem("", &[7; 13], 0xE0).await.unwrap(), 2);
    announced().await;
    assert_eq!(log.get(2).await.unwrap().record[2..], [&[0xE0][..], &[7; 13]].concat());
    assert_eq!(others.ipmi_sel_add_oem("", &[7; 6], 0xC1).await.unwrap(), 3);
    announced().await;
    assert_eq!(log.get(0xFFFF).await.unwrap().record[7..], [7, 7, 7, 7, 7, 7, 0xFF, 0xFF, 0xFF]);
    assert!(
        others.ipmi_sel_add_oem("", &[7; 14], 0xE0).await.is_err()
            && others.ipmi_sel_add_oem("", &[], 2).await.is_err()
    );
    assert!(log.add(&record).await.unwrap_err().to_string().contains("Error.Full"));
    assert!(log.info().await.unwrap().overflow);
    assert_eq!(log.delete(2).await.unwrap(), 2);
    announced().await;
    assert_eq!(log.get(1).await.unwrap().next, 3);
    assert!(log.delete(2).await.unwrap_err().to_string().contains("NotPresent"));
    for clear in [true, false] {
        if clear {
            log.clear().await.unwrap()
        } else {
            others.clear().await.unwrap()
        }
        announced().await;
        let info = log.info().await.unwrap();
        assert_eq!((info.records, info.free, info.overflow), (1, 2, false), "that it was cleared");
        assert!(info.last_addition >= info.last_erase);
        assert_eq!(log.get(0).await.unwrap().record[10..], [0x10, 0xF5, 0x6F, 0x02, 0xFF, 0xFF]);
    }
}

#[tokio::test]
async fn a_lockout_that_a_channel_tells_is_a_session_audit_record_with_user_and_channel() {
    let stand = stand().await;
    let _core = serve_numbers(&stand.bus).await;
    let path = bmc_dbus::names::ipmi::channel_path("eth0");
    let interface = bmc_dbus::names::ipmi::LAN_CHANNEL;
    // The one after it is of no kind that there is.
    for body in [(1_u8, 3_u8, 2_u8, 0_u8), (1, 4, 2, 0)] {
        stand
            .client
            .emit_signal(None::<&str>, path.as_str(), interface, "SessionEvent", &body)
            .await
            .unwrap();
    }
    crosses(&stand.client, SENSOR, true, 96.0).await;
    has_records(&stand.log, 2).await;
    let store = stand.log.store();
    let records: Vec<_> = store.records().values().map(|stored| stored.record).collect();
    let kinds: Vec<u8> = records.iter().map(|record| record[10]).collect();
    let session = records.iter().find(|record| record[10] == 0x2A).unwrap();
    assert_eq!((session[12..].to_vec(), kinds.len()), (vec![0x6F, 0xF3, 2, 1], 2));
}
