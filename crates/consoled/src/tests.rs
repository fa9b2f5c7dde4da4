//! The daemon on a pty and a private bus.

use std::{
    fs::File,
    io::Write as _,
    os::{
        fd::AsFd as _,
        linux::net::SocketAddrExt as _,
        unix::{ffi::OsStringExt as _, fs::PermissionsExt as _, net::UnixStream as StdStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bmc_dbus::console::{ConsoleAccessProxy, ConsoleProxy, ConsoleUartProxy};
use futures_util::StreamExt as _;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use system_tests::PrivateBus;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest, unix::AsyncFd},
    net::UnixStream,
    sync::mpsc,
    task::JoinHandle,
};

mod lines;

use crate::{
    config::{AbstractSocket, Settings},
    console::{Console, Input},
    keep::Keep,
    log::{Log, LogSettings},
    ring_indicator::RingIndicator,
    service,
    sockets::Sockets,
    uart,
};

/// Long, so that only what hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "xyz.openbmc_project.Console.test";
const PATH: &str = "/xyz/openbmc_project/console/test";

/// The host's end of the wire.
struct Host(AsyncFd<File>);

impl Host {
    /// A new pty, and `link` to it, as a UART that has just come.
    #[allow(deprecated, reason = "a File keeps its descriptor")]
    fn appear(link: &Path) -> Self {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::io::ioctl_fionbio(&far, true).unwrap();
        grantpt(&far).unwrap();
        unlockpt(&far).unwrap();
        let name = ptsname(&far, Vec::new()).unwrap().into_bytes();
        let _ = std::fs::remove_file(link);
        std::os::unix::fs::symlink(PathBuf::from(std::ffi::OsString::from_vec(name)), link).unwrap();
        Self(AsyncFd::new(File::from(far)).unwrap())
    }

    async fn print(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let write = |mut file: &File| file.write(bytes);
            let written = self.0.async_io(Interest::WRITABLE, write).await.unwrap();
            bytes = &bytes[written..];
        }
    }

    async fn typed(&self, length: usize) -> Vec<u8> {
        let mut got = Vec::new();
        while got.len() < length {
            let mut buffer = [0; 256];
            let read = |file: &File| Ok(rustix::io::read(file, &mut buffer)?);
            match self.0.async_io(Interest::READABLE, read).await {
                Ok(length) => got.extend_from_slice(&buffer[..length]),
                // Nobody has the port open yet.
                Err(error) if error.raw_os_error() == Some(5) => {
                    tokio::time::sleep(Duration::from_millis(10)).await
                }
                Err(error) => panic!("{error}"),
            }
        }
        got
    }
}

struct Rig {
    dir: tempfile::TempDir,
    settings: Settings,
    console: Arc<Console>,
    ring_indicator: Arc<RingIndicator>,
    tasks: Vec<JoinHandle<()>>,
}

impl Rig {
    fn link(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("ttyVUART0")
    }

    /// A console at a pty that has come already, or is yet to come.
    fn start(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change)
    }

    fn start_in(dir: tempfile::TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            id: "test".to_owned(),
            tty: Self::link(&dir),
            baud: Some(115_200),
            flow_control: Default::default(),
            ring_size: 64 * 1024,
            readers: 4,
            abstract_socket: AbstractSocket::Off,
            socket: Some(dir.path().join("run/test.sock")),
            log: None,
            vuart: Default::default(),
            routes: Vec::new(),
            ring_line: None,
        };
        change(&mut settings);
        let (keep, ring, _) = Keep::open(&dir.path().join("test.ring"), settings.ring_size).unwrap();
        let (console, input) = Console::new(ring, Some(keep), settings.readers);
        let uart = uart::run(settings.clone(), dir.path().join("sys"), Arc::clone(&console), input);
        let sockets = Sockets::open(&settings).unwrap().serve(Arc::clone(&console));
        let tasks = vec![tokio::spawn(uart), tokio::spawn(sockets)];
        let board = bmc_hw::gpio::Source::Socket(dir.path().join("board.sock"));
        let ring_indicator = Arc::new(RingIndicator::new(board, settings.ring_line.clone()));
        Self { dir, settings, console, ring_indicator, tasks }
    }

    /// Ends it as a crash would: nothing is flushed, said or closed in order.
    async fn crash(mut self) -> tempfile::TempDir {
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }

    async fn present(&self) {
        self.console.uart().wait_for(|uart| uart.present).await.unwrap();
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.settings.socket.as_ref().unwrap()).await.unwrap()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("this takes too long") })
}

async fn read(stream: &mut UnixStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Bytes of every value, none like its neighbours.
fn data(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from((index * 31 + index / 256) % 256).unwrap()).collect()
}

#[test]
fn every_reader_gets_all_output_and_what_each_types_reaches_the_host_whole() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |_| {});
        rig.present().await;
        let (mut one, mut two) = (rig.connect().await, rig.connect().await);
        let printed = data(20_000);
        let (seen, also_seen, ()) =
            tokio::join!(read(&mut one, 20_000), read(&mut two, 20_000), host.print(&printed));
        assert!(seen == printed && also_seen == printed);
        one.write_all(b"first message\n").await.unwrap();
        two.write_all(b"second message\n").await.unwrap();
        let typed = String::from_utf8(host.typed(29).await).unwrap();
        assert!(typed.contains("first message\n") && typed.contains("second message\n"), "{typed}");
    });
}

#[test]
fn who_connects_first_sees_what_the_host_printed_lately() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |_| {});
        rig.present().await;
        let mut first = rig.connect().await;
        let printed = data(10_000);
        let (_, ()) = tokio::join!(read(&mut first, 10_000), host.print(&printed));
        let mut late = rig.connect().await;
        assert_eq!(read(&mut late, 8192).await, printed[10_000 - 8192..]);
    });
}

#[test]
fn a_slow_reader_loses_its_own_oldest_bytes_and_is_told_and_the_fast_one_loses_none() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |settings| settings.ring_size = 4096);
        rig.present().await;
        let (mut fast, mut slow) = (rig.connect().await, rig.connect().await);
        // Far more than the kernel holds for the slow one.
        let printed = data(600_000);
        let (mut sent, mut seen) = (0, 0);
        while sent < printed.len() {
            let piece = &printed[sent..printed.len().min(sent + 3000)];
            let (bytes, ()) = tokio::join!(read(&mut fast, piece.len()), host.print(piece));
            assert_eq!(bytes, piece, "at {sent}");
            sent += piece.len();
        }
        let mut all = Vec::new();
        while seen == 0 || !all.ends_with(&printed[printed.len() - 4096..]) {
            seen = slow.read_buf(&mut all).await.unwrap();
        }
        let lost = rig.console.lost();
        assert!(lost > 100_000, "{lost}");
        let notice = crate::client::notice(lost);
        let at = all
            .windows(notice.len())
            .position(|window| window == notice.as_bytes())
            .expect("one gap, one notice");
        assert_eq!(all[..at], printed[..at], "what it read before the gap");
        assert_eq!(all[at + notice.len()..], printed[at + usize::try_from(lost).unwrap()..], "and after it");
    });
}

#[test]
fn a_host_that_takes_no_input_holds_up_who_types_and_nobody_who_reads() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |_| {});
        rig.present().await;
        let (mut typist, mut reader) = (rig.connect().await, rig.connect().await);
        let typed = data(400_000);
        let mut taken = 0;
        // Until the queue, the socket and the pty are full.
        while let Ok(written) =
            tokio::time::timeout(Duration::from_millis(300), typist.write(&typed[taken..])).await
        {
            taken += written.unwrap();
        }
        assert!(taken < typed.len(), "the way to the host has no end");
        host.print(b"still here").await;
        assert_eq!(read(&mut reader, 10).await, b"still here");
        let rest = typed[taken..].to_vec();
        let (arrived, ()) =
            tokio::join!(host.typed(typed.len()), async { typist.write_all(&rest).await.unwrap() });
        assert!(arrived == typed, "not a byte less, none twice");
    });
}

#[test]
fn a_uart_that_vanishes_is_opened_again_and_its_readers_stay() {
    block_on(async {
        let rig = Rig::start(|_| {});
        let mut reader = rig.connect().await;
        let host = Host::appear(&rig.settings.tty);
        rig.present().await;
        host.print(b"one").await;
        assert_eq!(read(&mut reader, 3).await, b"one");
        drop(host);
        rig.console.uart().wait_for(|uart| !uart.present).await.unwrap();
        assert!(rig.console.send_break().await.is_err());
        reader.write_all(b"typed at nobody").await.unwrap();
        let host = Host::appear(&rig.settings.tty);
        rig.present().await;
        host.print(b"two").await;
        assert_eq!(read(&mut reader, 3).await, b"two");
        reader.write_all(b"x").await.unwrap();
        let typed = host.typed(1).await;
        assert!(typed == b"x" || typed.starts_with(b"typed"), "{typed:?}");
    });
}

#[test]
fn after_a_crash_a_reader_goes_on_at_the_very_byte() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |_| {});
        rig.present().await;
        let mut reader = rig.connect().await;
        host.print(b"before the crash, ").await;
        read(&mut reader, 18).await;
        let dir = rig.crash().await;
        host.print(b"while nobody was there, ").await;
        let rig = Rig::start_in(dir, |_| {});
        rig.present().await;
        host.print(b"and after it").await;
        rig.console.growth().wait_for(|end| *end == 54).await.unwrap();
        let bus = PrivateBus::start().unwrap();
        let (connection, _serving) = serve_on(&bus, &rig).await;
        let own = own(&connection).await;
        let (fd, position) = own.resume(7).await.unwrap();
        assert_eq!((position, own.position().await.unwrap()), (7, 54));
        let mut stream = stream(fd);
        assert_eq!(read(&mut stream, 47).await, b"the crash, while nobody was there, and after it");
        let (_, elsewhere) = own.resume(1_000_000).await.unwrap();
        assert_eq!(elsewhere, 0, "a position of another ring");
    });
}

/// Serves the rig on the bus; a client's connection.
async fn serve_on(bus: &PrivateBus, rig: &Rig) -> (zbus::Connection, JoinHandle<()>) {
    let connect = || async { zbus::connection::Builder::address(bus.address()).build().await.unwrap() };
    let (server, client) = (connect().await, connect().await);
    let (console, settings) = (Arc::clone(&rig.console), rig.settings.clone());
    let ring_indicator = Arc::clone(&rig.ring_indicator);
    let (ready, mut is_ready) = mpsc::channel(1);
    let serving = tokio::spawn(async move {
        let ready = || ready.try_send(()).unwrap();
        service::serve(&server, &console, &ring_indicator, &settings, ready).await.unwrap();
    });
    is_ready.recv().await.unwrap();
    (client, serving)
}

async fn own(connection: &zbus::Connection) -> ConsoleProxy<'static> {
    ConsoleProxy::new(connection, NAME, PATH).await.unwrap()
}

fn stream(fd: zbus::OwnedFd) -> UnixStream {
    let stream = StdStream::from(std::os::fd::OwnedFd::from(fd));
    stream.set_nonblocking(true).unwrap();
    UnixStream::from_std(stream).unwrap()
}

#[test]
fn the_bus_gives_sockets_backlog_break_and_rate_and_tells_of_presence() {
    block_on(async {
        let bus = PrivateBus::start().unwrap();
        let rig = Rig::start(|settings| settings.readers = 3);
        let (connection, _serving) = serve_on(&bus, &rig).await;
        let own = own(&connection).await;
        assert!(!own.present().await.unwrap());
        let mut presence = own.receive_present_changed().await;
        presence.next().await.unwrap();
        let host = Host::appear(&rig.settings.tty);
        assert!(presence.next().await.unwrap().get().await.unwrap());
        let access = ConsoleAccessProxy::new(&connection, NAME, PATH).await.unwrap();
        let mut live = stream(access.connect().await.unwrap());
        host.print(b"hello").await;
        assert_eq!(read(&mut live, 5).await, b"hello");
        assert_eq!(own.backlog(3).await.unwrap(), b"llo");
        let mut tail = stream(own.attach(2, false).await.unwrap());
        assert_eq!(read(&mut tail, 2).await, b"lo");
        assert_eq!(own.readers().await.unwrap(), 2);
        let _third = own.attach(0, true).await.unwrap();
        let error = own.attach(0, true).await.unwrap_err();
        let (name, _) = bmc_dbus::error_reply(&error).unwrap();
        assert_eq!(name, "xyz.openbmc_project.Common.Error.Unavailable");
        live.write_all(b"typed").await.unwrap();
        assert_eq!(host.typed(5).await, b"typed");
        own.send_break().await.unwrap();
        assert_eq!(host.typed(1).await, [0], "a break, as a pty has it");
        let rate = ConsoleUartProxy::new(&connection, NAME, PATH).await.unwrap();
        assert_eq!(rate.baud().await.unwrap(), 115_200);
        rate.set_baud(57_600).await.unwrap();
        assert_eq!(rustix::termios::tcgetattr(host.0.get_ref()).unwrap().output_speed(), 57_600);
        assert!(rate.set_baud(3).await.is_err());
        let mut breaks = own.receive_break_received().await.unwrap();
        rig.console.host_break();
        breaks.next().await.unwrap();
    });
}

#[test]
fn a_bus_that_restarts_disturbs_no_socket() {
    block_on(async {
        let mut bus = PrivateBus::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |_| {});
        rig.present().await;
        let (connection, serving) = serve_on(&bus, &rig).await;
        let mut live = stream(own(&connection).await.attach(0, true).await.unwrap());
        serving.abort();
        bus.restart().unwrap();
        host.print(b"on").await;
        assert_eq!(read(&mut live, 2).await, b"on");
        let (connection, _serving) = serve_on(&bus, &rig).await;
        assert_eq!(own(&connection).await.backlog(2).await.unwrap(), b"on");
    });
}

#[test]
fn a_reader_that_counts_has_its_socket_closed_when_it_is_too_slow_and_then_knows_what_it_lost() {
    block_on(async {
        let bus = PrivateBus::start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let rig = Rig::start_in(dir, |settings| settings.ring_size = 4096);
        rig.present().await;
        let (connection, _serving) = serve_on(&bus, &rig).await;
        let own = own(&connection).await;
        let (fd, start) = own.resume(0).await.unwrap();
        let mut slow = stream(fd);
        let printed = data(300_000);
        host.print(&printed).await;
        let mut got = Vec::new();
        slow.read_to_end(&mut got).await.unwrap();
        assert_eq!((start, &got[..]), (0, &printed[..got.len()]));
        rig.console.growth().wait_for(|end| *end == 300_000).await.unwrap();
        let (fd, at) = own.resume(got.len() as u64).await.unwrap();
        assert_eq!(at, 300_000 - 4096);
        assert_eq!(read(&mut stream(fd), 4096).await, printed[300_000 - 4096..]);
    });
}

#[test]
fn the_socket_is_for_its_owner_and_one_reader_too_many_is_told_so() {
    block_on(async {
        let rig = Rig::start(|settings| settings.readers = 1);
        let path = rig.settings.socket.clone().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let _first = rig.connect().await;
        let (mut second, mut told) = (rig.connect().await, String::new());
        second.read_to_string(&mut told).await.unwrap();
        assert!(told.contains("1 readers already"), "{told}");
    });
}

#[test]
fn a_byte_out_of_band_on_the_sockets_is_a_break_and_the_abstract_socket_is_there() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::appear(&Rig::link(&dir));
        let id = format!("oob{}", std::process::id());
        let rig = Rig::start_in(dir, |settings| {
            settings.id.clone_from(&id);
            settings.abstract_socket = AbstractSocket::Root;
        });
        rig.present().await;
        let name = std::os::unix::net::SocketAddr::from_abstract_name(format!("obmc-console.{id}")).unwrap();
        let stream = StdStream::connect_addr(&name).unwrap();
        // A kernel without CONFIG_AF_UNIX_OOB has no such bytes.
        match rustix::net::send(stream.as_fd(), b"x", rustix::net::SendFlags::OOB) {
            Ok(_) => assert_eq!(host.typed(1).await, [0], "a break, as a pty has it"),
            Err(error) => assert_eq!(error, rustix::io::Errno::OPNOTSUPP),
        }
    });
}

#[test]
fn the_log_has_all_output_once_also_across_a_crash() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        let settings = LogSettings { path: path.clone(), size: 1 << 20, rotations: 1, timestamps: false };
        let kept = dir.path().join("ring");
        let mut expected = Vec::new();
        for _ in 0..2 {
            let (keep, ring, logged) = Keep::open(&kept, 4096).unwrap();
            let (console, _input) = Console::new(ring, Some(keep), 1);
            // Printed before the log was there to take it.
            console.output(b"early, ");
            let place = console.ring().place_at(logged);
            let log = Log::open(settings.clone()).unwrap();
            let logger = tokio::spawn(crate::logger::run(log, Arc::clone(&console), place));
            console.output(b"late\n");
            expected.extend_from_slice(b"early, late\n");
            while std::fs::read(&path).unwrap() != expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The position is noted after the bytes are written.
            while Keep::open(&kept, 4096).unwrap().2 != expected.len() as u64 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            logger.abort();
        }
    });
}

#[test]
fn messages_of_several_writers_are_never_mixed() {
    block_on(async {
        let (console, mut queue) = Console::new(crate::ring::Ring::new(16), None, 1);
        let writers = async {
            tokio::join!(
                async {
                    for _ in 0..100 {
                        console.input(b"aaaa".to_vec()).await;
                    }
                },
                async {
                    for _ in 0..100 {
                        console.input(b"bbbb".to_vec()).await;
                    }
                },
            )
        };
        let reader = async {
            for _ in 0..200 {
                let Some(Input::Bytes(bytes)) = queue.recv().await else { panic!() };
                assert!(bytes == b"aaaa" || bytes == b"bbbb");
            }
        };
        tokio::join!(writers, reader);
    });
}
