use zbus::{OwnedObjectPath, Variant, names::OwnedInterfaceName};

use super::*;

/// One object of networkd's with one interface.
fn add(objects: &mut ManagedObjects, path: &str, interface: &str, properties: &[(&str, Variant<'_>)]) {
    let properties =
        properties.iter().map(|(name, value)| ((*name).to_owned(), value.try_to_owned().unwrap()));
    objects
        .entry(OwnedObjectPath::try_from(path).unwrap())
        .or_default()
        .insert(OwnedInterfaceName::try_from(interface).unwrap(), properties.collect());
}

fn add_ip(objects: &mut ManagedObjects, place: &str, address: &str, prefix: u8, origin: &str) {
    let origin = format!("{}{origin}", bmc_dbus::network::ORIGIN_PREFIX);
    let properties = [
        ("Address", Variant::from(address)),
        ("PrefixLength", Variant::U8(prefix)),
        ("Origin", Variant::from(origin.as_str())),
    ];
    add(objects, place, names::IP, &properties);
}

#[test]
fn an_interface_is_gathered_from_its_object_and_those_below_it() {
    let mut objects = ManagedObjects::default();
    let eth0 = interface_path("eth0");
    add(&mut objects, &eth0, names::ETHERNET_INTERFACE, &[("DefaultGateway", Variant::from("10.0.2.2"))]);
    add(&mut objects, &eth0, names::MAC_ADDRESS, &[("MACAddress", Variant::from("02:00:00:00:00:0a"))]);
    add(&mut objects, &eth0, names::VLAN, &[("Id", Variant::U32(5))]);
    add_ip(&mut objects, &format!("{eth0}/a"), "169.254.3.4", 16, "LinkLocal");
    add_ip(&mut objects, &format!("{eth0}/b"), "10.0.2.15", 24, "DHCP");
    add_ip(&mut objects, &format!("{eth0}/c"), "fe80::1", 64, "LinkLocal");
    add_ip(&mut objects, &format!("{eth0}/d"), "2001:db8::5", 64, "SLAAC");
    // Another interface whose name begins alike.
    let eth01 = interface_path("eth01");
    add(&mut objects, &eth01, names::ETHERNET_INTERFACE, &[]);
    add_ip(&mut objects, &format!("{eth01}/a"), "10.0.0.1", 24, "Static");
    let neighbor = |ip: &'static str, mac: &'static str| {
        [("IPAddress", Variant::from(ip)), ("MACAddress", Variant::from(mac))]
    };
    add(&mut objects, &format!("{eth0}/n1"), names::NEIGHBOR, &neighbor("10.0.2.2", "52:54:00:12:35:02"));
    add(&mut objects, &format!("{eth0}/n2"), names::NEIGHBOR, &neighbor("10.0.2.3", "52:54:00:12:35:03"));

    let address = |text: &str, origin| Ipv6Address { address: text.parse().unwrap(), prefix: 64, origin };
    let expected = Interface {
        mac: [2, 0, 0, 0, 0, 10],
        ipv4: Some((Ipv4Addr::new(10, 0, 2, 15), 24)),
        ipv4_dhcp: true,
        gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        gateway_mac: Some([0x52, 0x54, 0, 0x12, 0x35, 2]),
        vlan: Some(5),
        ipv6: vec![address("2001:db8::5", Ipv6Origin::Slaac), address("fe80::1", Ipv6Origin::LinkLocal)],
    };
    assert_eq!(interface(&objects, "eth0"), Some(expected));
    assert_eq!(interface(&objects, "eth7"), None);
}

#[test]
fn a_hardware_address_has_six_pairs() {
    assert_eq!(mac("02:00:00:00:00:0a"), Some([2, 0, 0, 0, 0, 10]));
    assert_eq!(mac("02:00:00:00:00"), None);
    assert_eq!(mac("02:00:00:00:00:0a:0b"), None);
}
