//! The host's message services over QEMU's protocol, by a client that is the virtual machine: flags, events, restriction.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    time::Duration,
};

use ipmi_wire::vm_serial::{Capabilities, Control, Decoder, Frame, VERSION, emit_message};

use crate::support::{Running, shared};

const APP: u8 = 0x06;
const CHASSIS: u8 = 0x00;

/// A virtual machine in front of the stack.
struct Vm {
    stream: UnixStream,
    decoder: Decoder,
    frames: VecDeque<Frame>,
    id: u8,
    attention: bool,
}

impl Vm {
    fn start(stack: &Running) -> Self {
        let path = stack.description.host_interface.as_ref().unwrap();
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut hello = Vec::new();
        Control::Version(VERSION).emit(&mut hello);
        let capabilities = Capabilities(Capabilities::ATTENTION.0 | Capabilities::INTERRUPT.0);
        Control::Capabilities(capabilities).emit(&mut hello);
        stream.write_all(&hello).unwrap();
        Self { stream, decoder: Decoder::default(), frames: VecDeque::new(), id: 0, attention: false }
    }

    /// The next frame; remembers attention.
    fn frame(&mut self) -> Frame {
        while self.frames.is_empty() {
            let mut bytes = [0; 512];
            let count = self.stream.read(&mut bytes).expect("a frame within 20 s");
            assert_ne!(count, 0, "kcsbridged hung up");
            let decoder = &mut self.decoder;
            self.frames.extend(bytes[..count].iter().filter_map(|byte| decoder.push(*byte)));
        }
        let frame = self.frames.pop_front().unwrap();
        match frame {
            Frame::Control(Control::Attention | Control::AttentionInterrupt) => self.attention = true,
            Frame::Control(Control::NoAttention) => self.attention = false,
            _ => {}
        }
        frame
    }

    /// The data of the answer, or its completion code.
    fn ask(&mut self, net_fn: u8, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
        self.id = self.id.wrapping_add(1);
        let mut out = Vec::new();
        emit_message(self.id, &[&[net_fn << 2, command], data].concat(), &mut out);
        self.stream.write_all(&out).unwrap();
        loop {
            if let Frame::Message { id, message } = self.frame() {
                assert_eq!((id, message[0] >> 2, message[1]), (self.id, net_fn | 1, command));
                return if message[2] == 0 { Ok(message[3..].to_vec()) } else { Err(message[2]) };
            }
        }
    }

    fn attention_becomes(&mut self, wanted: bool) {
        while self.attention != wanted {
            self.frame();
        }
    }

    /// What Linux' driver does at its start.
    fn probe(&mut self) {
        self.ask(APP, 0x01, &[]).unwrap();
        self.ask(APP, 0x30, &[0x08]).unwrap();
        let enables = self.ask(APP, 0x2F, &[]).unwrap()[0];
        self.ask(APP, 0x2E, &[enables | 0x04]).unwrap();
        assert_eq!(self.ask(APP, 0x2F, &[]).unwrap(), [enables | 0x04]);
        self.ask(APP, 0x08, &[]).unwrap();
        assert_eq!(self.ask(APP, 0x42, &[0x0F]).unwrap()[..2], [0x0F, 0x0C]);
        while self.ask(APP, 0x35, &[]).is_ok() {}
    }
}

#[test]
fn an_event_comes_to_the_host_by_attention_flags_and_buffer() {
    let stack = shared();
    let mut vm = Vm::start(&stack);
    vm.probe();
    vm.attention_becomes(false);
    // A record of the administrator's: a critical interrupt, sensor 5Ah.
    stack.ipmitool().ok("raw 0x0a 0x44 0 0 2 0 0 0 0 0x41 0 4 0x13 0x5a 0x6f 1 0xff 0xff");
    vm.attention_becomes(true);
    assert_eq!(vm.ask(APP, 0x31, &[]).unwrap(), [0x02]);
    let record = vm.ask(APP, 0x35, &[]).unwrap();
    assert_eq!((record.len(), &record[10..13]), (16, &[0x13, 0x5A, 0x6F][..]));
    vm.attention_becomes(false);
    assert_eq!(vm.ask(APP, 0x31, &[]).unwrap(), [0]);
}

#[test]
fn an_administrator_takes_a_command_from_the_host_and_gives_it_back() {
    let stack = shared();
    let mut vm = Vm::start(&stack);
    vm.probe();
    let firewall = |words: &str| stack.ipmitool().ok(&format!("firewall {words}"));
    let of_chassis_status = "channel 15 lun 0 netfn 0 command 1";
    firewall(&format!("disable {of_chassis_status}"));
    assert_eq!(vm.ask(CHASSIS, 0x01, &[]), Err(0xD4));
    stack.ipmitool().ok("chassis status");
    firewall(&format!("enable {of_chassis_status}"));
    assert!(vm.ask(CHASSIS, 0x01, &[]).is_ok());
}

#[test]
fn what_the_host_says_of_its_system_is_read_over_the_lan() {
    let stack = shared();
    let mut vm = Vm::start(&stack);
    vm.ask(APP, 0x58, &[2, 0, 0, 5, b'r', b'a', b'c', b'k', b'7']).unwrap();
    let name = stack.ipmitool().ok("mc getsysinfo system_name").stdout;
    assert!(name.contains("rack7"), "{name}");
    vm.ask(APP, 0x06, &[0x80, 0x80]).unwrap();
    assert_eq!(stack.ipmitool().ok("raw 0x06 0x07").stdout.trim(), "00 00");
}
