//! Each command with a board that is a table.

use std::sync::Arc;

use bmc_daemon::ChannelMedium;
use ipmi_wire::command::boot::BootOption;
use tokio::time::Duration;

use crate::{
    Ipmid,
    dispatch::{Caller, Request, dispatch},
    platform::{
        fake::{self, Board},
        lan::{Ipv6Address, Ipv6Origin},
        power::{PowerEvent, PowerStatus, RestartCause, RestorePolicy},
        sessions::Session,
    },
};

const APP: u8 = 0x06;
const CHASSIS: u8 = 0x00;
const STORAGE: u8 = 0x0A;
const TRANSPORT: u8 = 0x0C;

/// An administrator's session with ID 7 on channel 1.
fn admin() -> Caller {
    Caller { user_slot: Some(2), session_id: Some(7), ..Caller::without_session(1, ChannelMedium::Lan) }
}

async fn ask(ipmid: &Ipmid, net_fn: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let response = dispatch(ipmid, &admin(), Request { net_fn, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

fn session(handle: u8, id: u32, peer: &str) -> Session {
    Session {
        id,
        handle,
        channel: 1,
        user_slot: 2,
        privilege: 4,
        peer: Some(peer.parse().unwrap()),
        peer_mac: [0; 6],
    }
}

#[tokio::test]
async fn get_device_id_tells_version_2_0_and_what_there_is() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    let id = ask(&ipmid, APP, 0x01, &[]).await.unwrap();
    assert_eq!(id.len(), 11);
    assert_eq!(id[4..6], [0x02, 0x8F]);
}

#[tokio::test]
async fn the_two_guids_are_not_the_same() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, APP, 0x37, &[]).await.unwrap(), [1; 16]);
    assert_eq!(ask(&ipmid, APP, 0x08, &[]).await.unwrap(), [2; 16]);
}

#[tokio::test]
async fn a_session_is_found_by_all_four_selectors() {
    let board = Arc::new(Board::running());
    board
        .sessions
        .lock()
        .unwrap()
        .extend([session(1, 7, "192.0.2.9:50000"), session(5, 9, "[2001:db8::1]:623")]);
    let ipmid = fake::ipmid(&board);
    let first = [1, 15, 2, 2, 4, 0x11, 192, 0, 2, 9, 0, 0, 0, 0, 0, 0, 0x50, 0xC3];
    assert_eq!(ask(&ipmid, APP, 0x3D, &[0]).await.unwrap(), first);
    assert_eq!(ask(&ipmid, APP, 0x3D, &[1]).await.unwrap(), first);
    let second = [5, 15, 2, 2, 4, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x6F, 0x02];
    assert_eq!(ask(&ipmid, APP, 0x3D, &[0xFE, 5]).await.unwrap(), second);
    assert_eq!(ask(&ipmid, APP, 0x3D, &[0xFF, 9, 0, 0, 0]).await.unwrap(), second);
    assert_eq!(ask(&ipmid, APP, 0x3D, &[3]).await.unwrap(), [0, 15, 2]);
    assert_eq!(ask(&ipmid, APP, 0x3D, &[0xFE, 9]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, APP, 0x3D, &[0xFF, 9, 0, 0]).await, Err(0xC7));
    assert_eq!(ask(&ipmid, APP, 0x3D, &[64]).await, Err(0xCC));
}

#[tokio::test]
async fn channel_info_tells_medium_and_sessions() {
    let board = Arc::new(Board::running());
    board.sessions.lock().unwrap().push(session(1, 7, "192.0.2.9:1"));
    let ipmid = fake::ipmid(&board);
    let lan = [1, 4, 1, 0x81, 0xF2, 0x1B, 0, 0, 0];
    assert_eq!(ask(&ipmid, APP, 0x42, &[1]).await.unwrap(), lan);
    assert_eq!(ask(&ipmid, APP, 0x42, &[0x0E]).await.unwrap(), lan);
    let system_interface = [15, 0x0C, 5, 0, 0xF2, 0x1B, 0, 0xFF, 0xFF];
    assert_eq!(ask(&ipmid, APP, 0x42, &[15]).await.unwrap(), system_interface);
    assert_eq!(ask(&ipmid, APP, 0x42, &[7]).await, Err(0xCC));
}

#[tokio::test]
async fn channel_access_is_for_channels_with_sessions() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, APP, 0x41, &[1, 0x80]).await.unwrap(), [0x02, 4]);
    assert_eq!(ask(&ipmid, APP, 0x41, &[1, 0x40]).await.unwrap(), [0x02, 4]);
    assert_eq!(ask(&ipmid, APP, 0x41, &[1, 0]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, APP, 0x41, &[15, 0x80]).await.unwrap(), [0x22, 4]);
    assert_eq!(ask(&ipmid, APP, 0x41, &[0, 0x80]).await, Err(0x82));
}

#[tokio::test]
async fn users_are_counted_and_an_empty_slot_has_no_name() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, APP, 0x44, &[1, 2]).await.unwrap(), [15, 0x41, 1, 0x14]);
    assert_eq!(ask(&ipmid, APP, 0x44, &[2, 2]).await.unwrap(), [15, 0x41, 1, 0x0F]);
    assert_eq!(ask(&ipmid, APP, 0x44, &[1, 9]).await.unwrap(), [15, 0x81, 1, 0x0F]);
    assert_eq!(ask(&ipmid, APP, 0x44, &[1, 16]).await, Err(0xC9));
    assert_eq!(ask(&ipmid, APP, 0x46, &[1]).await.unwrap(), [0; 16]);
    assert_eq!(ask(&ipmid, APP, 0x46, &[2]).await.unwrap()[..6], *b"admin\0");
    assert_eq!(ask(&ipmid, APP, 0x46, &[3]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, APP, 0x46, &[0]).await, Err(0xC9));
}

#[tokio::test]
async fn chassis_status_shows_each_fact_in_its_bit() {
    let off = PowerStatus::default();
    let cases = [
        (off, [0x60, 0x00, 0x00]),
        (PowerStatus { on: true, restore_policy: Some(RestorePolicy::AlwaysOff), ..off }, [0x01, 0x00, 0x00]),
        (PowerStatus { restore_policy: Some(RestorePolicy::Previous), ..off }, [0x20, 0x00, 0x00]),
        (PowerStatus { restore_policy: Some(RestorePolicy::AlwaysOn), ..off }, [0x40, 0x00, 0x00]),
        (PowerStatus { fault: true, control_fault: true, ..off }, [0x78, 0x00, 0x00]),
        (PowerStatus { last_event: Some(PowerEvent::AcFailure), ..off }, [0x60, 0x01, 0x00]),
        (PowerStatus { last_event: Some(PowerEvent::Overload), ..off }, [0x62, 0x02, 0x00]),
        (PowerStatus { last_event: Some(PowerEvent::Interlock), ..off }, [0x64, 0x04, 0x00]),
        (PowerStatus { last_event: Some(PowerEvent::PowerFault), ..off }, [0x60, 0x08, 0x00]),
        (PowerStatus { on: true, last_event: Some(PowerEvent::Command), ..off }, [0x61, 0x10, 0x00]),
        (PowerStatus { identify: Some(false), ..off }, [0x60, 0x00, 0x40]),
        (PowerStatus { identify: Some(true), ..off }, [0x60, 0x00, 0x60]),
    ];
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    for (status, expected) in cases {
        *board.power.lock().unwrap() = Some(status);
        assert_eq!(ask(&ipmid, CHASSIS, 0x01, &[]).await.unwrap(), expected, "{status:?}");
    }
}

#[tokio::test]
async fn chassis_control_does_what_it_says_while_the_host_is_on() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    for action in 0..6 {
        assert_eq!(ask(&ipmid, CHASSIS, 0x02, &[action]).await, Ok(vec![]));
    }
    let expected = ["Off", "On", "Cycle", "Reset", "DiagnosticInterrupt", "SoftOff"];
    assert_eq!(*board.asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_host_that_is_off_can_be_turned_on_but_not_cycled_or_reset() {
    let board = Arc::new(Board::running());
    *board.power.lock().unwrap() = Some(PowerStatus::default());
    let ipmid = fake::ipmid(&board);
    for action in [2, 3, 4] {
        assert_eq!(ask(&ipmid, CHASSIS, 0x02, &[action]).await, Err(0xD5));
    }
    assert!(board.asked.lock().unwrap().is_empty());
    ask(&ipmid, CHASSIS, 0x02, &[1]).await.unwrap();
    assert_eq!(*board.asked.lock().unwrap(), ["On"]);
}

/// Byte 3 of chassis status: what the identify light does.
async fn identify_state(ipmid: &Ipmid) -> u8 {
    ask(ipmid, CHASSIS, 0x01, &[]).await.unwrap()[2] & 0x30
}

#[tokio::test(start_paused = true)]
async fn identify_ends_after_fifteen_seconds_unless_the_request_says_otherwise() {
    let cases: [(&[u8], u64); 3] = [(&[], 15), (&[60], 60), (&[255, 0], 255)];
    for (data, seconds) in cases {
        let board = Arc::new(Board::running());
        let ipmid = fake::ipmid(&board);
        ask(&ipmid, CHASSIS, 0x04, data).await.unwrap();
        assert_eq!(identify_state(&ipmid).await, 0x10);
        let run = async |length| {
            let run = ipmid.kept.identify.run(board.as_ref());
            assert!(tokio::time::timeout(length, run).await.is_err());
        };
        run(Duration::from_secs(seconds) - Duration::from_millis(500)).await;
        assert_eq!(identify_state(&ipmid).await, 0x10);
        run(Duration::from_secs(1)).await;
        assert_eq!(identify_state(&ipmid).await, 0x00);
        assert_eq!(*board.asked.lock().unwrap(), ["identify true", "identify false"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_identify_stays_until_it_is_ended() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    ask(&ipmid, CHASSIS, 0x04, &[5, 1]).await.unwrap();
    let run = ipmid.kept.identify.run(board.as_ref());
    assert!(tokio::time::timeout(Duration::from_secs(3600), run).await.is_err());
    assert_eq!(identify_state(&ipmid).await, 0x20);
    ask(&ipmid, CHASSIS, 0x04, &[0]).await.unwrap();
    assert_eq!(identify_state(&ipmid).await, 0x00);
}

#[tokio::test]
async fn a_restore_policy_is_set_and_011b_only_asks() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    for policy in [3, 0, 1, 2] {
        assert_eq!(ask(&ipmid, CHASSIS, 0x06, &[policy]).await.unwrap(), [7]);
    }
    assert_eq!(*board.asked.lock().unwrap(), ["policy AlwaysOff", "policy Previous", "policy AlwaysOn"]);
    assert_eq!(ask(&ipmid, CHASSIS, 0x06, &[4]).await, Err(0xCC));
}

#[tokio::test]
async fn a_restart_by_command_names_the_commands_channel() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    assert_eq!(ask(&ipmid, CHASSIS, 0x07, &[]).await.unwrap(), [0, 0]);
    ask(&ipmid, CHASSIS, 0x02, &[2]).await.unwrap();
    board.power.lock().unwrap().as_mut().unwrap().restart_cause = Some(RestartCause::RemoteCommand);
    assert_eq!(ask(&ipmid, CHASSIS, 0x07, &[]).await.unwrap(), [1, 1]);
    board.power.lock().unwrap().as_mut().unwrap().restart_cause = Some(RestartCause::ResetButton);
    assert_eq!(ask(&ipmid, CHASSIS, 0x07, &[]).await.unwrap(), [2, 0]);
}

#[tokio::test]
async fn hours_are_counted_in_sixties_of_minutes() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, CHASSIS, 0x0F, &[]).await.unwrap(), [60, 0xE8, 3, 0, 0]);
}

#[tokio::test]
async fn lan_parameters_show_the_interface_and_the_offer() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    let cases: [(u8, &[u8]); 13] = [
        (0, &[0]),
        (1, &[0]),
        (2, &[0; 5]),
        (3, &[10, 0, 2, 15]),
        (4, &[1]),
        (5, &[2, 0, 0, 0, 0, 1]),
        (6, &[255, 255, 240, 0]),
        (12, &[0; 4]),
        (20, &[0, 0]),
        (22, &[2]),
        (23, &[0, 17, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        (24, &[0, 0x44, 0, 0, 0, 0, 0, 0, 0]),
        (55, &[16, 16, 3]),
    ];
    for (parameter, expected) in cases {
        let answer = ask(&ipmid, TRANSPORT, 0x02, &[1, parameter, 0, 0]).await.unwrap();
        assert_eq!(answer, [&[0x11], expected].concat(), "parameter {parameter}");
        let revision = ask(&ipmid, TRANSPORT, 0x02, &[0x81, parameter, 0, 0]).await.unwrap();
        assert_eq!(revision, [0x11]);
    }
    for unsupported in [7, 10, 14, 26, 200] {
        assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[1, unsupported, 0, 0]).await, Err(0x80));
    }
    assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[15, 3, 0, 0]).await, Err(0xCC));
}

#[tokio::test]
async fn where_alerts_go_is_told_as_it_was_set_and_the_network_is_not_set_here() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    let community = *b"ops\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let set: [(u8, u8, &[u8]); 4] = [
        (16, 0, &community),
        (18, 2, &[2, 0x80, 4, 3]),
        (19, 2, &[2, 0, 0, 192, 0, 2, 9, 2, 0, 0, 0, 0, 7]),
        (19, 0, &[0, 0, 1, 192, 0, 2, 8, 0, 0, 0, 0, 0, 0]),
    ];
    for (number, _, value) in set {
        assert_eq!(ask(&ipmid, TRANSPORT, 0x01, &[&[1, number], value].concat()).await, Ok(vec![]));
    }
    for (number, set, value) in set {
        let told = ask(&ipmid, TRANSPORT, 0x02, &[1, number, set, 0]).await.unwrap();
        assert_eq!(told, [&[0x11], value].concat(), "{number}");
    }
    assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[1, 17, 0, 0]).await.unwrap(), [0x11, 2]);
    assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[1, 18, 3, 0]).await, Err(0xC9));
    let refused: [(&[u8], u8); 5] = [
        (&[1, 18, 3, 0, 1, 1], 0xC9),
        (&[1, 18, 1, 6, 1, 1], 0xCC),
        (&[1, 3, 10, 0, 0, 1], 0x82),
        (&[1, 17, 4], 0x82),
        (&[1, 10, 1], 0x80),
    ];
    for (change, code) in refused {
        assert_eq!(ask(&ipmid, TRANSPORT, 0x01, change).await, Err(code), "{change:?}");
    }
}

#[tokio::test]
async fn a_change_of_lan_parameters_is_begun_by_one_at_a_time() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    for (progress, answer) in
        [(1, Ok(vec![])), (1, Err(0x81)), (2, Ok(vec![])), (0, Ok(vec![])), (1, Ok(vec![]))]
    {
        assert_eq!(ask(&ipmid, TRANSPORT, 0x01, &[1, 0, progress]).await, answer);
    }
    assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[1, 0, 0, 0]).await, Ok(vec![0x11, 1]));
    assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[2, 0, 0, 0]).await, Ok(vec![0x11, 0]), "another channel");
}

#[tokio::test]
async fn ipv6_addresses_stand_in_the_set_of_their_origin() {
    let board = Arc::new(Board::running());
    let address = |text: &str, origin| Ipv6Address { address: text.parse().unwrap(), prefix: 64, origin };
    board.interface.lock().unwrap().as_mut().unwrap().ipv6 = vec![
        address("2001:db8::5", Ipv6Origin::Static),
        address("2001:db8::6", Ipv6Origin::Dhcp),
        address("fe80::1", Ipv6Origin::LinkLocal),
    ];
    let ipmid = fake::ipmid(&board);
    let entry = async |parameter, set| {
        let data = ask(&ipmid, TRANSPORT, 0x02, &[1, parameter, set, 0]).await.unwrap();
        assert_eq!(data.len(), 21);
        (data[2], data[18], data[20])
    };
    assert_eq!(entry(56, 0).await, (0x80, 5, 0));
    assert_eq!(entry(56, 1).await, (0, 0, 1));
    assert_eq!(entry(59, 0).await, (2, 6, 0));
    assert_eq!(entry(59, 1).await, (1, 1, 0));
    assert_eq!(ask(&ipmid, TRANSPORT, 0x02, &[1, 59, 16, 0]).await, Err(0xC9));
}

#[tokio::test]
async fn the_host_can_ask_what_a_lan_channel_offers() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, APP, 0x38, &[0x81, 4]).await.unwrap(), [1, 0x80, 0x04, 0x02, 0, 0, 0, 0]);
    assert_eq!(ask(&ipmid, APP, 0x38, &[0x8F, 4]).await.unwrap(), [15, 0, 0, 0, 0, 0, 0, 0]);
    let suites = [1, 0xC0, 17, 3, 0x44, 0x81, 0xC0, 3, 1, 0x41, 0x81];
    assert_eq!(ask(&ipmid, APP, 0x54, &[1, 0, 0x80]).await.unwrap(), suites);
    assert_eq!(ask(&ipmid, APP, 0x54, &[1, 0, 0x00]).await.unwrap(), [1, 1, 3, 0x41, 0x44, 0x81]);
    assert_eq!(ask(&ipmid, APP, 0x54, &[1, 0, 0x81]).await.unwrap(), [1]);
    assert_eq!(ask(&ipmid, APP, 0x54, &[15, 0, 0x80]).await, Err(0xCC));
}

#[tokio::test]
async fn a_session_is_closed_by_id_or_by_handle() {
    let board = Arc::new(Board::running());
    board.sessions.lock().unwrap().push(session(5, 9, "192.0.2.9:1"));
    let ipmid = fake::ipmid(&board);
    ask(&ipmid, APP, 0x3C, &[9, 0, 0, 0]).await.unwrap();
    ask(&ipmid, APP, 0x3C, &[0, 0, 0, 0, 5]).await.unwrap();
    assert_eq!(*board.asked.lock().unwrap(), ["close 9", "close 9"]);
    assert_eq!(ask(&ipmid, APP, 0x3C, &[8, 0, 0, 0]).await, Err(0x87));
    assert_eq!(ask(&ipmid, APP, 0x3C, &[0, 0, 0, 0, 4]).await, Err(0x88));
}

#[tokio::test]
async fn the_self_test_names_what_it_found() {
    let board = Arc::new(Board::running());
    let ipmid = fake::ipmid(&board);
    // No sensors: the repository has nothing to describe.
    assert_eq!(ask(&ipmid, APP, 0x04, &[]).await.unwrap(), [0x57, 0x08]);
}

#[tokio::test]
async fn the_event_log_has_utc() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, STORAGE, 0x5C, &[]).await.unwrap(), [0, 0]);
}

#[tokio::test]
async fn the_watchdog_is_set_started_and_told_and_its_refusals_have_their_codes() {
    let ipmid = fake::ipmid(&Arc::new(Board::running()));
    assert_eq!(ask(&ipmid, APP, 0x22, &[]).await, Err(0x80));
    assert_eq!(ask(&ipmid, APP, 0x24, &[0x04, 0x21, 11, 0, 100, 0]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, APP, 0x24, &[0x06, 0x21, 1, 0, 100, 0]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, APP, 0x24, &[0x84, 0x21, 10, 0x10, 100, 0]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, APP, 0x22, &[]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, APP, 0x25, &[]).await.unwrap(), [0xC4, 0x21, 10, 0x10, 100, 0, 100, 0]);
    assert_eq!(ask(&ipmid, APP, 0x22, &[]).await, Err(0xD5));
    assert_eq!(ask(&ipmid, APP, 0x24, &[0x84, 0x21, 10, 0x10, 100]).await, Err(0xC7));
}

#[tokio::test]
async fn boot_options_go_to_powerd_and_back_with_their_mark() {
    let board = Arc::new(Board::running());
    let empty = BootOption { invalid: false, parameter: 5, data: vec![0; 5] };
    board.boot_options.lock().unwrap().insert(5, empty);
    let ipmid = fake::ipmid(&board);
    assert_eq!(ask(&ipmid, CHASSIS, 0x08, &[0x85, 0xA0, 0x04, 0, 0, 0]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, CHASSIS, 0x09, &[5, 0, 0]).await.unwrap(), [1, 0x85, 0xA0, 0x04, 0, 0, 0]);
    assert_eq!(ask(&ipmid, CHASSIS, 0x08, &[50, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, CHASSIS, 0x09, &[50, 0, 0]).await, Err(0x80));
    assert_eq!(ask(&ipmid, CHASSIS, 0x09, &[5, 0]).await, Err(0xC7));
    assert_eq!(ask(&ipmid, CHASSIS, 0x08, &[]).await, Err(0xC7));
}
