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

/// A board whose host comes on when its button goes low.
async fn board(listener: UnixListener) {
    let (read, mut write) = listener.accept().await.unwrap().0.into_split();
    let mut asked = BufReader::new(read).lines();
    while let Some(line) = asked.next_line().await.unwrap() {
        let high = match line.as_str() {
            r#"{"watch":["power-ok"]}"# => false,
            r#"{"set":"power-button","value":false}"# => true,
            _ => continue,
        };
        let told = format!("{{\"line\":\"power-ok\",\"value\":{high}}}\n");
        write.write_all(told.as_bytes()).await.unwrap();
    }
}

async fn story() {
    let dir = tempfile::tempdir().unwrap();
    let bus = system_tests::PrivateBus::start().unwrap();
    let connect = async || zbus::connection::Builder::address(bus.address()).build().await.unwrap();
    let (server, client) = (connect().await, connect().await);
    let socket = dir.path().join("gpio.sock");
    tokio::spawn(board(UnixListener::bind(&socket).unwrap()));
    let file = dir.path().join("power-config.json");
    std::fs::write(&file, BOARD).unwrap();
    let source = bmc_hw::gpio::Source::Socket(socket);
    let lines = config::Board::read(&file).unwrap();
    let state = dir.path().join("power.json");
    let (core, view) = core::Core::new(&config::Settings::default(), lines, source, state).unwrap();
    let (ask, asked) = mpsc::channel(QUEUE);
    tokio::spawn(core.run(asked));
    let handle = objects::Handle { view, ask };
    objects::serve(&server, &handle).await.unwrap();
    let announcer = handle.clone();
    tokio::spawn(async move { objects::announce(&server, &announcer).await.unwrap() });
    let host = HostProxy::new(&client).await.unwrap();
    let mut states = host.receive_current_host_state_changed().await;
    while !states.next().await.unwrap().get().await.unwrap().ends_with(".Off") {}
    let reset = format!("{}ForceWarmReboot", bmc_dbus::power::HOST_TRANSITION);
    let refused = host.set_requested_host_transition(&reset).await.unwrap_err();
    assert!(refused.to_string().contains("the host is off"), "{refused}");
    let on = format!("{}On", bmc_dbus::power::HOST_TRANSITION);
    host.set_requested_host_transition(&on).await.unwrap();
    while !states.next().await.unwrap().get().await.unwrap().ends_with(".Running") {}
    assert!(!PowerStatusProxy::new(&client).await.unwrap().power_fault().await.unwrap());
}

#[tokio::test]
async fn a_host_goes_on_over_the_bus_and_what_it_cannot_do_is_refused_with_the_reason() {
    tokio::time::timeout(Duration::from_secs(20), story()).await.unwrap();
}
