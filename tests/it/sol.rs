//! Serial over LAN on the whole stack: configuration, permission, one console and its readers.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    process::Command,
    time::Duration,
};

use bmc_sim::HostPhase;
use ipmi_wire::{NetFn, sol::Status};
use system_tests::{
    eventually,
    remote_console::{HostShell, Request, Session, SolClient},
};

use crate::support::{attach, login, shared};

#[test]
fn ipmitool_reads_and_changes_the_configuration() {
    let stack = shared();
    let client = stack.ipmitool();
    let info = || client.ok("sol info 1");
    let before = info();
    assert_eq!(before.field("Enabled"), "true");
    assert_eq!(before.field("Force Encryption"), "true");
    assert_eq!(before.field("Payload Channel"), "1 (0x01)");
    assert_eq!(before.field("Payload Port"), stack.description.port.to_string());
    let changes = [
        ("retry-count", "3", "Retry Count", "3"),
        ("retry-interval", "50", "Retry Interval (ms)", "500"),
        ("character-send-threshold", "32", "Character Send Threshold", "32"),
        ("character-accumulate-level", "4", "Character Accumulate Level (ms)", "20"),
        ("volatile-bit-rate", "57.6", "Volatile Bit Rate (kbps)", "57.6"),
        ("non-volatile-bit-rate", "115.2", "Non-Volatile Bit Rate (kbps)", "115.2"),
        ("privilege-level", "operator", "Privilege Level", "OPERATOR"),
        ("enabled", "false", "Enabled", "false"),
    ];
    for (parameter, value, shown, expected) in changes {
        let was = info().field(shown);
        client.ok(&format!("sol set {parameter} {value} 1"));
        assert_eq!(info().field(shown), expected, "{parameter} was {was}");
    }
    let back = [
        "retry-count 7",
        "retry-interval 25",
        "character-send-threshold 1",
        "character-accumulate-level 12",
        "volatile-bit-rate serial",
        "non-volatile-bit-rate serial",
        "privilege-level admin",
        "enabled true",
    ];
    for change in back {
        client.ok(&format!("sol set {change} 1"));
    }
    let refused = client.run("sol set payload-port 1 1");
    assert!(!refused.success, "{refused:#?}");
}

#[test]
fn who_is_forbidden_the_payload_cannot_activate_it() {
    let stack = shared();
    let client = stack.ipmitool();
    assert!(client.ok("sol payload status 1 2").stdout.contains("enabled"));
    client.ok("sol payload disable 1 2");
    assert!(client.ok("sol payload status 1 2").stdout.contains("disabled"));
    let session = Session::open(&login(&stack, stack.description.port)).unwrap();
    let refused = SolClient::activate(session, 1, Duration::from_millis(100));
    assert!(refused.is_err());
    client.ok("sol payload enable 1 2");
    attach(&stack).detach().unwrap();
}

#[test]
fn an_active_instance_is_told_and_another_session_takes_it_over() {
    let stack = shared();
    let mut first = attach(&stack);
    let mut second = Session::open(&login(&stack, stack.description.port)).unwrap();
    let app = |command, data: &[u8]| Request { net_fn: NetFn::APP, command, data: data.to_vec() };
    assert_eq!(second.execute(&app(0x4A, &[1])).unwrap(), (0, vec![1, 1, 0]));
    let (code, info) = second.execute(&app(0x4B, &[1, 1])).unwrap();
    assert_eq!((code, &info[..4]), (0, &first.client.session_id().to_le_bytes()[..]));
    let activate = app(0x48, &[1, 1, 0xC0, 0, 0, 0]);
    assert_eq!(second.execute(&activate).unwrap().0, 0x80, "active on another session");
    assert_eq!(second.execute(&app(0x49, &[1, 1, 0, 0, 0, 0])).unwrap().0, 0);
    let told = |client: &SolClient| client.status().contains(Status::DEACTIVATING);
    assert!(first.client.run(Duration::from_secs(10), told).unwrap(), "the first is told that it ends");
    assert_eq!(first.client.activating(), None);
    let second = SolClient::activate(second, 1, Duration::from_millis(100)).unwrap();
    let told = |client: &SolClient| client.activating() == Some(&[0, 1, 1, 0]);
    assert!(first.client.run(Duration::from_secs(10), told).unwrap(), "and that another has it");
    let mut second = HostShell { client: second };
    second.prompt().unwrap();
    second.detach().unwrap();
}

#[test]
fn recent_output_comes_first_and_breaks_go_in() {
    let stack = shared();
    let mut console = attach(&stack);
    console.prompt().unwrap();
    console.keys("echo before\r").unwrap();
    console.wait_for("before\r\nbefore\r\n").unwrap();
    console.detach().unwrap();
    let mut again = attach(&stack);
    again.wait_for("before\r\nbefore\r\n").unwrap();
    again.client.send_break();
    again.wait_for("sysrq: HELP").unwrap();
    again.detach().unwrap();
}

#[test]
fn a_ring_wakes_a_host_that_is_off() {
    let stack = shared();
    stack.ipmitool().ok("chassis power off");
    stack.board_becomes("off", |board| board.host == HostPhase::Off);
    let mut console = attach(&stack);
    let off = |client: &SolClient| client.status().contains(Status::UNAVAILABLE);
    assert!(console.client.run(Duration::from_secs(20), off).unwrap(), "the client is told");
    console.client.ring();
    assert!(console.client.run(Duration::from_secs(10), SolClient::is_flushed).unwrap());
    stack.board_becomes("on", |board| board.host == HostPhase::Os);
    console.prompt().unwrap();
    console.detach().unwrap();
}

#[test]
fn the_carrier_drops_with_the_clients_word_and_rises_when_its_session_ends() {
    let stack = shared();
    let carrier = || {
        let words = format!(
            "--bus={} --print-reply=literal --dest=xyz.openbmc_project.Console.default \
             /xyz/openbmc_project/console/default org.freedesktop.DBus.Properties.Get \
             string:org.ferrite.Console string:Carrier",
            stack.description.bus_address
        );
        let output = Command::new("dbus-send").args(words.split_whitespace()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().ends_with("boolean true")
    };
    let mut console = attach(&stack);
    assert!(carrier());
    console.client.set_carrier(false);
    assert!(console.client.run(Duration::from_secs(10), SolClient::is_flushed).unwrap());
    eventually("the carrier to drop", || !carrier());
    console.detach().unwrap();
    eventually("the carrier to rise", carrier);
}

#[test]
fn several_watch_at_once_and_one_that_sleeps_holds_nobody_up() {
    let stack = shared();
    let mut console = attach(&stack);
    console.prompt().unwrap();
    let socket = &stack.description.consoles["default"];
    let sleeper = UnixStream::connect(socket).unwrap();
    let mut watcher = UnixStream::connect(socket).unwrap();
    watcher.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let watched = std::thread::spawn({
        let mut watcher = watcher.try_clone().unwrap();
        move || {
            let mut all = Vec::new();
            let mut buffer = [0; 4096];
            // The burst before has no such word.
            while !String::from_utf8_lossy(&all[all.len().saturating_sub(buffer.len())..])
                .contains("the watcher")
            {
                let length = watcher.read(&mut buffer).unwrap();
                assert!(length > 0, "the console hung up");
                all.extend(&buffer[..length]);
            }
            all
        }
    });
    // Eight times what the ring and the socket's buffers hold would not fit for one who does not read.
    let expected = bmc_sim::burst(64 * 1024);
    for _ in 0..16 {
        assert!(console.burst(64 * 1024).unwrap() == expected);
    }
    watcher.write_all(b"echo typed by the watcher\r").unwrap();
    console.wait_for("typed by the watcher\r\ntyped by the watcher\r\n").unwrap();
    let seen = watched.join().unwrap();
    let whole = seen.windows(expected.len()).filter(|window| *window == expected).count();
    assert_eq!(whole, 16, "who keeps up loses nothing");
    drop(sleeper);
    console.detach().unwrap();
}
