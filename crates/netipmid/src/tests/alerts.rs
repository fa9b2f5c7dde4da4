//! Alerts to a manager that the test is.

use bmc_dbus::alerts::{AlertsProxy, Destination, Trap};
use ipmi_wire::pet::{PlatformEventTrap, SnmpTrap};
use tokio::net::UdpSocket;

use super::*;

/// An upper critical event of temperature sensor 30h, in 2025.
const RECORD: [u8; 16] = [1, 0, 2, 0, 0, 0, 0x69, 0x20, 0, 4, 1, 0x30, 0x01, 0x59, 97, 95];

struct AlertStand {
    manager: UdpSocket,
    alerts: AlertsProxy<'static>,
    _daemon: Daemon,
    _others: [Connection; 2],
    _bus: PrivateBus,
}

impl AlertStand {
    async fn new() -> Self {
        let manager = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = manager.local_addr().unwrap().port();
        let bus = PrivateBus::start().unwrap();
        let others = [ipmid(&bus).await, userd(&bus).await];
        let daemon = Daemon::start_with(Config::for_test("[::]:0".parse().unwrap()).with_trap_port(port));
        daemon.serve(&bus).await;
        let alerts = AlertsProxy::builder(&others[1])
            .destination("xyz.openbmc_project.Ipmi.Channel.eth0")
            .path(ipmi::channel_path("eth0"))
            .build()
            .await
            .unwrap();
        Self { manager, alerts, _daemon: daemon, _others: others, _bus: bus }
    }

    async fn tell(&self, acknowledged: bool, retries: u8) {
        let destination = Destination {
            acknowledged,
            interval: 0,
            retries,
            backup_gateway: false,
            address: "127.0.0.1".into(),
            mac: vec![0; 6],
        };
        self.alerts.set_destination(1, &destination).await.unwrap();
    }

    async fn received(&self) -> (SnmpTrap, PlatformEventTrap) {
        let mut buffer = [0; 1024];
        let datagram = tokio::time::timeout(Duration::from_secs(30), self.manager.recv(&mut buffer));
        let length = datagram.await.expect("a trap comes").unwrap();
        let message = SnmpTrap::parse(&buffer[..length]).unwrap();
        let trap = PlatformEventTrap::parse(message.specific_trap, &message.variable_bindings).unwrap();
        (message, trap)
    }
}

fn trap(text: &str) -> Trap {
    Trap { severity: 0x10, record: RECORD.to_vec(), utc_offset: 60, guid: Vec::new(), text: text.to_owned() }
}

#[tokio::test]
async fn a_trap_tells_the_event_and_what_the_system_is() {
    let stand = AlertStand::new().await;
    stand.tell(false, 0).await;
    stand.alerts.set_community("ops").await.unwrap();
    assert!(stand.alerts.send(1, &trap("too hot")).await.unwrap());
    let (message, told) = stand.received().await;
    assert_eq!((message.community.as_slice(), message.agent), (&b"ops"[..], [127, 0, 0, 1]));
    assert!(message.uptime > 0);
    assert!(message.variable_bindings.ends_with(b"\xC7too hot\xC1"));
    let expected = PlatformEventTrap {
        sensor_type: 1,
        event_type: 1,
        offset: 9,
        deasserted: false,
        guid: [0x5A; 16],
        sequence: told.sequence,
        local_timestamp: 0x6900_0000 - 883_612_800,
        utc_offset: Some(60),
        trap_source: 0x20,
        event_source: 0x20,
        severity: 0x10,
        sensor_device: 0x20,
        sensor: 0x30,
        entity: 0,
        entity_instance: 0,
        event_data: [0x59, 97, 95, 0, 0, 0, 0, 0],
        language: 0x19,
        manufacturer: 0x157,
        system: 0x1234,
    };
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_trap_that_is_acknowledged_is_sent_no_more() {
    let stand = AlertStand::new().await;
    stand.tell(true, 7).await;
    let acknowledges = async {
        let (first, told) = stand.received().await;
        let (second, again) = stand.received().await;
        assert_eq!((&first, told.sequence), (&second, again.sequence), "one that is sent again is the same");
        assert!(!stand.alerts.acknowledge(told.sequence, told.local_timestamp + 1).await.unwrap());
        assert!(stand.alerts.acknowledge(told.sequence, told.local_timestamp).await.unwrap());
        assert!(!stand.alerts.acknowledge(told.sequence, told.local_timestamp).await.unwrap());
        told.sequence
    };
    let about = trap("");
    let (arrived, first) = tokio::join!(stand.alerts.send(1, &about), acknowledges);
    assert!(arrived.unwrap());
    stand.tell(false, 0).await;
    stand.alerts.send(1, &about).await.unwrap();
    let (_, next) = stand.received().await;
    assert_ne!(next.sequence, first, "the next one that comes is the next alert");
}

#[tokio::test]
async fn a_trap_that_nobody_acknowledges_has_not_arrived_and_one_without_an_address_is_refused() {
    let stand = AlertStand::new().await;
    stand.tell(true, 1).await;
    assert!(!stand.alerts.send(1, &trap("")).await.unwrap());
    stand.received().await;
    stand.received().await;
    for destination in [2, 9] {
        let refused = stand.alerts.send(destination, &trap("")).await.unwrap_err().to_string();
        assert!(refused.contains("no address") || refused.contains("no destination 9"), "{refused}");
    }
}
