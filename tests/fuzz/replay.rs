//! Every input that the fuzzer found worth keeping, and small changes of it, on a stable compiler.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path};

#[path = "src/lib.rs"]
mod entry;

/// Changed copies of each input.
const CHANGES: u64 = 200;

fn replay(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "the corpus is there");
    let mut seed = 1;
    for input in inputs {
        run(&input);
        for _ in 0..CHANGES {
            run(&changed(&input, &mut seed));
        }
    }
}

/// A copy of `input` with a byte changed, cut, or doubled.
fn changed(input: &[u8], seed: &mut u64) -> Vec<u8> {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    let [how, value, a, b, ..] = seed.to_be_bytes();
    let at = usize::from(u16::from_be_bytes([a, b])) % input.len().max(1);
    let mut copy = input.to_vec();
    match how % 4 {
        0 => copy.truncate(at),
        1 => copy.insert(at.min(copy.len()), value),
        _ => copy.get_mut(at).into_iter().for_each(|byte| *byte ^= value | 1),
    }
    copy
}

#[test]
fn datagrams_are_read_or_refused() {
    replay("rmcp_datagram", entry::rmcp_datagram);
}

#[test]
fn lan_messages_are_read_or_refused() {
    replay("lan_message", entry::lan_message);
}

#[test]
fn the_endpoint_keeps_its_promises() {
    replay("session_endpoint", entry::session_endpoint);
}

#[test]
fn what_a_virtual_machine_sends_is_taken_apart() {
    replay("vm_stream", entry::vm_stream);
}

#[test]
fn bt_frames_are_read_or_refused() {
    replay("bt_frame", entry::bt_frame);
}

#[test]
fn a_console_over_lan_keeps_its_promises() {
    replay("sol_session", entry::sol_session);
}

#[test]
fn sensor_data_records_are_read_or_refused() {
    replay("sensor_record", entry::sensor_record);
}

#[test]
fn requests_of_commands_are_read_or_refused() {
    replay("command_data", entry::command_data);
}

#[test]
fn event_records_are_kept_as_they_are() {
    replay("sel_record", entry::sel_record);
}

#[test]
fn fru_images_are_read_or_refused_and_built_anew() {
    replay("fru_image", entry::fru_image);
}

#[test]
fn traps_are_read_or_refused() {
    replay("snmp_trap", entry::snmp_trap);
}
