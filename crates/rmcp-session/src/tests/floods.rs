use std::time::Duration;

use super::{
    client::Client,
    world::{World, admin},
};
use crate::{Discard, Limits};

fn attacker(number: u32) -> Client {
    let [_, b, c, d] = number.to_be_bytes();
    let address = std::net::SocketAddr::from(([10, b, c, d], 1000));
    Client { address, console_id: number + 1, ..Client::new(b"admin", b"") }
}

#[test]
fn a_flood_from_one_source_does_not_touch_a_login_from_another() {
    let mut world = World::new();
    let mut client = admin();
    let flood = |world: &mut World| {
        for number in 0..1000 {
            let bot = Client { console_id: number + 1, ..attacker(0) };
            world.ask(&bot, &bot.open_request());
        }
    };
    let open = world.ask(&client, &client.open_request());
    flood(&mut world);
    let rakp_1 = client.rakp_1(&open).unwrap();
    let rakp_2 = world.ask(&client, &rakp_1);
    flood(&mut world);
    let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
    let rakp_4 = world.ask(&client, &rakp_3);
    assert_eq!(client.finish(&rakp_4), Ok(true));
    assert_eq!(world.half_open(), Limits::default().half_open_per_source);
    assert_eq!(world.endpoint.discards().get(Discard::HalfOpenReplaced), 2000 - 8);
}

#[test]
fn a_flood_from_many_sources_is_bounded_and_a_good_login_still_works() {
    let mut world = World::new();
    for number in 0..5000 {
        let bot = attacker(number);
        world.ask(&bot, &bot.open_request());
    }
    assert_eq!(world.half_open(), Limits::default().half_open);
    let client = world.logged_in(admin());
    assert_eq!(world.open(), 1);
    world.pass(Limits::default().handshake);
    assert_eq!((world.open(), world.half_open()), (1, 0));
    assert_ne!(client.managed_id, 0);
}

#[test]
fn a_flood_under_false_addresses_does_not_replace_a_client_that_answers() {
    for from_same_source in [false, true] {
        let mut world = World::new();
        let mut client = admin();
        let open = world.ask(&client, &client.open_request());
        let rakp_1 = client.rakp_1(&open).unwrap();
        let rakp_2 = world.ask(&client, &rakp_1);
        for number in 0..1000 {
            let mut bot = attacker(number);
            if from_same_source {
                let port = 2000 + u16::try_from(number).unwrap();
                bot.address = std::net::SocketAddr::new(client.address.ip(), port);
            }
            world.ask(&bot, &bot.open_request());
        }
        let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
        let rakp_4 = world.ask(&client, &rakp_3);
        assert_eq!(client.finish(&rakp_4), Ok(true));
    }
}

#[test]
fn clients_that_stop_after_the_challenge_do_not_crowd_out_newcomers() {
    let mut world = World::new();
    let challenge = |world: &mut World, number| {
        let mut bot = attacker(number);
        let open = world.ask(&bot, &bot.open_request());
        let rakp_1 = bot.rakp_1(&open).unwrap();
        world.ask(&bot, &rakp_1);
    };
    (0..300).for_each(|number| challenge(&mut world, number));
    let mut client = admin();
    let open = world.ask(&client, &client.open_request());
    for number in 300..400 {
        let bot = attacker(number);
        world.ask(&bot, &bot.open_request());
    }
    let rakp_1 = client.rakp_1(&open).unwrap();
    let rakp_2 = world.ask(&client, &rakp_1);
    let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
    let rakp_4 = world.ask(&client, &rakp_3);
    assert_eq!(client.finish(&rakp_4), Ok(true));
}

#[test]
fn challenges_that_are_never_answered_lock_nobody_out() {
    let mut world = World::new();
    for round in 0..30 {
        for number in 0..20 {
            let mut bot = Client { console_id: round * 100 + number + 1, ..attacker(0) };
            let open = world.ask(&bot, &bot.open_request());
            let rakp_1 = bot.rakp_1(&open).unwrap();
            world.ask(&bot, &rakp_1);
        }
        world.pass(Duration::from_secs(10));
    }
    world.logged_in(Client { address: attacker(0).address, ..admin() });
}

#[test]
fn handshakes_expire_even_if_nothing_else_comes() {
    let mut world = World::new();
    let client = admin();
    world.ask(&client, &client.open_request());
    assert_eq!(world.endpoint.next_timeout(), Some(world.now + Limits::default().handshake));
    world.pass(Limits::default().handshake);
    assert_eq!((world.half_open(), world.endpoint.next_timeout()), (0, None));
    assert_eq!(world.endpoint.discards().get(Discard::HandshakeExpired), 1);
}
