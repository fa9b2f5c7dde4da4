use super::*;

reads_back! {
    device_ids_read_back: DeviceId;
    self_test_results_read_back: SelfTestResults;
    guids_read_back: Guid;
}

#[test]
fn a_device_id_as_ipmitool_shows_it() {
    // `mc info`: device 32, revision 1, SDRs provided, firmware 1.39, IPMI 2.0, Intel (343), product 59.
    let bytes = [0x20, 0x81, 0x01, 0x39, 0x02, 0xBF, 0x57, 0x01, 0x00, 0x3B, 0x00, 0x01, 0x02, 0x03, 0x04];
    let id = DeviceId::from_bytes(&bytes).unwrap();
    assert_eq!((id.device_id, id.device_revision, id.device_sdrs), (32, 1, true));
    assert_eq!((id.firmware_major, id.firmware_minor), (1, 39));
    assert_eq!((id.manufacturer, id.product), (343, 59));
    assert_eq!(id.support.0 & DeviceSupport::CHASSIS, DeviceSupport::CHASSIS);
    assert_eq!(id.to_bytes(), bytes);
}

#[test]
fn the_auxiliary_revision_is_whole_or_absent() {
    let bytes = [0; 13];
    assert_eq!(DeviceId::from_bytes(&bytes[..11]).unwrap().auxiliary_revision, None);
    assert_eq!(DeviceId::from_bytes(&bytes), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
}

#[test]
fn self_test_results_have_the_codes_of_the_specification() {
    assert_eq!(SelfTestResults::Passed.to_bytes(), [0x55, 0x00]);
    let faults = SelfTestFaults(SelfTestFaults::SEL | SelfTestFaults::SDR_REPOSITORY_EMPTY);
    assert_eq!(SelfTestResults::Faulty(faults).to_bytes(), [0x57, 0x88]);
}

#[test]
fn a_guid_stands_with_its_last_byte_first() {
    let mut uuid = [0; 16];
    uuid[0] = 0xAB;
    assert_eq!(Guid::from_network_order(uuid).to_bytes()[15], 0xAB);
}
