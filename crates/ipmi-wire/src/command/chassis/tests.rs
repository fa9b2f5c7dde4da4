use super::*;

reads_back! {
    chassis_capabilities_read_back: ChassisCapabilities;
    control_actions_read_back: ControlAction;
    identify_requests_read_back: IdentifyRequest;
    policy_changes_read_back: PolicyChange;
    policy_support_reads_back: PolicySupport;
    restart_causes_read_back: RestartCause;
    power_on_hours_read_back: PohCounter;
    chassis_status_reads_back: ChassisStatus;
}

#[test]
fn chassis_status_as_ipmitool_reads_it() {
    // `chassis status`: on, always-off, last event command, identify indefinite, fan fault; front panel byte passed over.
    let status = ChassisStatus::from_bytes(&[0x01, 0x10, 0x68, 0x70]).unwrap();
    assert!(status.on && status.cooling_fault && !status.drive_fault);
    assert_eq!(status.restore_policy, RestorePolicy::AlwaysOff);
    assert_eq!(status.last_event, LastPowerEvent(LastPowerEvent::COMMAND));
    assert_eq!(status.identify, Some(IdentifyState::Indefinite));
    assert_eq!(status.to_bytes(), [0x01, 0x10, 0x68]);
}

#[test]
fn the_six_actions_have_the_numbers_of_the_specification() {
    let actions = [
        ControlAction::PowerDown,
        ControlAction::PowerUp,
        ControlAction::PowerCycle,
        ControlAction::HardReset,
        ControlAction::DiagnosticInterrupt,
        ControlAction::SoftShutdown,
    ];
    for (number, action) in (0u8..).zip(actions) {
        assert_eq!(ControlAction::from_bytes(&[number]), Ok(action));
        assert_eq!(action.to_bytes(), [number]);
    }
    assert_eq!(ControlAction::from_bytes(&[6]), Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn both_bytes_of_identify_are_optional() {
    let read = |bytes: &[u8]| IdentifyRequest::from_bytes(bytes).map(|r| (r.seconds, r.force_on));
    assert_eq!(read(&[]), Ok((None, None)));
    assert_eq!(read(&[60]), Ok((Some(60), None)));
    assert_eq!(read(&[0, 1]), Ok((Some(0), Some(true))));
    assert_eq!(read(&[0, 1, 2]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
}
