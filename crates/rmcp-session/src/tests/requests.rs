use std::time::Duration;

use ipmi_wire::{CompletionCode, Privilege};

use super::{
    client::{Client, lan_message, outside},
    world::{World, admin},
};
use crate::{CloseReason, Discard, Event, Limits, RequestToken, Secret, Settings};

#[test]
fn a_request_goes_out_with_its_session_and_its_answer_comes_back() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    world.local(&mut client, 0x3B, &[4]);
    let datagram = client.request(4, 0x2D, &[7]);
    assert!(world.send(&client, &datagram).is_empty());
    let request = world.requests().remove(0);
    assert_eq!((request.net_fn.value(), request.command, request.data.as_slice()), (4, 0x2D, &[7][..]));
    let session = request.session.unwrap();
    assert_eq!((session.id, session.user_slot), (client.managed_id, 2));
    assert_eq!(session.privilege, Privilege::Administrator);
    let replies = world.respond(&client, &request, &[1, 2, 3]);
    assert_eq!(client.data(&replies[0]), [0, 1, 2, 3]);
    let message = client.read(&replies[0]);
    assert_eq!(message[..2], [0x81, 5 << 2]);
    assert_eq!(message[4] >> 2, client.request_sequence);
}

#[test]
fn requests_of_one_session_are_executed_in_order_and_those_of_others_meanwhile() {
    let mut world = World::new();
    let mut slow = world.logged_in(admin());
    let mut quick = world.logged_in(admin());
    for number in 0..3 {
        let datagram = slow.request(6, 1, &[number]);
        world.send(&slow, &datagram);
    }
    let datagram = quick.request(6, 1, &[9]);
    world.send(&quick, &datagram);
    let mut requests = world.requests();
    assert_eq!(requests.iter().map(|request| request.data[0]).collect::<Vec<_>>(), [0, 9]);
    assert_eq!(world.respond(&quick, &requests[1], &[]).len(), 1);
    for number in 1..3 {
        assert_eq!(world.respond(&slow, &requests[0], &[]).len(), 1);
        requests = world.requests();
        assert_eq!(requests.iter().map(|request| request.data[0]).collect::<Vec<_>>(), [number]);
    }
}

#[test]
fn a_local_command_waits_for_its_turn_too() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let first = client.request(6, 1, &[]);
    let raise = client.request(6, 0x3B, &[4]);
    world.send(&client, &first);
    assert!(world.send(&client, &raise).is_empty());
    let request = world.requests().remove(0);
    let replies = world.respond(&client, &request, &[]);
    assert_eq!(replies.iter().map(|reply| client.data(reply)).collect::<Vec<_>>(), [vec![0], vec![0, 4]]);
}

#[test]
fn a_retransmitted_request_is_answered_from_the_last_reply_and_not_executed_again() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let first = client.request(0, 2, &[1]);
    let second = client.repeat(0, 2, &[1]);
    let third = client.repeat(0, 2, &[1]);
    world.send(&client, &first);
    world.discards_it(&client, &second, Discard::Retransmitted);
    let request = world.requests().remove(0);
    let replies = world.respond(&client, &request, &[5]);
    let again = world.ask(&client, &third);
    assert_eq!(client.read(&again), client.read(&replies[0]));
    assert_ne!(again, replies[0], "in a packet with a sequence number of its own");
    assert_eq!(world.requests(), []);

    // Later, the same bytes are a new request.
    world.now += Limits::default().retransmission;
    let later = client.repeat(0, 2, &[1]);
    world.send(&client, &later);
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn more_requests_than_the_queue_holds_are_discarded() {
    let limits = Limits { queued_requests: 2, ..Limits::default() };
    let mut world = World::with(Settings { limits, ..Settings::default() });
    let mut client = world.logged_in(admin());
    for number in 0..3 {
        let datagram = client.request(6, 1, &[number]);
        world.send(&client, &datagram);
    }
    let datagram = client.request(6, 1, &[3]);
    world.discards_it(&client, &datagram, Discard::QueueFull);
}

#[test]
fn an_answer_too_late_or_twice_is_counted_and_not_sent() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let datagram = client.request(6, 1, &[]);
    world.send(&client, &datagram);
    let request = world.requests().remove(0);
    world.respond(&client, &request, &[]);
    assert!(world.respond(&client, &request, &[]).is_empty());
    assert!(world.endpoint.close(world.now, client.managed_id));
    assert!(!world.endpoint.close(world.now, client.managed_id));
    let code = CompletionCode::OK;
    world.endpoint.respond(world.now, RequestToken(99), code, &[], &mut world.random);
    assert_eq!(world.endpoint.discards().get(Discard::SessionGone), 2);
}

#[test]
fn set_session_privilege_level_keeps_to_the_limit() {
    let mut world = World::new();
    let mut client = world.logged_in(Client { role: 0x13, ..Client::new(b"operator", b"pw3") });
    for (level, answer) in
        [(0, &[0, 2][..]), (3, &[0, 3]), (0, &[0, 3]), (4, &[0x81]), (1, &[0xCC]), (6, &[0xCC]), (2, &[0, 2])]
    {
        assert_eq!(world.local(&mut client, 0x3B, &[level]), answer, "level {level}");
    }
    assert_eq!(world.local(&mut client, 0x3B, &[]), [0xC7]);
}

#[test]
fn a_session_is_closed_by_id_and_by_handle() {
    for by_handle in [false, true] {
        let mut world = World::new();
        let mut client = world.logged_in(admin());
        world.events.clear();
        let id = client.managed_id.to_le_bytes();
        let data = if by_handle { vec![0, 0, 0, 0, 1] } else { id.to_vec() };
        assert_eq!(world.local(&mut client, 0x3C, &data), [0], "the answer still goes out");
        assert!(matches!(world.events[..], [Event::SessionClosed(_, CloseReason::Requested)]));
        let datagram = client.request(6, 1, &[]);
        world.discards_it(&client, &datagram, Discard::UnknownSession);
    }
}

#[test]
fn sessions_of_different_instances_have_different_ids_and_handles() {
    let open = |instance: u8| {
        let mut world = World::with(Settings { instance, ..Settings::default() });
        let client = world.logged_in(admin());
        let summary = world.endpoint.sessions().next().unwrap();
        assert_eq!(summary.id, client.managed_id);
        (summary.id >> 30, summary.handle)
    };
    assert_eq!([0, 1, 3].map(open), [(0, 0x01), (1, 0x41), (3, 0xC1)]);
}

#[test]
fn only_an_administrator_closes_the_sessions_of_others() {
    let mut world = World::new();
    let mut boss = world.logged_in(admin());
    let mut operator = world.logged_in(Client { role: 0x13, ..Client::new(b"operator", b"pw3") });
    let id = |client: &Client| client.managed_id.to_le_bytes();
    let (of_boss, of_operator) = (id(&boss), id(&operator));
    assert_eq!(world.local(&mut operator, 0x3C, &of_boss), [0xD4]);
    assert_eq!(world.local(&mut operator, 0x3C, &[1, 2, 3, 4]), [0xD4], "nor learns which there are");
    assert_eq!(world.local(&mut boss, 0x3C, &of_operator), [0xD4], "not before raising the privilege");
    world.local(&mut boss, 0x3B, &[4]);
    assert_eq!(world.local(&mut boss, 0x3C, &[1, 2, 3, 4]), [0x87]);
    assert_eq!(world.local(&mut boss, 0x3C, &[0, 0, 0, 0, 60]), [0x88]);
    world.events.clear();
    assert_eq!(world.local(&mut boss, 0x3C, &[0, 0, 0, 0, 2]), [0]);
    let reason = CloseReason::ByOther(boss.managed_id);
    assert!(
        matches!(&world.events[..], [Event::SessionClosed(closed, why)] if closed.id == operator.managed_id && *why == reason)
    );
}

#[test]
fn a_silent_session_ends_and_a_used_one_stays() {
    let idle = Limits::default().idle;
    let mut world = World::new();
    let mut used = world.logged_in(admin());
    world.logged_in(admin());
    assert_eq!(world.endpoint.next_timeout(), Some(world.now + idle));
    world.pass(idle / 2);
    world.local(&mut used, 0x3B, &[0]);
    world.events.clear();
    world.pass(idle / 2 - Duration::from_millis(1));
    assert_eq!(world.open(), 2);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.open(), 1);
    assert!(matches!(world.events[..], [Event::SessionClosed(_, CloseReason::Idle)]));
    world.pass(idle / 2);
    assert_eq!((world.open(), world.endpoint.next_timeout()), (0, None));
}

/// A message in IPMI 1.5 framing outside a session.
fn v1_5(message: &[u8]) -> Vec<u8> {
    [&[6, 0, 0xFF, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, message.len() as u8], message].concat()
}

#[test]
fn before_a_session_both_framings_are_answered_in_kind() {
    let mut world = World::new();
    let client = admin();
    let ask = lan_message(6, 3, 0x38, &[0x8E, 4]);
    let data = [0, 1, 0x80, 0x04, 0x02, 0, 0, 0, 0];
    let reply = world.ask(&client, &v1_5(&ask));
    assert_eq!(reply[..14], [6, 0, 0xFF, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
    assert_eq!(reply[20..29], data);
    let reply = world.ask(&client, &outside(0, &ask));
    assert_eq!(reply[..16], [6, 0, 0xFF, 7, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0]);
    assert_eq!(reply[22..31], data);

    world.endpoint.set_users(super::world::users(), Secret::new(b"key"));
    assert_eq!(world.ask(&client, &outside(0, &ask))[25], 0x24, "KG is told");
    let plain = lan_message(6, 3, 0x38, &[0x0E, 4]);
    assert_eq!(world.ask(&client, &outside(0, &plain))[22..27], [0, 1, 0, 0x24, 0]);
    for bad in [[0x8D, 4], [0x8E, 0], [0x8E, 6]] {
        assert_eq!(world.ask(&client, &outside(0, &lan_message(6, 3, 0x38, &bad)))[22], 0xCC);
    }
}

#[test]
fn cipher_suites_are_listed_in_pages() {
    let mut world = World::new();
    let client = admin();
    let mut page = |list: u8| {
        let reply = world.ask(&client, &outside(0, &lan_message(6, 1, 0x54, &[0x0E, 0, list])));
        reply[22..reply.len() - 1].to_vec()
    };
    assert_eq!(page(0x80), [0, 1, 0xC0, 3, 1, 0x41, 0x81, 0xC0, 17, 3, 0x44, 0x81]);
    assert_eq!(page(0x81), [0, 1]);
    assert_eq!(page(0x00), [0, 1, 1, 3, 0x41, 0x44, 0x81]);
}

#[test]
fn other_commands_before_a_session_go_out_bounded_and_without_one() {
    let mut world = World::new();
    let client = admin();
    let get_guid = |sequence| outside(0, &lan_message(6, sequence, 0x37, &[]));
    for sequence in 0..8 {
        world.send(&client, &get_guid(sequence));
    }
    world.discards_it(&client, &get_guid(7), Discard::Retransmitted);
    world.discards_it(&client, &get_guid(8), Discard::QueueFull);
    let requests = world.requests();
    assert!(requests.iter().all(|request| request.session.is_none()));
    let reply = world.respond(&client, &requests[0], &[7; 16]).remove(0);
    assert_eq!(reply[22..39], [&[0][..], &[7; 16]].concat());
    world.send(&client, &get_guid(8));
    world.pass(Duration::from_secs(30));
    assert!(world.respond(&client, &requests[1], &[]).is_empty(), "too late");
}

#[test]
fn session_commands_before_a_session_are_refused() {
    let mut world = World::new();
    let client = admin();
    for (command, data) in [(0x3B, &[4][..]), (0x3C, &[1, 2, 3, 4])] {
        assert_eq!(world.ask(&client, &outside(0, &lan_message(6, 1, command, data)))[22], 0xD4);
    }
}

#[test]
fn a_presence_ping_is_answered_unless_it_asks_for_none() {
    let mut world = World::new();
    let ping = |tag| [6, 0, 0xFF, 6, 0, 0, 0x11, 0xBE, 0x80, tag, 0, 0];
    let pong = world.ask(&admin(), &ping(9));
    assert_eq!(pong[..12], [6, 0, 0xFF, 6, 0, 0, 0x11, 0xBE, 0x40, 9, 0, 16]);
    assert_eq!(pong[20], 0x81);
    world.discards_it(&admin(), &ping(0xFF), Discard::NotForUs);
    world.discards_it(&admin(), &pong, Discard::NotForUs);
}

#[test]
fn what_a_request_carries_is_not_printed() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    // Set User Password, with one more behind it in the queue.
    for byte in [0xA7, 0xA8] {
        let datagram = client.request(6, 0x47, &[2, 2, byte, byte, byte]);
        assert!(world.send(&client, &datagram).is_empty());
    }
    let text = format!("{:?} {:?}", world.requests(), world.endpoint);
    assert!(text.contains("06h/0 47h, 5 bytes") && text.contains("1 queued"), "{text}");
    assert!(!text.contains("167, 167") && !text.contains("168, 168"), "{text}");
}

#[test]
fn what_another_channel_offers_is_told_to_users_by_who_knows_it_and_to_nobody_else() {
    let mut world = World::new();
    let stranger = admin();
    for (command, data) in [(0x38, &[0x82, 4][..]), (0x54, &[0x02, 0, 0x80])] {
        let refused = world.ask(&stranger, &outside(0, &lan_message(6, 3, command, data)));
        assert_eq!(refused[22], 0xCC);
    }
    let mut client = world.logged_in(admin());
    assert_eq!(world.local(&mut client, 0x38, &[0x8E, 4])[..2], [0, 1]);
    for (command, data) in [(0x38, &[0x82, 4][..]), (0x54, &[0x02, 0, 0x80])] {
        let datagram = client.request(6, command, data);
        assert!(world.send(&client, &datagram).is_empty());
        let requests = world.requests();
        assert_eq!((requests[0].command, requests[0].data.as_slice()), (command, data));
        assert_eq!(world.respond(&client, &requests[0], &[2]).len(), 1);
    }
}
