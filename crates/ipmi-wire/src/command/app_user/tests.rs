use super::*;

reads_back! {
    user_access_queries_read_back: UserAccessQuery;
    user_access_reads_back: UserAccess;
    user_names_read_back: UserName;
}

#[test]
fn user_access_as_ipmitool_reads_it() {
    let access = UserAccess {
        slots: 15,
        enabled: Some(true),
        enabled_count: 2,
        fixed_names: 1,
        callback_only: false,
        link_authentication: false,
        messaging: true,
        privilege_limit: 4,
    };
    assert_eq!(access.to_bytes(), [0x0F, 0x42, 0x01, 0x14]);
    let nobody = UserAccess { enabled: Some(false), messaging: false, privilege_limit: NO_ACCESS, ..access };
    assert_eq!(nobody.to_bytes(), [0x0F, 0x82, 0x01, 0x0F]);
}

#[test]
fn a_name_has_sixteen_bytes_at_most() {
    assert_eq!(UserName::new("admin").unwrap().to_bytes(), *b"admin\0\0\0\0\0\0\0\0\0\0\0");
    assert!(UserName::new("sixteen-letters!").is_some());
    assert!(UserName::new("seventeen-letters").is_none());
}
