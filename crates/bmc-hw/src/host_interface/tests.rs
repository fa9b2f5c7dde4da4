//! The backends on sockets that keep the bounds of messages, as a driver does.

use std::{
    future::poll_fn,
    io::{Read as _, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, recv, send, socketpair};
use std::os::fd::AsRawFd as _;

use super::*;

/// What a host sends to one end and reads from it.
struct Far(OwnedFd);

impl Far {
    fn say(&self, message: &[u8]) {
        send(self.0.as_raw_fd(), message, nix::sys::socket::MsgFlags::empty()).unwrap();
    }

    fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let length = recv(self.0.as_raw_fd(), &mut buffer, nix::sys::socket::MsgFlags::MSG_DONTWAIT).unwrap();
        buffer[..length].to_vec()
    }
}

fn device() -> (Device, Far) {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let (near, far) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).unwrap();
    (Device::new(near).unwrap(), Far(far))
}

async fn event(interface: &mut dyn HostInterface) -> Result<HostEvent, HostError> {
    poll_fn(|context| interface.poll_event(context)).await
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

fn request(bytes: &[u8]) -> Request {
    Request::parse(bytes).unwrap()
}

#[test]
fn kcs_messages_are_the_systems_own() {
    run(async {
        let (device, far) = device();
        let mut kcs = Kcs::new(device);
        far.say(&[0x18, 0x01, 7]);
        let tag = Tag::default();
        assert_eq!(event(&mut kcs).await.unwrap(), HostEvent::Request(tag, request(&[0x18, 0x01, 7])));
        kcs.respond(tag, &[0x1C, 0x01, 0]).unwrap();
        assert_eq!(far.hear(), [0x1C, 0x01, 0]);
        assert!(matches!(kcs.respond(tag, &[0; 1001]), Err(HostError::TooLong)));
    });
}

#[test]
fn kcs_messages_that_are_none_are_told_with_a_completion_code() {
    run(async {
        let (device, far) = device();
        let mut kcs = Kcs::new(device);
        far.say(&[0x18]);
        let code = |event| match event {
            HostEvent::Malformed(_, header, code) => (header.net_fn.value(), code.0),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(event(&mut kcs).await.unwrap()), (6, 0xC7));
        far.say(&[0x18; 1001]);
        assert_eq!(code(event(&mut kcs).await.unwrap()), (6, 0xC6));
        far.say(&[0x18; 1000]);
        assert!(matches!(event(&mut kcs).await.unwrap(), HostEvent::Request(..)), "as long as there are");
        drop(far);
        assert!(matches!(event(&mut kcs).await, Err(HostError::Lost(_))));
    });
}

#[test]
fn an_ioctl_that_the_driver_does_not_know_is_an_error_and_no_more() {
    run(async {
        let (device, _far) = device();
        let mut kcs = Kcs::new(device);
        assert!(matches!(kcs.set_attention(true), Err(HostError::Driver(_))));
        assert!(matches!(kcs.force_abort(), Err(HostError::Driver(_))));
        assert!(matches!(kcs.control(PowerControl::Reset), Err(HostError::Unsupported(_))));
    });
}

#[test]
fn ssif_messages_tell_their_length_natively() {
    run(async {
        let (device, far) = device();
        let mut ssif = Ssif::new(device);
        let framed = |message: &[u8]| {
            let length = u32::try_from(message.len()).unwrap();
            [&length.to_ne_bytes(), message].concat()
        };
        far.say(&framed(&[0x18, 0x01]));
        let tag = Tag::default();
        assert_eq!(event(&mut ssif).await.unwrap(), HostEvent::Request(tag, request(&[0x18, 0x01])));
        ssif.respond(tag, &[0x1C, 0x01, 0]).unwrap();
        assert_eq!(far.hear(), framed(&[0x1C, 0x01, 0]));
        assert!(matches!(ssif.respond(tag, &[0; 255]), Err(HostError::TooLong)));
        // A length of more than there is.
        far.say(&[&9u32.to_ne_bytes()[..], &[0x18, 0x01]].concat());
        assert!(matches!(event(&mut ssif).await.unwrap(), HostEvent::Malformed(_, header, code)
            if header.command == 1 && code.0 == 0xC7));
        far.say(&[1, 2]);
        assert!(matches!(event(&mut ssif).await.unwrap(), HostEvent::Malformed(..)));
    });
}

#[test]
fn a_bt_response_carries_the_sequence_of_its_request() {
    run(async {
        let (device, far) = device();
        let mut bt = Bt::new(device);
        far.say(&[3, 0x18, 0x42, 0x01]);
        let HostEvent::Request(tag, asked) = event(&mut bt).await.unwrap() else { panic!("no request") };
        assert_eq!(asked, request(&[0x18, 0x01]));
        bt.respond(tag, &[0x1C, 0x01, 0, 9]).unwrap();
        assert_eq!(far.hear(), [5, 0x1C, 0x42, 0x01, 0, 9]);
        far.say(&[9, 0x18, 0x43]);
        assert!(matches!(event(&mut bt).await.unwrap(), HostEvent::Malformed(Tag(0x43), ..)));
        assert!(matches!(bt.respond(tag, &[0; 255]), Err(HostError::TooLong)));
    });
}

#[test]
fn a_bt_response_waits_for_room_and_gives_way_to_a_new_request() {
    run(async {
        let (device, far) = device();
        let mut bt = Bt::new(device);
        // The host takes nothing until its side is full.
        while bt.waiting().is_none() {
            bt.respond(Tag(1), &[0x1C, 0x01, 0]).unwrap();
        }
        bt.respond(Tag(2), &[0x1C, 0x02, 0]).unwrap();
        assert_eq!(bt.waiting().unwrap()[2], 2, "the newest waits, and no other");
        // It takes all: what waits goes out while the next request is waited for.
        let taken = async {
            let mut last = Vec::new();
            while last.get(2) != Some(&2) {
                while let Ok(length) = recv_now(&far, &mut last) {
                    assert!(length > 0);
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = event(&mut bt) => panic!("the host said nothing"),
            () = taken => {}
        }
        while bt.waiting().is_none() {
            bt.respond(Tag(3), &[0x1C, 0x01, 0]).unwrap();
        }
        far.say(&[3, 0x18, 4, 0x01]);
        assert!(matches!(event(&mut bt).await.unwrap(), HostEvent::Request(Tag(4), _)));
        assert_eq!(bt.waiting(), None, "the host has asked anew");
    });
}

fn recv_now(far: &Far, into: &mut Vec<u8>) -> nix::Result<usize> {
    let mut buffer = [0; 300];
    let length = recv(far.0.as_raw_fd(), &mut buffer, nix::sys::socket::MsgFlags::MSG_DONTWAIT)?;
    *into = buffer[..length].to_vec();
    Ok(length)
}

/// A machine room with one place.
struct Room {
    vm: Vm,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("host.sock");
        let vm = Vm::listen(&Listen::Unix(path.clone())).unwrap();
        Self { vm, path, _directory: directory }
    }

    async fn connect(&mut self) -> UnixStream {
        let stream = UnixStream::connect(&self.path).unwrap();
        assert_eq!(self.event().await, HostEvent::Connected);
        stream
    }

    async fn event(&mut self) -> HostEvent {
        event(&mut self.vm).await.unwrap()
    }
}

/// Takes what was sent, which is in the socket already.
fn taken(mut stream: &UnixStream) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

const NO_ATTENTION_NO_INTERRUPT: [u8; 7] = [0xFF, 1, 0xA1, 0x00, 0xA1, 0x06, 0xA1];

#[test]
fn a_machine_is_told_the_wires_asks_and_is_answered() {
    run(async {
        let mut room = Room::new();
        let mut machine = room.connect().await;
        assert_eq!(taken(&machine), NO_ATTENTION_NO_INTERRUPT);
        machine.write_all(&[0xFF, 1, 0xA1, 0x08, 0x3F, 0xA1, 0x04, 0xA1, 5, 0x18, 0x01, 0xE2, 0xA0]).unwrap();
        assert_eq!(room.event().await, HostEvent::Reset);
        taken(&machine);
        assert_eq!(room.event().await, HostEvent::Request(Tag(5), request(&[0x18, 0x01])));
        room.vm.respond(Tag(5), &[0x1C, 0x01, 0x00]).unwrap();
        assert_eq!(taken(&machine), [0x05, 0x1C, 0x01, 0x00, 0xDE, 0xA0]);
        room.vm.control(PowerControl::Off).unwrap();
        room.vm.control(PowerControl::GracefulShutdown).unwrap();
        assert_eq!(taken(&machine), [0x03, 0xA1, 0x09, 0xA1]);
    });
}

#[test]
fn machines_come_and_go_and_each_is_told_of_attention() {
    run(async {
        let mut room = Room::new();
        room.vm.set_attention(true).unwrap();
        room.vm.set_interrupt(true);
        for _ in 0..3 {
            let machine = room.connect().await;
            assert_eq!(taken(&machine), [0xFF, 1, 0xA1, 0x02, 0xA1, 0x05, 0xA1]);
            drop(machine);
            assert_eq!(room.event().await, HostEvent::Disconnected);
            assert!(matches!(room.vm.respond(Tag(1), &[0x1C, 1, 0]), Err(HostError::Withdrawn)));
        }
    });
}

#[test]
fn a_second_machine_is_turned_away_until_the_first_is_gone() {
    run(async {
        let mut room = Room::new();
        let first = room.connect().await;
        let mut second = UnixStream::connect(&room.path).unwrap();
        assert_eq!(room.event().await, HostEvent::TurnedAway);
        assert_eq!(second.read(&mut [0; 9]).unwrap(), 0, "it is told by the end of its connection");
        // It comes back just as the first one goes.
        drop(first);
        let _second = UnixStream::connect(&room.path).unwrap();
        assert_eq!(room.event().await, HostEvent::Disconnected);
        assert_eq!(room.event().await, HostEvent::Connected);
    });
}

#[test]
fn a_machine_is_told_to_do_what_it_can_do_only() {
    run(async {
        let mut room = Room::new();
        assert!(
            matches!(room.vm.control(PowerControl::Nmi), Err(HostError::Unsupported(_))),
            "none is there"
        );
        let mut machine = room.connect().await;
        machine.write_all(&[0x08, 0x01, 0xA1, 0x03, 0xA1]).unwrap();
        assert_eq!(room.event().await, HostEvent::PoweredOff);
        assert!(matches!(room.vm.control(PowerControl::Nmi), Err(HostError::Unsupported(_))));
        room.vm.control(PowerControl::Off).unwrap();
    });
}

#[test]
fn a_machine_that_reads_nothing_is_cut_off() {
    run(async {
        let mut room = Room::new();
        let machine = room.connect().await;
        let mut sent = 0u32;
        // Bounded by the socket's buffer and ours.
        while sent < 100_000 && !room.vm.is_cut_off() {
            room.vm.respond(Tag(1), &[0x1C; 300]).unwrap();
            sent += 1;
        }
        assert_eq!(room.event().await, HostEvent::Disconnected);
        drop(machine);
    });
}

#[test]
fn what_did_not_fit_is_sent_when_there_is_room() {
    run(async {
        let mut room = Room::new();
        let machine = room.connect().await;
        let mut expected = NO_ATTENTION_NO_INTERRUPT.len();
        while !room.vm.has_unsent() {
            room.vm.respond(Tag(1), &[0x1C; 300]).unwrap();
            // Id, 300 bytes, checksum, end: none is escaped.
            expected += 303;
        }
        machine.set_nonblocking(true).unwrap();
        let all = async {
            let mut received = 0;
            while received < expected {
                received += (&machine).read(&mut [0; 4096]).unwrap_or(0);
                tokio::task::yield_now().await;
            }
            received
        };
        tokio::select! {
            event = room.event() => panic!("{event:?}"),
            received = all => assert_eq!(received, expected),
        }
    });
}

#[test]
fn a_socket_that_a_killed_daemon_left_is_taken_over_and_one_in_use_is_not() {
    run(async {
        let room = Room::new();
        let listen = Listen::Unix(room.path.clone());
        assert!(Vm::listen(&listen).err().unwrap().to_string().contains("in use"), "somebody listens");
        let Room { vm, path, _directory } = room;
        drop(vm);
        assert!(path.exists());
        Vm::listen(&listen).unwrap();
    });
}

#[test]
fn a_missing_device_is_named_with_a_hint() {
    run(async {
        let error = Backend::Kcs("/dev/ipmi-kcs99".into()).open().err().unwrap().to_string();
        assert!(error.contains("/dev/ipmi-kcs99") && error.contains("hint: "), "{error}");
    });
}
