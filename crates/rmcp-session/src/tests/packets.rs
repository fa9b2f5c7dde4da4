use proptest::prelude::*;

use super::{
    client::{Client, lan_message, outside},
    world::{World, admin},
};
use crate::{Discard, Limits};

const GET_DEVICE_ID: u8 = 1;

#[test]
fn every_packet_must_carry_the_protection_that_was_agreed() {
    let mut world = World::new();
    let client = world.logged_in(admin());
    let message = lan_message(6, 1, GET_DEVICE_ID, &[]);
    for kind in [0x00, 0x40, 0x80] {
        world.discards_it(&client, &client.packet(kind, 1, &message), Discard::Unprotected);
    }
    assert_eq!(world.requests(), []);
    assert_eq!(world.send(&client, &client.packet(0xC0, 1, &message)), Vec::<Vec<u8>>::new());
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn a_byte_changed_anywhere_in_a_packet_is_noticed() {
    for suite in [3, 17] {
        let mut world = World::new();
        let client = world.logged_in(Client { suite, ..admin() });
        let good = client.packet(0xC0, 1, &lan_message(6, 1, GET_DEVICE_ID, &[1, 2, 3]));
        // Reserved byte and sequence number of RMCP are not covered by the AuthCode.
        for at in (0..good.len()).filter(|at| ![1, 2].contains(at)) {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(world.send(&client, &bad), Vec::<Vec<u8>>::new(), "byte {at}");
            }
        }
        assert_eq!(world.requests(), []);
        world.send(&client, &good);
        assert_eq!(world.requests().len(), 1, "the good one still counts");
    }
}

#[test]
fn a_cut_packet_is_noticed_at_every_length() {
    let mut world = World::new();
    let client = world.logged_in(admin());
    let good = client.packet(0xC0, 1, &lan_message(6, 1, GET_DEVICE_ID, &[]));
    for length in 0..good.len() {
        assert_eq!(world.send(&client, &good[..length]), Vec::<Vec<u8>>::new(), "length {length}");
    }
    assert_eq!(world.requests(), []);
    assert_eq!(world.endpoint.discards().total(), good.len() as u64);
}

#[test]
fn a_replayed_packet_is_discarded() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let packet = client.request(6, GET_DEVICE_ID, &[]);
    world.send(&client, &packet);
    let request = world.requests().remove(0);
    world.respond(&client, &request, &[]);
    world.discards_it(&client, &packet, Discard::Replayed);
    assert_eq!(world.requests(), []);
}

#[test]
fn a_forged_packet_does_not_use_its_sequence_number_up() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let good = client.request(6, GET_DEVICE_ID, &[]);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    world.discards_it(&client, &forged, Discard::Integrity);
    world.send(&client, &good);
    assert_eq!(world.requests().len(), 1);
}

#[test]
fn a_packet_from_another_address_is_discarded_and_keeps_no_session_alive() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let elsewhere = Client { address: "192.0.2.7:40001".parse().unwrap(), ..client.clone() };
    world.now += Limits::default().idle / 2;
    world.discards_it(&elsewhere, &client.request(6, GET_DEVICE_ID, &[]), Discard::WrongSource);
    world.pass(Limits::default().idle / 2);
    assert_eq!(world.open(), 0);
}

#[test]
fn a_packet_of_another_session_does_not_pass() {
    let mut world = World::new();
    let mut first = world.logged_in(admin());
    let second = world.logged_in(admin());
    first.managed_id = second.managed_id;
    world.discards_it(&second, &first.request(6, GET_DEVICE_ID, &[]), Discard::Integrity);
}

#[test]
fn payloads_that_are_not_negotiated_are_discarded() {
    let mut world = World::new();
    let client = world.logged_in(admin());
    world.discards_it(&client, &client.packet(0xC1, 1, &[0; 4]), Discard::PayloadInactive);
    world.discards_it(&client, &client.packet(0xE0, 2, &[0; 4]), Discard::PayloadType);
    world.discards_it(&client, &outside(0x11, &[0; 36]), Discard::PayloadType);
    world.discards_it(&client, &outside(0xC0, &[]), Discard::UnknownSession);
    world.discards_it(&client, &[6, 0, 0xFF, 7, 2, 0, 0, 0, 0], Discard::AuthenticationType);
    world.discards_it(&client, &[6, 0, 0xFF, 8, 0], Discard::NotForUs);
}

#[test]
fn messages_for_others_and_responses_are_discarded() {
    let mut world = World::new();
    let client = world.logged_in(admin());
    let response = lan_message(7, 1, GET_DEVICE_ID, &[0]);
    world.discards_it(&client, &client.packet(0xC0, 1, &response), Discard::NotForUs);
    let mut wrong_sum = lan_message(6, 1, GET_DEVICE_ID, &[]);
    wrong_sum[6] ^= 1;
    world.discards_it(&client, &client.packet(0xC0, 2, &wrong_sum), Discard::Checksum);
}

#[test]
fn outbound_sequence_numbers_count_from_one() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    for expected in 1..=3u32 {
        let request = client.request(6, 0x3B, &[0]);
        let reply = world.ask(&client, &request);
        assert_eq!(reply[10..14], expected.to_le_bytes());
    }
}

proptest! {
    #[test]
    fn any_datagram_is_taken(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..20)) {
        let mut world = World::new();
        let mut client = world.logged_in(admin());
        for mut datagram in datagrams {
            world.send(&client, &datagram);
            let start = [6, 0, 0xFF, 7, 6];
            let length = start.len().min(datagram.len());
            datagram[..length].copy_from_slice(&start[..length]);
            world.send(&client, &datagram);
        }
        prop_assert_eq!(world.local(&mut client, 0x3B, &[0]), [0, 2]);
    }

    #[test]
    fn packets_that_are_lost_reordered_and_duplicated_are_each_executed_at_most_once(
        order in prop::collection::vec(0usize..12, 1..60),
    ) {
        let mut world = World::new();
        let mut client = world.logged_in(admin());
        let packets: Vec<_> = (0..12u8).map(|number| client.request(6, GET_DEVICE_ID, &[number])).collect();
        let mut executed = Vec::new();
        for at in &order {
            world.send(&client, &packets[*at]);
            for request in world.requests() {
                executed.push(usize::from(request.data[0]));
                world.respond(&client, &request, &[]);
            }
        }
        let mut expected: Vec<usize> = Vec::new();
        order.iter().for_each(|at| if !expected.contains(at) { expected.push(*at) });
        prop_assert_eq!(executed, expected);
    }
}
