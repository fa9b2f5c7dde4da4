use proptest::prelude::*;

use super::*;

/// A processor that became too hot on 2025-11-21 at 06:40:00.
fn too_hot() -> PlatformEventTrap {
    PlatformEventTrap {
        sensor_type: 0x01,
        event_type: 0x01,
        offset: 9,
        deasserted: false,
        guid: std::array::from_fn(|at| 0x10 + u8::try_from(at).unwrap()),
        sequence: 0x1234,
        local_timestamp: 1_763_707_200 - EPOCH,
        utc_offset: Some(0),
        trap_source: SOURCE_IPMI,
        event_source: SOURCE_IPMI,
        severity: 0x10,
        sensor_device: 0x20,
        sensor: 0x10,
        entity: 3,
        entity_instance: 1,
        event_data: [0x59, 90, 85, 0, 0, 0, 0, 0],
        language: 0x19,
        manufacturer: 49_374,
        system: 22_136,
    }
}

/// With an SDR of sensor 10h, `ipmi-pet -vv 65801` of FreeIPMI 1.6.10 tells of these octets:
///
/// ```text
/// Nov-21-2025,06:40:00,CPU0 Temp,Temperature,10111213-1415-1617-1819-1a1b1c1d1e1f,49374,22136,Critical condition,Critical,
/// Assertion Event,Upper Critical - going high | Sensor Reading = 90.00 C | Threshold = 85.00 C
/// ```
const TOO_HOT: [u8; 47] = [
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F, 0x12,
    0x34, 0x34, 0x75, 0x2C, 0xC0, 0x00, 0x00, 0x20, 0x20, 0x10, 0x20, 0x10, 0x03, 0x01, 0x59, 0x5A, 0x55,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x19, 0x00, 0x00, 0xC0, 0xDE, 0x56, 0x78, 0xC1,
];

/// Before the octets of [`TOO_HOT`] in the message that brings them.
const MESSAGE: [u8; 61] = [
    0x30, 0x6B, 0x02, 0x01, 0x00, 0x04, 0x06, b'p', b'u', b'b', b'l', b'i', b'c', 0xA4, 0x5E, 0x06, 0x09,
    0x2B, 0x06, 0x01, 0x04, 0x01, 0x98, 0x6F, 0x01, 0x01, 0x40, 0x04, 192, 0, 2, 1, 0x02, 0x01, 0x06, 0x02,
    0x03, 0x01, 0x01, 0x09, 0x43, 0x02, 0x30, 0x39, 0x30, 0x3F, 0x30, 0x3D, 0x06, 0x0A, 0x2B, 0x06, 0x01,
    0x04, 0x01, 0x98, 0x6F, 0x01, 0x01, 0x01, 0x04,
];

fn emitted(message: &SnmpTrap) -> Vec<u8> {
    let mut out = Vec::new();
    message.emit(&mut out);
    out
}

#[test]
fn a_trap_is_what_ipmi_pet_understands() {
    assert_eq!(too_hot().specific_trap(), 65_801);
    assert_eq!(too_hot().variable_bindings(""), TOO_HOT);
    assert_eq!(PlatformEventTrap::parse(65_801, &TOO_HOT), Ok(too_hot()));
}

/// `ipmi-pet` tells "Deassertion Event" of 65929, and no time.
#[test]
fn an_event_that_is_gone_has_bit_7_and_an_unknown_time_is_zero() {
    let gone = PlatformEventTrap { deasserted: true, local_timestamp: 0, utc_offset: None, ..too_hot() };
    assert_eq!(gone.specific_trap(), 65_929);
    let octets = gone.variable_bindings("");
    assert_eq!(octets[18..24], [0, 0, 0, 0, 0xFF, 0xFF]);
    assert_eq!(PlatformEventTrap::parse(65_929, &octets), Ok(gone));
}

#[test]
fn west_of_greenwich_the_offset_is_negative() {
    let octets = PlatformEventTrap { utc_offset: Some(-480), ..too_hot() }.variable_bindings("");
    assert_eq!(octets[22..24], [0xFE, 0x20]);
    assert_eq!(PlatformEventTrap::parse(65_801, &octets).unwrap().utc_offset, Some(-480));
}

#[test]
fn a_vendors_custom_fields_are_passed_over() {
    let mut octets = TOO_HOT[..46].to_vec();
    octets.extend([0xC3, b'f', b'a', b'n', 0xC1]);
    assert_eq!(PlatformEventTrap::parse(65_801, &octets), Ok(too_hot()));
    octets.resize(110, 0);
    assert_eq!(PlatformEventTrap::parse(65_801, &octets), Ok(too_hot()));
    octets.push(0);
    assert_eq!(PlatformEventTrap::parse(65_801, &octets), Err(FrameError::Length));
}

#[test]
fn a_cut_trap_and_another_specific_trap_are_refused() {
    for length in 0..TOO_HOT.len() {
        let cut = PlatformEventTrap::parse(65_801, &TOO_HOT[..length]);
        assert_eq!(cut, Err(FrameError::Truncated), "{length}");
    }
    for specific in [0x0101_0109, 0x0001_0119] {
        assert_eq!(PlatformEventTrap::parse(specific, &TOO_HOT), Err(FrameError::Format));
    }
}

/// snmptrapd of net-snmp 5.9.3 prints of it, with the other octets where the dots are:
///
/// ```text
/// 192.0.2.1 (via UDP: [127.0.0.1]) TRAP, SNMP v1, community public
///     .1.3.6.1.4.1.3183.1.1 Enterprise Specific Trap (65801) Uptime: 0:02:03.45
///     .1.3.6.1.4.1.3183.1.1.1 = Hex-STRING: 10 11 12 ... C1
/// ```
#[test]
fn a_message_is_what_snmptrapd_takes() {
    let message = too_hot().message(TOO_HOT.to_vec(), b"public", [192, 0, 2, 1], 12_345);
    let bytes = emitted(&message);
    assert_eq!(bytes, [&MESSAGE[..], &[47], &TOO_HOT].concat());
    assert_eq!(SnmpTrap::parse(&bytes), Ok(message));
}

#[test]
fn numbers_take_as_few_bytes_as_they_can() {
    let cases: [(u32, &[u8]); 6] = [
        (0, &[0x02, 1, 0]),
        (0x7F, &[0x02, 1, 0x7F]),
        (0x80, &[0x02, 2, 0, 0x80]),
        (0x0105_6F00, &[0x02, 4, 0x01, 0x05, 0x6F, 0x00]),
        (0x7FFF_FFFF, &[0x02, 4, 0x7F, 0xFF, 0xFF, 0xFF]),
        (u32::MAX, &[0x02, 5, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
    ];
    for (number, bytes) in cases {
        assert_eq!(ber::unsigned(ber::INTEGER, number), bytes);
        let mut rest = bytes;
        assert_eq!(ber::number(&mut rest, ber::INTEGER), Ok(number));
        assert!(rest.is_empty());
    }
}

#[test]
fn numbers_that_are_negative_too_long_or_padded_are_refused() {
    let cases: [&[u8]; 5] = [&[], &[0x80], &[0, 0x7F], &[0, 0], &[1, 0, 0, 0, 0]];
    for contents in cases {
        let bytes = ber::value(ber::INTEGER, &[contents]);
        assert_eq!(
            ber::number(&mut bytes.as_slice(), ber::INTEGER),
            Err(FrameError::Format),
            "{contents:x?}"
        );
    }
}

#[test]
fn lengths_take_as_few_bytes_as_they_can() {
    for (length, head) in [
        (0x7F, &[0x04, 0x7F][..]),
        (0x80, &[0x04, 0x81, 0x80]),
        (0xFF, &[0x04, 0x81, 0xFF]),
        (0x100, &[0x04, 0x82, 0x01, 0x00]),
    ] {
        let bytes = ber::value(ber::OCTET_STRING, &[&vec![0; length]]);
        assert!(bytes.starts_with(head), "{length}");
        assert_eq!(ber::contents(&mut bytes.as_slice(), ber::OCTET_STRING).unwrap().len(), length);
    }
}

#[test]
fn lengths_that_are_indefinite_padded_or_longer_than_a_datagram_are_refused() {
    let cases: [&[u8]; 4] = [&[0x80], &[0x81, 1, 0], &[0x82, 0, 1, 0], &[0x83, 1, 0, 0]];
    for bytes in cases {
        let bytes = [&[ber::OCTET_STRING], bytes].concat();
        let found = ber::contents(&mut bytes.as_slice(), ber::OCTET_STRING);
        assert_eq!(found, Err(FrameError::Length), "{bytes:x?}");
    }
}

#[test]
fn a_message_cut_or_followed_by_more_is_refused_at_every_length() {
    let bytes = [&MESSAGE[..], &[47], &TOO_HOT].concat();
    for length in 0..bytes.len() {
        assert_eq!(SnmpTrap::parse(&bytes[..length]), Err(FrameError::Truncated), "{length}");
    }
    assert_eq!(SnmpTrap::parse(&[&bytes[..], &[0]].concat()), Err(FrameError::Length));
}

#[test]
fn messages_of_another_kind_are_refused() {
    // The outer tag, the version, the PDU, the enterprise, the agent's type, the generic trap, the ticks' type, the variable's name.
    for at in [0, 4, 13, 18, 26, 34, 40, 59] {
        let mut bytes = [&MESSAGE[..], &[47], &TOO_HOT].concat();
        bytes[at] ^= 1;
        assert_eq!(SnmpTrap::parse(&bytes), Err(FrameError::Format), "{at}");
    }
}

proptest! {
    #[test]
    fn traps_read_back(
        specific in any::<u32>().prop_map(|number| number & 0x00FF_FF8F),
        octets in proptest::collection::vec(any::<u8>(), 47..=110),
    ) {
        let trap = PlatformEventTrap::parse(specific, &octets).unwrap();
        prop_assert_eq!(trap.specific_trap(), specific);
        let written = trap.variable_bindings("");
        prop_assert_eq!(&written[..46], &octets[..46]);
        prop_assert_eq!(PlatformEventTrap::parse(specific, &written), Ok(trap));
    }

    #[test]
    fn octets_of_any_length_are_read_or_refused(
        specific: u32,
        octets in proptest::collection::vec(any::<u8>(), 0..128),
    ) {
        let _ = PlatformEventTrap::parse(specific, &octets);
    }

    #[test]
    fn messages_read_back(
        community in proptest::collection::vec(any::<u8>(), 0..200),
        agent: [u8; 4],
        specific_trap: u32,
        uptime: u32,
        variable_bindings in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let message = SnmpTrap { community, agent, specific_trap, uptime, variable_bindings };
        prop_assert_eq!(SnmpTrap::parse(&emitted(&message)), Ok(message));
    }

    #[test]
    fn what_is_read_as_a_message_has_no_other_form(at in 0..109_usize, value: u8, drop in 0..4_usize) {
        let mut bytes = [&MESSAGE[..], &[47], &TOO_HOT].concat();
        bytes[at] = value;
        bytes.truncate(bytes.len() - drop);
        if let Ok(message) = SnmpTrap::parse(&bytes) {
            prop_assert_eq!(emitted(&message), bytes);
        }
    }

    #[test]
    fn garbage_is_no_message(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        if let Ok(message) = SnmpTrap::parse(&bytes) {
            prop_assert_eq!(emitted(&message), bytes);
        }
    }
}

#[test]
fn text_is_a_custom_field_that_is_never_taken_for_the_end() {
    let custom = |text: &str| too_hot().variable_bindings(text)[46..].to_vec();
    assert_eq!(custom(""), [0xC1]);
    assert_eq!(custom("hot!"), *b"\xC4hot!\xC1");
    assert_eq!(custom("h"), *b"\xC2h \xC1");
    let long = "x".repeat(200);
    assert_eq!((custom(&long).len(), custom(&long)[0]), (64, 0xFE));
    let trap = too_hot();
    assert_eq!(PlatformEventTrap::parse(trap.specific_trap(), &trap.variable_bindings(&long)), Ok(trap));
}
