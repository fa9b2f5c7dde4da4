//! The daemon against a real kernel: its own loopback, and a network namespace of the test's own.

use std::process::Command;

use bmc_dbus::network::{
    CONFIG_PATH, EthernetInterfaceProxy, IpProxy, NeighborProxy, SystemConfigurationProxy, address_path,
    interface_path,
};
use futures_util::StreamExt as _;
use system_tests::PrivateBus;
use zbus::{Connection, Variant, fdo::ObjectManagerProxy};

use super::*;

fn run_test(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

/// Runs `test` while the daemon serves on a bus of its own.
async fn while_served(test: impl AsyncFnOnce(Connection)) {
    let bus = PrivateBus::start().unwrap();
    let (daemon, client) = (connect(&bus).await, connect(&bus).await);
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let (_stop, shutdown) = bmc_daemon::Shutdown::channel();
    let networkd = Networkd::new(Path::new("/run/systemd/netif"), Path::new("/sys/class/net"), Vec::new());
    let served = serve(&daemon, &networkd, || ready.send(()).unwrap(), shutdown);
    let tested = async {
        is_ready.await.unwrap();
        test(client).await;
    };
    tokio::select! {
        result = served => panic!("the daemon ended: {result:?}"),
        () = tested => {}
    }
}

#[test]
fn the_kernels_loopback_is_read_with_its_addresses() {
    run_test(async {
        let kernel = RouteSocket::open().unwrap().dump().await.unwrap();
        let (index, lo) = kernel.links.iter().find(|(_, link)| link.name == "lo").unwrap();
        assert!(!lo.ethernet && lo.mtu > 0);
        assert!(kernel.addresses.contains_key(&(*index, "127.0.0.1".parse().unwrap(), 8)), "{kernel:?}");
    });
}

#[test]
fn the_host_name_is_served_and_writes_are_not_allowed() {
    run_test(while_served(async |client| {
        let config = SystemConfigurationProxy::new(&client).await.unwrap();
        let expected = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(config.host_name().await.unwrap(), expected.trim_end());
        let set = (network::SYSTEM_CONFIGURATION, "HostName", Variant::from("x"));
        let properties = Some("org.freedesktop.DBus.Properties");
        let refused = client.call_method(Some(network::SERVICE), CONFIG_PATH, properties, "Set", &set).await;
        let Err(zbus::Error::MethodError(name, ..)) = refused else { panic!("{refused:?}") };
        assert_eq!(name.as_str(), "xyz.openbmc_project.Common.Error.NotAllowed");
    }));
}

/// Runs the test called `name` again in a network namespace of its own, in which it may do what it likes; `true` inside it.
fn in_a_namespace(name: &str) -> bool {
    const INSIDE: &str = "FERRITE_TEST_NAMESPACE";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--uts"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("tests::{name}")])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{output:?}");
    false
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

#[test]
fn links_addresses_and_gateways_come_and_go_with_the_kernels() {
    if !in_a_namespace("links_addresses_and_gateways_come_and_go_with_the_kernels") {
        return;
    }
    ip("link add bmc0 address 02:00:00:00:00:01 type veth peer name far0");
    run_test(while_served(async |client| {
        let root = ObjectManagerProxy::new(&client, network::SERVICE, network::ROOT).await.unwrap();
        let mut added = root.receive_interfaces_added().await.unwrap();
        let mut removed = root.receive_interfaces_removed().await.unwrap();
        let bmc0 = EthernetInterfaceProxy::builder(&client).path(interface_path("bmc0"));
        let bmc0 = bmc0.build().await.unwrap();
        assert!(!bmc0.nic_enabled().await.unwrap());
        let mut gateways = bmc0.receive_default_gateway_changed().await;
        gateways.next().await.unwrap();

        ip("address add 10.9.8.7/24 dev bmc0");
        let path = address_path("bmc0", "10.9.8.7/24");
        while added.next().await.unwrap().args().unwrap().object_path() != path.as_str() {}
        let address = IpProxy::builder(&client).path(path.as_str()).build().await.unwrap();
        assert_eq!(address.address().await.unwrap(), "10.9.8.7");
        assert_eq!(address.prefix_length().await.unwrap(), 24);
        assert_eq!(address.origin().await.unwrap(), "xyz.openbmc_project.Network.IP.AddressOrigin.Static");

        ip("link set far0 up");
        ip("link set bmc0 up");
        ip("neighbour add 10.9.8.1 lladdr 02:00:00:00:00:02 dev bmc0");
        ip("route add default via 10.9.8.1 dev bmc0");
        while gateways.next().await.unwrap().get().await.unwrap() != "10.9.8.1" {}
        let neighbour = address_path("bmc0", "10.9.8.1");
        while added.next().await.unwrap().args().unwrap().object_path() != neighbour.as_str() {}
        let neighbour = NeighborProxy::builder(&client).path(neighbour.as_str()).build().await.unwrap();
        assert_eq!(neighbour.mac_address().await.unwrap(), "02:00:00:00:00:02");

        // The route goes too, without a word from the kernel.
        ip("address delete 10.9.8.7/24 dev bmc0");
        while removed.next().await.unwrap().args().unwrap().object_path() != path.as_str() {}
        while !gateways.next().await.unwrap().get().await.unwrap().is_empty() {}

        ip("link delete bmc0");
        while removed.next().await.unwrap().args().unwrap().object_path() != interface_path("bmc0").as_str() {
        }
    }));
}

#[test]
fn a_new_host_name_is_signalled() {
    if !in_a_namespace("a_new_host_name_is_signalled") {
        return;
    }
    run_test(while_served(async |client| {
        let config = SystemConfigurationProxy::new(&client).await.unwrap();
        let mut names = config.receive_host_name_changed().await;
        names.next().await.unwrap();
        std::fs::write(HostName::PATH, "rack-7").unwrap();
        while names.next().await.unwrap().get().await.unwrap() != "rack-7" {}
    }));
}
