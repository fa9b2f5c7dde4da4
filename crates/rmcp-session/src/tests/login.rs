use std::time::Duration;

use ipmi_wire::Privilege;

use super::{
    client::{Client, filled},
    world::{World, admin, user, users},
};
use crate::{
    CloseReason, Discard, Event, Limits, LockSubject, Lockout, LoginFailure, Secret, SessionState, Settings,
};

const WRONG_CODE: u8 = 0x0F;

/// The reasons of the refused logins since this was asked last.
fn failures(world: &mut World) -> Vec<(Option<u8>, LoginFailure)> {
    std::mem::take(&mut world.events)
        .into_iter()
        .filter_map(|event| match event {
            Event::LoginFailed { user_slot, reason, .. } => Some((user_slot, reason)),
            _ => None,
        })
        .collect()
}

#[test]
fn the_right_password_opens_a_session_in_both_suites() {
    for suite in [3, 17] {
        let mut world = World::new();
        let client = world.logged_in(Client { suite, ..admin() });
        let summary = world.endpoint.sessions().next().unwrap();
        assert_eq!((summary.id, summary.handle, summary.user_slot), (client.managed_id, 1, 2));
        assert_eq!((summary.suite.id(), summary.state), (suite, SessionState::Active));
        assert_eq!((summary.privilege, summary.max_privilege), (Privilege::User, Privilege::Administrator));
        assert_eq!(world.events, [Event::SessionOpened(summary)]);
    }
}

#[test]
fn a_two_key_login_needs_both_keys() {
    for suite in [3, 17] {
        let mut world = World::new();
        world.endpoint.set_users(users(), Secret::new(b"channel key"));
        let right = Client { suite, kg: Some(filled(b"channel key")), ..admin() };
        world.logged_in(right.clone());
        // The console sees in RAKP message 4 that KG is another; the managed system sees it in the first packet.
        for kg in [Some(filled(b"another key")), None] {
            assert_eq!(world.log_in(&mut Client { kg, ..right.clone() }), Err(0xEE));
        }
        let wrong = Client { password: filled(b"wrong"), ..right };
        assert_eq!(world.log_in(&mut wrong.clone()), Err(WRONG_CODE));
    }
}

#[test]
fn a_key_of_zeros_is_none_so_that_the_password_stands_in_for_it() {
    let mut world = World::new();
    world.endpoint.set_users(users(), Secret::new(&[0; 20]));
    world.logged_in(admin());
    let zeros = Client { kg: Some([0; 20]), ..admin() };
    assert_eq!(world.log_in(&mut zeros.clone()), Err(0xEE));
}

#[test]
fn unknown_disabled_and_locked_out_users_look_like_a_wrong_password() {
    let mut world = World::with(Settings {
        lockout: Some(Lockout { user_failures: 1, ..Lockout::default() }),
        ..Settings::default()
    });
    let story = |world: &mut World, mut client: Client| {
        let open = world.ask(&client, &client.open_request());
        let rakp_1 = client.rakp_1(&open).unwrap();
        let rakp_2 = world.ask(&client, &rakp_1);
        let (rakp_3, right) = client.rakp_3(&rakp_2).unwrap();
        assert!(!right, "RAKP message 2 must not prove a password");
        let rakp_4 = world.ask(&client, &rakp_3);
        assert_eq!(client.finish(&rakp_4), Err(WRONG_CODE));
        (open.len(), rakp_2.len(), rakp_4[16..].to_vec())
    };
    let wrong = story(&mut world, Client::new(b"admin", b"wrong"));
    let others = [
        Client::new(b"nobody", b"secret"),
        Client::new(b"", b""),
        Client::new(b"disabled", b"pw5"),
        Client::new(b"elsewhere", b"pw4"),
        // Right password, but locked out by the first story.
        admin(),
    ];
    for other in others {
        assert_eq!(story(&mut world, other), wrong);
    }
    let unknown = (None, LoginFailure::UnknownUser);
    assert_eq!(
        failures(&mut world),
        [
            (Some(2), LoginFailure::WrongPassword),
            unknown,
            unknown,
            unknown,
            unknown,
            (Some(2), LoginFailure::LockedOut)
        ]
    );
}

#[test]
fn an_unknown_user_does_not_answer_to_the_same_stand_in_twice() {
    let mut world = World::new();
    let mut code = || {
        let mut client = Client::new(b"nobody", b"");
        let open = world.ask(&client, &client.open_request());
        let rakp_1 = client.rakp_1(&open).unwrap();
        world.ask(&client, &rakp_1)[56..].to_vec()
    };
    assert_ne!(code(), code());
}

#[test]
fn privilege_is_what_was_asked_for_within_the_users_limit() {
    let mut world = World::new();
    let operator = |role| Client { role, ..Client::new(b"operator", b"pw3") };
    for (role, granted) in [(0x12, Privilege::User), (0x13, Privilege::Operator), (0x10, Privilege::Operator)]
    {
        let client = world.logged_in(operator(role));
        let summary = world.endpoint.sessions().find(|session| session.id == client.managed_id).unwrap();
        assert_eq!(summary.max_privilege, granted);
    }
    world.events.clear();
    assert_eq!(world.log_in(&mut operator(0x14)), Err(0x0A));
    assert_eq!(failures(&mut world), [(Some(3), LoginFailure::PrivilegeTooHigh)]);
}

#[test]
fn too_much_privilege_is_not_told_before_the_password_is_proven() {
    let mut world = World::new();
    let client = Client { role: 0x14, ..Client::new(b"operator", b"guess") };
    assert_eq!(world.log_in(&mut client.clone()), Err(WRONG_CODE));
}

#[test]
fn a_callback_session_begins_at_callback() {
    let mut world = World::new();
    world.logged_in(Client { role: 0x11, ..admin() });
    assert_eq!(world.endpoint.sessions().next().unwrap().privilege, Privilege::Callback);
}

#[test]
fn a_look_up_by_privilege_finds_the_first_user_of_the_name_who_may_have_it() {
    let mut world = World::new();
    let twins = vec![
        user(6, "twin", "user password", Some(Privilege::User)),
        user(7, "twin", "admin password", Some(Privilege::Administrator)),
    ];
    world.endpoint.set_users(twins, None);
    let twin = |role, password: &[u8]| Client { role, ..Client::new(b"twin", password) };
    let slot = |world: &World, client: &Client| {
        world.endpoint.sessions().find(|session| session.id == client.managed_id).unwrap().user_slot
    };
    let client = world.logged_in(twin(0x04, b"admin password"));
    assert_eq!(slot(&world, &client), 7);
    let client = world.logged_in(twin(0x02, b"user password"));
    assert_eq!(slot(&world, &client), 6);
    assert_eq!(world.log_in(&mut twin(0x14, b"admin password")), Err(WRONG_CODE));
}

#[test]
fn refused_open_sessions_say_why_and_leave_nothing_behind() {
    let mut world = World::new();
    let client = admin();
    let with = |at: usize, value: u8| {
        let mut datagram = client.open_request();
        datagram[16 + at] = value;
        datagram
    };
    for (at, value, status) in [
        (12, 0, 4),
        (12, 2, 4),
        (20, 0, 5),
        (20, 3, 5),
        (28, 0, 0x10),
        (28, 2, 0x10),
        (20, 1, 0x11),
        (1, 6, 9),
    ] {
        let reply = world.ask(&client, &with(at, value));
        assert_eq!(client.clone().rakp_1(&reply).err(), Some(status), "byte {at} = {value}");
    }
    assert_eq!(world.half_open(), 0);
    let anonymous = Client { console_id: 0, ..admin() };
    let reply = world.ask(&anonymous, &anonymous.open_request());
    assert_eq!(anonymous.clone().rakp_1(&reply).err(), Some(2));
}

#[test]
fn a_role_that_the_session_cannot_have_is_refused_at_once() {
    let mut world = World::new();
    for (open_privilege, role, status) in [(3, 0x14, 0x0A), (4, 0x16, 9), (4, 0x1F, 9)] {
        let mut client = Client { open_privilege, role, ..admin() };
        assert_eq!(world.log_in(&mut client), Err(status));
        assert_eq!(world.half_open(), 0);
    }
}

#[test]
fn lost_answers_are_sent_again_unchanged() {
    let mut world = World::new();
    let mut client = admin();
    let open = world.ask(&client, &client.open_request());
    assert_eq!(world.ask(&client, &client.open_request()), open);
    let rakp_1 = client.rakp_1(&open).unwrap();
    let rakp_2 = world.ask(&client, &rakp_1);
    assert_eq!(world.ask(&client, &rakp_1), rakp_2);
    let (rakp_3, right) = client.rakp_3(&rakp_2).unwrap();
    assert!(right);
    let rakp_4 = world.ask(&client, &rakp_3);
    assert_eq!(world.ask(&client, &rakp_3), rakp_4);
    assert_eq!(client.finish(&rakp_4), Ok(true));
    assert_eq!((world.open(), world.half_open()), (1, 0));

    // Once the session is used, the handshake is over.
    world.local(&mut client, 0x3B, &[0]);
    world.discards_it(&client, &rakp_3, Discard::UnexpectedState);
}

#[test]
fn messages_out_of_order_and_from_elsewhere_are_discarded() {
    let mut world = World::new();
    let mut client = admin();
    let stranger = Client { address: "192.0.2.8:40000".parse().unwrap(), ..admin() };
    let open = world.ask(&client, &client.open_request());
    let rakp_1 = client.rakp_1(&open).unwrap();
    let early = client.rakp_3_again();
    world.discards_it(&client, &early, Discard::UnexpectedState);
    world.discards_it(&stranger, &rakp_1, Discard::UnknownSession);
    let rakp_2 = world.ask(&client, &rakp_1);
    let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
    let another = Client { console_random: [9; 16], ..client.clone() }.rakp_1_again();
    world.discards_it(&client, &another, Discard::UnexpectedState);
    world.discards_it(&stranger, &rakp_3, Discard::UnknownSession);
    world.ask(&client, &rakp_3);
    world.discards_it(&stranger, &rakp_3, Discard::WrongSource);
    assert_eq!(world.open(), 1);
}

#[test]
fn a_byte_changed_in_any_message_of_the_handshake_opens_no_session_that_the_client_would_use() {
    let lengths = [48, 16 + 28 + 5, 16 + 8 + 32];
    for (step, length) in lengths.into_iter().enumerate() {
        for at in 0..length {
            let mut world = World::new();
            let mut client = admin();
            let forge = |datagram: Vec<u8>, this: usize| {
                let mut datagram = datagram;
                if this == step {
                    assert_eq!(datagram.len(), length);
                    datagram[at] ^= 0x05;
                }
                datagram
            };
            let completed = (|| {
                let open = world.send(&client, &forge(client.open_request(), 0)).pop()?;
                // A changed tag or session ID comes back changed: the client drops the answer.
                if open[16] != client.tag || open[20..24] != client.console_id.to_le_bytes() {
                    return None;
                }
                let rakp_1 = client.rakp_1(&open).ok()?;
                let rakp_2 = world.send(&client, &forge(rakp_1, 1)).pop()?;
                if rakp_2[16] != client.tag {
                    return None;
                }
                let (rakp_3, right) = client.rakp_3(&rakp_2).ok()?;
                let rakp_4 = right.then(|| world.send(&client, &forge(rakp_3, 2)).pop())??;
                (rakp_4[16] == client.tag && client.finish(&rakp_4).ok()?).then_some(())
            })();
            // Reserved bytes, RMCP sequence, and the privilege that the Open Session Request asks for, are not part of any code.
            let reserved: &[usize] = match step {
                0 => &[
                    1, 2, 10, 11, 12, 13, 18, 19, 25, 26, 29, 30, 31, 33, 34, 37, 38, 39, 41, 42, 45, 46, 47,
                ],
                1 => &[1, 2, 10, 11, 12, 13, 17, 18, 19, 41, 42],
                _ => &[1, 2, 10, 11, 12, 13, 18, 19],
            };
            let harmless = reserved.contains(&at);
            assert!(completed.is_none() || harmless, "message {step}, byte {at}");
        }
    }
}

#[test]
fn failures_lock_the_user_out_until_the_time_is_over() {
    let lockout = Lockout { user_failures: 3, ..Lockout::default() };
    let mut world = World::with(Settings { lockout: Some(lockout.clone()), ..Settings::default() });
    for _ in 0..3 {
        assert_eq!(world.log_in(&mut Client::new(b"admin", b"wrong")), Err(WRONG_CODE));
    }
    let until = world.now + lockout.duration;
    assert!(world.events.contains(&Event::LockedOut { subject: LockSubject::User(2), until }));
    assert_eq!(world.log_in(&mut admin()), Err(WRONG_CODE));
    world.logged_in(Client { role: 0x13, ..Client::new(b"operator", b"pw3") });
    world.pass(lockout.duration);
    world.logged_in(admin());
}

#[test]
fn a_success_forgets_the_users_failures() {
    let lockout = Some(Lockout { user_failures: 3, ..Lockout::default() });
    let mut world = World::with(Settings { lockout, ..Settings::default() });
    for _ in 0..5 {
        for _ in 0..2 {
            assert_eq!(world.log_in(&mut Client::new(b"admin", b"wrong")), Err(WRONG_CODE));
        }
        world.logged_in(admin());
    }
}

#[test]
fn failures_lock_the_source_out_and_no_other() {
    let lockout = Some(Lockout { source_failures: 3, ..Lockout::default() });
    let mut world = World::with(Settings { lockout, ..Settings::default() });
    for name in ["a", "b", "c"] {
        assert_eq!(world.log_in(&mut Client::new(name.as_bytes(), b"")), Err(WRONG_CODE));
    }
    assert_eq!(world.log_in(&mut admin()), Err(WRONG_CODE));
    world.logged_in(Client { address: "192.0.2.99:1".parse().unwrap(), ..admin() });
}

#[test]
fn guesses_made_at_the_same_time_count_like_others() {
    let lockout = Some(Lockout { user_failures: 2, ..Lockout::default() });
    let mut world = World::with(Settings { lockout, ..Settings::default() });
    let mut prepared: Vec<_> = (0..3)
        .map(|number| {
            let mut client = Client { console_id: 100 + number, ..admin() };
            if number < 2 {
                client.password = filled(b"wrong");
            }
            let open = world.ask(&client, &client.open_request());
            let rakp_1 = client.rakp_1(&open).unwrap();
            let rakp_2 = world.ask(&client, &rakp_1);
            let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
            (client, rakp_3)
        })
        .collect();
    for (client, rakp_3) in &mut prepared {
        let rakp_4 = world.ask(client, rakp_3);
        assert_eq!(client.finish(&rakp_4), Err(WRONG_CODE));
    }
}

#[test]
fn an_abandoned_handshake_is_told_and_counts_only_if_so_configured() {
    for count_abandoned in [false, true] {
        let lockout = Some(Lockout { user_failures: 1, count_abandoned, ..Lockout::default() });
        let mut world = World::with(Settings { lockout, ..Settings::default() });
        let mut client = admin();
        let open = world.ask(&client, &client.open_request());
        let rakp_1 = client.rakp_1(&open).unwrap();
        world.ask(&client, &rakp_1);
        world.pass(Limits::default().handshake);
        assert_eq!(world.half_open(), 0);
        assert_eq!(failures(&mut world), [(Some(2), LoginFailure::Abandoned)]);
        assert_eq!(world.log_in(&mut admin()).is_err(), count_abandoned);
    }
}

#[test]
fn a_console_that_gives_up_in_rakp_3_counts_and_gets_no_answer() {
    let mut world = World::new();
    let mut client = admin();
    let open = world.ask(&client, &client.open_request());
    let rakp_1 = client.rakp_1(&open).unwrap();
    let rakp_2 = world.ask(&client, &rakp_1);
    let (mut rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
    rakp_3[17] = WRONG_CODE;
    world.discards_it(&client, &rakp_3, Discard::LoginRefused);
    assert_eq!((world.open(), world.half_open()), (0, 0));
    assert_eq!(failures(&mut world), [(Some(2), LoginFailure::WrongPassword)]);
}

#[test]
fn sessions_are_limited_in_all_and_per_user() {
    let limits = Limits { sessions: 3, sessions_per_user: 2, ..Limits::default() };
    let mut world = World::with(Settings { limits, ..Settings::default() });
    let mut first = world.logged_in(admin());
    world.logged_in(admin());
    world.events.clear();
    assert_eq!(world.log_in(&mut admin()), Err(1));
    assert_eq!(failures(&mut world), [(Some(2), LoginFailure::NoSessionLeft)]);
    let operator = Client { role: 0x13, ..Client::new(b"operator", b"pw3") };
    world.logged_in(operator.clone());
    assert_eq!(world.log_in(&mut operator.clone()), Err(1));

    let id = first.managed_id.to_le_bytes();
    assert_eq!(world.local(&mut first, 0x3C, &id), [0]);
    world.logged_in(operator);
    let mut handles: Vec<_> = world.endpoint.sessions().map(|session| session.handle).collect();
    handles.sort_unstable();
    assert_eq!(handles, [1, 2, 3]);
}

#[test]
fn a_changed_user_table_ends_and_limits_sessions() {
    let mut world = World::new();
    let removed = world.logged_in(admin());
    let kept = world.logged_in(Client { role: 0x13, ..Client::new(b"operator", b"pw3") });
    world.events.clear();
    world.endpoint.set_users(vec![user(3, "operator", "new", Some(Privilege::User))], None);
    world.pass(Duration::ZERO);
    let [Event::SessionClosed(closed, CloseReason::UserChanged)] = world.events.as_slice() else {
        panic!("{:?}", world.events)
    };
    assert_eq!(closed.id, removed.managed_id);
    let left: Vec<_> = world.endpoint.sessions().map(|session| (session.id, session.max_privilege)).collect();
    assert_eq!(left, [(kept.managed_id, Privilege::User)]);
}

#[test]
fn a_handshake_does_not_survive_a_change_of_secrets() {
    let mut world = World::new();
    let mut client = admin();
    let open = world.ask(&client, &client.open_request());
    let rakp_1 = client.rakp_1(&open).unwrap();
    let rakp_2 = world.ask(&client, &rakp_1);
    let (rakp_3, _) = client.rakp_3(&rakp_2).unwrap();
    world.endpoint.set_users(users(), None);
    world.discards_it(&client, &rakp_3, Discard::UnknownSession);
}

#[test]
fn without_random_bytes_nothing_is_opened() {
    let mut world = World::new();
    let mut client = admin();
    world.random.broken = true;
    world.discards_it(&client, &client.open_request(), Discard::NoRandom);
    world.random.broken = false;
    let open = world.ask(&client, &client.open_request());
    let rakp_1 = client.rakp_1(&open).unwrap();
    world.random.broken = true;
    world.discards_it(&client, &rakp_1, Discard::NoRandom);
    world.random.broken = false;
    world.ask(&client, &rakp_1);
}
