use proptest::prelude::*;

use super::*;

reads_back! {
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
