use std::{future::Future, path::Path};

use bmc_daemon::StateFile;
use bmc_dbus::users::{CredentialsProxy, UserTableProxy};
use futures_util::StreamExt as _;
use system_tests::PrivateBus;

use super::*;

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

/// userd on a connection of its own, as after a start with what is in `dir`.
async fn start(bus: &PrivateBus, dir: &Path, slots: u8) -> Connection {
    let file = |name| dir.join(name);
    let store = Store::open(StateFile::new(file("users.json")), StateFile::new(file("secrets.json")), slots);
    let connection = connect(bus).await;
    serve(&connection, Shared::new(store.unwrap(), vec![1, 2])).await.unwrap();
    bmc_dbus::own_name(&connection, users::SERVICE).await.unwrap();
    connection
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

#[test]
fn a_created_user_is_listed_and_still_there_after_a_restart() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    run(async {
        let userd = start(&bus, dir.path(), 15).await;
        let client = connect(&bus).await;
        let table = UserTableProxy::new(&client).await.unwrap();
        assert_eq!(table.slots().await.unwrap(), 15);
        assert_eq!(table.list().await.unwrap(), [null_user()]);
        let mut changes = table.receive_changed().await.unwrap();
        assert_eq!(table.create("admin", &secret("Passw0rd"), 4).await, Ok(2));
        assert!(changes.next().await.is_some());
        table.set_privilege(2, 2, 15).await.unwrap();
        table.set_enabled(2, false).await.unwrap();
        table.set_name(2, "operator").await.unwrap();
        table.set_payloads(2, 1, bmc_dbus::users::SOL, false).await.unwrap();
        let before = table.list().await.unwrap();
        assert_eq!(before[1].name, "operator");
        assert_eq!(before[1].privileges, [(1, 4), (2, 15)].into());
        assert!(!before[1].enabled && before[1].has_password);
        assert_eq!(before[1].payloads, [(1, 0)].into());
        userd.close().await.unwrap();

        let _userd = start(&bus, dir.path(), 15).await;
        assert_eq!(table.list().await.unwrap(), before);
    });
}

#[test]
fn credentials_go_to_the_owner_of_a_channel_and_to_nobody_else() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    run(async {
        let _userd = start(&bus, dir.path(), 15).await;
        let (channel, stranger) = (connect(&bus).await, connect(&bus).await);
        bmc_dbus::own_name(&channel, &format!("{CHANNEL_PREFIX}eth0")).await.unwrap();
        let table = UserTableProxy::new(&stranger).await.unwrap();
        table.create("admin", &secret("Passw0rd"), 4).await.unwrap();
        table.set_kg(&SecretBytes::new(vec![9; 20])).await.unwrap();

        let (users, kg) = CredentialsProxy::new(&channel).await.unwrap().snapshot().await.unwrap();
        assert_eq!(users.len(), 1);
        assert_eq!((users[0].slot, users[0].password.as_bytes()), (2, &b"Passw0rd"[..]));
        assert_eq!(kg.as_bytes(), [9; 20]);

        let refused = CredentialsProxy::new(&stranger).await.unwrap().snapshot().await;
        assert!(matches!(refused, Err(UserError::AccessDenied(_))), "{refused:?}");
    });
}

#[test]
fn each_refusal_has_an_error_of_its_own() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    run(async {
        let _userd = start(&bus, dir.path(), 2).await;
        let client = connect(&bus).await;
        let table = UserTableProxy::new(&client).await.unwrap();
        let good = secret("x");
        assert!(matches!(table.create("1", &good, 4).await, Err(UserError::NameInvalid(_))));
        assert!(matches!(table.create("a", &secret(""), 4).await, Err(UserError::PasswordInvalid(_))));
        assert!(matches!(table.create("a", &good, 9).await, Err(UserError::PrivilegeInvalid(_))));
        table.create("a", &good, 4).await.unwrap();
        assert!(matches!(table.create("a", &good, 4).await, Err(UserError::NameExists(_))));
        assert!(matches!(table.create("b", &good, 4).await, Err(UserError::TableFull(_))));
        assert!(matches!(table.delete(9).await, Err(UserError::NoSuchUser(_))));
        assert!(matches!(table.set_enabled(1, true).await, Err(UserError::SlotReserved(_))));
        assert!(matches!(table.set_kg(&good).await, Err(UserError::KeyInvalid(_))));
        assert!(matches!(table.set_privilege(2, 14, 4).await, Err(UserError::ChannelInvalid(_))));
    });
}

/// The lines between an interface's tags, sorted, without indentation and comments.
fn members(xml: &str, interface: &str) -> Vec<String> {
    let start = xml.find(&format!("<interface name=\"{interface}\">")).unwrap();
    let lines = xml[start..].lines().skip(1).map(str::trim).take_while(|line| *line != "</interface>");
    let mut lines: Vec<_> =
        lines.filter(|line| line.starts_with('<') && !line.starts_with("<!--")).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_interfaces_are_served_as_their_xml_says() {
    let (bus, dir) = (PrivateBus::start().unwrap(), tempfile::tempdir().unwrap());
    run(async {
        let _userd = start(&bus, dir.path(), 15).await;
        let client = connect(&bus).await;
        let object = zbus::fdo::IntrospectableProxy::builder(&client).destination(users::SERVICE);
        let object = object.path(users::PATH).build().await.unwrap();
        let served = object.introspect().await.unwrap();
        for interface in [users::USER_TABLE, users::CREDENTIALS] {
            let file = format!("{}/../../dbus-interfaces/{interface}.xml", env!("CARGO_MANIFEST_DIR"));
            let contract = std::fs::read_to_string(file).unwrap();
            assert_eq!(members(&served, interface), members(&contract, interface), "{interface}");
        }
    });
}
