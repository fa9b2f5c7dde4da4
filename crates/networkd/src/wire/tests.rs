use super::*;

/// Recorded from a kernel 6 (`RTM_NEWLINK`, without the statistics), then edited where a test says so.
const LINK: &str = "640000001000020001000000701d00000000010004000000431001000000000009000300657468300000000008000d00\
    e80300000500100006000000080004007805000005002100010000000a00010002fc0000000100000a000200ffffffff\
    ffff0000";
/// 192.0.2.2/24, permanent.
const ADDRESS4: &str = "580000001400020001000000d0190000021880000400000008000100c000020208000200c00002020800040\
                        0c00002ff090003006574683000000000080008008000000014000600ffffffffffffffff1800000018000000";
/// fe80::fc:ff:fe00:1/64, of the kernel's own making.
const ADDRESS6: &str = "500000001400020001000000d01900000a4080fd0400000014000100fe8000000000000000fc00fffe00000\
                        114000600ffffffffffffffff1800000018000000080008008000000005000b0003000000";
const DEFAULT4: &str = "340000001800020001000000d019000002000000fe0300010000000008000f00fe00000008000500c0000201\
                        0800040004000000";
const DEFAULT6: &str = "740000001800020001000000d01900000a000000fe0300010000000008000f00fe000000080006000004000014\
                        000500fd000000000000000000000000000001080004000400000024000c0000000000000000000000000000000000\
                        000000000000000000000000000000000500140000000000";
/// The route to 192.0.2.0/24.
const SUBNET: &str = "3c0000001800020001000000d019000002180000fe02fd010000000008000f00fe00000008000100c000020008000700\
                      c00002020800040004000000";
const NEIGHBOUR: &str = "4c0000001c00020001000000d019000002000000040000000400000108000100c00002010a00020002fc000000050\
                         00008000400010000001400030014230000542400008214000000000000";
/// fd00::1, which did not answer: no hardware address.
const FAILED: &str = "4c0000001c00020001000000d01900000a000000040000002000000114000100fd000000000000000000000000000001\
                      08000400060000001400030060350400f01d0400bf1c040000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_recorded_link_is_read() {
    let events = decode(&bytes(LINK));
    let [Event::Link(4, link)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((link.name.as_str(), link.mtu), ("eth0", 1400));
    assert_eq!(link.mac, Some([0x2, 0xfc, 0x0, 0x0, 0x0, 0x1]));
    assert!(link.ethernet && link.enabled && link.carrier && link.vlan.is_none());
}

#[test]
fn a_vlan_says_its_number() {
    // IFLA_LINKINFO { IFLA_INFO_KIND "vlan\0", IFLA_INFO_DATA { IFLA_VLAN_ID 5 } }
    let info = bytes("2000120009000100766c616e000000000c00028006000100050000000000");
    let mut link = bytes(LINK);
    link.extend_from_slice(&info);
    link.extend_from_slice(&[0, 0]);
    let length = u32::try_from(link.len()).unwrap();
    link[0..4].copy_from_slice(&length.to_ne_bytes());
    let events = decode(&link);
    let [Event::Link(_, link)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(link.vlan, Some(5));
}

#[test]
fn recorded_addresses_are_read_in_both_families() {
    let both = [bytes(ADDRESS4), bytes(ADDRESS6)].concat();
    let permanent = Address { flags: Address::PERMANENT, protocol: 0 };
    let expected = [
        Event::Address((4, ip("192.0.2.2"), 24), permanent),
        Event::Address((4, ip("fe80::fc:ff:fe00:1"), 64), Address { protocol: 3, ..permanent }),
    ];
    assert_eq!(decode(&both), expected);
}

#[test]
fn only_default_routes_count_as_routes() {
    let all = [bytes(SUBNET), bytes(DEFAULT4), bytes(DEFAULT6)].concat();
    let route = |metric, gateway| Event::Route {
        route: DefaultRoute { metric, link: 4, gateway: ip(gateway) },
        replace: false,
    };
    assert_eq!(decode(&all), [route(0, "192.0.2.1"), route(1024, "fd00::1")]);
}

#[test]
fn a_neighbour_without_a_hardware_address_is_none() {
    let both = [bytes(NEIGHBOUR), bytes(FAILED)].concat();
    let expected = [
        Event::Neighbour((4, ip("192.0.2.1")), Neighbour { mac: [2, 0xFC, 0, 0, 0, 5], state: 4 }),
        Event::NeighbourGone((4, ip("fd00::1"))),
    ];
    assert_eq!(decode(&both), expected);
}

#[test]
fn the_end_an_error_and_an_interrupted_dump_are_told_apart() {
    let header = |kind: u16, flags: u16, body: &[u8]| {
        let mut message = bytes("14000000000000000000000000000000");
        message[4..6].copy_from_slice(&kind.to_ne_bytes());
        message[6..8].copy_from_slice(&flags.to_ne_bytes());
        [message, body.to_vec()].concat()
    };
    assert_eq!(decode(&header(3, 2, &[0; 4])), [Event::Done]);
    assert_eq!(decode(&header(3, 0x12, &[0; 4])), [Event::Interrupted, Event::Done]);
    assert_eq!(decode(&header(2, 0, &(-13i32).to_ne_bytes())), [Event::Failed(13)]);
}

#[test]
fn a_message_cut_anywhere_is_passed_over_without_harm() {
    for whole in [LINK, ADDRESS4, ADDRESS6, DEFAULT4, DEFAULT6, NEIGHBOUR] {
        let whole = bytes(whole);
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]), [], "the header promises more than {length} bytes");
            // The same with a header that tells the truth: attributes are cut.
            let mut cut = whole[..length].to_vec();
            if let Some(field) = cut.get_mut(0..4) {
                field.copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
            }
            assert!(decode(&cut).len() <= 1);
        }
    }
}
