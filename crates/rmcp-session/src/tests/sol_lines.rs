//! The lines beside the characters: CTS, DCD with DSR, and the ring indicator.

use super::sol::{Console, typed};
use crate::{Event, SolInput, SolParameters};

/// The changes of DCD and DSR that were told of.
fn carrier(console: &mut Console) -> Vec<bool> {
    let events = std::mem::take(&mut console.world.events).into_iter();
    let changes = events.filter_map(|event| match event {
        Event::SolCarrier(_, carrier) => Some(carrier),
        _ => None,
    });
    changes.collect()
}

#[test]
fn dcd_is_as_the_newest_packet_says_and_told_where_it_changes() {
    let mut console = Console::new();
    assert_eq!(carrier(&mut console), [], "asserted at first");
    console.send(&[1, 0, 0, 0x04, b'a']);
    console.send(&[1, 0, 0, 0x04, b'a']);
    assert_eq!(carrier(&mut console), [false]);
    console.send(&[0, 0, 0, 0x04]);
    assert_eq!(carrier(&mut console), []);
    console.send(&[0, 0, 0, 0]);
    assert_eq!(carrier(&mut console), [true]);
}

#[test]
fn a_packet_that_was_overtaken_does_not_move_the_lines() {
    let mut console = Console::new();
    let late = console.sealed(&[0, 0, 0, 0x0C]);
    console.send(&[0, 0, 0, 0]);
    console.arrives(&late);
    assert_eq!(carrier(&mut console), []);
    assert_eq!(console.prints(b"x"), [b"\x01\0\0\0x"]);
}

#[test]
fn as_ipmitool_activates_output_leaves_without_a_packet_of_the_client() {
    // Encrypted and authenticated; the lines are to stay deasserted (bit 1).
    let mut console = Console::activated(SolParameters::default(), 0xC6);
    assert_eq!(carrier(&mut console), []);
    assert_eq!(console.prints(b"x"), [b"\x01\0\0\0x"]);
}

#[test]
fn nothing_is_told_of_dcd_after_its_session() {
    let mut console = Console::new();
    console.send(&[0, 0, 0, 0x04]);
    let id = console.id();
    console.world.events.clear();
    let now = console.world.now;
    console.world.endpoint.close(now, id);
    console.after(5000);
    assert!(console.world.events.iter().any(|event| matches!(event, Event::SolClosed(..))));
    assert_eq!(carrier(&mut console), [], "the end says that they are asserted");
}

#[test]
fn a_packet_rings_once_however_often_it_comes() {
    let mut console = Console::new();
    (0..3).for_each(|_| drop(console.send(&[1, 0, 0, 0x20, b'a'])));
    assert_eq!(console.inputs(), [SolInput::Ring, typed(b"a")]);
    console.send(&[2, 0, 0, 0x20]);
    assert_eq!(console.inputs(), [SolInput::Ring]);
}

#[test]
fn a_host_without_power_is_rung_and_once_though_the_packet_is_taken_later() {
    let mut console = Console::new();
    let id = console.id();
    console.world.endpoint.sol_console(id, false);
    console.sent();
    (0..2).for_each(|_| assert_eq!(console.send(&[1, 0, 0, 0x30, b'a']), [[0, 1, 0, 0x60]]));
    assert_eq!(console.inputs(), [SolInput::Ring]);
    console.send(&[0, 0, 0, 0x30]);
    assert_eq!(console.inputs(), [SolInput::Ring], "a break needs the console");
    console.world.endpoint.sol_console(id, true);
    console.send(&[1, 0, 0, 0x30, b'a']);
    assert_eq!(console.inputs(), [SolInput::Break, typed(b"a")]);
}

#[test]
fn a_client_that_rings_without_end_does_not_fill_memory() {
    let mut console = Console::new();
    let id = console.id();
    console.world.endpoint.sol_console(id, false);
    (0..1000).for_each(|_| drop(console.send(&[0, 0, 0, 0x20])));
    assert_eq!(console.inputs().len(), 64);
}
