//! What the running daemons say of themselves on the bus, against `dbus-interfaces/` and the bus policy.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    process::{Child, Stdio},
};

use system_tests::introspection::{self, Members, Node};
use zbus::{Connection, fdo::DBusProxy};

use crate::support::{Running, eventually, shared};

/// Interfaces with an XML that the demo has no object for, and why.
const NOT_ON_THE_DEMO: [(&str, &str); 3] = [
    ("xyz.openbmc_project.Network.VLAN", "stands on VLAN interfaces, and this machine has none"),
    ("xyz.openbmc_project.Sensor.Threshold.PerformanceLoss", "the board has no threshold of severity 2"),
    ("xyz.openbmc_project.Sensor.Threshold.SoftShutdown", "the board has no threshold of severity 3"),
];

/// An interface as one object has it.
struct Served {
    object: String,
    interface: String,
    members: Members,
}

fn on_the_bus<T>(stack: &Running, look: impl AsyncFnOnce(&Connection) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let address = stack.description.bus_address.as_str();
        let connection = zbus::connection::Builder::address(address).build().await.unwrap();
        look(&connection).await
    })
}

/// Well-known names with the process that owns them.
async fn owned_names(connection: &Connection) -> BTreeMap<String, u32> {
    let bus = DBusProxy::new(connection).await.unwrap();
    let mut owned = BTreeMap::new();
    for name in bus.list_names().await.unwrap() {
        if !name.starts_with(':') && name.as_str() != "org.freedesktop.DBus" {
            let pid = bus.get_connection_unix_process_id((*name).clone()).await.unwrap();
            owned.insert(name.to_string(), pid);
        }
    }
    owned
}

async fn introspect(connection: &Connection, name: &str, path: &str) -> Node {
    let interface = Some("org.freedesktop.DBus.Introspectable");
    let reply = connection.call_method(Some(name), path, interface, "Introspect", &()).await.unwrap();
    let xml: String = reply.body().deserialize().unwrap();
    introspection::parse(&xml).unwrap_or_else(|error| panic!("{name} {path}: {error}"))
}

/// Every interface of every object that `name` has.
async fn served_by(connection: &Connection, name: &str) -> Vec<Served> {
    let (mut served, mut paths) = (Vec::new(), vec!["/".to_owned()]);
    while let Some(path) = paths.pop() {
        let node = introspect(connection, name, &path).await;
        let child = |child: &String| format!("{}/{child}", path.trim_end_matches('/'));
        paths.extend(node.children.iter().map(child));
        let ours = node.interfaces.into_iter().filter(|(name, _)| !name.starts_with("org.freedesktop."));
        let object = format!("{name} {path}");
        served.extend(ours.map(|(interface, members)| Served { object: object.clone(), interface, members }));
    }
    served
}

/// The interfaces of `dbus-interfaces/`. A file has one, and its name.
fn written() -> BTreeMap<String, Members> {
    let mut written = BTreeMap::new();
    for entry in fs::read_dir(xtask::workspace::root().join("dbus-interfaces")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            let node = introspection::parse(&fs::read_to_string(&path).unwrap()).unwrap();
            let names = node.interfaces.keys().collect::<Vec<_>>();
            assert_eq!(names, [path.file_stem().unwrap().to_str().unwrap()], "{}", path.display());
            written.extend(node.interfaces);
        }
    }
    written
}

/// Where a server and its XML disagree.
fn difference(served: &Served, written: &BTreeMap<String, Members>) -> Option<String> {
    let at = format!("{} at {}", served.interface, served.object);
    let Some(xml) = written.get(&served.interface) else { return Some(format!("{at} has no XML")) };
    let only = |these: &Members, those: &Members| these.difference(those).cloned().collect::<Vec<_>>();
    let (server, file) = (only(&served.members, xml), only(xml, &served.members));
    (served.members != *xml).then(|| format!("{at}: only the server has {server:#?}, only the XML {file:#?}"))
}

/// Everything that the stack's daemons serve.
fn everything(stack: &Running) -> Vec<Served> {
    on_the_bus(stack, async |connection| {
        let (mut served, mut seen) = (Vec::new(), BTreeSet::new());
        for (name, pid) in owned_names(connection).await {
            if seen.insert(pid) {
                served.extend(served_by(connection, &name).await);
            }
        }
        served
    })
}

/// An ipmitool that keeps its session until it is dropped.
struct Session(Child);

impl Session {
    fn open(stack: &Running) -> Self {
        let mut command = stack.ipmitool().command("shell");
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut shell = shell.expect("ipmitool starts");
        shell.stdin.as_mut().unwrap().write_all(b"mc guid\n").unwrap();
        Self(shell)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It goes on waiting where its input only ends.
        let _ = self.0.stdin.as_mut().map(|stdin| stdin.write_all(b"exit\n"));
        let _ = self.0.wait();
    }
}

#[test]
fn every_interface_on_the_bus_is_as_its_xml_says_and_every_xml_is_served() {
    let stack = shared();
    let session = Session::open(&stack);
    let mut served = Vec::new();
    eventually("the session's object", || {
        served = everything(&stack);
        served.iter().any(|it| it.interface == bmc_dbus::names::ipmi::SESSION)
    });
    drop(session);
    let written = written();
    let mut problems = served.iter().filter_map(|it| difference(it, &written)).collect::<Vec<_>>();
    let found = served.iter().map(|it| it.interface.as_str()).collect::<BTreeSet<_>>();
    let excused = NOT_ON_THE_DEMO.map(|(interface, _)| interface);
    for interface in written.keys().map(String::as_str) {
        match (found.contains(interface), excused.contains(&interface)) {
            (false, false) => problems.push(format!("{interface} has an XML and no server")),
            (true, true) => problems.push(format!("{interface} is served, and excused as if it was not")),
            _ => {}
        }
    }
    assert_eq!(problems.join("\n"), "");
}

/// `own` rules of the bus policy: names with the user that may own them.
fn ownable() -> BTreeMap<String, String> {
    let path = xtask::workspace::root().join("systemd-units/usr/share/dbus-1/system.d/ferrite.conf");
    let policy = fs::read_to_string(path).unwrap();
    let mut ownable = BTreeMap::new();
    for block in policy.split("<policy user=\"").skip(1) {
        let (user, rules) = block.split_once('"').unwrap();
        let rules = rules.split("</policy>").next().unwrap();
        let names = rules.split(" own=\"").skip(1).filter_map(|rest| rest.split('"').next());
        ownable.extend(names.map(|name| (name.to_owned(), user.to_owned())));
    }
    ownable
}

#[test]
fn the_policy_lets_each_daemon_own_its_names_and_no_others() {
    let stack = shared();
    let owned = on_the_bus(&stack, owned_names);
    let daemons = &stack.description.daemons;
    let daemon = |pid: u32| daemons.iter().find(|(_, of)| **of == pid).map(|(name, _)| name.clone());
    let owned = owned.into_iter().map(|(name, pid)| (name, daemon(pid).unwrap_or_else(|| pid.to_string())));
    // netipmid's and consoled's are by prefix: the name has the interface's or the console's. kcsbridged's stand by name.
    let (channels, owned): (BTreeMap<_, _>, BTreeMap<_, _>) =
        owned.partition(|(name, _)| name.starts_with(bmc_dbus::names::ipmi::CHANNEL_PREFIX));
    let (consoles, owned): (BTreeMap<_, _>, BTreeMap<_, _>) =
        owned.into_iter().partition(|(name, _)| name.starts_with(bmc_dbus::names::console::SERVICE_PREFIX));
    let (host_channels, ownable): (BTreeMap<_, _>, BTreeMap<_, _>) =
        ownable().into_iter().partition(|(name, _)| name.starts_with(bmc_dbus::names::ipmi::CHANNEL_PREFIX));
    assert_eq!(owned, ownable);
    let (of_lan, of_host): (BTreeMap<_, _>, BTreeMap<_, _>) =
        channels.into_iter().partition(|(name, _)| !host_channels.contains_key(name));
    assert_eq!(of_lan.values().collect::<Vec<_>>(), ["netipmid"]);
    assert_eq!(of_host, host_channels);
    assert_eq!(consoles.values().collect::<Vec<_>>(), ["consoled"]);
}
