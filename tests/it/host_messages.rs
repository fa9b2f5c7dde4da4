//! The host's message services, by a client that is the virtual machine: flags, events, restriction.

use ipmi_wire::{Lun, NetFn, lan_message::LanMessage, vm_serial::Control};
use system_tests::{
    VmHost,
    remote_console::{Request, Session},
};

use crate::{
    host_interface::connect,
    support::{Running, eventually, login, shared},
};

const APP: u8 = 0x06;
const CHASSIS: u8 = 0x00;

/// The data of the answer, or its completion code.
fn ask(host: &mut VmHost, net_fn: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    let response = host.ask(&[&[net_fn << 2, command], data].concat()).unwrap();
    if response[2] == 0 { Ok(response[3..].to_vec()) } else { Err(response[2]) }
}

/// What Linux' driver does at its start, and reading what older tests left.
fn probed(stack: &Running) -> VmHost {
    let mut host = connect(stack);
    ask(&mut host, APP, 0x01, &[]).unwrap();
    ask(&mut host, APP, 0x30, &[0x08]).unwrap();
    let enables = ask(&mut host, APP, 0x2F, &[]).unwrap()[0] | 0x04;
    ask(&mut host, APP, 0x2E, &[enables]).unwrap();
    assert_eq!(ask(&mut host, APP, 0x2F, &[]).unwrap(), [enables]);
    ask(&mut host, APP, 0x08, &[]).unwrap();
    assert_eq!(ask(&mut host, APP, 0x42, &[0x0F]).unwrap()[..2], [0x0F, 0x0C]);
    while ask(&mut host, APP, 0x35, &[]).is_ok() {}
    host
}

/// Waits for the attention bit to be set or cleared.
fn attention_becomes(host: &mut VmHost, wanted: bool) {
    loop {
        match host.control().unwrap() {
            Control::Attention | Control::AttentionInterrupt if wanted => return,
            Control::NoAttention if !wanted => return,
            _ => {}
        }
    }
}

#[test]
fn an_event_comes_to_the_host_by_attention_flags_and_buffer() {
    let stack = shared();
    let mut host = probed(&stack);
    // A record of the administrator's: a critical interrupt, sensor 5Ah.
    stack.ipmitool().ok("raw 0x0a 0x44 0 0 2 0 0 0 0 0x41 0 4 0x13 0x5a 0x6f 1 0xff 0xff");
    attention_becomes(&mut host, true);
    assert_eq!(ask(&mut host, APP, 0x31, &[]).unwrap(), [0x02]);
    let record = ask(&mut host, APP, 0x35, &[]).unwrap();
    assert_eq!((record.len(), &record[10..13]), (16, &[0x13, 0x5A, 0x6F][..]));
    attention_becomes(&mut host, false);
    assert_eq!(ask(&mut host, APP, 0x31, &[]).unwrap(), [0]);
}

#[test]
fn the_host_asks_a_remote_console_and_gets_its_response() {
    // Its own: a reset of the host, which other tests do, ends the reception.
    let stack = Running::start();
    let mut host = probed(&stack);
    let mut console = Session::open(&login(&stack, stack.description.port)).unwrap();
    let current = Request { net_fn: NetFn::APP, command: 0x3D, data: vec![0] };
    let (code, info) = console.execute(&current).unwrap();
    assert_eq!(code, 0);
    let handle = info[0];
    let mut bytes = vec![0x01, handle];
    let request = LanMessage {
        to: 0x81,
        to_lun: Lun::BMC,
        net_fn: NetFn::APP,
        from: 0x20,
        from_lun: Lun::SMS,
        sequence: 21,
        command: 0x01,
        data: &[7],
    };
    request.emit(&mut bytes);
    assert_eq!(ask(&mut host, APP, 0x34, &bytes), Err(0xD3), "reception is off");
    assert_eq!(ask(&mut host, APP, 0x32, &[1, 1]).unwrap(), [1, 1]);
    assert_eq!(ask(&mut host, APP, 0x34, &bytes), Ok(vec![]));
    let asked = console.answer_host(&[0, 0xAB]).unwrap();
    assert_eq!((asked.net_fn, asked.command, asked.data), (NetFn::APP, 0x01, vec![7]));
    // By the flag and not by attention, which an event can hold already.
    eventually("the response", || ask(&mut host, APP, 0x31, &[]).unwrap()[0] & 0x01 != 0);
    let received = ask(&mut host, APP, 0x33, &[]).unwrap();
    let mut response = Vec::new();
    request.response(&[0, 0xAB]).emit(&mut response);
    assert_eq!((received[0] & 0x0F, received[1], &received[2..]), (1, handle, &response[..]));
    assert_eq!(ask(&mut host, APP, 0x32, &[1, 0]).unwrap(), [1, 0]);
    console.close().unwrap();
    assert_eq!(ask(&mut host, APP, 0x34, &bytes), Err(0x80), "the session is gone");
}

#[test]
fn an_administrator_takes_a_command_from_the_host_and_gives_it_back() {
    let stack = shared();
    let mut host = probed(&stack);
    let firewall = |change: &str| {
        stack.ipmitool().ok(&format!("firewall {change} channel 15 lun 0 netfn 0 command 1"));
    };
    firewall("disable");
    assert_eq!(ask(&mut host, CHASSIS, 0x01, &[]), Err(0xD4));
    stack.ipmitool().ok("chassis status");
    firewall("enable");
    assert!(ask(&mut host, CHASSIS, 0x01, &[]).is_ok());
}

#[test]
fn what_the_host_says_of_its_system_is_read_over_the_lan() {
    let stack = shared();
    let mut host = connect(&stack);
    ask(&mut host, APP, 0x58, &[2, 0, 0, 5, b'r', b'a', b'c', b'k', b'7']).unwrap();
    let name = stack.ipmitool().ok("raw 0x06 0x59 0 2 0 0").stdout;
    assert!(name.contains("11 00 00 05 72 61 63 6b 37 00"), "{name}");
    ask(&mut host, APP, 0x06, &[0x80, 0x80]).unwrap();
    assert_eq!(stack.ipmitool().ok("raw 0x06 0x07").stdout.trim(), "00 00");
}
