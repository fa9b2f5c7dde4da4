use super::*;

reads_back! {
    channel_access_changes_read_back: ChannelAccessChange;
    session_selectors_read_back: SessionSelector;
    session_info_reads_back: SessionInfo;
    channel_access_queries_read_back: ChannelAccessQuery;
    channel_access_reads_back: ChannelAccess;
    channel_info_reads_back: ChannelInfo;
}

#[test]
fn a_session_is_asked_for_in_four_ways() {
    let cases: [(SessionSelector, &[u8]); 4] = [
        (SessionSelector::Current, &[0x00]),
        (SessionSelector::Index(3), &[0x03]),
        (SessionSelector::Handle(9), &[0xFE, 9]),
        (SessionSelector::Id(0xA0B0_C0D0), &[0xFF, 0xD0, 0xC0, 0xB0, 0xA0]),
    ];
    for (selector, bytes) in cases {
        assert_eq!(selector.to_bytes(), bytes);
        assert_eq!(SessionSelector::from_bytes(bytes), Ok(selector));
    }
}

#[test]
fn session_info_has_the_address_in_network_order_and_the_port_not() {
    let session = ActiveSession {
        handle: 1,
        user: 2,
        privilege: 4,
        rmcp_plus: true,
        channel: 1,
        address: [192, 0, 2, 1],
        mac: [2, 0, 0, 0, 0, 9],
        port: 0x1234,
    };
    let info = SessionInfo { possible: 63, active: 1, session: Some(session) };
    let bytes = [1, 63, 1, 2, 4, 0x11, 192, 0, 2, 1, 2, 0, 0, 0, 0, 9, 0x34, 0x12];
    assert_eq!(info.to_bytes(), bytes);
    let none = SessionInfo { possible: 63, active: 0, session: None };
    assert_eq!(none.to_bytes(), [0, 63, 0]);
}

#[test]
fn channel_access_bits_mean_disabled() {
    let access = ChannelAccess {
        alerting: false,
        per_message_authentication: true,
        user_level_authentication: true,
        mode: AccessMode::Always,
        privilege_limit: 4,
    };
    assert_eq!(access.to_bytes(), [0x22, 0x04]);
    assert_eq!(ChannelAccessQuery::from_bytes(&[1, 0xC0]), Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn channel_info_as_ipmitool_reads_it() {
    // `channel info 1`: 802.3 LAN, IPMB-1.0, multi-session, one active, IPMI forum.
    let info = ChannelInfo::from_bytes(&[0x01, 0x04, 0x01, 0x81, 0xF2, 0x1B, 0x00, 0x00, 0x00]).unwrap();
    assert_eq!((info.medium, info.session_support, info.active_sessions), (4, 2, 1));
    assert_eq!(info.vendor, IPMI_FORUM);
}

#[test]
fn channel_fourteen_is_the_requests_own() {
    assert_eq!(ChannelNumber(THIS_CHANNEL).resolve(3), 3);
    assert_eq!(ChannelNumber(1).resolve(3), 1);
}

#[test]
fn an_access_change_tells_for_each_byte_which_set_it_is_for() {
    // ipmitool channel setaccess, volatile: always available; limit left.
    let change = ChannelAccessChange::from_bytes(&[0x0F, 0x82, 0x04]).unwrap();
    let (set, access) = change.access.unwrap();
    assert_eq!((set, access.mode, change.privilege_limit), (AccessSet::Volatile, AccessMode::Always, None));
    let limit = ChannelAccessChange::from_bytes(&[0x0F, 0x00, 0x42]).unwrap();
    assert_eq!((limit.access, limit.privilege_limit), (None, Some((AccessSet::Stored, 2))));
}
