use super::*;

reads_back! {
    capabilities_read_back: PefCapabilities;
    changes_read_back: PefParameterChange;
    queries_read_back: PefParameterQuery;
    places_read_back: NewLastProcessed;
    alerts_read_back: AlertRequest;
    acknowledgements_read_back: AcknowledgedTrap;
}

#[test]
fn an_alert_of_an_event_has_its_generator_first() {
    let bytes = [0x01, 0x03, 0x82, 0x20, 0x04, 0x01, 0x30, 0x01, 0x59, 97, 95];
    let request = AlertRequest::from_bytes(&bytes).unwrap();
    assert_eq!((request.channel.0, request.destination, request.string), (1, 3, Some(2)));
    let (generator, event) = request.event.unwrap();
    assert_eq!((generator, event.sensor_type, event.sensor, event.data), (0x20, 1, 0x30, [0x59, 97, 95]));
    let ask = AlertRequest::from_bytes(&[0x0E, 0x40, 0x00]).unwrap();
    assert_eq!((ask.operation, ask.event), (AlertOperation::Ask, None));
    assert_eq!(AlertRequest::from_bytes(&[1, 0xC0, 0]), Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn freeipmis_acknowledgement_is_read() {
    let bytes = [0x34, 0x12, 0x04, 0x03, 0x02, 0x01, 0x20, 0x20, 0x30, 0x59, 97, 95];
    let trap = AcknowledgedTrap::from_bytes(&bytes).unwrap();
    assert_eq!((trap.sequence, trap.timestamp, trap.data), (0x1234, 0x0102_0304, [0x59, 97, 95]));
}
