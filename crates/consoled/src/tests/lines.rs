//! The lines beside the bytes, over the bus: the carrier, and what rings the host.

use std::os::fd::OwnedFd;

use bmc_dbus::error_reply;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::UnixListener,
};
use zbus::Connection;

use super::*;
use crate::config::RingLine;

async fn carrier_becomes(own: &ConsoleProxy<'static>, asserted: bool) {
    let mut changes = own.receive_carrier_changed().await;
    while changes.next().await.unwrap().get().await.unwrap() != asserted {}
}

/// A console on a bus, and who calls it.
async fn served(rig: &Rig) -> (PrivateBus, Connection, ConsoleProxy<'static>) {
    let bus = PrivateBus::start().unwrap();
    let (connection, _serving) = serve_on(&bus, rig).await;
    let own = own(&connection).await;
    (bus, connection, own)
}

#[test]
fn the_carrier_is_down_until_the_last_of_its_holders_has_let_go() {
    block_on(async {
        let rig = Rig::start(|_| {});
        let (_bus, _connection, own) = served(&rig).await;
        carrier_becomes(&own, true).await;
        let one = OwnedFd::from(own.drop_carrier().await.unwrap());
        let two = OwnedFd::from(own.drop_carrier().await.unwrap());
        carrier_becomes(&own, false).await;
        drop(one);
        let mut level = rig.console.carrier.level();
        level.changed().await;
        assert!(!level.asserted(), "the other holds it");
        drop(two);
        carrier_becomes(&own, true).await;
    });
}

#[test]
fn so_many_hold_the_carrier_down_and_no_more() {
    block_on(async {
        let rig = Rig::start(|_| {});
        let mut holds = Vec::new();
        while let Ok(hold) = rig.console.carrier.hold_down() {
            holds.push(hold);
        }
        assert_eq!(holds.len(), 64);
        drop(holds);
        let mut level = rig.console.carrier.level();
        while !level.asserted() {
            level.changed().await;
        }
        rig.console.carrier.hold_down().unwrap();
    });
}

#[test]
fn a_board_without_the_line_says_that_it_cannot_ring() {
    block_on(async {
        let rig = Rig::start(|_| {});
        let (_bus, _connection, own) = served(&rig).await;
        let error = own.ring().await.unwrap_err();
        let (name, text) = error_reply(&error).unwrap();
        assert_eq!(name, "xyz.openbmc_project.Common.Error.UnsupportedRequest");
        assert!(text.contains("ring_gpio"), "{text}");
    });
}

/// What a board is asked on the next connection.
async fn asked(board: &UnixListener) -> Lines<BufReader<UnixStream>> {
    BufReader::new(board.accept().await.unwrap().0).lines()
}

async fn next(asked: &mut Lines<BufReader<UnixStream>>) -> Option<String> {
    asked.next_line().await.unwrap()
}

#[test]
fn a_ring_is_a_pulse_and_another_one_meanwhile_is_one_with_it() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let board = UnixListener::bind(dir.path().join("board.sock")).unwrap();
        let line = RingLine { name: "ring".to_owned(), high: false };
        let rig = Rig::start_in(dir, |settings| settings.ring_line = Some(line));
        let (_bus, _connection, own) = served(&rig).await;
        let ringing = tokio::spawn({
            let own = own.clone();
            async move { own.ring().await }
        });
        let mut board_is_asked = asked(&board).await;
        assert_eq!(next(&mut board_is_asked).await.unwrap(), r#"{"watch":[]}"#);
        assert_eq!(next(&mut board_is_asked).await.unwrap(), r#"{"set":"ring","value":false}"#);
        own.ring().await.unwrap();
        assert!(!ringing.is_finished(), "the line is still asserted");
        assert_eq!(next(&mut board_is_asked).await.unwrap(), r#"{"set":"ring","value":true}"#);
        assert_eq!(next(&mut board_is_asked).await, None);
        ringing.await.unwrap().unwrap();
        let (rung, mut again) = tokio::join!(own.ring(), asked(&board));
        rung.unwrap();
        assert!(next(&mut again).await.is_some(), "the next one is another");
    });
}

#[test]
fn a_board_that_is_not_there_is_an_error_and_no_end_of_rings() {
    block_on(async {
        let line = RingLine { name: "ring".to_owned(), high: true };
        let rig = Rig::start(|settings| settings.ring_line = Some(line));
        let (_bus, _connection, own) = served(&rig).await;
        for _ in 0..2 {
            let error = own.ring().await.unwrap_err();
            let (name, _) = error_reply(&error).unwrap();
            assert_eq!(name, "xyz.openbmc_project.Common.Error.InternalFailure");
        }
    });
}
