//! The service on a bus of its own.

use std::sync::Mutex;

use bmc_dbus::names::power;
use system_tests::PrivateBus;
use tokio::time::{Duration, timeout};

use super::*;
use crate::sensors::{SensorFiles, Vendor};

mod host;

type Execute = (u8, u8, u8, u8, Vec<u8>);

fn settings() -> Settings {
    let channels = ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
    // Never written to: no sensor comes on these buses.
    let files = SensorFiles::in_directory(std::path::Path::new("/nonexistent"));
    Settings {
        sensors: DbusSensors::new(files, Arc::new(FruFiles::default()), Vendor::default()),
        frus: Arc::default(),
        config: Config::default(),
        guids: Guids::default(),
        channels: Arc::new(channels),
        kept: Arc::default(),
    }
}

async fn connect(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

/// Starts ipmid and waits until it owns its name.
async fn start(bus: &PrivateBus) -> tokio::task::JoinHandle<anyhow::Result<()>> {
    let connection = connect(bus).await;
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move { serve(&connection, &settings(), || ready.send(()).unwrap()).await });
    if is_ready.await.is_err() {
        panic!("{:?}", task.await);
    }
    task
}

async fn execute(client: &Connection, request: (u8, u8, &[u8]), options: Options) -> Execute {
    let (net_fn, command, data) = request;
    let body = (net_fn, 0u8, command, data, options.to_dict());
    let reply = client
        .call_method(Some(ipmi::SERVICE), ipmi::PATH, Some(ipmi::SERVER), "execute", &body)
        .await
        .unwrap();
    assert_eq!(reply.body().signature().to_string(), "(yyyyay)");
    reply.body().deserialize::<(Execute,)>().unwrap().0
}

async fn channel_owner(bus: &PrivateBus, channel: &str) -> Connection {
    let client = connect(bus).await;
    // Has it answer that it has no session objects.
    client.object_server();
    client.request_name(format!("{}{channel}", ipmi::CHANNEL_PREFIX)).await.unwrap();
    client
}

const ADMIN: Options = Options {
    user_id: Some(2),
    privilege: Some(4),
    session_id: Some(7),
    requester_address: None,
    host_id: None,
};

const GET_DEVICE_ID: (u8, u8, &[u8]) = (0x06, 0x01, &[]);
/// Tells which channel the caller is on.
const THIS_CHANNEL_INFO: (u8, u8, &[u8]) = (0x06, 0x42, &[0x0E]);

#[tokio::test]
async fn execute_answers_with_one_struct_and_the_response_bit() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let client = connect(&bus).await;
    let (net_fn, lun, command, code, data) = execute(&client, GET_DEVICE_ID, Options::default()).await;
    assert_eq!((net_fn, lun, command, code, data.len()), (0x07, 0, 0x01, 0, 11));
}

#[tokio::test]
async fn callers_are_told_apart_by_the_channel_they_own() {
    let bus = PrivateBus::start().unwrap();
    // One owner is there before ipmid, one comes later; a stranger is the controller's own program.
    let early = channel_owner(&bus, "ipmi_kcs3").await;
    start(&bus).await;
    let late = channel_owner(&bus, "eth1").await;
    let stranger = channel_owner(&bus, "no_such_channel").await;
    for (client, options, channel) in
        [(&early, Options::default(), 15), (&late, ADMIN, 2), (&stranger, Options::default(), 8)]
    {
        let (.., code, data) = execute(client, THIS_CHANNEL_INFO, options).await;
        assert_eq!((code, data[0]), (0, channel));
    }
}

#[tokio::test]
async fn a_channel_that_changes_hands_belongs_to_the_new_owner() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let first = channel_owner(&bus, "eth0").await;
    assert_eq!(execute(&first, THIS_CHANNEL_INFO, ADMIN).await.4[0], 1);
    first.release_name(format!("{}eth0", ipmi::CHANNEL_PREFIX)).await.unwrap();
    let second = channel_owner(&bus, "eth0").await;
    assert_eq!(execute(&second, THIS_CHANNEL_INFO, ADMIN).await.4[0], 1);
    assert_eq!(execute(&first, THIS_CHANNEL_INFO, ADMIN).await.4[0], 8);
}

#[tokio::test]
async fn a_lan_caller_must_say_for_whom_it_speaks() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let client = channel_owner(&bus, "eth0").await;
    for missing in [
        Options::default(),
        Options { user_id: None, ..ADMIN },
        Options { privilege: None, ..ADMIN },
        Options { session_id: None, ..ADMIN },
        Options { privilege: Some(0), ..ADMIN },
        Options { privilege: Some(6), ..ADMIN },
        Options { user_id: Some(-1), ..ADMIN },
    ] {
        assert_eq!(execute(&client, GET_DEVICE_ID, missing).await.3, 0xFF, "{missing:?}");
    }
    assert_eq!(execute(&client, GET_DEVICE_ID, ADMIN).await.3, 0);
    let user = Options { privilege: Some(2), ..ADMIN };
    assert_eq!(execute(&client, (0x00, 0x02, &[0]), user).await.3, 0xD4);
    let before_session = Options { privilege: Some(0), ..Options::default() };
    assert_eq!(execute(&client, (0x06, 0x37, &[]), before_session).await.3, 0);
    assert_eq!(execute(&client, GET_DEVICE_ID, before_session).await.3, 0xD4);
}

#[tokio::test]
async fn a_second_ipmid_says_who_has_the_name() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let error = serve(&connect(&bus).await, &settings(), || ()).await.unwrap_err().to_string();
    assert!(error.contains(ipmi::SERVICE), "{error}");
}

/// powerd as far as a test needs it.
struct FakeChassis {
    state: &'static str,
    transitions: Arc<Mutex<Vec<String>>>,
}

#[zbus::interface(name = "xyz.openbmc_project.State.Chassis")]
impl FakeChassis {
    #[zbus(property)]
    fn current_power_state(&self) -> String {
        format!("xyz.openbmc_project.State.Chassis.PowerState.{}", self.state)
    }

    #[zbus(property)]
    fn requested_power_transition(&self) -> String {
        String::new()
    }

    #[zbus(property)]
    fn set_requested_power_transition(&mut self, transition: String) {
        self.transitions.lock().unwrap().push(transition);
    }
}

/// Chassis status again and again until it is `expected`: code, and whether power is on.
async fn chassis_status_becomes(client: &Connection, expected: (u8, Option<bool>)) {
    let wait = async {
        loop {
            let (.., code, data) = execute(client, (0x00, 0x01, &[]), Options::default()).await;
            if (code, data.first().map(|byte| byte & 1 == 1)) == expected {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.unwrap();
}

#[tokio::test]
async fn power_is_followed_while_powerd_comes_changes_and_goes() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let client = connect(&bus).await;
    chassis_status_becomes(&client, (0xCE, None)).await;

    let powerd = connect(&bus).await;
    let transitions = Arc::new(Mutex::new(Vec::new()));
    let chassis = FakeChassis { state: "Off", transitions: Arc::clone(&transitions) };
    powerd.object_server().at(power::CHASSIS_PATH, chassis).await.unwrap();
    powerd.request_name(power::CHASSIS_SERVICE).await.unwrap();
    chassis_status_becomes(&client, (0, Some(false))).await;

    let chassis = powerd.object_server().interface::<_, FakeChassis>(power::CHASSIS_PATH).await.unwrap();
    chassis.get_mut().await.state = "On";
    chassis.get().await.current_power_state_changed(chassis.signal_emitter()).await.unwrap();
    chassis_status_becomes(&client, (0, Some(true))).await;

    assert_eq!(execute(&client, (0x00, 0x02, &[0]), Options::default()).await.3, 0);
    assert_eq!(*transitions.lock().unwrap(), ["xyz.openbmc_project.State.Chassis.Transition.Off"]);
    // The host's object is not there: power up has nobody to ask.
    assert_eq!(execute(&client, (0x00, 0x02, &[1]), Options::default()).await.3, 0xCE);

    powerd.close().await.unwrap();
    chassis_status_becomes(&client, (0xCE, None)).await;
}

#[tokio::test]
async fn a_signal_of_somebody_else_does_not_change_what_is_known() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let powerd = connect(&bus).await;
    let chassis = FakeChassis { state: "Off", transitions: Arc::default() };
    powerd.object_server().at(power::CHASSIS_PATH, chassis).await.unwrap();
    powerd.request_name(power::CHASSIS_SERVICE).await.unwrap();
    let client = connect(&bus).await;
    chassis_status_becomes(&client, (0, Some(false))).await;

    let on = zbus::Variant::from("xyz.openbmc_project.State.Chassis.PowerState.On");
    let changed = (power::CHASSIS, HashMap::from([("CurrentPowerState", on)]), Vec::<String>::new());
    let properties = "org.freedesktop.DBus.Properties";
    client
        .emit_signal(None::<&str>, power::CHASSIS_PATH, properties, "PropertiesChanged", &changed)
        .await
        .unwrap();
    // Two answers later the signal, which came first on this connection, has been seen.
    for _ in 0..2 {
        chassis_status_becomes(&client, (0, Some(false))).await;
    }
}

async fn ask_for_line(client: &Connection) -> zbus::Result<zbus::Message> {
    client.call_method(Some(ipmi::SERVICE), ipmi::PATH, Some(ipmi::DIRECT_LINE), "Connect", &()).await
}

#[tokio::test]
async fn a_direct_line_is_refused_to_who_owns_no_channel() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    for stranger in [connect(&bus).await, channel_owner(&bus, "no_such_channel").await] {
        let error = ask_for_line(&stranger).await.unwrap_err();
        let denied =
            matches!(&error, zbus::Error::FDO(e) if matches!(**e, zbus::fdo::Error::AccessDenied(_)));
        assert!(denied, "{error}");
    }
}

#[tokio::test]
async fn a_direct_line_speaks_for_its_channel() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let owner = channel_owner(&bus, "eth0").await;
    let line = bmc_dbus::direct_line::DirectLine::connect(&owner).await.unwrap();
    let direct = async {
        while !line.is_direct() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), direct).await.unwrap();
    let call = |options| Call { net_fn: 0x06, lun: 0, command: 0x42, data: vec![0x0E], options };
    let reply = line.execute(call(ADMIN)).await.unwrap();
    assert_eq!((reply.completion_code, reply.data[0]), (0, 1));
    assert_eq!(line.execute(call(Options::default())).await.unwrap().completion_code, 0xFF);
}

#[tokio::test]
async fn a_direct_line_outlives_the_bus_until_its_owner_hangs_up() {
    let mut bus = PrivateBus::start().unwrap();
    let served = start(&bus).await;
    let owner = channel_owner(&bus, "eth0").await;
    let line = bmc_dbus::direct_line::DirectLine::connect(&owner).await.unwrap();
    assert!(line.is_direct());
    bus.restart().unwrap();
    assert!(timeout(Duration::from_secs(10), served).await.unwrap().unwrap().is_err());
    let get_device_id = Call { net_fn: 0x06, lun: 0, command: 0x01, data: Vec::new(), options: ADMIN };
    assert_eq!(line.execute(get_device_id).await.unwrap().completion_code, 0);
}

#[tokio::test]
async fn the_end_of_the_bus_is_an_error_so_that_ipmid_connects_again() {
    let mut bus = PrivateBus::start().unwrap();
    let served = start(&bus).await;
    bus.restart().unwrap();
    let ended = timeout(Duration::from_secs(10), served).await.unwrap().unwrap();
    assert!(ended.is_err());
    // And the next connection serves again.
    start(&bus).await;
    let client = connect(&bus).await;
    assert_eq!(execute(&client, GET_DEVICE_ID, Options::default()).await.3, 0);
}

/// A session object as OpenBMC's netipmid has it.
struct FakeSession {
    state: u8,
}

#[zbus::interface(name = "xyz.openbmc_project.Ipmi.SessionInfo")]
impl FakeSession {
    #[zbus(property)]
    fn session_handle(&self) -> u8 {
        3
    }
    #[zbus(property)]
    fn channel_num(&self) -> u8 {
        1
    }
    #[zbus(property)]
    fn current_privilege(&self) -> u8 {
        4
    }
    #[zbus(property, name = "RemoteIPAddr")]
    fn remote_ip_addr(&self) -> u32 {
        u32::from_le_bytes([192, 0, 2, 7])
    }
    #[zbus(property)]
    fn remote_port(&self) -> u16 {
        50000
    }
    #[zbus(property, name = "RemoteMACAddress")]
    fn remote_mac_address(&self) -> Vec<u8> {
        vec![2, 0, 0, 0, 0, 9]
    }
    #[zbus(property, name = "UserID")]
    fn user_id(&self) -> u8 {
        2
    }
    #[zbus(property)]
    fn state(&self) -> u8 {
        self.state
    }
    #[zbus(property)]
    fn set_state(&mut self, state: u8) {
        self.state = state;
    }
}

/// OpenBMC's netipmid: session objects and nothing of ours.
async fn stock_owner(bus: &PrivateBus) -> Connection {
    let owner = connect(bus).await;
    let objects = owner.object_server();
    objects.at(ipmi::SESSION_ROOT, zbus::fdo::ObjectManager).await.unwrap();
    objects.at(format!("{}/eth0/0", ipmi::SESSION_ROOT), FakeSession { state: 0 }).await.unwrap();
    objects.at(STOCK_SESSION, FakeSession { state: 2 }).await.unwrap();
    owner.request_name(format!("{}eth0", ipmi::CHANNEL_PREFIX)).await.unwrap();
    owner
}

const STOCK_SESSION: &str = "/xyz/openbmc_project/ipmi/session/eth0/a0b0c0d0_03";

#[tokio::test]
async fn session_info_comes_from_the_objects_of_an_owner_that_has_no_method_for_it() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let _owner = stock_owner(&bus).await;
    let client = connect(&bus).await;
    let by_id: (u8, u8, &[u8]) = (0x06, 0x3D, &[0xFF, 0xD0, 0xC0, 0xB0, 0xA0]);
    let (.., code, data) = execute(&client, by_id, Options::default()).await;
    let expected = [3, 15, 1, 2, 4, 0x11, 192, 0, 2, 7, 2, 0, 0, 0, 0, 9, 0x50, 0xC3];
    assert_eq!((code, data.as_slice()), (0, &expected[..]));
}

#[tokio::test]
async fn a_session_of_such_an_owner_is_closed_by_its_state() {
    let bus = PrivateBus::start().unwrap();
    start(&bus).await;
    let owner = stock_owner(&bus).await;
    let client = connect(&bus).await;
    let unknown: (u8, u8, &[u8]) = (0x06, 0x3C, &[1, 0, 0, 0]);
    assert_eq!(execute(&client, unknown, Options::default()).await.3, 0x87);
    let session = owner.object_server().interface::<_, FakeSession>(STOCK_SESSION).await.unwrap();
    assert_eq!(session.get().await.state, 2);
    let close: (u8, u8, &[u8]) = (0x06, 0x3C, &[0xD0, 0xC0, 0xB0, 0xA0]);
    assert_eq!(execute(&client, close, Options::default()).await.3, 0);
    assert_eq!(session.get().await.state, 3);
    // It is no active session any more.
    assert_eq!(execute(&client, close, Options::default()).await.3, 0x87);
}
