use ipmi_wire::Privilege;

use super::{
    client::Client,
    world::{World, admin, user, users},
};
use crate::{CloseReason, Discard, Event, Settings, SolClose, SolParameters, SolSummary, User};

/// What ipmitool sends: type 1, instance 1, encrypted and authenticated, lines asserted.
const ACTIVATE: [u8; 6] = [1, 1, 0xC0, 0, 0, 0];
const DEACTIVATE: [u8; 6] = [1, 1, 0, 0, 0, 0];

fn with(parameters: SolParameters) -> World {
    World::with(Settings { sol: parameters, ..Settings::default() })
}

/// An administrator's client, operating as one.
pub(super) fn administrator(world: &mut World) -> Client {
    let mut client = world.logged_in(admin());
    assert_eq!(world.local(&mut client, 0x3B, &[4]), [0, 4]);
    client
}

fn operator() -> Client {
    Client { open_privilege: 3, role: 0x13, ..Client::new(b"operator", b"pw3") }
}

fn activate(world: &mut World, client: &mut Client) -> Vec<u8> {
    world.local(client, 0x48, &ACTIVATE)
}

fn closed(world: &mut World) -> Vec<(u32, SolClose)> {
    let events = std::mem::take(&mut world.events);
    let ends = events.into_iter().filter_map(|event| match event {
        Event::SolClosed(SolSummary { session, .. }, reason) => Some((session.id, reason)),
        _ => None,
    });
    ends.collect()
}

/// SOL payloads that the endpoint wants to send now.
fn payloads(world: &mut World, client: &Client) -> Vec<Vec<u8>> {
    world.endpoint.transmit_sol(world.now, &mut world.random);
    world.collect(client).iter().map(|datagram| client.open(datagram).1).collect()
}

#[test]
fn an_activation_tells_sizes_and_port_in_twelve_bytes_and_is_an_event() {
    let mut world = with(SolParameters { port: 6230, ..SolParameters::default() });
    let mut client = administrator(&mut world);
    let reply = activate(&mut world, &mut client);
    assert_eq!(reply, [0, 0, 0, 0, 0, 255, 0, 3, 1, 0x56, 0x18, 0xFF, 0xFF]);
    let opened = world.events.iter().find_map(|event| match event {
        Event::SolOpened(summary) => Some(summary.clone()),
        _ => None,
    });
    let summary = opened.unwrap();
    assert_eq!((summary.instance, summary.session.id, summary.encrypted), (1, client.managed_id, true));
    assert_eq!(world.endpoint.sol_instances().collect::<Vec<_>>(), [summary]);
}

#[test]
fn who_may_not_activate_gets_the_specified_code() {
    let mut world = with(SolParameters { instances: 2, ..SolParameters::default() });
    let mut operator = world.logged_in(operator());
    assert_eq!(activate(&mut world, &mut operator), [0xD4]);
    let mut client = administrator(&mut world);
    let mut ask = |data: &[u8]| world.local(&mut client, 0x48, data);
    assert_eq!(ask(&[1, 1, 0x40, 0, 0, 0]), [0x84], "encryption is forced");
    assert_eq!(ask(&[1, 1, 0x80, 0, 0, 0]), [0x84], "authentication is forced");
    assert_eq!(ask(&[1, 3, 0xC0, 0, 0, 0]), [0xCC], "there are two instances");
    assert_eq!(ask(&[1, 0, 0xC0, 0, 0, 0]), [0xCC], "0 is reserved");
    assert_eq!(ask(&[2, 1, 0xC0, 0, 0, 0]), [0x81], "not SOL");
    assert_eq!(ask(&[1, 1, 0xC0, 0, 0]), [0xC7]);
    assert_eq!(ask(&ACTIVATE).len(), 13);
    assert_eq!(ask(&[1, 2, 0xC0, 0, 0, 0]), [0x82], "a session has one instance at most");
}

#[test]
fn before_a_session_nobody_activates() {
    let mut world = World::new();
    let client = admin();
    let message = super::client::lan_message(6, 1, 0x48, &ACTIVATE);
    let reply = world.ask(&client, &super::client::outside(0, &message));
    assert_eq!(reply[reply.len() - 2], 0xD4);
}

#[test]
fn a_user_without_payload_access_and_a_disabled_sol_are_payload_disabled() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    let without: Vec<User> = users().into_iter().map(|user| User { sol: false, ..user }).collect();
    world.endpoint.set_users(without, None);
    assert_eq!(activate(&mut world, &mut client), [0x81]);
    world.endpoint.set_users(users(), None);
    world.endpoint.set_sol_parameters(SolParameters { enabled: false, ..SolParameters::default() });
    assert_eq!(activate(&mut world, &mut client), [0x81]);
}

#[test]
fn a_second_session_is_told_and_takes_over_after_it_deactivated_the_first() {
    let mut world = World::new();
    let (mut first, mut second) = (administrator(&mut world), administrator(&mut world));
    assert_eq!(activate(&mut world, &mut first).len(), 13);
    assert_eq!(activate(&mut world, &mut second), [0x80]);
    assert_eq!(world.local(&mut second, 0x49, &DEACTIVATE), [0]);
    assert_eq!(closed(&mut world), [(first.managed_id, SolClose::ByOther(second.managed_id))]);
    assert_eq!(payloads(&mut world, &first), [[0, 0, 0, 0x30]], "unavailable, deactivating");
    assert_eq!(activate(&mut world, &mut second).len(), 13);
    assert_eq!(world.endpoint.sol_instances().next().unwrap().session.id, second.managed_id);
    // The farewell was lost: the next keystroke is answered with another.
    let datagram = first.sol(&[1, 0, 0, 0, b'x']);
    let replies = world.send(&first, &datagram);
    assert_eq!(first.open(&replies[0]).1, [0, 1, 0, 0x70]);
    assert_eq!(world.endpoint.discards().get(Discard::PayloadInactive), 1);
}

#[test]
fn a_client_whose_sol_was_taken_is_told_when_another_has_activated_it() {
    let mut world = World::new();
    let (mut first, mut second) = (administrator(&mut world), administrator(&mut world));
    activate(&mut world, &mut first);
    world.local(&mut second, 0x49, &DEACTIVATE);
    payloads(&mut world, &first);
    assert_eq!(activate(&mut world, &mut second).len(), 13);
    // From the BMC to the console's software ID: activating, instance 1, format 1.0.
    assert_eq!(payloads(&mut world, &first), [[0x81, 0x30, 0x4F, 0x20, 0, 0x20, 0, 1, 1, 0, 0xBE]]);
    let response = first.request(0x0D, 0x20, &[0]);
    world.discards_it(&first, &response, Discard::NotForUs);
    // Told once.
    assert_eq!(activate(&mut world, &mut second).len(), 13);
    assert_eq!(payloads(&mut world, &second), Vec::<Vec<u8>>::new());
}

#[test]
fn a_client_whose_sol_was_ended_from_the_host_is_told_as_well_unless_it_is_done_with_it() {
    for is_done in [false, true] {
        let mut world = World::new();
        let (mut first, mut second) = (administrator(&mut world), administrator(&mut world));
        activate(&mut world, &mut first);
        assert!(world.endpoint.deactivate_sol(1));
        payloads(&mut world, &first);
        if is_done {
            assert_eq!(world.local(&mut first, 0x49, &DEACTIVATE), [0x80]);
        }
        activate(&mut world, &mut second);
        assert_eq!(payloads(&mut world, &first).len(), usize::from(!is_done));
    }
}

#[test]
fn a_client_that_has_its_sol_back_is_not_told_of_its_own_activation() {
    let mut world = World::new();
    let (mut first, mut second) = (administrator(&mut world), administrator(&mut world));
    activate(&mut world, &mut first);
    world.local(&mut second, 0x49, &DEACTIVATE);
    payloads(&mut world, &first);
    assert_eq!(activate(&mut world, &mut first).len(), 13);
    assert_eq!(payloads(&mut world, &first), Vec::<Vec<u8>>::new());
}

#[test]
fn an_operator_may_not_take_an_administrators_console_away() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    let mut operator = world.logged_in(operator());
    assert_eq!(world.local(&mut operator, 0x49, &DEACTIVATE), [0xD4]);
    assert_eq!(world.endpoint.sol_instances().count(), 1);
}

#[test]
fn the_own_deactivation_ends_it_without_a_farewell_and_a_second_one_says_so() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    assert_eq!(world.local(&mut client, 0x49, &DEACTIVATE), [0]);
    assert_eq!(closed(&mut world), [(client.managed_id, SolClose::Requested)]);
    assert!(payloads(&mut world, &client).is_empty());
    assert_eq!(world.local(&mut client, 0x49, &DEACTIVATE), [0x80]);
}

#[test]
fn a_session_that_ends_takes_its_sol_along() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    world.pass(std::time::Duration::from_secs(61));
    let ends: Vec<_> = world
        .events
        .iter()
        .filter(|event| {
            matches!(
                event,
                Event::SolClosed(_, SolClose::Session) | Event::SessionClosed(_, CloseReason::Idle)
            )
        })
        .collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert_eq!(world.endpoint.sol_instances().count(), 0);
}

#[test]
fn sol_packets_keep_a_session_alive() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    for number in 0..3u8 {
        world.pass(std::time::Duration::from_secs(50));
        // An empty packet with a number, as a keepalive of ipmitool.
        let datagram = client.sol(&[number + 1, 0, 0, 0]);
        let replies = world.send(&client, &datagram);
        assert_eq!(client.open(&replies[0]), (0xC1, vec![0, number + 1, 0, 0]));
    }
    assert_eq!(world.open(), 1);
}

#[test]
fn activating_anew_on_the_same_session_starts_from_the_first_number() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    let datagram = client.sol(&[1, 0, 0, 0, b'a']);
    world.send(&client, &datagram);
    assert_eq!(activate(&mut world, &mut client).len(), 13);
    let datagram = client.sol(&[1, 0, 0, 0, b'b']);
    world.send(&client, &datagram);
    let typed: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::SolInput(_, crate::SolInput::Characters(characters)) => Some(characters.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(typed, [b"a", b"b"]);
}

#[test]
fn a_configuration_that_no_longer_allows_it_ends_sol() {
    for parameters in [
        SolParameters { enabled: false, ..SolParameters::default() },
        SolParameters { instances: 0, ..SolParameters::default() },
        SolParameters { privilege: Privilege::Oem, ..SolParameters::default() },
    ] {
        let mut world = World::new();
        let mut client = administrator(&mut world);
        activate(&mut world, &mut client);
        world.endpoint.set_sol_parameters(parameters);
        assert_eq!(payloads(&mut world, &client), [[0, 0, 0, 0x30]]);
        assert_eq!(closed(&mut world), [(client.managed_id, SolClose::Configuration)]);
    }
}

#[test]
fn a_user_who_loses_payload_access_loses_the_console_and_keeps_the_session() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    let without = User { sol: false, ..user(2, "admin", "secret", Some(Privilege::Administrator)) };
    world.endpoint.set_users(vec![without], None);
    assert_eq!(payloads(&mut world, &client).len(), 1);
    assert_eq!(closed(&mut world), [(client.managed_id, SolClose::UserChanged)]);
    assert_eq!(world.open(), 1);
}

#[test]
fn a_local_caller_ends_an_instance_by_its_number() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    assert!(!world.endpoint.deactivate_sol(2));
    assert!(world.endpoint.deactivate_sol(1));
    assert!(!world.endpoint.deactivate_sol(1));
    assert_eq!(payloads(&mut world, &client), [[0, 0, 0, 0x30]]);
}

#[test]
fn two_sessions_have_an_instance_each() {
    let mut world = with(SolParameters { instances: 2, ..SolParameters::default() });
    let (mut first, mut second) = (administrator(&mut world), administrator(&mut world));
    assert_eq!(activate(&mut world, &mut first).len(), 13);
    assert_eq!(world.local(&mut second, 0x48, &[1, 2, 0xC0, 0, 0, 0]).len(), 13);
    world.endpoint.sol_output(world.now, second.managed_id, b"two");
    assert_eq!(payloads(&mut world, &second), [b"\x01\0\0\0two"]);
}

#[test]
fn encryption_is_suspended_and_resumed_where_it_is_not_forced() {
    let mut world = with(SolParameters { force_encryption: false, ..SolParameters::default() });
    let mut client = administrator(&mut world);
    assert_eq!(world.local(&mut client, 0x55, &[1, 1, 0]), [0x83]);
    activate(&mut world, &mut client);
    assert_eq!(world.local(&mut client, 0x55, &[1, 1, 2]), [0x80], "AES has no key stream");
    for (operation, kind) in [(0, 0x41), (1, 0xC1)] {
        assert_eq!(world.local(&mut client, 0x55, &[1, 1, operation]), [0]);
        client.sequence += 1;
        let datagram = client.packet(kind, client.sequence, &[operation + 1, 0, 0, 0, b'x']);
        let replies = world.send(&client, &datagram);
        assert_eq!(client.open(&replies[0]), (kind, vec![0, operation + 1, 1, 0]));
    }
    client.sequence += 1;
    let clear = client.packet(0x41, client.sequence, &[3, 0, 0, 0, b'x']);
    world.discards_it(&client, &clear, Discard::Unprotected);
}

#[test]
fn forced_encryption_is_neither_suspended_nor_left_out() {
    let mut world = World::new();
    let mut client = administrator(&mut world);
    activate(&mut world, &mut client);
    assert_eq!(world.local(&mut client, 0x55, &[1, 1, 0]), [0x81]);
    client.sequence += 1;
    let clear = client.packet(0x41, client.sequence, &[1, 0, 0, 0, b'x']);
    world.discards_it(&client, &clear, Discard::Unprotected);
}

#[test]
fn an_instance_activated_in_clear_is_authenticated_all_the_same() {
    let mut world = with(SolParameters { force_encryption: false, ..SolParameters::default() });
    let mut client = administrator(&mut world);
    assert_eq!(world.local(&mut client, 0x48, &[1, 1, 0x40, 0, 0, 0]).len(), 13);
    client.sequence += 1;
    let bare = client.packet(0x01, client.sequence, &[1, 0, 0, 0, b'x']);
    world.discards_it(&client, &bare, Discard::Unprotected);
    let clear = client.packet(0x41, client.sequence, &[1, 0, 0, 0, b'x']);
    let replies = world.send(&client, &clear);
    assert_eq!(client.open(&replies[0]), (0x41, vec![0, 1, 1, 0]));
}
