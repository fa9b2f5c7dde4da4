use std::sync::Arc;

use ipmi_wire::Privilege;

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::fake::{self, Board},
};

const SET: u8 = 0x21;
const GET: u8 = 0x22;

fn caller(privilege: Privilege) -> Caller {
    Caller { privilege: Some(privilege), ..Caller::without_session(1, ChannelMedium::Lan) }
}

async fn ask_as(privilege: Privilege, ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let response = dispatch(ipmid, &caller(privilege), Request { net_fn: 0x0C, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn ask(ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_as(Privilege::Administrator, ipmid, command, data).await
}

#[tokio::test]
async fn every_parameter_is_told_and_nothing_beyond() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    let expected: [&[u8]; 9] = [&[0], &[1], &[0xC4], &[20, 1], &[7, 100], &[0], &[0], &[1], &[0x6F, 0x02]];
    for (number, data) in (0..).zip(expected) {
        let told = ask(&ipmid, GET, &[0x0E, number, 0, 0]).await;
        assert_eq!(told, Ok([&[0x11], data].concat()), "parameter {number}");
        assert_eq!(ask(&ipmid, GET, &[0x8E, number, 0, 0]).await, Ok(vec![0x11]), "its revision alone");
    }
    assert_eq!(ask(&ipmid, GET, &[1, 9, 0, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, GET, &[0x81, 9, 0, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, GET, &[15, 0, 0, 0]).await, Err(0xCC), "the host has no session to send it in");
}

#[tokio::test]
async fn what_was_set_is_told() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    let values: [(u8, &[u8]); 6] =
        [(1, &[0]), (2, &[0x83]), (3, &[2, 64]), (4, &[3, 25]), (5, &[10]), (6, &[6])];
    for (number, data) in values {
        assert_eq!(ask(&ipmid, SET, &[&[1, number], data].concat()).await, Ok(vec![]), "{number}");
        assert_eq!(ask(&ipmid, GET, &[1, number, 0, 0]).await, Ok([&[0x11], data].concat()), "{number}");
    }
}

#[tokio::test]
async fn a_second_change_is_refused_until_the_first_is_complete() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, SET, &[1, 0, 1]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, GET, &[1, 0, 0, 0]).await, Ok(vec![0x11, 1]));
    assert_eq!(ask(&ipmid, SET, &[1, 0, 1]).await, Err(0x81));
    assert_eq!(ask(&ipmid, SET, &[1, 0, 0]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, SET, &[1, 0, 1]).await, Ok(vec![]));
    // ipmitool ends with this.
    assert_eq!(ask(&ipmid, SET, &[1, 0, 2]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, SET, &[1, 0, 1]).await, Ok(vec![]));
}

#[tokio::test]
async fn read_only_reserved_and_unknown_parameters_are_refused_each_by_its_code() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, SET, &[1, 7, 1]).await, Err(0x82));
    assert_eq!(ask(&ipmid, SET, &[1, 8, 0x6F, 2]).await, Err(0x82));
    assert_eq!(ask(&ipmid, SET, &[1, 9, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, SET, &[1, 3, 0, 1]).await, Err(0xCC), "an interval of 0 is reserved");
    assert_eq!(ask(&ipmid, SET, &[1, 3, 1]).await, Err(0xC7));
    assert_eq!(ask_as(Privilege::Operator, &ipmid, SET, &[1, 1, 0]).await, Err(0xD4));
    assert!(ask_as(Privilege::User, &ipmid, GET, &[1, 1, 0, 0]).await.is_ok());
}

#[tokio::test]
async fn without_the_channels_owner_the_answer_is_that_there_is_none() {
    let board = Arc::new(Board::running());
    *board.sol.lock().unwrap() = None;
    let ipmid = fake::ipmid(&board);
    assert_eq!(ask(&ipmid, GET, &[1, 1, 0, 0]).await, Err(0xCE));
}
