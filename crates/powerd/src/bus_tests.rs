//! powerd's objects on a private bus, with a board that speaks the socket protocol.

use std::time::Duration;

use bmc_dbus::{
    power::{HostProxy, PowerStatusProxy},
    watchdog::{Setting, StateWatchdogProxy, WatchdogProxy},
};
use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixListener,
};

use super::*;

const BOARD: &str = r#"{"gpio_configs":[
  {"Name":"PowerOk","LineName":"power-ok","Type":"GPIO","Polarity":"ActiveHigh"},
  {"Name":"ResetOut","LineName":"reset-button","Type":"GPIO","Polarity":"ActiveLow"},
  {"Name":"PowerOut","LineName":"power-button","Type":"GPIO","Polarity":"ActiveLow"}]}"#;

/// A board whose host comes on when its button is let go. What it is told is told on.
async fn board(listener: UnixListener, told: mpsc::UnboundedSender<String>) {
    let (read, mut write) = listener.accept().await.unwrap().0.into_split();
    let mut asked = BufReader::new(read).lines();
    let mut pressed = false;
    while let Some(line) = asked.next_line().await.unwrap() {
        let high = match line.as_str() {
            r#"{"watch":["power-ok"]}"# => Some(false),
            r#"{"set":"power-button","value":false}"# => {
                pressed = true;
                None
            }
            r#"{"set":"power-button","value":true}"# if pressed => Some(true),
            _ => None,
        };
        let _ = told.send(line);
        if let Some(high) = high {
            let answer = format!("{{\"line\":\"power-ok\",\"value\":{high}}}\n");
            write.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

/// powerd on a bus and a board of its own.
struct Stand {
    dir: tempfile::TempDir,
    told: mpsc::UnboundedReceiver<String>,
    stop: tokio::sync::watch::Sender<bool>,
    core: tokio::task::JoinHandle<()>,
    client: zbus::Connection,
    _bus: system_tests::PrivateBus,
}

async fn stand() -> Stand {
    let dir = tempfile::tempdir().unwrap();
    let bus = system_tests::PrivateBus::start().unwrap();
    let connect = async || zbus::connection::Builder::address(bus.address()).build().await.unwrap();
    let (server, client) = (connect().await, connect().await);
    let socket = dir.path().join("gpio.sock");
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(board(UnixListener::bind(&socket).unwrap(), tell));
    let file = dir.path().join("power-config.json");
    std::fs::write(&file, BOARD).unwrap();
    let source = bmc_hw::gpio::Source::Socket(socket);
    let lines = config::Board::read(&file).unwrap();
    let state = dir.path().join("power.json");
    let (core, view) = core::Core::new(&config::Settings::default(), lines, source, state).unwrap();
    let watch = watchdog::Watch::new(dir.path().join("watchdog.json"), "boot".to_owned());
    let options = boot::Boot::new(dir.path().join("boot.json"), "boot").unwrap();
    let Parts { objects, core, stop, .. } = Parts::start(core, view, watch, options);
    let (ready, served) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let ready = || ready.send(()).unwrap();
        objects.on_bus(&server, ready).await.unwrap();
    });
    served.await.unwrap();
    Stand { dir, told, stop, core, client, _bus: bus }
}

impl Stand {
    async fn becomes(&self, state: &str) {
        let host = HostProxy::new(&self.client).await.unwrap();
        let mut states = host.receive_current_host_state_changed().await;
        while !states.next().await.unwrap().get().await.unwrap().ends_with(state) {}
    }

    async fn ask(&self, transition: &str) -> zbus::Result<()> {
        let value = format!("{}{transition}", bmc_dbus::power::HOST_TRANSITION);
        HostProxy::new(&self.client).await.unwrap().set_requested_host_transition(&value).await
    }

    fn kept(&self) -> core::Memory {
        let text = std::fs::read(self.dir.path().join("power.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

async fn within(story: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(20), story).await.unwrap();
}

#[tokio::test]
async fn a_host_goes_on_over_the_bus_and_what_it_cannot_do_is_refused_with_the_reason() {
    within(async {
        let stand = stand().await;
        stand.becomes(".Off").await;
        let refused = stand.ask("ForceWarmReboot").await.unwrap_err();
        assert!(refused.to_string().contains("the host is off"), "{refused}");
        stand.ask("On").await.unwrap();
        stand.becomes(".Running").await;
        let status = PowerStatusProxy::new(&stand.client).await.unwrap();
        assert_eq!(
            (status.power_fault().await.unwrap(), status.last_power_event().await.unwrap()),
            (false, "Command".into())
        );
        stand.ask("On").await.unwrap();
        let kept = stand.kept();
        assert_eq!((kept.host_on, kept.restart_cause), (true, machine::RestartCause::RemoteCommand));
        assert!(!kept.boot_id.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_reset_of_the_host_is_signalled() {
    within(async {
        let stand = stand().await;
        stand.becomes(".Off").await;
        stand.ask("On").await.unwrap();
        stand.becomes(".Running").await;
        let status = PowerStatusProxy::new(&stand.client).await.unwrap();
        let mut resets = status.receive_host_reset().await.unwrap();
        stand.ask("ForceWarmReboot").await.unwrap();
        resets.next().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn stopping_in_mid_press_lets_the_button_go() {
    within(async {
        let mut stand = stand().await;
        stand.becomes(".Off").await;
        stand.ask("On").await.unwrap();
        while stand.told.recv().await.unwrap() != r#"{"set":"power-button","value":false}"# {}
        stand.stop.send(true).unwrap();
        stand.core.await.unwrap();
        let mut last = String::new();
        while let Some(line) = stand.told.recv().await {
            last = line;
        }
        assert_eq!(last, r#"{"set":"power-button","value":true}"#);
        assert!(!std::fs::read_to_string(stand.dir.path().join("power.json")).unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_output_is_let_go_at_the_start_because_a_killed_powerd_may_have_left_it_pressed() {
    within(async {
        let mut stand = stand().await;
        stand.becomes(".Off").await;
        let mut told = Vec::new();
        while !told.iter().any(|line: &String| line.contains("power-button")) {
            told.push(stand.told.recv().await.unwrap());
        }
        while let Ok(line) = stand.told.try_recv() {
            told.push(line);
        }
        for output in ["power-button", "reset-button"] {
            let released = format!("{{\"set\":\"{output}\",\"value\":true}}");
            assert!(told.contains(&released), "{output} in {told:?}");
            let pressed = format!("{{\"set\":\"{output}\",\"value\":false}}");
            assert!(!told.contains(&pressed), "{output} in {told:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn on_while_the_host_goes_off_is_accepted_over_the_bus() {
    within(async {
        let stand = stand().await;
        stand.becomes(".Off").await;
        stand.ask("On").await.unwrap();
        stand.becomes(".Running").await;
        stand.ask("Off").await.unwrap();
        stand.ask("On").await.unwrap();
        let refused = stand.ask("GracefulWarmReboot").await.unwrap_err();
        assert!(refused.to_string().contains("another transition"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn only_what_changed_is_announced_and_every_name_is_owned() {
    within(async {
        let stand = stand().await;
        stand.becomes(".Off").await;
        let bus = zbus::fdo::DBusProxy::new(&stand.client).await.unwrap();
        let names = bus.list_names().await.unwrap();
        for name in [
            "xyz.openbmc_project.State.OperatingSystem",
            "xyz.openbmc_project.Control.Host.NMI0",
            "xyz.openbmc_project.Control.Host.RestartCause",
            "xyz.openbmc_project.Chassis.Buttons",
        ] {
            assert!(names.iter().any(|owned| owned.as_str() == name), "{name}");
        }
        assert!(
            !names.iter().any(|owned| owned.as_str() == "xyz.openbmc_project.LED.GroupManager"),
            "no LED here"
        );
        let chassis = zbus::fdo::PropertiesProxy::builder(&stand.client)
            .destination("xyz.openbmc_project.State.Chassis")
            .path("/xyz/openbmc_project/state/chassis0")
            .build()
            .await
            .unwrap();
        let mut signals = chassis.receive_properties_changed().await.unwrap();
        stand.ask("On").await.unwrap();
        let mut seen = Vec::new();
        while !seen.iter().any(|name| name == "LastPowerEvent") {
            let signal = signals.next().await.unwrap();
            seen.extend(signal.args().unwrap().changed_properties.keys().map(|name| (*name).to_string()));
        }
        for quiet in ["POHCounter", "PowerFault", "ControlFault", "CurrentPowerStatus"] {
            assert!(!seen.iter().any(|name| name == quiet), "{quiet} among {seen:?}");
        }
    })
    .await;
}

/// seld, as far as powerd knows it; refuses the first record.
struct Log(mpsc::UnboundedSender<Vec<u8>>, bool);

#[zbus::interface(name = "org.ferrite.EventLog")]
impl Log {
    fn report(&mut self, record: Vec<u8>) -> zbus::fdo::Result<u16> {
        if std::mem::replace(&mut self.1, false) {
            return Err(zbus::fdo::Error::Failed("not now".into()));
        }
        self.0.send(record).unwrap();
        Ok(1)
    }
}

/// A reset after 100 ms.
fn short() -> Setting {
    Setting {
        timer_use: 4,
        action: 1,
        interrupt: 3,
        pre_timeout: 0,
        dont_log: false,
        dont_stop: false,
        clear: 0,
        countdown: 1,
    }
}

#[tokio::test]
async fn a_host_that_does_not_feed_its_watchdog_is_reset_and_the_reason_is_told() {
    within(async {
        let mut stand = stand().await;
        let (tell, mut records) = mpsc::unbounded_channel();
        stand.client.object_server().at(bmc_dbus::names::sel::PATH, Log(tell, true)).await.unwrap();
        bmc_dbus::own_name(&stand.client, bmc_dbus::names::sel::SERVICE).await.unwrap();
        stand.becomes(".Off").await;
        stand.ask("On").await.unwrap();
        stand.becomes(".Running").await;
        let watchdog = WatchdogProxy::new(&stand.client).await.unwrap();
        let early = watchdog.reset().await.unwrap_err().to_string();
        assert!(early.contains("NotInitialized"), "{early}");
        let mut ends = watchdog.receive_expired().await.unwrap();
        let mut interrupts = watchdog.receive_pre_timeout().await.unwrap();
        watchdog.set(short()).await.unwrap();
        watchdog.reset().await.unwrap();
        assert_eq!(interrupts.next().await.unwrap().args().unwrap().interrupt, 3);
        let end = ends.next().await.unwrap();
        assert_eq!((end.args().unwrap().timer_use, end.args().unwrap().action), (4, 1));
        while stand.told.recv().await.unwrap() != r#"{"set":"reset-button","value":false}"# {}
        let host = HostProxy::new(&stand.client).await.unwrap();
        let mut causes = host.receive_restart_cause_changed().await;
        while !causes.next().await.unwrap().get().await.unwrap().ends_with(".WatchdogTimer") {}
        assert_eq!(records.recv().await.unwrap()[10..], [0x23, 0xF8, 0x6F, 0xC8, 0x34, 0xFF]);
        assert_eq!(records.recv().await.unwrap()[10..], [0x23, 0xF8, 0x6F, 0xC1, 0x34, 0xFF]);
        let timer = watchdog.get().await.unwrap();
        assert_eq!((timer.running, timer.expired, timer.present), (false, 0x10, 0));
        watchdog.set(Setting { action: 2, ..short() }).await.unwrap();
        let timer = watchdog.get().await.unwrap();
        assert_eq!((timer.action, timer.expired_action), (2, 1), "what it is to do, and what it did");
    })
    .await;
}

#[tokio::test]
async fn a_reset_by_a_client_stops_the_watchdog() {
    within(async {
        let stand = stand().await;
        stand.becomes(".Off").await;
        stand.ask("On").await.unwrap();
        stand.becomes(".Running").await;
        let watchdog = WatchdogProxy::new(&stand.client).await.unwrap();
        watchdog.set(Setting { countdown: 600, ..short() }).await.unwrap();
        watchdog.reset().await.unwrap();
        let openbmc = StateWatchdogProxy::new(&stand.client).await.unwrap();
        let mut enabled = openbmc.receive_enabled_changed().await;
        while !enabled.next().await.unwrap().get().await.unwrap() {}
        stand.ask("ForceWarmReboot").await.unwrap();
        while enabled.next().await.unwrap().get().await.unwrap() {}
        assert_eq!(openbmc.interval().await.unwrap(), 60_000);
    })
    .await;
}

#[tokio::test]
async fn openbmcs_own_ipmid_can_set_start_and_feed_the_watchdog() {
    within(async {
        let stand = stand().await;
        let openbmc = StateWatchdogProxy::new(&stand.client).await.unwrap();
        openbmc.set_enabled(false).await.unwrap();
        openbmc.set_current_timer_use("xyz.openbmc_project.State.Watchdog.TimerUse.OSLoad").await.unwrap();
        openbmc.set_expire_action("xyz.openbmc_project.State.Watchdog.Action.PowerOff").await.unwrap();
        openbmc.set_interval(45_000).await.unwrap();
        openbmc.set_initialized(true).await.unwrap();
        openbmc.reset_time_remaining(true).await.unwrap();
        let timer = WatchdogProxy::new(&stand.client).await.unwrap().get().await.unwrap();
        assert_eq!((timer.timer_use, timer.action, timer.running, timer.initial), (3, 2, true, 450));
        assert!((1..=45_000).contains(&openbmc.time_remaining().await.unwrap()));
        assert!(openbmc.set_expire_action("Explode").await.unwrap_err().to_string().contains("`Explode`"));
        assert!(openbmc.set_interval(u64::MAX).await.is_err());
        let kept = std::fs::read_to_string(stand.dir.path().join("watchdog.json")).unwrap();
        assert!(kept.contains("\"running\": true"), "{kept}");
    })
    .await;
}

#[tokio::test]
async fn boot_options_and_openbmcs_settings_are_two_sides_of_one_thing() {
    within(async {
        let stand = stand().await;
        let options = bmc_dbus::boot::BootOptionsProxy::new(&stand.client).await.unwrap();
        let once = bmc_dbus::names::boot::ONE_TIME_PATH;
        let settings = zbus::fdo::PropertiesProxy::builder(&stand.client)
            .destination(bmc_dbus::names::boot::SETTINGS_SERVICE)
            .path(once)
            .build()
            .await
            .unwrap();
        let interface = |name: &'static str| zbus::names::InterfaceName::from_static_str(name).unwrap();
        let (source, enable) =
            (interface(bmc_dbus::names::boot::SOURCE), interface(bmc_dbus::names::boot::ENABLE));
        let mut changes = settings.receive_properties_changed().await.unwrap();
        assert_eq!(options.set(5, false, &[0x80, 0x04, 0, 0, 0]).await.unwrap(), 0);
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 3 {
            let change = changes.next().await.unwrap();
            seen.extend(change.args().unwrap().changed_properties.keys().map(|name| (*name).to_owned()));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["BootSource", "BootType", "Enabled"]);
        let network = format!("{}Network", bmc_dbus::boot::SOURCE);
        let got: String = settings.get(source.clone(), "BootSource").await.unwrap().try_into().unwrap();
        assert_eq!(got, network);
        let disk = zbus::Variant::from(format!("{}Disk", bmc_dbus::boot::SOURCE));
        settings.set(source.clone(), "BootSource", &disk).await.unwrap();
        assert_eq!(options.get(5, 0).await.unwrap(), (0, false, vec![0x80, 0x08, 0, 0, 0]));
        settings.set(enable, "Enabled", &zbus::Variant::Bool(false)).await.unwrap();
        assert_eq!(options.get(5, 0).await.unwrap().2[0], 0);
        assert!(settings.set(source, "BootSource", &zbus::Variant::from("Tape")).await.is_err());
        assert_eq!(options.get(50, 0).await.unwrap(), (0x80, false, vec![]));
        assert!(std::fs::read_to_string(stand.dir.path().join("boot.json")).unwrap().contains("\"Disk\""));
    })
    .await;
}
