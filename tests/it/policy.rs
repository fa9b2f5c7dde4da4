//! The bus policy that the image gets, on a real bus, with callers that are other users.
//!
//! Needs root, to be those users. Each of Ferrite's users is played by one that every Debian machine has.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, Output},
};

use system_tests::PrivateBus;
use zbus::Connection;

/// Who plays whom.
const PLAYERS: [(&str, &str); 9] = [
    ("ipmid", "daemon"),
    ("netipmid", "bin"),
    ("sensord", "sys"),
    ("powerd", "games"),
    ("seld", "man"),
    ("userd", "lp"),
    ("networkd", "mail"),
    ("consoled", "news"),
    ("a stranger", "nobody"),
];

const GET: &str = "org.freedesktop.DBus.Properties.Get";
const SET: &str = "org.freedesktop.DBus.Properties.Set";
const SENSORS: &str = "xyz.openbmc_project.FerriteSensor";
const HOST: &str = "xyz.openbmc_project.State.Host";
const CORE: &str = "xyz.openbmc_project.Ipmi.Host";
const EXECUTE: &str = "xyz.openbmc_project.Ipmi.Server.execute";
const CONNECT: &str = "org.ferrite.Ipmi.DirectLine.Connect";
const USERS: &str = "org.ferrite.Users";
const CREDENTIALS: &str = "org.ferrite.Credentials.Snapshot";
const CHANNEL: &str = "xyz.openbmc_project.Ipmi.Channel.eth0";
const CONSOLE: &str = "xyz.openbmc_project.Console.default";
const SEND_MESSAGE: &str = "org.ferrite.Ipmi.LanChannel.SendMessage";
const SEND_ALERT: &str = "org.ferrite.Ipmi.Alerts.Send";
const CLOSE_SESSION: &str = "org.ferrite.Ipmi.LanChannel.CloseSession";

/// A bus with the policy, on which this process, as root, owns every name that the policy speaks of.
struct Rig {
    bus: PrivateBus,
    names: BTreeSet<String>,
    // They answer "no such object", which is what a call gets that the policy let through.
    _owners: Vec<Connection>,
    _runtime: tokio::runtime::Runtime,
}

impl Rig {
    fn start() -> Self {
        let path = xtask::workspace::root().join("systemd-units/usr/share/dbus-1/system.d/ferrite.conf");
        let mut policy = fs::read_to_string(path).unwrap();
        for (user, player) in PLAYERS {
            policy = policy.replace(&format!("user=\"{user}\""), &format!("user=\"{player}\""));
        }
        let rules = policy.split_once("<busconfig>").unwrap().1.split_once("</busconfig>").unwrap().0;
        let names = quoted_after("own=\"", rules)
            .chain([CHANNEL.to_owned(), CONSOLE.to_owned()])
            .collect::<BTreeSet<_>>();
        let owns_all = r#"<policy user="root"><allow own="*"/></policy>"#;
        let bus = PrivateBus::with_policies(&format!("{rules}{owns_all}")).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let owner = async |name: &str| {
            let connection = zbus::connection::Builder::address(bus.address()).build().await.unwrap();
            // Without a server, calls would have no answer.
            connection.object_server().at("/nothing", zbus::fdo::ObjectManager).await.unwrap();
            bmc_dbus::own_name(&connection, name).await.unwrap();
            connection
        };
        let owners = runtime.block_on(async {
            let mut owners = Vec::new();
            for name in &names {
                owners.push(owner(name).await);
            }
            owners
        });
        Self { bus, names, _owners: owners, _runtime: runtime }
    }

    /// Whether the bus lets `user` call `method` of `destination`.
    fn may_call(&self, user: &str, destination: &str, method: &str) -> bool {
        let answer = self.send(user, &[&format!("--dest={destination}"), "/anything", method]);
        let error = String::from_utf8_lossy(&answer.stderr);
        match () {
            () if error.contains("Error.AccessDenied") => false,
            () if error.contains("Error.UnknownObject") => true,
            // zbus answers these for every path, or for a wrong body.
            () if answer.status.success() || error.contains("Error.InvalidArgs") => true,
            () => panic!("{user} calls {method} of {destination}: {answer:#?}"),
        }
    }

    /// Whether the bus lets `user` own `name`, which nobody has.
    fn may_own(&self, user: &str, name: &str) -> bool {
        let name = format!("string:{name}");
        let request = "org.freedesktop.DBus.RequestName";
        let answer = self.send(user, &["--dest=org.freedesktop.DBus", "/", request, &name, "uint32:4"]);
        let refused = String::from_utf8_lossy(&answer.stderr).contains("Error.AccessDenied");
        assert!(answer.status.success() != refused, "{user} wants {name}: {answer:#?}");
        !refused
    }

    fn send(&self, user: &str, words: &[&str]) -> Output {
        let (uid, gid) = ids(player(user));
        let mut command = Command::new("dbus-send");
        command.arg(format!("--bus={}", self.bus.address())).arg("--print-reply").args(words);
        command.uid(uid).gid(gid).output().unwrap_or_else(|error| {
            panic!("cannot run dbus-send as {user}: {error}\nhint: this test needs root, and dbus from `cargo xtask setup`")
        })
    }
}

fn player(user: &str) -> &str {
    PLAYERS.iter().find(|(part, _)| *part == user).map_or(user, |(_, player)| player)
}

fn ids(user: &str) -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let mut accounts = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let account = accounts.find(|fields| fields[0] == user).unwrap_or_else(|| panic!("no user {user}"));
    (account[2].parse().unwrap(), account[3].parse().unwrap())
}

/// What stands between `start` and the next quotation mark, each time.
fn quoted_after<'a>(start: &'a str, text: &'a str) -> impl Iterator<Item = String> + 'a {
    text.split(start).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned)
}

#[test]
fn everybody_reads_and_only_ferrite_and_root_do_more() {
    let rig = Rig::start();
    for name in &rig.names {
        assert!(rig.may_call("a stranger", name, GET), "{name}");
        assert!(rig.may_call("a stranger", name, "org.freedesktop.DBus.ObjectManager.GetManagedObjects"));
        assert!(rig.may_call("a stranger", name, "org.freedesktop.DBus.Introspectable.Introspect"));
        assert!(!rig.may_call("a stranger", name, SET), "{name}");
        assert!(!rig.may_call("a stranger", name, "any.Interface.Method"), "{name}");
        assert!(
            rig.may_call("root", name, SET) && rig.may_call("root", name, "any.Interface.Method"),
            "{name}"
        );
    }
    // As sensord and ipmid need of powerd, and `ferrite ctl` of all.
    assert!(rig.may_call("sensord", HOST, GET) && rig.may_call("powerd", SENSORS, GET));
    assert!(rig.may_call("root", CORE, EXECUTE) && rig.may_call("root", CHANNEL, CLOSE_SESSION));
}

#[test]
fn commands_come_from_channels_and_act_through_ipmid() {
    let rig = Rig::start();
    for (user, executes) in [("netipmid", true), ("sensord", false), ("powerd", false), ("a stranger", false)]
    {
        assert_eq!(rig.may_call(user, CORE, EXECUTE), executes, "{user}");
        assert_eq!(rig.may_call(user, CORE, CONNECT), executes, "{user}");
    }
    assert!(!rig.may_call("root", CHANNEL, SEND_MESSAGE), "only the host speaks to sessions");
    assert!(
        rig.may_call("seld", CORE, "org.ferrite.Ipmi.SensorNumbers.Get")
            && !rig.may_call("seld", CORE, EXECUTE)
    );
    for (user, acts) in [("ipmid", true), ("netipmid", false), ("seld", false), ("a stranger", false)] {
        assert_eq!(rig.may_call(user, HOST, SET), acts || user == "seld", "{user}: its event filters");
        assert_eq!(rig.may_call(user, CHANNEL, SEND_ALERT), acts || user == "seld", "{user}");
        assert_eq!(rig.may_call(user, SENSORS, SET), acts, "{user}");
        assert_eq!(rig.may_call(user, CHANNEL, SET), acts, "{user} closes a session");
        assert_eq!(rig.may_call(user, CHANNEL, SEND_MESSAGE), acts, "{user} speaks as the host");
        assert_eq!(rig.may_call(user, USERS, "org.ferrite.UserTable.SetPassword"), acts, "{user}");
        assert_eq!(
            rig.may_call(user, "xyz.openbmc_project.Logging.IPMI", "org.ferrite.EventLog.Clear"),
            acts
        );
    }
}

#[test]
fn credentials_go_to_channels_alone() {
    let rig = Rig::start();
    for (user, _) in PLAYERS {
        assert_eq!(rig.may_call(user, USERS, CREDENTIALS), user == "netipmid", "{user}");
    }
}

#[test]
fn a_console_is_for_root_and_serial_over_lan() {
    let rig = Rig::start();
    for (user, _) in PLAYERS {
        let connects = rig.may_call(user, CONSOLE, "xyz.openbmc_project.Console.Access.Connect");
        assert_eq!(connects, user == "netipmid", "{user}");
        assert_eq!(rig.may_own(user, "xyz.openbmc_project.Console.host7"), user == "consoled", "{user}");
    }
    assert!(rig.may_call("root", CONSOLE, "xyz.openbmc_project.Console.Access.Connect"));
}

#[test]
fn a_name_is_owned_by_its_daemon_alone() {
    let rig = Rig::start();
    for (user, _) in PLAYERS {
        let other = "xyz.openbmc_project.Ipmi.Channel.eth7";
        assert_eq!(rig.may_own(user, other), user == "netipmid", "{user}");
        // Taken, so that nobody gets it: the bus still says whether one may.
        for (name, daemon) in [(CORE, "ipmid"), (USERS, "userd"), (HOST, "powerd"), (SENSORS, "sensord")] {
            assert_eq!(rig.may_own(user, name), user == daemon, "{user} and {name}");
        }
    }
}
