use std::sync::Arc;

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::{
        fake::{self, Board},
        sol::Configuration,
    },
};

async fn ask_as(caller: &Caller, ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let response = dispatch(ipmid, caller, Request { net_fn: 0x06, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn ask(ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_as(&Caller::without_session(1, ChannelMedium::Lan), ipmid, command, data).await
}

/// A board with two consoles, the second of which is in use.
fn with_second_instance() -> Arc<Board> {
    let board = Arc::new(Board::running());
    *board.sol.lock().unwrap() = Some(Configuration { consoles: 2, ..Configuration::default() });
    board.payloads.lock().unwrap().push(ListedPayload {
        payload_type: 1,
        instance: 2,
        session_id: 0x0102_0304,
        port: 50_000,
        seconds: 5,
        bytes_in: 0,
        bytes_out: 0,
    });
    board
}

#[tokio::test]
async fn the_status_and_the_session_of_each_instance_are_told() {
    let ipmid = fake::ipmid(&with_second_instance());
    assert_eq!(ask(&ipmid, 0x4A, &[1]).await.unwrap(), [2, 0b10, 0]);
    assert_eq!(ask(&ipmid, 0x4B, &[1, 1]).await.unwrap(), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(ask(&ipmid, 0x4B, &[1, 2]).await.unwrap(), [4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(ask(&ipmid, 0x4B, &[1, 3]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, 0x4B, &[1, 0]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, 0x4A, &[2]).await, Err(0xCC));
}

#[tokio::test]
async fn the_host_sees_and_ends_what_is_active_on_any_channel() {
    let board = with_second_instance();
    let ipmid = fake::ipmid(&board);
    let host = Caller::without_session(15, ChannelMedium::SystemInterface);
    assert_eq!(ask_as(&host, &ipmid, 0x4A, &[1]).await.unwrap(), [2, 0b10, 0]);
    assert_eq!(ask_as(&host, &ipmid, 0x49, &[1, 2, 0, 0, 0, 0]).await, Ok(vec![]));
    assert_eq!(*board.asked.lock().unwrap(), ["deactivate 1 2 of eth0"]);
    assert_eq!(ask_as(&host, &ipmid, 0x49, &[1, 1, 0, 0, 0, 0]).await, Err(0x80));
    let second = Caller::without_session(2, ChannelMedium::Lan);
    assert_eq!(ask_as(&second, &ipmid, 0x4A, &[1]).await.unwrap(), [1, 0, 0], "nobody serves eth1");
}

#[tokio::test]
async fn a_user_may_use_serial_over_lan_until_it_is_forbidden() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, 0x4D, &[1, 2]).await.unwrap(), [2, 0, 0, 0]);
    assert_eq!(ask(&ipmid, 0x4C, &[1, 0x42, 2, 0, 0, 0]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, 0x4D, &[1, 2]).await.unwrap(), [0, 0, 0, 0]);
    assert_eq!(ask(&ipmid, 0x4D, &[2, 2]).await.unwrap(), [2, 0, 0, 0], "another channel");
    assert_eq!(ask(&ipmid, 0x4C, &[1, 0x02, 2, 0, 0, 0]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, 0x4D, &[1, 2]).await.unwrap(), [2, 0, 0, 0]);
}

#[tokio::test]
async fn access_to_what_does_not_exist_is_refused() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, 0x4C, &[1, 2, 4, 0, 0, 0]).await, Err(0xCC), "payload type 2");
    assert_eq!(ask(&ipmid, 0x4C, &[1, 2, 2, 0, 1, 0]).await, Err(0xCC), "an OEM payload");
    assert_eq!(ask(&ipmid, 0x4C, &[1, 3, 2, 0, 0, 0]).await, Err(0xCC), "an empty slot");
    assert_eq!(ask(&ipmid, 0x4C, &[1, 63, 2, 0, 0, 0]).await, Err(0xC9), "no slot");
    assert_eq!(ask(&ipmid, 0x4D, &[15, 2]).await, Err(0xCC), "no LAN channel");
    assert_eq!(ask(&ipmid, 0x4D, &[1, 1]).await.unwrap(), [0; 4], "the null user");
}

#[tokio::test]
async fn a_lan_channel_has_ipmi_sol_and_the_session_set_up() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, 0x4E, &[0x0E]).await.unwrap(), [0x03, 0, 0x3F, 0, 0, 0, 0, 0]);
    for kind in [0x00, 0x01, 0x10, 0x15] {
        assert_eq!(ask(&ipmid, 0x4F, &[1, kind]).await.unwrap(), [0x10], "{kind:#x}");
    }
    for kind in [0x02, 0x16, 0x20] {
        assert_eq!(ask(&ipmid, 0x4F, &[1, kind]).await, Err(0x80), "{kind:#x}");
    }
    assert_eq!(ask(&ipmid, 0x50, &[1, 0x20, 0, 0, 0, 0, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, 0x4E, &[15]).await, Err(0xCC));
}
