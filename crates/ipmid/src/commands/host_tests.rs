//! What the host may ask, with a board that is a table.

use std::sync::Arc;

use bmc_daemon::ChannelMedium;
use bmc_hw::i2c::I2cError;
use ipmi_wire::{Lun, NetFn, Privilege, lan_message::LanMessage};

use crate::{
    Ipmid,
    dispatch::{Caller, Request, dispatch},
    platform::{
        fake::{self, Board},
        ipmb::IpmbAnswer,
        sessions::Session,
    },
    restriction::Mode,
};

const APP: u8 = 0x06;
const CHASSIS: u8 = 0x00;

fn host() -> Caller {
    Caller::without_session(15, ChannelMedium::SystemInterface)
}

/// An administrator's session with ID 7 and handle 3 on channel 1.
fn admin() -> Caller {
    Caller { user_slot: Some(2), session_id: Some(7), ..Caller::without_session(1, ChannelMedium::Lan) }
}

fn session() -> Session {
    Session { id: 7, handle: 3, channel: 1, user_slot: 2, privilege: 4, peer: None, peer_mac: [0; 6] }
}

async fn ask(ipmid: &Ipmid, caller: Caller, net_fn: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let response = dispatch(ipmid, &caller, Request { net_fn, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn host_asks(ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    ask(ipmid, host(), APP, command, data).await
}

fn board() -> (Arc<Board>, Ipmid) {
    let board = Arc::new(Board::running());
    board.sessions.lock().unwrap().push(session());
    let ipmid = fake::ipmid(&board);
    (board, ipmid)
}

/// A message as it stands in a Send Message.
fn message(net_fn: NetFn, to: u8, sequence: u8, command: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (to_lun, from_lun) = (Lun::BMC, Lun::SMS);
    LanMessage { to, to_lun, net_fn, from: 0x20, from_lun, sequence, command, data }.emit(&mut bytes);
    bytes
}

#[tokio::test]
async fn linux_turns_the_event_buffer_on_and_leaves_the_log_alone() {
    let (_, ipmid) = board();
    assert_eq!(host_asks(&ipmid, 0x2F, &[]).await.unwrap(), [0x08]);
    assert_eq!(host_asks(&ipmid, 0x2E, &[0x0D]).await, Ok(vec![]));
    assert_eq!(host_asks(&ipmid, 0x2F, &[]).await.unwrap(), [0x0D]);
    assert_eq!(host_asks(&ipmid, 0x2E, &[0x05]).await, Err(0xCC), "the log cannot be switched off");
    assert_eq!(host_asks(&ipmid, 0x2E, &[0x28]).await, Err(0xCC), "there are no vendor's messages");
    assert_eq!(ask(&ipmid, admin(), APP, 0x2E, &[0x08]).await, Err(0xD4), "not over LAN");
    assert_eq!(ask(&ipmid, admin(), APP, 0x2F, &[]).await.unwrap(), [0x0D]);
}

#[tokio::test]
async fn events_and_the_watchdogs_warning_wait_behind_flags() {
    let (_, ipmid) = board();
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0]);
    assert_eq!(host_asks(&ipmid, 0x35, &[]).await, Err(0x80));
    assert_eq!(host_asks(&ipmid, 0x33, &[]).await, Err(0x80));
    ipmid.kept.messages.add_event([7; 16]);
    ipmid.kept.messages.watchdog_warns();
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0x0A]);
    assert_eq!(host_asks(&ipmid, 0x30, &[0x08]).await, Ok(vec![]));
    assert_eq!(host_asks(&ipmid, 0x35, &[]).await.unwrap(), [7; 16]);
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0]);
}

#[tokio::test]
async fn a_bridged_request_is_answered_in_the_hosts_queue() {
    let (board, ipmid) = board();
    *board.ipmb.lock().unwrap() = Some(IpmbAnswer::Response(vec![0, 0x50, 0x01]));
    let request = [&[0x00], &message(NetFn::APP, 0x2C, 5, 0x01, &[])[..]].concat();
    assert_eq!(host_asks(&ipmid, 0x34, &request).await, Ok(vec![]));
    assert_eq!(*board.asked.lock().unwrap(), ["device 1: 06/0 01 []"]);
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0x01]);
    let received = host_asks(&ipmid, 0x33, &[]).await.unwrap();
    // Linux: channel, then the message without its first address, to LUN 2 and with our sequence number.
    let whole = [&[0x20], &received[1..]].concat();
    let response = LanMessage::parse(&whole).unwrap();
    assert_eq!((received[0], response.net_fn.value(), response.to_lun), (0, 0x07, Lun::SMS));
    assert_eq!((response.from, response.sequence, response.command), (0x2C, 5, 0x01));
    assert_eq!(response.data, [0, 0x50, 0x01]);
}

#[tokio::test]
async fn what_cannot_be_bridged_is_refused_with_its_reason() {
    let (board, ipmid) = board();
    let to = |address| [&[0x00], &message(NetFn::APP, address, 5, 0x01, &[])[..]].concat();
    assert_eq!(host_asks(&ipmid, 0x34, &to(0x2C)).await, Err(0xD3), "no bridge on the bus");
    assert_eq!(host_asks(&ipmid, 0x34, &to(0x30)).await, Err(0x83), "nobody has the address");
    *board.ipmb.lock().unwrap() = Some(IpmbAnswer::Silence);
    assert_eq!(host_asks(&ipmid, 0x34, &to(0x2C)).await, Err(0xC3));
    let mut broken = to(0x2C);
    broken[3] ^= 1;
    assert_eq!(host_asks(&ipmid, 0x34, &broken).await, Err(0xCC));
    assert_eq!(host_asks(&ipmid, 0x34, &[]).await, Err(0xC7));
    assert_eq!(host_asks(&ipmid, 0x34, &[0x09]).await, Err(0xCC), "no such channel");
    assert_eq!(host_asks(&ipmid, 0x34, &[0x08]).await, Err(0xD3), "nothing is behind it");
}

#[tokio::test]
async fn a_session_gets_the_bridged_response_in_its_answer_if_it_is_an_administrators() {
    let (board, ipmid) = board();
    *board.ipmb.lock().unwrap() = Some(IpmbAnswer::Response(vec![0, 9]));
    let request = [&[0x40], &message(NetFn::APP, 0x2C, 5, 0x01, &[])[..]].concat();
    let bytes = ask(&ipmid, admin(), APP, 0x34, &request).await.unwrap();
    assert_eq!(LanMessage::parse(&bytes).unwrap().data, [0, 9]);
    assert_eq!(ipmid.kept.messages.flags(), 0);
    let operator = Caller { privilege: Some(Privilege::Operator), ..admin() };
    assert_eq!(ask(&ipmid, operator, APP, 0x34, &request).await, Err(0xD4));
}

#[tokio::test]
async fn a_session_asks_the_host_where_the_host_wants_it() {
    let (_, ipmid) = board();
    let to_host = Caller { lun: Lun::SMS, ..admin() };
    assert_eq!(ask(&ipmid, to_host, APP, 0x01, &[]).await, Err(0xD3), "nobody listens");
    assert_eq!(host_asks(&ipmid, 0x32, &[1, 1]).await.unwrap(), [1, 1]);
    let answers = async {
        tokio::task::yield_now().await;
        let received = host_asks(&ipmid, 0x33, &[]).await.unwrap();
        assert_eq!(received[..2], [0x41, 3]);
        let request = LanMessage::parse(&received[2..]).unwrap();
        let mut response = vec![0x01, received[1]];
        request.response(&[0xC1]).emit(&mut response);
        assert_eq!(host_asks(&ipmid, 0x34, &response).await, Ok(vec![]));
        assert_eq!(host_asks(&ipmid, 0x34, &response).await, Err(0xD3), "nobody waits any more");
        response[1] = 9;
        assert_eq!(host_asks(&ipmid, 0x34, &response).await, Err(0x80), "no such session");
    };
    let (answer, ()) = tokio::join!(ask(&ipmid, to_host, APP, 0x01, &[]), answers);
    assert_eq!(answer, Err(0xC1));
}

#[tokio::test]
async fn the_host_asks_a_session_and_finds_the_response_in_its_queue() {
    let (board, ipmid) = board();
    let message = message(NetFn::APP, 0x81, 5, 0x01, &[7]);
    let request = [&[0x01, 3], &message[..]].concat();
    assert_eq!(host_asks(&ipmid, 0x34, &request).await, Err(0xD3), "the host could not get a response");
    host_asks(&ipmid, 0x32, &[1, 1]).await.unwrap();
    assert_eq!(host_asks(&ipmid, 0x34, &request).await, Ok(vec![]));
    assert_eq!(*board.asked.lock().unwrap(), [format!("to session 3: {message:02X?}")]);
    let mut response = Vec::new();
    LanMessage::parse(&message).unwrap().response(&[0, 9]).emit(&mut response);
    let to_host = Caller { lun: Lun::SMS, ..admin() };
    assert_eq!(ask(&ipmid, to_host, 0x07, 0x01, &response).await, Ok(vec![]));
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0x01]);
    let received = host_asks(&ipmid, 0x33, &[]).await.unwrap();
    assert_eq!(received, [&[0x41, 3], &response[..]].concat());
    response[0] ^= 1;
    assert_eq!(ask(&ipmid, to_host, 0x07, 0x01, &response).await, Err(0xCC), "no whole message");
    let callback = Caller { privilege: Some(Privilege::Callback), ..to_host };
    assert_eq!(ask(&ipmid, callback, 0x07, 0x01, &response).await, Err(0xD4));
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0]);
}

#[tokio::test]
async fn the_host_asks_no_session_in_anothers_name() {
    let (board, ipmid) = board();
    host_asks(&ipmid, 0x32, &[1, 1]).await.unwrap();
    let good = message(NetFn::APP, 0x81, 5, 0x01, &[]);
    let mut bytes = vec![0x01, 3];
    LanMessage { from_lun: Lun::BMC, ..LanMessage::parse(&good).unwrap() }.emit(&mut bytes);
    assert_eq!(host_asks(&ipmid, 0x34, &bytes).await, Err(0xCC), "the controller's own address");
    assert_eq!(host_asks(&ipmid, 0x34, &[&[0x81, 3], &good[..]].concat()).await, Err(0xCC), "raw");
    assert_eq!(host_asks(&ipmid, 0x34, &[&[0x01, 9], &good[..]].concat()).await, Err(0x80));
    let session = ask(&ipmid, admin(), APP, 0x34, &[&[0x01, 3], &good[..]].concat()).await;
    assert_eq!(session, Err(0xD3), "only the host sends to sessions");
    assert_eq!(*board.asked.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_costs_a_timeout_and_keeps_nothing() {
    let (_, ipmid) = board();
    host_asks(&ipmid, 0x32, &[1, 1]).await.unwrap();
    let to_host = Caller { lun: Lun::SMS, ..admin() };
    assert_eq!(ask(&ipmid, to_host, APP, 0x01, &[]).await, Err(0xC3));
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0]);
}

#[tokio::test]
async fn reception_can_be_asked_for_and_the_ipmbs_is_not_switched_off() {
    let (_, ipmid) = board();
    assert_eq!(host_asks(&ipmid, 0x32, &[1, 2]).await.unwrap(), [1, 0]);
    assert_eq!(host_asks(&ipmid, 0x32, &[0, 2]).await.unwrap(), [0, 1]);
    assert_eq!(host_asks(&ipmid, 0x32, &[0, 0]).await, Err(0xCC));
    assert_eq!(host_asks(&ipmid, 0x32, &[15, 1]).await, Err(0xCC));
}

#[tokio::test]
async fn a_reset_of_the_host_ends_what_its_software_set() {
    let (_, ipmid) = board();
    host_asks(&ipmid, 0x2E, &[0x0F]).await.unwrap();
    host_asks(&ipmid, 0x06, &[0x80, 0x80]).await.unwrap();
    assert_eq!(host_asks(&ipmid, 0x07, &[]).await.unwrap(), [0, 0]);
    ipmid.kept.messages.watchdog_warns();
    ipmid.kept.host_was_reset();
    assert_eq!(host_asks(&ipmid, 0x2F, &[]).await.unwrap(), [0x08]);
    assert_eq!(host_asks(&ipmid, 0x31, &[]).await.unwrap(), [0]);
    assert_eq!(host_asks(&ipmid, 0x07, &[]).await.unwrap(), [0x2A, 0x2A]);
}

#[tokio::test]
async fn system_info_is_written_by_one_at_a_time() {
    let (_, ipmid) = board();
    assert_eq!(host_asks(&ipmid, 0x58, &[0, 1]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, admin(), APP, 0x58, &[0, 1]).await, Err(0x81));
    assert_eq!(host_asks(&ipmid, 0x59, &[0, 0, 0, 0]).await.unwrap(), [0x11, 1]);
    host_asks(&ipmid, 0x58, &[2, 0, 0, 3, b'a', b'b', b'c']).await.unwrap();
    host_asks(&ipmid, 0x58, &[0, 0]).await.unwrap();
    let name = ask(&ipmid, admin(), APP, 0x59, &[0, 2, 0, 0]).await.unwrap();
    assert_eq!(name[..7], [0x11, 0, 0, 3, b'a', b'b', b'c']);
    assert_eq!(host_asks(&ipmid, 0x59, &[0x80, 2, 0, 0]).await.unwrap(), [0x11]);
    assert_eq!(host_asks(&ipmid, 0x59, &[0, 2, 1, 0]).await, Err(0xC9));
    assert_eq!(host_asks(&ipmid, 0x59, &[0, 0xC0, 0, 0]).await, Err(0x80));
}

#[tokio::test]
async fn an_i2c_device_is_reached_as_far_as_the_list_says() {
    let (board, ipmid) = board();
    *board.i2c.lock().unwrap() = Some(Ok(vec![1, 2, 3, 4]));
    assert_eq!(host_asks(&ipmid, 0x52, &[0x05, 0xA0, 4, 0]).await.unwrap(), [1, 2, 3, 4]);
    assert_eq!(*board.asked.lock().unwrap(), ["/dev/i2c-4 0x50: write [0], read 4"]);
    for refused in [[0x05, 0xA0, 17, 0], [0x05, 0xA2, 1, 0], [0x03, 0xA0, 1, 0], [0x04, 0xA0, 1, 0]] {
        assert_eq!(host_asks(&ipmid, 0x52, &refused).await, Err(0xD4), "{refused:?}");
    }
    assert_eq!(host_asks(&ipmid, 0x52, &[0x05, 0xA0, 0, 0, 0xFF]).await, Err(0xD4), "a write");
    assert_eq!(board.asked.lock().unwrap().len(), 1);
    *board.i2c.lock().unwrap() = Some(Err(I2cError::NoAcknowledge));
    assert_eq!(host_asks(&ipmid, 0x52, &[0x05, 0xA0, 1, 0]).await, Err(0x83));
}

/// The bit of `command` in a mask that begins with command 0.
fn bit(mask: &[u8], command: u8) -> bool {
    mask[usize::from(command / 8)] & (1 << (command % 8)) != 0
}

#[tokio::test]
async fn the_firewall_tells_what_the_table_has_for_each_channel() {
    let (_, ipmid) = board();
    let net_fns = ask(&ipmid, admin(), APP, 0x09, &[0x0E]).await.unwrap();
    // LUNs 0, 1 and 3; chassis, sensors, app, storage, transport on LUN 0; sensors on LUN 1.
    assert_eq!((net_fns.len(), net_fns[0]), (17, 0b0100_0101));
    assert_eq!(net_fns[1] & 0b0110_1101, 0b0110_1101);
    assert_eq!(net_fns[5..9], [0b100, 0, 0, 0]);
    let lan = ask(&ipmid, admin(), APP, 0x0A, &[1, 0x06, 0]).await.unwrap();
    let kcs = ask(&ipmid, admin(), APP, 0x0A, &[15, 0x06, 0]).await.unwrap();
    assert_eq!((bit(&lan, 0x01), bit(&lan, 0x31), bit(&kcs, 0x31)), (false, true, false), "1 is unavailable");
    assert_eq!((bit(&lan, 0x3B), bit(&kcs, 0x3B)), (false, true), "the session answers it");
    let configurable = ask(&ipmid, admin(), APP, 0x0C, &[1, 0x06, 0]).await.unwrap();
    assert_eq!((bit(&configurable, 0x01), bit(&configurable, 0x04)), (false, true));
    assert_eq!(ask(&ipmid, admin(), APP, 0x0D, &[1, 0x00, 0, 0x02]).await.unwrap(), [0x3F, 0, 0, 0]);
    let sub_functions = ask(&ipmid, admin(), APP, 0x0B, &[1, 0x00, 0, 0x02]).await.unwrap();
    assert_eq!(sub_functions[1..], [0x02, 0x10, 0xC0, 0xFF, 0xFF, 0xFF]);
    assert_eq!(ask(&ipmid, admin(), APP, 0x0B, &[1, 0x06, 0, 0xFE]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, admin(), APP, 0x64, &[1, 0x2E, 0]).await, Err(0xC9));
}

/// All commands of the lower half enabled but `disabled`.
fn all_but(channel: u8, net_fn: u8, disabled: u8) -> Vec<u8> {
    let mut mask = [0xFF; 16];
    mask[usize::from(disabled / 8)] &= !(1 << (disabled % 8));
    [&[channel, net_fn, 0][..], &mask].concat()
}

#[tokio::test]
async fn a_disabled_command_is_refused_on_its_channel_alone() {
    let (_, ipmid) = board();
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x01, &[]).await.map(|_| ()), Ok(()));
    ask(&ipmid, admin(), APP, 0x60, &all_but(15, CHASSIS, 0x01)).await.unwrap();
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x01, &[]).await, Err(0xD4));
    assert!(ask(&ipmid, admin(), CHASSIS, 0x01, &[]).await.is_ok());
    let enabled = ask(&ipmid, admin(), APP, 0x61, &[15, CHASSIS, 0]).await.unwrap();
    assert_eq!((bit(&enabled, 0x01), bit(&enabled, 0x02)), (false, true));
}

#[tokio::test]
async fn the_host_can_give_up_rights_and_take_none_and_touch_no_other_channel() {
    let (_, ipmid) = board();
    let back = [&[15, CHASSIS, 0][..], &[0xFF; 16]].concat();
    host_asks(&ipmid, 0x60, &all_but(15, CHASSIS, 0x02)).await.unwrap();
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x02, &[1]).await, Err(0xD4));
    assert_eq!(host_asks(&ipmid, 0x60, &back).await, Err(0xD4));
    assert_eq!(host_asks(&ipmid, 0x60, &all_but(1, CHASSIS, 0x02)).await, Err(0xD4));
    assert_eq!(host_asks(&ipmid, 0x62, &[1, CHASSIS, 0, 0x02, 0, 0, 0, 0]).await, Err(0xD4));
    ask(&ipmid, admin(), APP, 0x60, &back).await.unwrap();
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x02, &[1]).await.map(|_| ()), Ok(()));
}

#[tokio::test]
async fn nobody_disables_the_way_back() {
    let (_, ipmid) = board();
    for command in [0x60, 0x62, 0x01, 0x3B] {
        assert_eq!(
            ask(&ipmid, admin(), APP, 0x60, &all_but(1, APP, command)).await,
            Err(0xCC),
            "{command:#x}"
        );
    }
}

#[tokio::test]
async fn a_sub_function_is_disabled_by_itself() {
    let (_, ipmid) = board();
    // All of Chassis Control but power down.
    ask(&ipmid, admin(), APP, 0x62, &[15, CHASSIS, 0, 0x02, 0x3E, 0, 0, 0]).await.unwrap();
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x02, &[0]).await, Err(0xD6));
    assert!(ask(&ipmid, host(), CHASSIS, 0x02, &[1]).await.is_ok());
    assert_eq!(ask(&ipmid, admin(), APP, 0x63, &[15, CHASSIS, 0, 0x02]).await.unwrap(), [0x3E, 0, 0, 0]);
}

#[tokio::test]
async fn the_hosts_privilege_is_limited_by_its_channels_access() {
    let (_, ipmid) = board();
    ask(&ipmid, admin(), APP, 0x40, &[15, 0x00, 0x82]).await.unwrap();
    assert_eq!(ask(&ipmid, admin(), APP, 0x41, &[15, 0x80]).await.unwrap(), [0x22, 2]);
    assert_eq!(ask(&ipmid, admin(), APP, 0x41, &[15, 0x40]).await.unwrap(), [0x22, 4]);
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x02, &[1]).await, Err(0xD4));
    assert!(ask(&ipmid, host(), CHASSIS, 0x01, &[]).await.is_ok());
    assert_eq!(host_asks(&ipmid, 0x40, &[15, 0x00, 0x84]).await, Err(0xD4), "it cannot raise it again");
    assert_eq!(ask(&ipmid, admin(), APP, 0x40, &[1, 0x00, 0x82]).await, Err(0x82), "LAN's is fixed");
    assert_eq!(ask(&ipmid, admin(), APP, 0x40, &[15, 0x80, 0x00]).await, Err(0x83), "it is always open");
    assert_eq!(ask(&ipmid, admin(), APP, 0x40, &[15, 0x00, 0x8F]).await, Err(0xCC));
}

#[tokio::test]
async fn openbmcs_settings_decide_the_restriction_mode_where_they_have_it() {
    let (board, ipmid) = board();
    ipmid.kept.restrictions.change(|all| all.mode = Mode::Allowlist);
    assert_eq!(ask(&ipmid, host(), CHASSIS, 0x02, &[1]).await, Err(0xD4));
    *board.mode.lock().unwrap() = Some(Mode::None);
    assert!(ask(&ipmid, host(), CHASSIS, 0x02, &[1]).await.is_ok());
    *board.mode.lock().unwrap() = Some(Mode::ProvisionedHostDisabled);
    assert_eq!(host_asks(&ipmid, 0x01, &[]).await, Err(0xD4));
    assert!(ask(&ipmid, admin(), APP, 0x01, &[]).await.is_ok());
}
