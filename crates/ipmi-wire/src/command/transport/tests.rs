use proptest::prelude::*;

use super::*;

reads_back! {
    lan_parameter_changes_read_back: ParameterChange;
    lan_parameter_queries_read_back: ParameterQuery;
    lan_parameter_values_read_back: ParameterValue;
}

proptest! {
    #[test]
    fn lan_parameters_read_back(number: u8, bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(parameter) = LanParameter::read(number, &bytes) {
            prop_assert_eq!(parameter.number(), number);
            prop_assert_eq!(LanParameter::read(number, &parameter.to_bytes()), Ok(parameter));
        }
    }
}

proptest! {
    #[test]
    fn alert_parameters_read_back(number in 16..=19_u8, bytes: [u8; 18]) {
        let length = match number {
            16 => 18,
            17 => 1,
            18 => 4,
            _ => 13,
        };
        if let Ok(parameter) = LanParameter::read(number, &bytes[..length]) {
            prop_assert_eq!(parameter.number(), number);
            prop_assert_eq!(LanParameter::read(number, &parameter.to_bytes()), Ok(parameter));
        }
        let cut = LanParameter::read(number, &bytes[..length - 1]);
        prop_assert!(cut.is_err());
    }
}

#[test]
fn lan_parameters_have_the_bytes_of_the_specification() {
    let mut suites = [0; 16];
    suites[..2].copy_from_slice(&[17, 3]);
    let mut privileges = [0; 16];
    privileges[..3].copy_from_slice(&[4, 3, 2]);
    let address = Ipv6Entry { address: [0x20; 16], prefix: 64 };
    let mut dynamic = vec![1, 2];
    dynamic.extend([0x20; 16]);
    dynamic.extend([64, 0]);
    let mut unused = vec![3, 0];
    unused.extend([0; 17]);
    unused.push(1);
    let cases: [(LanParameter, Vec<u8>); 8] = [
        (LanParameter::IpAddress([10, 0, 2, 15]), vec![10, 0, 2, 15]),
        (LanParameter::IpSource(AddressSource::Dhcp), vec![2]),
        (LanParameter::VlanId(Some(0x123)), vec![0x23, 0x81]),
        (LanParameter::VlanId(None), vec![0, 0]),
        (LanParameter::CipherSuites(suites), [&[0, 17, 3][..], &[0; 14]].concat()),
        (LanParameter::CipherSuitePrivileges(privileges), vec![0, 0x34, 0x02, 0, 0, 0, 0, 0, 0]),
        (LanParameter::Ipv6Dynamic(1, Some((DynamicSource::Dhcpv6, address))), dynamic),
        (LanParameter::Ipv6Static(3, None), unused),
    ];
    for (parameter, bytes) in cases {
        assert_eq!(parameter.to_bytes(), bytes, "{parameter:?}");
        assert_eq!(LanParameter::read(parameter.number(), &bytes), Ok(parameter));
    }
}

#[test]
fn a_query_for_the_revision_alone_has_the_top_bit_of_the_channel() {
    let query = ParameterQuery::from_bytes(&[0x81, 3, 0, 0]).unwrap();
    assert!(query.revision_only);
    assert_eq!((query.channel, query.parameter), (ChannelNumber(1), 3));
    assert_eq!(ParameterQuery::from_bytes(&[1, 3, 0]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
}

/// What ipmitool writes for each command, and FreeIPMI 1.6.10 for the same values. The latter reads the gateway from bit 7, though
/// it writes bit 0.
#[test]
fn alerts_are_configured_as_ipmitool_and_freeipmi_do_it() {
    let community = CommunityString::new(b"ferrite").unwrap();
    let kind =
        DestinationType { set: 1, acknowledged: true, kind: DestinationKind::Pet, interval: 5, retries: 3 };
    let address = DestinationAddress {
        set: 1,
        backup_gateway: false,
        address: [192, 0, 2, 7],
        mac: [0x02, 0x11, 0x22, 0x33, 0x44, 0x55],
    };
    let mut named = vec![0x01, 0x10];
    named.extend(b"ferrite\0\0\0\0\0\0\0\0\0\0\0");
    let cases: [(&str, LanParameter, Vec<u8>); 5] = [
        ("lan set 1 snmp ferrite", LanParameter::CommunityString(community), named),
        ("lan alert set 1 1 ack on", LanParameter::DestinationType(kind), vec![1, 0x12, 1, 0x80, 5, 3]),
        (
            "lan alert set 1 1 type oem2",
            LanParameter::DestinationType(DestinationType { kind: DestinationKind::Oem2, ..kind }),
            vec![1, 0x12, 1, 0x87, 5, 3],
        ),
        (
            "lan alert set 1 1 ipaddr 192.0.2.7",
            LanParameter::DestinationAddress(address),
            vec![1, 0x13, 1, 0, 0, 192, 0, 2, 7, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55],
        ),
        (
            "lan alert set 1 1 gateway backup",
            LanParameter::DestinationAddress(DestinationAddress { backup_gateway: true, ..address }),
            vec![1, 0x13, 1, 0, 1, 192, 0, 2, 7, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55],
        ),
    ];
    for (command, parameter, bytes) in cases {
        let change = ParameterChange::from_bytes(&bytes).unwrap();
        assert_eq!(change.channel, ChannelNumber(1), "{command}");
        assert_eq!(LanParameter::read(change.parameter, &change.data), Ok(parameter.clone()), "{command}");
        assert_eq!(parameter.to_bytes(), change.data, "{command}");
    }
}

/// `ipmitool lan alert print` asks for the count, then for the type and the address of each destination, 0 included.
#[test]
fn the_number_of_destinations_is_half_a_byte() {
    assert_eq!(LanParameter::read(17, &[0xF4]), Ok(LanParameter::DestinationCount(4)));
    assert_eq!(LanParameter::DestinationCount(4).to_bytes(), [4]);
    let query = ParameterQuery::from_bytes(&[1, 18, 4, 0]).unwrap();
    assert_eq!((query.parameter, query.set), (18, 4));
}

#[test]
fn reserved_bits_of_destinations_are_not_kept() {
    let read = |number, bytes: &[u8]| LanParameter::read(number, bytes).unwrap().to_bytes();
    assert_eq!(read(18, &[0xF1, 0x7E, 255, 0xFF]), [1, 0x06, 255, 7]);
    let address = [0xF2, 0x0F, 0xFE, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(read(19, &address), [2, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn destinations_of_another_kind_are_refused() {
    let mut ipv6 = vec![1, 0x10];
    ipv6.extend([0x20; 16]);
    for (number, bytes) in [(18, vec![1, 0x01, 0, 0]), (18, vec![1, 0x85, 0, 0]), (19, ipv6)] {
        let read = LanParameter::read(number, &bytes);
        assert_eq!(read, Err(CompletionCode::INVALID_DATA_FIELD), "{number} {bytes:x?}");
    }
}

#[test]
fn a_community_is_what_stands_before_the_first_null() {
    let longest = *b"exactly18character";
    assert_eq!(CommunityString::new(&longest).unwrap().text(), longest);
    assert_eq!(CommunityString::PUBLIC, CommunityString::new(b"public").unwrap());
    assert_eq!(CommunityString::new(b"").unwrap().text(), b"");
    for refused in [&b"nineteen characters"[..], b"nu\0ll", b"tab\t", &[0xE4]] {
        assert_eq!(CommunityString::new(refused), None, "{refused:x?}");
    }
    // ipmitool reads back what it wrote and compares all of it, whatever followed the null.
    let mut bytes = *b"lab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    bytes[17] = 0xFF;
    let LanParameter::CommunityString(community) = LanParameter::read(16, &bytes).unwrap() else { panic!() };
    assert_eq!(community.text(), b"lab");
    assert_eq!(LanParameter::CommunityString(community).to_bytes(), bytes);
    bytes[1] = 0x1B;
    assert_eq!(LanParameter::read(16, &bytes), Err(CompletionCode::INVALID_DATA_FIELD));
}
