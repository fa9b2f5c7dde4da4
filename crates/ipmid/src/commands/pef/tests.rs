use std::sync::Arc;

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::fake::{self, Board},
};

const CAPABILITIES: u8 = 0x10;
const POSTPONE: u8 = 0x11;
const SET: u8 = 0x12;
const GET: u8 = 0x13;
const SET_LAST: u8 = 0x14;
const GET_LAST: u8 = 0x15;
const ALERT: u8 = 0x16;
const ACKNOWLEDGE: u8 = 0x17;

async fn ask_as(caller: Caller, ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let response = dispatch(ipmid, &caller, Request { net_fn: 0x04, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn ask(ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_as(Caller::without_session(1, ChannelMedium::Lan), ipmid, command, data).await
}

#[tokio::test]
async fn capabilities_are_all_actions_but_the_vendors() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, CAPABILITIES, &[]).await, Ok(vec![0x51, 0x2F, 32]));
}

#[tokio::test]
async fn a_parameter_is_told_as_it_was_set_and_no_other_is_there() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    let filter = [2, 0x80, 0x01, 0x01, 0x10, 0x20, 0xFF, 1, 0x30, 1, 0, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(ask(&ipmid, SET, &[&[6][..], &filter].concat()).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, GET, &[6, 2, 0]).await, Ok([&[0x11][..], &filter].concat()));
    assert_eq!(ask(&ipmid, GET, &[0x86, 2, 0]).await, Ok(vec![0x11]), "its revision alone");
    for (number, code) in [(3, 0x80), (14, 0x80), (5, 0x82), (8, 0x82), (11, 0x82)] {
        assert_eq!(ask(&ipmid, SET, &[number, 1]).await, Err(code), "{number}");
    }
    assert_eq!(ask(&ipmid, GET, &[3, 0, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, GET, &[6, 33, 0]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, SET, &[6, 2, 0x80]).await, Err(0xC7));
}

#[tokio::test]
async fn a_second_change_is_refused_until_the_first_is_complete() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    for (progress, answer) in [(1, Ok(vec![])), (1, Err(0x81)), (0, Ok(vec![])), (1, Ok(vec![]))] {
        assert_eq!(ask(&ipmid, SET, &[0, progress]).await, answer);
    }
}

#[tokio::test]
async fn the_timer_is_set_and_asked_for() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, POSTPONE, &[60]).await, Ok(vec![60]));
    assert_eq!(ask(&ipmid, POSTPONE, &[0xFF]).await, Ok(vec![60]));
}

#[tokio::test]
async fn how_far_the_log_was_looked_at_is_told_beside_its_last_record() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    let none = ask(&ipmid, GET_LAST, &[]).await.unwrap();
    assert_eq!(none[4..], [0xFF, 0xFF, 0, 0, 0, 0]);
    board.log.lock().unwrap().0.insert(7, [0; 16]);
    ask(&ipmid, SET_LAST, &[0, 5, 0]).await.unwrap();
    ask(&ipmid, SET_LAST, &[1, 6, 1]).await.unwrap();
    assert_eq!(ask(&ipmid, GET_LAST, &[]).await.unwrap()[4..], [7, 0, 5, 0, 6, 1]);
}

#[tokio::test]
async fn an_alert_goes_to_a_lan_channel_and_its_status_is_told() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    let event = [0x20, 4, 1, 0x30, 0x01, 0x59, 97, 95];
    assert_eq!(ask(&ipmid, ALERT, &[&[0x0E, 3, 0x82][..], &event].concat()).await, Ok(vec![]));
    let asked = board.asked.lock().unwrap().pop().unwrap();
    assert!(asked.contains("channel: 01, destination: 03, string: Some(02)"), "{asked}");
    assert!(asked.contains("event: [20, 04, 01, 30, 01, 59, 61, 5F]"), "{asked}");
    assert_eq!(ask(&ipmid, ALERT, &[15, 1, 0]).await, Err(0xCC), "the host is no console");
    assert_eq!(ask(&ipmid, ALERT, &[1, 0x40, 0]).await, Ok(vec![0]));
    board.alerting.lock().unwrap().busy = true;
    assert_eq!(ask(&ipmid, ALERT, &[1, 1, 0]).await, Err(0x81));
    assert_eq!(ask(&ipmid, ALERT, &[1, 0x40, 0]).await, Ok(vec![0xFF]));
    assert_eq!(ask(&ipmid, ALERT, &[1, 0x80, 0]).await, Ok(vec![]));
    assert_eq!(board.asked.lock().unwrap().pop().unwrap(), "forget the alert");
}

#[tokio::test]
async fn a_manager_acknowledges_without_a_session_on_the_channel_of_the_trap() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    let trap = [0x34, 0x12, 4, 3, 2, 1, 0x20, 0x20, 0x30, 0x59, 97, 95];
    let manager = Caller { privilege: None, ..Caller::without_session(2, ChannelMedium::Lan) };
    assert_eq!(ask_as(manager, &ipmid, ACKNOWLEDGE, &trap).await, Ok(vec![]));
    assert_eq!(board.asked.lock().unwrap().pop().unwrap(), "eth1 has trap 4660 of 16909060");
    let host = Caller::without_session(15, ChannelMedium::SystemInterface);
    assert_eq!(ask_as(host, &ipmid, ACKNOWLEDGE, &trap).await, Err(0xD5));
}
