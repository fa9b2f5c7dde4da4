//! The host's side: a virtual machine's end of the wire, as QEMU has it, against the whole stack.

use std::{
    io::ErrorKind,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use bmc_sim::HostPhase;
use ipmi_wire::vm_serial::Control;
use system_tests::VmHost;
use zbus::{Connection, Proxy};

use crate::support::{Running, crash, eventually, shared, start_again};

const GET_DEVICE_ID: [u8; 2] = [0x18, 0x01];
const GET_CHANNEL_INFO: [u8; 3] = [0x18, 0x42, 0x0E];
const CHANNEL: &str = "xyz.openbmc_project.Ipmi.Channel.ipmi_kcs3";
const CHANNEL_PATH: &str = "/xyz/openbmc_project/Ipmi/Channel/ipmi_kcs3";

fn socket(stack: &Running) -> &Path {
    stack.description.host_interface.as_deref().expect("the demo has a host interface")
}

/// A machine, once the one of the test before is gone.
pub(crate) fn connect(stack: &Running) -> VmHost {
    let mut connected = None;
    eventually("a machine to be let in", || {
        let mut host = VmHost::connect(socket(stack)).unwrap();
        let let_in = host.ask(&GET_DEVICE_ID).is_ok();
        connected = let_in.then_some(host);
        let_in
    });
    connected.unwrap()
}

fn signal(stack: &Running, daemon: &str, signal: &str) {
    let pid = stack.description.daemons[daemon].to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

fn on_the_bus<T>(stack: &Running, look: impl AsyncFnOnce(Connection) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = stack.description.bus_address.as_str();
        look(zbus::connection::Builder::address(address).build().await.unwrap()).await
    })
}

fn call(stack: &Running, name: &str, path: &str, interface: &str, method: &str) {
    on_the_bus(stack, async |bus| {
        bus.call_method(Some(name), path, Some(interface), method, &()).await.unwrap();
    });
}

fn count(stack: &Running, counter: &str) -> u64 {
    on_the_bus(stack, async |bus| {
        let proxy = Proxy::new(&bus, CHANNEL, CHANNEL_PATH, "org.ferrite.Ipmi.HostChannel").await.unwrap();
        let counters: std::collections::HashMap<String, u64> = proxy.get_property("Counters").await.unwrap();
        counters[counter]
    })
}

fn wait_for(host: &mut VmHost, wanted: Control) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut said = Vec::new();
    while said.last() != Some(&wanted) {
        match host.control() {
            Ok(control) => said.push(control),
            // As long as QEMU waits for an answer.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "{wanted:?} did not come: {said:?}");
    }
}

#[test]
fn ten_thousand_requests_each_get_their_own_answer() {
    let stack = shared();
    let mut host = connect(&stack);
    let first = [host.ask(&GET_DEVICE_ID).unwrap(), host.ask(&GET_CHANNEL_INFO).unwrap()];
    assert_eq!((first[0][2], first[1][2]), (0, 0));
    assert_eq!(first[1][3], 15, "the host's channel is known by who asks");
    for _ in 0..5000 {
        assert_eq!(host.ask(&GET_DEVICE_ID).unwrap(), first[0]);
        assert_eq!(host.ask(&GET_CHANNEL_INFO).unwrap(), first[1]);
    }
}

#[test]
fn what_is_no_request_is_answered_with_its_completion_code() {
    let stack = shared();
    let mut host = connect(&stack);
    let before = count(&stack, "malformed");
    // Each with an id of 7: no command, a wrong checksum, 400 bytes.
    let mut long = vec![7, 0x18, 0x01];
    long.resize(400, 0);
    long.push(0xA0);
    for (bytes, code) in
        [(&[7, 0x18, 0xE1, 0xA0][..], 0xC7), (&[7, 0x18, 0x01, 0xE1, 0xA0], 0xC7), (&long, 0xC6)]
    {
        host.send(bytes).unwrap();
        assert_eq!(host.any_response().unwrap()[2], code);
    }
    assert_eq!(host.ask(&GET_DEVICE_ID).unwrap()[2], 0);
    assert_eq!(count(&stack, "malformed"), before + 3);
}

#[test]
fn one_machine_at_a_time_is_served_and_it_may_come_back() {
    let stack = shared();
    for _ in 0..3 {
        let mut host = connect(&stack);
        // Refused at its first words, or at its first request.
        let second = VmHost::connect(socket(&stack)).and_then(|mut second| second.ask(&GET_DEVICE_ID));
        let refused = second.unwrap_err().kind();
        assert!(
            matches!(refused, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{refused}"
        );
        assert_eq!(host.ask(&GET_DEVICE_ID).unwrap()[2], 0, "the first is served on");
    }
}

#[test]
fn attention_reaches_the_host_by_the_new_name_and_by_the_old() {
    let stack = shared();
    let mut host = connect(&stack);
    let sms = "xyz.openbmc_project.Ipmi.Channel.SMS";
    call(&stack, CHANNEL, CHANNEL_PATH, sms, "setAttention");
    wait_for(&mut host, Control::AttentionInterrupt);
    drop(host);
    // Who comes is told.
    let mut host = connect(&stack);
    wait_for(&mut host, Control::AttentionInterrupt);
    call(&stack, CHANNEL, CHANNEL_PATH, sms, "clearAttention");
    wait_for(&mut host, Control::NoAttention);
    call(&stack, "org.openbmc.HostIpmi", "/org/openbmc/HostIpmi/1", "org.openbmc.HostIpmi", "setAttention");
    wait_for(&mut host, Control::AttentionInterrupt);
    call(&stack, CHANNEL, CHANNEL_PATH, sms, "clearAttention");
    wait_for(&mut host, Control::NoAttention);
}

#[test]
fn a_host_in_the_lurch_gets_c3_and_a_late_answer_goes_nowhere() {
    let stack = shared();
    let mut host = connect(&stack);
    let device = host.ask(&GET_DEVICE_ID).unwrap();
    let before = count(&stack, "requests");
    signal(&stack, "ipmid", "-STOP");
    let answer = host.ask(&GET_CHANNEL_INFO);
    host.begin(&GET_CHANNEL_INFO).unwrap();
    host.begin(&GET_DEVICE_ID).unwrap();
    eventually("the second request to be superseded", || count(&stack, "requests") == before + 3);
    // The answers of the first and the second come now.
    signal(&stack, "ipmid", "-CONT");
    assert_eq!(answer.unwrap(), [0x1C, 0x42, 0xC3]);
    assert_eq!(host.response(&GET_DEVICE_ID).unwrap(), device);
    for _ in 0..100 {
        assert_eq!(host.ask(&GET_DEVICE_ID).unwrap(), device);
    }
}

#[test]
fn ipmid_and_kcsbridged_may_be_killed_in_mid_request() {
    let stack = Running::start();
    let mut host = connect(&stack);
    let device = host.ask(&GET_DEVICE_ID).unwrap();
    signal(&stack, "ipmid", "-STOP");
    host.begin(&GET_DEVICE_ID).unwrap();
    let ipmid = crash(&stack, "ipmid");
    assert_eq!(host.response(&GET_DEVICE_ID).unwrap(), [0x1C, 0x01, 0xC3], "never silence");
    // What is asked while it is away is executed once it is there, if that is soon, and is answered in any case.
    host.begin(&GET_DEVICE_ID).unwrap();
    let _ipmid = start_again(&stack, &ipmid);
    let answer = host.response(&GET_DEVICE_ID).unwrap();
    assert!(answer[2] == 0xC3 || answer == device, "{answer:02X?}");
    eventually("ipmid to answer again", || host.ask(&GET_DEVICE_ID).unwrap() == device);
    signal(&stack, "kcsbridged", "-STOP");
    host.begin(&GET_DEVICE_ID).unwrap();
    let kcsbridged = crash(&stack, "kcsbridged");
    let end = host.response(&GET_DEVICE_ID).unwrap_err().kind();
    assert!(matches!(end, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{end}");
    let _kcsbridged = start_again(&stack, &kcsbridged);
    eventually("the socket that was left to be taken over", || VmHost::connect(socket(&stack)).is_ok());
    assert_eq!(connect(&stack).ask(&GET_DEVICE_ID).unwrap(), device);
}

#[test]
fn what_powerd_does_to_the_host_reaches_the_machine() {
    let stack = Running::start();
    let ipmitool = stack.ipmitool();
    if !stack.board().power_ok {
        ipmitool.ok("chassis power on");
    }
    let mut host = connect(&stack);
    for (words, control) in [
        ("chassis power diag", Control::Nmi),
        ("chassis power reset", Control::Reset),
        ("chassis power soft", Control::GracefulShutdown),
    ] {
        stack.board_becomes("the operating system to run", |board| board.host == HostPhase::Os);
        let resets = stack.board().resets;
        ipmitool.ok(words);
        wait_for(&mut host, control);
        if control == Control::Reset {
            // Until then the operating system of before is what is seen.
            stack.board_becomes("the reset to begin", |board| board.resets > resets);
        }
    }
    // What the machine does not do in time, or did, ends without power.
    wait_for(&mut host, Control::PowerOff);
}
