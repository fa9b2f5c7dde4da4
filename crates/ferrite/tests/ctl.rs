//! `ferrite ctl` as an operator runs it: the executable, against daemons on a bus of the test's own.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is the test failing")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use system_tests::PrivateBus;

const FERRITE: &str = env!("CARGO_BIN_EXE_ferrite");

/// A daemon, ended when the test is.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ferrite(bus: &PrivateBus, arguments: &[&str]) -> Command {
    let mut command = Command::new(FERRITE);
    command.args(arguments).env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
    command
}

/// Starts `daemon` and waits until `name` is owned.
fn start(bus: &PrivateBus, daemon: &str, name: &str, dir: &Path) -> Daemon {
    let mut monitor = Command::new("dbus-monitor")
        .args(["--address", bus.address(), "type='signal',member='NameOwnerChanged'"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    // The monitor's own arrival says that it listens.
    lines.next().unwrap().unwrap();
    let dir = dir.to_str().unwrap();
    let child = ferrite(bus, &[daemon, "--config-dir", dir, "--state-dir", dir]).spawn().unwrap();
    let owned = lines.any(|line| line.unwrap().contains(&format!("\"{name}\"")));
    let _ = monitor.kill();
    let _ = monitor.wait();
    assert!(owned);
    Daemon(child)
}

fn ctl(bus: &PrivateBus, arguments: &[&str], stdin: &str) -> Output {
    let mut command = ferrite(bus, &["ctl"]);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that asks for nothing may have gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(output: &Output) -> (i32, String) {
    assert_eq!(output.stdout, b"", "{output:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn a_user_is_added_changed_and_deleted() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let _userd = start(&bus, "userd", "org.ferrite.Users", dir.path());
    let password = dir.path().join("password");
    std::fs::write(&password, "Passw0rd\n").unwrap();
    let password = password.to_str().unwrap();

    let add = ["user", "add", "admin", "--privilege", "administrator", "--password-file", password];
    assert_eq!(stdout(&ctl(&bus, &add, "")), "added admin (slot 2)\n");
    assert_eq!(stdout(&ctl(&bus, &["user", "add", "guest"], "piped\n")), "added guest (slot 3)\n");
    assert_eq!(stdout(&ctl(&bus, &["user", "disable", "3"], "")), "disabled guest (slot 3)\n");
    ctl(&bus, &["user", "privilege", "admin", "operator", "--channel", "2"], "");
    let expected = "\
SLOT  NAME         LOGIN     PASSWORD  PRIVILEGE BY CHANNEL
   1  (null user)  disabled  none
   2  admin        enabled   set       1: administrator, 2: operator
   3  guest        disabled  set       1: user, 2: user
";
    assert_eq!(stdout(&ctl(&bus, &["user"], "")), expected);
    let json: serde_json::Value = serde_json::from_str(&stdout(&ctl(&bus, &["user", "--json"], ""))).unwrap();
    assert_eq!(json[1]["privileges"]["2"], "operator");

    let (code, text) = refusal(&ctl(&bus, &add, ""));
    assert!(code == 1 && text.contains("slot 2 is called `admin`"), "{text}");
    let (code, text) = refusal(&ctl(&bus, &["user", "delete", "nobody"], ""));
    assert!(code == 1 && text.contains("no user `nobody`"), "{text}");
    assert_eq!(stdout(&ctl(&bus, &["user", "delete", "admin"], "")), "deleted admin (slot 2)\n");
    let stored = std::fs::read_to_string(dir.path().join("secrets.json")).unwrap();
    assert!(!stored.contains("\"2\"") && stored.contains("\"3\""), "{stored}");
}

#[test]
fn a_daemon_that_is_missing_is_named_with_its_unit() {
    let bus = PrivateBus::start().unwrap();
    for (arguments, unit) in [
        (&["user"][..], "systemctl status userd.service"),
        (&["user", "add", "x"], "systemctl status userd.service"),
        (&["sensors"], "systemctl status sensord.service"),
        (&["power"], "systemctl status powerd.service"),
        (&["power", "off"], "systemctl status powerd.service"),
        (&["power", "nmi"], "systemctl status powerd.service"),
        (&["sessions"], "systemctl status 'netipmid@*'"),
    ] {
        let (code, text) = refusal(&ctl(&bus, arguments, ""));
        assert!(code == 3 && text.contains(unit), "{arguments:?}: {text}");
    }
}

#[test]
fn status_tells_who_runs_and_ends_with_3_where_somebody_does_not() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    let userd = start(&bus, "userd", "org.ferrite.Users", dir.path());
    let output = ctl(&bus, &["status", "--json"], "");
    assert_eq!(output.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let find = |name: &str| json["daemons"].as_array().unwrap().iter().find(|d| d["name"] == name).unwrap();
    assert_eq!(find("userd")["pid"], userd.0.id());
    assert!(find("sensord")["pid"].is_null() && json["power"].is_null());
    let text = String::from_utf8(ctl(&bus, &["status"], "").stdout).unwrap();
    assert!(text.contains("hint: sensord is missing: systemctl status sensord.service"), "{text}");
}

#[test]
fn without_a_bus_the_text_says_so() {
    let output = Command::new(FERRITE)
        .args(["ctl", "status"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()
        .unwrap();
    let (code, text) = refusal(&output);
    assert!(code == 3 && text.contains("cannot reach the system bus") && text.contains("hint: "), "{text}");
}

/// Stand-ins for powerd, sensord and netipmid, which answer with fixed values.
mod stand_in {
    use std::collections::HashMap;

    use bmc_dbus::names::{ipmi, power, sensors};
    use zbus::{Connection, fdo, fdo::ObjectManager, wire::OwnedObjectPath};

    struct Chassis;
    #[zbus::interface(name = "xyz.openbmc_project.State.Chassis")]
    impl Chassis {
        #[zbus(property)]
        fn current_power_state(&self) -> &str {
            "xyz.openbmc_project.State.Chassis.PowerState.On"
        }
        #[zbus(property)]
        fn requested_power_transition(&self) -> &str {
            "xyz.openbmc_project.State.Chassis.Transition.On"
        }
        #[zbus(property)]
        fn set_requested_power_transition(&self, transition: &str) -> fdo::Result<()> {
            Err(fdo::Error::Failed(format!("asked for {transition}")))
        }
    }

    struct Host(String);
    #[zbus::interface(name = "xyz.openbmc_project.State.Host")]
    impl Host {
        #[zbus(property)]
        fn current_host_state(&self) -> &str {
            "xyz.openbmc_project.State.Host.HostState.Running"
        }
        #[zbus(property)]
        fn requested_host_transition(&self) -> &str {
            &self.0
        }
        #[zbus(property)]
        fn set_requested_host_transition(&mut self, transition: String) {
            self.0 = transition;
        }
    }

    struct Value;
    #[zbus::interface(name = "xyz.openbmc_project.Sensor.Value")]
    impl Value {
        #[zbus(property)]
        fn value(&self) -> f64 {
            61.25
        }
        #[zbus(property)]
        fn unit(&self) -> &str {
            "xyz.openbmc_project.Sensor.Value.Unit.DegreesC"
        }
    }

    struct Critical;
    #[zbus::interface(name = "xyz.openbmc_project.Sensor.Threshold.Critical")]
    impl Critical {
        #[zbus(property)]
        fn critical_alarm_high(&self) -> bool {
            true
        }
    }

    const SENSOR: &str = "/xyz/openbmc_project/sensors/temperature/CPU_0";

    struct Table;
    #[zbus::interface(name = "org.ferrite.SensorTable")]
    impl Table {
        #[allow(clippy::type_complexity)]
        fn read(&self) -> Vec<(OwnedObjectPath, f64, String, bool, bool, u64, Vec<String>)> {
            let path = OwnedObjectPath::try_from(SENSOR).unwrap();
            vec![(path, 61.25, String::new(), true, true, 1500, Vec::new())]
        }
    }

    struct Session;
    #[zbus::interface(name = "xyz.openbmc_project.Ipmi.SessionInfo")]
    impl Session {
        #[zbus(property)]
        fn current_privilege(&self) -> u8 {
            4
        }
        #[zbus(property, name = "RemoteIPAddr")]
        fn remote_ip_addr(&self) -> u32 {
            0xC000_0207
        }
        #[zbus(property)]
        fn remote_port(&self) -> u16 {
            40000
        }
        #[zbus(property, name = "UserID")]
        fn user_id(&self) -> u8 {
            2
        }
        #[zbus(property)]
        fn state(&self) -> u8 {
            2
        }
    }

    struct Lan;
    #[zbus::interface(name = "org.ferrite.Ipmi.LanChannel")]
    impl Lan {
        fn close_session(&self, id: u32) -> fdo::Result<()> {
            if id == 0x0200_00A1 { Ok(()) } else { Err(fdo::Error::Failed(format!("no session {id:x}"))) }
        }
        #[zbus(property)]
        fn discards(&self) -> HashMap<String, u64> {
            HashMap::from([("replayed".to_owned(), 3), ("never".to_owned(), 0)])
        }
    }

    pub(super) async fn serve(connection: &Connection) -> zbus::Result<()> {
        let server = connection.object_server();
        server.at(power::CHASSIS_PATH, Chassis).await?;
        server.at(power::HOST_PATH, Host(String::new())).await?;
        server.at(sensors::ROOT, ObjectManager).await?;
        server.at(sensors::ROOT, Table).await?;
        server.at(SENSOR, Value).await?;
        server.at(SENSOR, Critical).await?;
        server.at(ipmi::SESSION_ROOT, ObjectManager).await?;
        server.at(format!("{}/eth0/020000a1_1", ipmi::SESSION_ROOT), Session).await?;
        server.at(format!("{}/eth0", ipmi::CHANNEL_ROOT), Lan).await?;
        let channel = format!("{}eth0", ipmi::CHANNEL_PREFIX);
        for name in [power::HOST_SERVICE, power::CHASSIS_SERVICE, sensors::SERVICE, channel.as_str()] {
            connection.request_name(name).await?;
        }
        Ok(())
    }
}

#[test]
fn power_sensors_and_sessions_show_what_their_daemons_have() {
    let bus = PrivateBus::start().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _connection = runtime.block_on(async {
        let connection = zbus::connection::Builder::address(bus.address()).build().await.unwrap();
        stand_in::serve(&connection).await.unwrap();
        connection
    });
    let text = |arguments: &[&str]| stdout(&ctl(&bus, arguments, ""));
    assert_eq!(text(&["power"]), "power  on\nhost   running\n");
    assert_eq!(text(&["power", "soft"]), "power soft requested\n");
    let (code, refused) = refusal(&ctl(&bus, &["power", "cycle"], ""));
    assert_eq!(code, 1);
    assert!(
        refused.contains("powerd: asked for xyz.openbmc_project.State.Chassis.Transition.PowerCycle"),
        "{refused}"
    );
    let sensors = "\
SENSOR  KIND         READING  UNIT    AGE  STATE
CPU_0   temperature     61.2  °C    1.5 s  critical high
";
    assert_eq!(text(&["sensors", "cpu"]), sensors);
    let sessions = "\
ID        CHANNEL  USER    PRIVILEGE      SOURCE           SUITE  AGE
020000a1  eth0     slot 2  administrator  192.0.2.7:40000      -    -

CHANNEL  DISCARDED BECAUSE  COUNT
eth0     replayed               3
";
    assert_eq!(text(&["sessions"]), sessions);
    assert_eq!(text(&["sessions", "close", "020000a1"]), "closed session 020000a1 of slot 2\n");
    let status = String::from_utf8(ctl(&bus, &["status"], "").stdout).unwrap();
    assert!(
        status.contains("sensors   1, 1 in alarm, 0 unavailable\nsessions  1\ndiscards  3 datagrams\n"),
        "{status}"
    );
}
