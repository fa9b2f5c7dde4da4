use super::*;

reads_back! {
    activation_status_reads_back: PayloadActivationStatus;
    instance_info_reads_back: PayloadInstanceInfo;
    access_changes_read_back: PayloadAccessChange;
    access_reads_back: PayloadAccess;
    channel_payloads_read_back: ChannelPayloads;
    channel_payload_queries_read_back: ChannelPayload;
    oem_queries_read_back: OemPayloadQuery;
    oem_payloads_read_back: OemPayloadInfo;
}

#[test]
fn the_status_of_two_instances_of_which_the_second_is_active() {
    let status = PayloadActivationStatus { capacity: 2, active: 0b10 };
    assert_eq!(status.to_bytes(), [0x02, 0x02, 0x00]);
    assert_eq!(PayloadNumber(PayloadType::SOL).to_bytes(), [0x01]);
}

#[test]
fn ipmitools_sol_payload_disable_1_3() {
    let change = PayloadAccessChange {
        channel: ChannelNumber(1),
        user: UserSlot(3),
        allow: false,
        payloads: PayloadAccess::SOL,
    };
    assert_eq!(change.to_bytes(), [0x01, 0x43, 0x02, 0x00, 0x00, 0x00]);
    let reserved = PayloadAccessChange::from_bytes(&[0x01, 0x83, 0x02, 0, 0, 0]);
    assert_eq!(reserved, Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn payload_access_as_one_number_has_the_oem_types_in_its_high_half() {
    let access = PayloadAccess { standard: 0x0002, oem: 0x0001 };
    assert_eq!(access.bits(), 0x0001_0002);
    assert_eq!(PayloadAccess::from_bits(0x0001_0002), access);
    assert_eq!(access.to_bytes(), [0x02, 0x00, 0x01, 0x00]);
}
