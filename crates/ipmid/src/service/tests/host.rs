//! What concerns the host, on a bus of its own: attention, events, restriction mode, ACPI state.

use tokio::sync::mpsc;

use super::*;

/// Stands for kcsbridged: tells what it was told.
struct Sms(mpsc::UnboundedSender<bool>);

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.Channel.SMS")]
impl Sms {
    #[zbus(name = "setAttention")]
    fn set_attention(&self) {
        self.0.send(true).unwrap();
    }

    #[zbus(name = "clearAttention")]
    fn clear_attention(&self) {
        self.0.send(false).unwrap();
    }
}

/// A host channel's owner, and what it is told.
async fn host_channel(bus: &PrivateBus) -> (Connection, mpsc::UnboundedReceiver<bool>) {
    let (told, hears) = mpsc::unbounded_channel();
    let client = connect(bus).await;
    client.object_server().at(ipmi::channel_path("ipmi_kcs3"), Sms(told)).await.unwrap();
    client.request_name(format!("{}ipmi_kcs3", ipmi::CHANNEL_PREFIX)).await.unwrap();
    (client, hears)
}

async fn next(hears: &mut mpsc::UnboundedReceiver<bool>) -> bool {
    timeout(Duration::from_secs(10), hears.recv()).await.unwrap().unwrap()
}

const EVENT: [u8; 16] = [1, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 0x30, 1, 0x57, 60, 60];

/// Stands for seld: tells of a new event.
async fn add_event(seld: &Connection) {
    let names = (bmc_dbus::names::sel::PATH, bmc_dbus::names::sel::EVENT_LOG);
    seld.emit_signal(None::<&str>, names.0, names.1, "Added", &(1u16, EVENT.to_vec())).await.unwrap();
}

#[tokio::test]
async fn an_event_raises_attention_until_the_host_has_read_it() {
    let bus = PrivateBus::start().unwrap();
    let (host, mut hears) = host_channel(&bus).await;
    let seld = connect(&bus).await;
    seld.request_name(bmc_dbus::names::sel::SERVICE).await.unwrap();
    start(&bus).await;
    assert!(!next(&mut hears).await, "at the start nothing waits");
    let enable = execute(&host, (0x06, 0x2E, &[0x0C]), Options::default()).await;
    assert_eq!(enable.3, 0);
    add_event(&seld).await;
    assert!(next(&mut hears).await);
    assert_eq!(execute(&host, (0x06, 0x31, &[]), Options::default()).await.4, [0x02]);
    assert_eq!(execute(&host, (0x06, 0x35, &[]), Options::default()).await.4, EVENT);
    assert!(!next(&mut hears).await);
}

#[tokio::test]
async fn an_owner_that_comes_back_is_told_what_waits() {
    let bus = PrivateBus::start().unwrap();
    let powerd = connect(&bus).await;
    powerd.request_name(bmc_dbus::names::watchdog::SERVICE).await.unwrap();
    start(&bus).await;
    let (first, mut hears) = host_channel(&bus).await;
    assert!(!next(&mut hears).await);
    let path = bmc_dbus::names::watchdog::PATH;
    let interface = bmc_dbus::names::watchdog::WATCHDOG;
    powerd.emit_signal(None::<&str>, path, interface, "PreTimeout", &3u8).await.unwrap();
    assert!(next(&mut hears).await);
    first.close().await.unwrap();
    let (_second, mut hears) = host_channel(&bus).await;
    assert!(next(&mut hears).await);
}

#[tokio::test]
async fn the_restriction_mode_on_the_bus_holds_the_host() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let host = channel_owner(&bus, "ipmi_kcs3").await;
    let root = connect(&bus).await;
    let set = async |mode: &str| {
        let mode = zbus::Variant::from(format!("{}.Modes.{mode}", ipmi::RESTRICTION_MODE));
        let body = (ipmi::RESTRICTION_MODE, "RestrictionMode", mode);
        let (path, properties) = (ipmi::RESTRICTION_MODE_PATH, "org.freedesktop.DBus.Properties");
        root.call_method(Some(ipmi::SERVICE), path, Some(properties), "Set", &body).await
    };
    let mut codes = Vec::new();
    for mode in ["ProvisionedHostDisabled", "None"] {
        set(mode).await.unwrap();
        codes.push(execute(&host, GET_DEVICE_ID, Options::default()).await.3);
    }
    assert_eq!(codes, [0xD4, 0]);
    set("Anything").await.unwrap_err();
}

#[tokio::test]
async fn the_acpi_state_is_seen_on_the_bus_as_the_host_sets_it() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let host = channel_owner(&bus, "ipmi_kcs3").await;
    let reader = connect(&bus).await;
    let properties = zbus::fdo::PropertiesProxy::builder(&reader)
        .destination(ipmi::SERVICE)
        .path(ipmi::ACPI_POWER_STATE_PATH)
        .build()
        .await
        .unwrap();
    let mut changes = properties.receive_properties_changed().await.unwrap();
    assert_eq!(execute(&host, (0x06, 0x06, &[0x85, 0x7F]), Options::default()).await.3, 0);
    let changed = timeout(Duration::from_secs(10), futures_util::StreamExt::next(&mut changes)).await;
    let changed = changed.unwrap().unwrap();
    let state = changed.args().unwrap().changed_properties()["SysACPIStatus"].to_string();
    assert!(state.contains("ACPI.S5_G2"), "{state}");
}
