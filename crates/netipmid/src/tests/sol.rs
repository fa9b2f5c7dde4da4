//! Serial over LAN with ipmitool on one side and a console that the test holds on the other.

use std::{
    io::Read as _,
    process::{ChildStdin, Command},
    sync::Mutex,
};

use bmc_dbus::{console, names::power, sol::SolConfigurationProxy};
use system_tests::remote_console::{Login, Session, SolClient, Suite};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::*;

/// What somebody asked of the console.
#[derive(Debug)]
enum Asked {
    Resumed(u64, tokio::net::UnixStream),
    Break,
    Rung,
    /// Answered with the far end of this.
    CarrierDropped(tokio::net::UnixStream),
}

struct Consoled(UnboundedSender<Asked>);

#[zbus::interface(name = "org.ferrite.Console")]
impl Consoled {
    #[zbus(property(emits_changed_signal = "false"))]
    fn position(&self) -> u64 {
        100_000
    }

    async fn resume(&self, position: u64) -> zbus::fdo::Result<(OwnedFd, u64)> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = tokio::net::UnixStream::from_std(ours).unwrap();
        self.0.send(Asked::Resumed(position, ours)).unwrap();
        Ok((std::os::fd::OwnedFd::from(theirs).into(), position))
    }

    fn send_break(&self) {
        self.0.send(Asked::Break).unwrap();
    }

    fn ring(&self) {
        self.0.send(Asked::Rung).unwrap();
    }

    async fn drop_carrier(&self) -> OwnedFd {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        self.0.send(Asked::CarrierDropped(tokio::net::UnixStream::from_std(ours).unwrap())).unwrap();
        std::os::fd::OwnedFd::from(theirs).into()
    }
}

/// A console with the id `default`, until the connection is dropped.
async fn consoled(bus: &PrivateBus) -> (Connection, UnboundedReceiver<Asked>) {
    let (sender, asked) = mpsc::unbounded_channel();
    let connection = connect(bus).await;
    connection.object_server().at(console::path("default"), Consoled(sender)).await.unwrap();
    connection.request_name(console::service("default")).await.unwrap();
    (connection, asked)
}

async fn resumed(asked: &mut UnboundedReceiver<Asked>) -> (u64, tokio::net::UnixStream) {
    match tokio::time::timeout(Duration::from_secs(10), asked.recv()).await {
        Ok(Some(Asked::Resumed(position, stream))) => (position, stream),
        other => panic!("{other:?}"),
    }
}

/// `ipmitool sol activate` on a terminal.
struct Terminal {
    child: std::process::Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn activate(daemon: &Daemon) -> Self {
        let ipmitool = daemon.ipmitool("127.0.0.1", &["sol", "activate"]);
        let words = std::iter::once(ipmitool.get_program()).chain(ipmitool.get_args());
        let line = words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        let mut command = Command::new("script");
        command.args(["-qfc", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let screen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                screen.lock().unwrap().extend(&buffer[..length]);
            }
        });
        Self { child, keys, shown }
    }

    fn shows(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).contains(text)
    }

    async fn until_shown(&self, text: &str) {
        for _ in 0..1000 {
            if self.shows(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{text} is not among {:?}", String::from_utf8_lossy(&self.shown.lock().unwrap()));
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn takes(host: &mut tokio::net::UnixStream, wanted: &str) {
    let mut got = vec![0; wanted.len()];
    tokio::time::timeout(Duration::from_secs(10), host.read_exact(&mut got)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&got), wanted);
}

async fn instances(daemon: &Daemon, wanted: usize) {
    until("instances", async || daemon.channel.endpoint().sol_instances().count() == wanted).await;
}

#[tokio::test]
async fn ipmitool_has_the_console_through_breaks_and_a_restart_of_consoled() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let (console, mut asked) = consoled(&bus).await;
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let mut terminal = Terminal::activate(&daemon);
    let (position, mut host) = resumed(&mut asked).await;
    assert_eq!(position, 100_000 - 8192, "the recent output first");
    host.write_all(b"login: ").await.unwrap();
    terminal.until_shown("login: ").await;
    terminal.types("root\r");
    takes(&mut host, "root\r").await;
    terminal.types("~B");
    let asked_for = tokio::time::timeout(Duration::from_secs(10), asked.recv()).await.unwrap();
    assert!(matches!(asked_for, Some(Asked::Break)), "{asked_for:?}");
    console.close().await.unwrap();
    drop(host);
    terminal.types("typed meanwhile");
    let (_console, mut asked) = consoled(&bus).await;
    let (position, mut host) = resumed(&mut asked).await;
    assert_eq!(position, 100_000 - 8192 + 7, "after the last byte that was read");
    takes(&mut host, "typed meanwhile").await;
    host.write_all(b"again").await.unwrap();
    terminal.until_shown("again").await;
    terminal.types("\r~.");
    instances(&daemon, 0).await;
}

#[tokio::test]
async fn another_session_is_refused_the_console_until_it_was_deactivated() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let (_console, _asked) = consoled(&bus).await;
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let first = Terminal::activate(&daemon);
    instances(&daemon, 1).await;
    let (_, text) = daemon.command("127.0.0.1", &["sol", "activate"]).await.unwrap();
    assert!(text.contains("already active"), "{text}");
    let (success, text) = daemon.command("127.0.0.1", &["sol", "deactivate"]).await.unwrap();
    assert!(success, "{text}");
    instances(&daemon, 0).await;
    drop(first);
    let _second = Terminal::activate(&daemon);
    instances(&daemon, 1).await;
}

#[tokio::test]
async fn a_configuration_on_the_bus_acts_at_once_and_one_out_of_range_is_refused() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let (_console, _asked) = consoled(&bus).await;
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let _first = Terminal::activate(&daemon);
    instances(&daemon, 1).await;
    let client = connect(&bus).await;
    let proxy = SolConfigurationProxy::builder(&client)
        .destination(format!("{}eth0", ipmi::CHANNEL_PREFIX))
        .path(ipmi::sol_path("eth0"))
        .build()
        .await
        .unwrap();
    assert!(proxy.set_privilege(1).await.is_err());
    proxy.set_retry_interval(5).await.unwrap();
    assert_eq!(daemon.channel.sol.parameters().retry_interval, Duration::from_millis(50));
    assert_eq!(daemon.channel.endpoint().sol_instances().count(), 1);
    proxy.set_enable(false).await.unwrap();
    instances(&daemon, 0).await;
}

/// A client of our own, for what ipmitool does not send.
struct Lines(Option<SolClient>);

impl Lines {
    async fn activate(daemon: &Daemon) -> Self {
        // Once this is answered, users are known.
        daemon.mc_info("127.0.0.1").await;
        let login = Login {
            address: SocketAddr::from(([127, 0, 0, 1], daemon.channel.listen.port())),
            user: b"admin".to_vec(),
            password: b"secret".to_vec(),
            suite: Suite::from_number(17).unwrap(),
            persistent: false,
        };
        let activated = tokio::task::spawn_blocking(move || {
            let session = Session::open(&login).unwrap();
            SolClient::activate(session, 1, Duration::from_millis(100)).unwrap()
        });
        Self(Some(activated.await.unwrap()))
    }

    /// Does something that blocks, where the daemon's tasks need this thread.
    async fn run(&mut self, done: fn(&SolClient) -> bool) {
        let mut client = self.0.take().unwrap();
        let run = move || {
            assert!(client.run(Duration::from_secs(10), done).unwrap(), "no answer");
            client
        };
        self.0 = Some(tokio::task::spawn_blocking(run).await.unwrap());
    }

    /// Sends what `queue` puts into the queue, until the BMC has answered it.
    async fn send(&mut self, queue: impl FnOnce(&mut SolClient)) {
        queue(self.0.as_mut().unwrap());
        self.run(SolClient::is_flushed).await;
    }
}

async fn carrier_dropped(asked: &mut UnboundedReceiver<Asked>) -> tokio::net::UnixStream {
    match tokio::time::timeout(Duration::from_secs(10), asked.recv()).await {
        Ok(Some(Asked::CarrierDropped(hold))) => hold,
        other => panic!("{other:?}"),
    }
}

async fn let_go(hold: &mut tokio::net::UnixStream) {
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(10), hold.read(&mut byte)).await;
    assert_eq!(read.expect("the carrier is still held down").unwrap(), 0);
}

#[tokio::test]
async fn the_carrier_is_down_as_the_client_says_over_a_restart_of_consoled_and_until_its_session_ends() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let (console, mut asked) = consoled(&bus).await;
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let mut client = Lines::activate(&daemon).await;
    let (_, host) = resumed(&mut asked).await;
    client.send(|client| client.set_carrier(false)).await;
    let mut hold = carrier_dropped(&mut asked).await;
    client.send(|client| client.set_carrier(true)).await;
    let_go(&mut hold).await;
    client.send(|client| client.set_carrier(false)).await;
    let hold = carrier_dropped(&mut asked).await;
    console.close().await.unwrap();
    drop((host, hold));
    let (_console, mut asked) = consoled(&bus).await;
    let (_, _host) = resumed(&mut asked).await;
    let mut hold = carrier_dropped(&mut asked).await;
    // The client dies; its session is ended for it.
    drop(client);
    let session = daemon.channel.endpoint().sol_instances().next().unwrap().session.id;
    daemon.channel.act(|endpoint| endpoint.close(std::time::Instant::now(), session));
    let_go(&mut hold).await;
}

#[tokio::test]
async fn a_host_is_rung_though_it_has_no_power_and_gets_no_break() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let (_console, mut asked) = consoled(&bus).await;
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let powerd = connect(&bus).await;
    powerd.object_server().at(power::CHASSIS_PATH, Chassis("Off")).await.unwrap();
    powerd.request_name(power::CHASSIS_SERVICE).await.unwrap();
    until("off", async || !*daemon.channel.host_on.borrow()).await;
    let mut client = Lines::activate(&daemon).await;
    let (_, _host) = resumed(&mut asked).await;
    client.run(|client| client.status().contains(ipmi_wire::sol::Status::UNAVAILABLE)).await;
    let both = |client: &mut SolClient| {
        client.send_break();
        client.ring();
    };
    client.send(both).await;
    let rung = tokio::time::timeout(Duration::from_secs(10), asked.recv()).await.unwrap();
    assert!(matches!(rung, Some(Asked::Rung)), "{rung:?}");
    assert!(asked.try_recv().is_err(), "once, and no break");
}

struct Chassis(&'static str);

#[zbus::interface(name = "xyz.openbmc_project.State.Chassis")]
impl Chassis {
    #[zbus(property)]
    fn current_power_state(&self) -> String {
        format!("{}{}", bmc_dbus::power::POWER_STATE, self.0)
    }
}

#[tokio::test]
async fn a_host_without_power_is_known_as_soon_as_powerd_says_so() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    assert!(*daemon.channel.host_on.borrow(), "nobody says");
    let powerd = connect(&bus).await;
    powerd.object_server().at(power::CHASSIS_PATH, Chassis("Off")).await.unwrap();
    powerd.request_name(power::CHASSIS_SERVICE).await.unwrap();
    until("off", async || !*daemon.channel.host_on.borrow()).await;
    powerd.object_server().remove::<Chassis, _>(power::CHASSIS_PATH).await.unwrap();
    powerd.object_server().at(power::CHASSIS_PATH, Chassis("On")).await.unwrap();
    let chassis = powerd.object_server().interface::<_, Chassis>(power::CHASSIS_PATH).await.unwrap();
    chassis.get().await.current_power_state_changed(chassis.signal_emitter()).await.unwrap();
    until("on", async || *daemon.channel.host_on.borrow()).await;
}
