use std::sync::Arc;

use super::*;
use crate::platform::fake::{self, Board};
use ipmi_wire::Privilege;

const APP: u8 = 0x06;
const CHASSIS: u8 = 0x00;
const GROUP: u8 = 0x2C;

fn user(privilege: Privilege) -> Caller {
    Caller {
        privilege: Some(privilege),
        user_slot: Some(2),
        session_id: Some(7),
        ..Caller::without_session(1, ChannelMedium::Lan)
    }
}

async fn ask(board: Board, caller: Caller, net_fn: u8, command: u8, data: &[u8]) -> (u8, Vec<u8>) {
    let ipmid = fake::ipmid(&Arc::new(board));
    let response = dispatch(&ipmid, &caller, Request { net_fn, command, data }).await;
    (response.completion_code.0, response.data)
}

#[tokio::test]
async fn a_command_above_the_callers_privilege_is_refused_and_not_run() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    let request = Request { net_fn: CHASSIS, command: 0x02, data: &[0] };
    let refused = dispatch(&ipmid, &user(Privilege::User), request).await;
    assert_eq!(refused.completion_code, CompletionCode::INSUFFICIENT_PRIVILEGE);
    assert!(board.asked.lock().unwrap().is_empty());
    let done = dispatch(&ipmid, &user(Privilege::Operator), request).await;
    assert_eq!(done.completion_code, CompletionCode::OK);
    assert_eq!(*board.asked.lock().unwrap(), ["Off"]);
}

#[tokio::test]
async fn before_a_session_only_what_is_meant_for_it_is_answered() {
    let stranger = Caller { privilege: None, ..Caller::without_session(1, ChannelMedium::Lan) };
    let (code, guid) = ask(Board::running(), stranger, APP, 0x37, &[]).await;
    assert_eq!((code, guid.len()), (0, 16));
    assert_eq!(ask(Board::running(), stranger, APP, 0x01, &[]).await.0, 0xD4);
}

#[tokio::test]
async fn an_unknown_command_is_invalid_whoever_asks() {
    let stranger = Caller { privilege: None, ..Caller::without_session(1, ChannelMedium::Lan) };
    for caller in [stranger, user(Privilege::Administrator)] {
        assert_eq!(ask(Board::running(), caller, APP, 0xFE, &[]).await, (0xC1, vec![]));
        // A response's network function is no request's.
        assert_eq!(ask(Board::running(), caller, 0x07, 0x01, &[]).await, (0xC1, vec![]));
    }
}

#[tokio::test]
async fn wrong_lengths_are_told_apart_from_wrong_values() {
    let admin = user(Privilege::Administrator);
    assert_eq!(ask(Board::running(), admin, APP, 0x01, &[0]).await.0, 0xC7);
    assert_eq!(ask(Board::running(), admin, CHASSIS, 0x02, &[]).await.0, 0xC7);
    assert_eq!(ask(Board::running(), admin, CHASSIS, 0x02, &[6]).await.0, 0xCC);
}

#[tokio::test]
async fn commands_of_the_controller_do_not_exist_on_other_luns() {
    let admin = user(Privilege::Administrator);
    let elsewhere = Caller { lun: Lun::new(1).unwrap(), ..admin };
    assert_eq!(ask(Board::running(), elsewhere, APP, 0x01, &[]).await.0, 0xC2);
}

#[tokio::test]
async fn picmg_and_vita_probes_are_rejected_with_their_body_code() {
    let admin = user(Privilege::Administrator);
    for body_code in [0x00, 0x03, 0xDC, 0x77] {
        assert_eq!(ask(Board::running(), admin, GROUP, 0x00, &[body_code, 1]).await, (0xC1, vec![body_code]));
    }
    assert_eq!(ask(Board::running(), admin, GROUP, 0x00, &[]).await, (0xC7, vec![]));
}

#[tokio::test]
async fn oem_commands_are_rejected_with_their_number() {
    let admin = user(Privilege::Administrator);
    assert_eq!(ask(Board::running(), admin, 0x2E, 0x10, &[1, 2, 3, 4]).await, (0xC1, vec![1, 2, 3]));
    assert_eq!(ask(Board::running(), admin, 0x2E, 0x10, &[1, 2]).await, (0xC7, vec![1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_costs_a_timeout_and_no_more() {
    let board = Board { stuck: true, ..Board::running() };
    let answer = ask(board, user(Privilege::Administrator), CHASSIS, 0x02, &[1]).await;
    assert_eq!(answer, (0xC3, vec![]));
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_so() {
    let answer = ask(Board::default(), user(Privilege::Administrator), CHASSIS, 0x01, &[]).await;
    assert_eq!(answer, (0xCE, vec![]));
}

proptest::proptest! {
    #[test]
    fn no_request_breaks_dispatch_and_every_error_is_short(
        net_fn: u8, command: u8, lun in 0u8..4, data: Vec<u8>, privilege in 0u8..6,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let caller = Caller {
            lun: Lun::new(lun).unwrap(),
            privilege: Privilege::from_u8(privilege),
            ..Caller::without_session(1, ChannelMedium::Lan)
        };
        let (code, body) = runtime.block_on(ask(Board::running(), caller, net_fn, command, &data));
        proptest::prop_assert!(code == 0 || body.len() <= 3);
    }
}
