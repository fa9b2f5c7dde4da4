use super::*;
use crate::lan_message::{BMC, LanMessage};

reads_back! {
    global_enables_read_back: GlobalEnables;
    message_flags_read_back: MessageFlags;
    receive_requests_read_back: ChannelReceiveRequest;
    receive_states_read_back: ChannelReceive;
    received_messages_read_back: ReceivedMessage;
    outgoing_messages_read_back: OutgoingMessage;
    bridged_responses_read_back: BridgedResponse;
    event_messages_read_back: EventMessage;
    interface_types_read_back: InterfaceType;
    interface_capabilities_read_back: InterfaceCapabilities;
    bt_capabilities_read_back: BtCapabilities;
    bus_requests_read_back: WriteRead;
    bus_data_read_back: BusData;
}

#[test]
fn a_request_to_the_management_engine_as_linux_bridges_it() {
    // Get Device ID to 2Ch from the host's queue (LUN 2), sequence 3, on channel 0.
    let bytes = [0x00, 0x2C, 0x18, 0xBC, 0x20, 0x0E, 0x01, 0xD1];
    let outgoing = OutgoingMessage::from_bytes(&bytes).unwrap();
    assert_eq!((outgoing.channel.0, outgoing.tracking), (0, Tracking::None));
    let message = LanMessage::parse(&outgoing.message).unwrap();
    assert_eq!((message.to, message.from, message.from_lun.value()), (0x2C, BMC, 2));
    assert_eq!(outgoing.to_bytes(), bytes);
}

#[test]
fn ipmitools_bridging_asks_for_tracking() {
    let outgoing = OutgoingMessage::from_bytes(&[0x46, 1]).unwrap();
    assert_eq!((outgoing.channel.0, outgoing.tracking), (6, Tracking::Request));
    assert_eq!(OutgoingMessage::from_bytes(&[0xC0]), Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn a_message_of_the_queue_begins_with_its_channel_and_privilege() {
    let message = ReceivedMessage { channel: 1, privilege: 4, message: vec![9, 8] };
    assert_eq!(message.to_bytes(), [0x41, 9, 8]);
}

#[test]
fn a_private_bus_and_an_eeprom_as_ipmitool_i2c_writes_them() {
    // `ipmitool i2c bus=2 0xa0 8 0x00`: private bus 2, 8 bytes from offset 0.
    let request = WriteRead::from_bytes(&[0x05, 0xA0, 8, 0]).unwrap();
    assert_eq!((request.private, request.bus, request.address, request.read), (true, 2, 0x50, 8));
    assert_eq!(request.write, [0]);
}

#[test]
fn linux_takes_what_ssif_and_bt_can_do() {
    let ssif = InterfaceCapabilities::Ssif { transactions: 2, error_checks: true, input: 254, output: 254 };
    assert_eq!(ssif.to_bytes(), [0, 0x88, 254, 254]);
    let bt = BtCapabilities { outstanding: 1, input: 64, output: 64, seconds: 5, retries: 1 };
    assert_eq!(bt.to_bytes(), [1, 64, 64, 5, 1]);
}

#[test]
fn asking_for_reception_does_not_change_it() {
    assert_eq!(ChannelReceiveRequest::from_bytes(&[1, 2]).unwrap().enable, None);
    assert_eq!(ChannelReceiveRequest::from_bytes(&[1, 3]), Err(CompletionCode::INVALID_DATA_FIELD));
}
