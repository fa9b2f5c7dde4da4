//! The channel on a private bus, with an ipmid that is a table and a userd that is a list, and ipmitool as the client.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::unix::net::UnixStream,
    process::{ChildStdout, Stdio},
    time::Duration,
};

use bmc_dbus::{
    direct_line::serve,
    execute::{Call, Reply},
    names::{ipmi, users},
    users::{CredentialEntry, SecretBytes},
};
use system_tests::PrivateBus;
use tokio::task::JoinHandle;
use zbus::{Connection, OwnedFd, fdo::ManagedObjects};

use super::*;

mod alerts;
mod sol;

struct Connect;

#[zbus::interface(name = "org.ferrite.Ipmi.DirectLine")]
impl Connect {
    async fn connect(&self) -> zbus::fdo::Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(serve(ours, answer));
        Ok(std::os::fd::OwnedFd::from(theirs).into())
    }
}

/// Get Device ID at once; Get Self Test Results after a while; nothing else.
async fn answer(call: Call) -> Reply {
    let (completion_code, data) = match (call.net_fn, call.command) {
        (6, 0x01) => (0, vec![0x20, 1, 2, 3, 2, 0x8F, 0x57, 0x01, 0, 0x34, 0x12, 0, 0, 0, 0]),
        (6, 0x04) => {
            tokio::time::sleep(Duration::from_secs(2)).await;
            (0, vec![0x55, 0])
        }
        // SOL configuration: what ipmitool reads before it activates.
        (12, 0x22) => (0, [&[0x11][..], sol_parameter(call.data.get(1))].concat()),
        (6, 0x37) => (0, vec![0x5A; 16]),
        _ => (0xC1, Vec::new()),
    };
    Reply { net_fn: call.net_fn | 1, lun: call.lun, command: call.command, completion_code, data }
}

fn sol_parameter(number: Option<&u8>) -> &'static [u8] {
    match number {
        Some(1) => &[1],
        Some(2) => &[0xC4],
        Some(3) => &[12, 1],
        Some(4) => &[7, 25],
        Some(8) => &[0x6F, 0x02],
        _ => &[0],
    }
}

struct Userd;

#[zbus::interface(name = "org.ferrite.Credentials")]
impl Userd {
    fn snapshot(&self) -> (Vec<CredentialEntry>, SecretBytes) {
        let admin = CredentialEntry {
            slot: 2,
            name: "admin".into(),
            enabled: true,
            privileges: BTreeMap::from([(1, 4)]),
            password: SecretBytes::new(b"secret".to_vec()),
            payloads: BTreeMap::new(),
        };
        (vec![admin], SecretBytes::default())
    }
}

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

async fn ipmid(bus: &PrivateBus) -> Connection {
    let connection = connect(bus).await;
    connection.object_server().at(ipmi::PATH, Connect).await.unwrap();
    connection.request_name(ipmi::SERVICE).await.unwrap();
    connection
}

async fn userd(bus: &PrivateBus) -> Connection {
    let connection = connect(bus).await;
    connection.object_server().at(users::PATH, Userd).await.unwrap();
    connection.request_name(users::SERVICE).await.unwrap();
    connection
}

struct Daemon {
    _state: tempfile::TempDir,
    channel: Arc<LanChannel>,
    driver: JoinHandle<anyhow::Result<()>>,
}

impl Daemon {
    fn start() -> Self {
        Self::start_with(Config::for_test("[::]:0".parse().unwrap()))
    }

    fn start_with(toml: Config) -> Self {
        let channels = bmc_daemon::ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
        let config = toml.check(None, &channels).unwrap();
        let socket = Socket::open(&config).unwrap();
        let state = tempfile::tempdir().unwrap();
        let kept = bmc_daemon::StateFile::new(state.path().join("sol.json"));
        let alerts = bmc_daemon::StateFile::new(state.path().join("alerts.json"));
        let channel = Arc::new(LanChannel::new(&config, socket.address(), kept, alerts));
        let driver = tokio::spawn(driver::drive(Arc::clone(&channel), socket));
        Self { _state: state, channel, driver }
    }

    /// Serves on `bus` and waits until users are known.
    async fn serve(&self, bus: &PrivateBus) -> JoinHandle<anyhow::Result<()>> {
        let (connection, channel) = (connect(bus).await, Arc::clone(&self.channel));
        let (tell, ready) = tokio::sync::oneshot::channel();
        let task =
            tokio::spawn(
                async move { service::serve(&connection, &channel, || tell.send(()).unwrap()).await },
            );
        ready.await.unwrap();
        task
    }

    fn ipmitool(&self, host: &str, arguments: &[&str]) -> std::process::Command {
        let port = self.channel.listen.port().to_string();
        let mut command = std::process::Command::new("ipmitool");
        command.args(["-I", "lanplus", "-H", host, "-p", &port, "-U", "admin", "-P", "secret"]);
        command.args(["-C", "17", "-N", "5", "-R", "1"]).args(arguments).stdin(Stdio::null());
        command
    }

    fn command(&self, host: &str, arguments: &[&str]) -> JoinHandle<(bool, String)> {
        let mut command = self.ipmitool(host, arguments);
        tokio::task::spawn_blocking(move || {
            let output = command.output().expect("ipmitool is installed");
            let text = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8_lossy(&text).into_owned())
        })
    }

    async fn mc_info(&self, host: &str) {
        let (success, text) = self.command(host, &["mc", "info"]).await.unwrap();
        assert!(success && text.contains("Manufacturer ID"), "{text}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// An ipmitool whose one session stays open between commands.
struct Shell {
    child: std::process::Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Shell {
    fn start(daemon: &Daemon) -> Self {
        let mut command = daemon.ipmitool("127.0.0.1", &["shell"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().map(BufReader::new);
        Self { child, output }
    }

    /// Has it executed, and waits for the answer.
    async fn mc_info(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"mc info\n").unwrap();
        let mut output = self.output.take().unwrap();
        let answered = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while output.read_line(&mut line).unwrap() > 0 {
                if line.contains("Aux Firmware Rev Info") {
                    return output;
                }
                line.clear();
            }
            panic!("ipmitool ended");
        });
        self.output = Some(tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap().unwrap());
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn session_objects(client: &Connection) -> ManagedObjects {
    let service = format!("{}eth0", ipmi::CHANNEL_PREFIX);
    let manager = zbus::fdo::ObjectManagerProxy::new(client, service, ipmi::SESSION_ROOT).await.unwrap();
    manager.get_managed_objects().await.unwrap()
}

/// Polls a state that another process or task brings about, for at most 5 s.
async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn ipmitool_logs_in_over_ipv4_and_ipv6() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    daemon.mc_info("127.0.0.1").await;
    daemon.mc_info("::1").await;
}

#[tokio::test]
async fn until_userd_answers_nobody_logs_in_and_then_at_once() {
    let bus = PrivateBus::start().unwrap();
    let _ipmid = ipmid(&bus).await;
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let (success, text) = daemon.command("127.0.0.1", &["mc", "info"]).await.unwrap();
    assert!(!success, "{text}");
    let _userd = userd(&bus).await;
    until("a login", async || daemon.command("127.0.0.1", &["mc", "info"]).await.unwrap().0).await;
}

#[tokio::test]
async fn a_slow_command_of_one_session_does_not_delay_another() {
    let bus = PrivateBus::start().unwrap();
    let (_ipmid, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let daemon = Daemon::start();
    let _served = daemon.serve(&bus).await;
    let slow = daemon.command("127.0.0.1", &["mc", "selftest"]);
    let busy = async || daemon.channel.endpoint().sessions().any(|session| session.handle != 0);
    until("the slow session", busy).await;
    daemon.mc_info("127.0.0.1").await;
    assert!(!slow.is_finished());
    let (success, text) = slow.await.unwrap();
    assert!(success && text.contains("passed"), "{text}");
}

#[tokio::test]
async fn a_live_session_outlives_ipmid_and_the_bus_and_is_closed_from_its_object() {
    let mut bus = PrivateBus::start().unwrap();
    let (first, old_userd) = (ipmid(&bus).await, userd(&bus).await);
    let daemon = Daemon::start();
    let served = daemon.serve(&bus).await;
    let mut shell = Shell::start(&daemon);
    shell.mc_info().await;
    let ids =
        || daemon.channel.endpoint().sessions().filter(|s| s.handle != 0).map(|s| s.id).collect::<Vec<_>>();
    let before = ids();
    assert_eq!(before.len(), 1);
    first.close().await.unwrap();
    let _second = ipmid(&bus).await;
    until("the line again", async || daemon.channel.lines.best().unwrap().is_direct()).await;
    shell.mc_info().await;
    drop(old_userd);
    bus.restart().unwrap();
    assert!(served.await.unwrap().is_err());
    let (_third, _userd) = (ipmid(&bus).await, userd(&bus).await);
    let _served = daemon.serve(&bus).await;
    shell.mc_info().await;
    assert_eq!(ids(), before);
    let client = connect(&bus).await;
    let wanted = format!("{}/eth0/{:x}_", ipmi::SESSION_ROOT, before[0]);
    let mut path = None;
    until("its object", async || {
        path = session_objects(&client).await.keys().find(|path| path.starts_with(&wanted)).cloned();
        path.is_some()
    })
    .await;
    let service = format!("{}eth0", ipmi::CHANNEL_PREFIX);
    let info = bmc_dbus::sessions::SessionInfoProxy::new(&client, service, path.unwrap()).await.unwrap();
    assert_eq!((info.state().await.unwrap(), info.user_id().await.unwrap()), (2, 2));
    info.set_state(3).await.unwrap();
    until("its end", async || ids().is_empty()).await;
    until("its object gone", async || {
        eprintln!("{:?}", session_objects(&client).await.keys());
        !session_objects(&client).await.keys().any(|path| path.starts_with(&wanted))
    })
    .await;
}

#[tokio::test]
async fn after_a_restart_of_the_bus_the_old_line_serves_until_ipmid_is_back() {
    let mut bus = PrivateBus::start().unwrap();
    let (old_ipmid, _old_userd) = (ipmid(&bus).await, userd(&bus).await);
    let daemon = Daemon::start();
    let served = daemon.serve(&bus).await;
    daemon.mc_info("127.0.0.1").await;
    let old = daemon.channel.lines.best().unwrap();
    bus.restart().unwrap();
    assert!(served.await.unwrap().is_err());
    let _served = daemon.serve(&bus).await;
    // ipmid is not on this bus, but at the other end of the line it still is.
    daemon.mc_info("127.0.0.1").await;
    assert!(daemon.channel.lines.best().unwrap().is_direct() && old.is_direct());
    drop(old);
    let _ipmid = ipmid(&bus).await;
    drop(old_ipmid);
    until("the new line", async || daemon.channel.lines.best().unwrap().is_direct()).await;
    daemon.mc_info("127.0.0.1").await;
}

#[test]
fn a_suite_without_a_password_check_and_an_unknown_channel_are_refused() {
    let channels = bmc_daemon::ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
    let zero = Config::for_test("[::]:0".parse().unwrap()).with_suites(&[17, 0]);
    assert_eq!(zero.check(None, &channels).unwrap_err(), config::ConfigError::Suite(0));
    let other = Config::for_test("[::]:0".parse::<SocketAddr>().unwrap());
    assert!(other.check(Some("eth9"), &channels).unwrap_err().to_string().contains("`eth9`"));
}

#[test]
fn failures_that_would_have_to_be_remembered_without_bound_are_refused() {
    let channels = bmc_daemon::ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
    let check =
        |failures| Config::for_test("[::]:0".parse().unwrap()).with_lockout(failures).check(None, &channels);
    assert!([0, 255].into_iter().all(|failures| check(failures).is_ok()));
    assert_eq!(check(256).unwrap_err().field(), "lockout_source_failures");
}
