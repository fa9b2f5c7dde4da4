use super::{
    client::lan_message,
    world::{World, admin},
};
use crate::{Discard, Event, Message, SendError};

/// The handle of the only session.
fn handle(world: &World) -> u8 {
    world.endpoint.sessions().next().unwrap().handle
}

/// The responses to the host since this was asked last.
fn messages(world: &mut World) -> Vec<Message> {
    let events = std::mem::take(&mut world.events).into_iter();
    events
        .filter_map(|event| if let Event::Message(message) = event { Some(message) } else { None })
        .collect()
}

/// A response to LUN 2 of the BMC.
fn response() -> Vec<u8> {
    let mut bytes = lan_message(7, 5, 1, &[0, 9]);
    // The LUN, and the checksum that makes up for it.
    bytes[1] |= 2;
    bytes[2] = bytes[2].wrapping_sub(2);
    bytes
}

#[test]
fn a_message_goes_out_protected_and_its_response_comes_in_whole() {
    let mut world = World::new();
    let mut client = world.logged_in(admin());
    let request = [0x81, 0x18, 0x67, 0x20, 0x16, 0x01, 0xC9];
    let handle = handle(&world);
    assert_eq!(world.endpoint.send_message(handle, &request, &mut world.random), Ok(()));
    let sent = world.collect(&client);
    assert_eq!(sent.len(), 1);
    assert_eq!(client.read(&sent[0]), request);

    client.sequence += 1;
    let datagram = client.packet(0xC0, client.sequence, &response());
    assert!(world.send(&client, &datagram).is_empty(), "a response has no answer");
    let message = messages(&mut world).remove(0);
    assert_eq!((message.net_fn.value(), message.command), (7, 1));
    assert_eq!((message.session.id, message.session.handle), (client.managed_id, handle));
    assert_eq!(message.bytes, response());
    world.discards_it(&client, &datagram, Discard::Replayed);
}

#[test]
fn a_response_that_is_tampered_with_or_for_nobody_is_dropped() {
    let mut world = World::new();
    let client = world.logged_in(admin());
    let mut tampered = client.packet(0xC0, 1, &response());
    tampered[40] ^= 1;
    world.discards_it(&client, &tampered, Discard::Integrity);
    world.discards_it(&client, &client.packet(0x40, 1, &response()), Discard::Unprotected);
    let to_the_bmc = client.packet(0xC0, 1, &lan_message(7, 5, 1, &[0]));
    world.discards_it(&client, &to_the_bmc, Discard::NotForUs);
    assert_eq!(messages(&mut world), []);
}

#[test]
fn nothing_is_sent_without_a_session_or_random_bytes_or_too_long() {
    let mut world = World::new();
    let client = world.logged_in(admin());
    let handle = handle(&world);
    assert_eq!(world.endpoint.send_message(handle + 1, &[], &mut world.random), Err(SendError::NoSession));
    assert_eq!(world.endpoint.send_message(0, &[], &mut world.random), Err(SendError::NoSession));
    assert_eq!(world.endpoint.send_message(handle, &[0; 273], &mut world.random), Err(SendError::TooLong));
    world.random.broken = true;
    assert_eq!(world.endpoint.send_message(handle, &[], &mut world.random), Err(SendError::NoRandom));
    assert_eq!(world.collect(&client), Vec::<Vec<u8>>::new());
}
