//! powerd's objects on a private bus, with a board that speaks the socket protocol.

use std::time::Duration;

use bmc_dbus::power::{HostProxy, PowerStatusProxy};
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
    let (ask, asked) = mpsc::channel(QUEUE);
    let (stop, stopped) = Shutdown::channel();
    let handle = objects::Handle { view, ask, notices: core.notices() };
    let core = tokio::spawn(core.run(asked, stopped));
    let shown = objects::serve(&server, &handle).await.unwrap();
    tokio::spawn(async move {
        tokio::try_join!(objects::announce(&server, &handle, shown), objects::signal(&server, &handle))
            .unwrap()
    });
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
