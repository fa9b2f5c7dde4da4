use proptest::prelude::*;

use super::*;
use crate::{
    CompletionCode,
    codec::Encode as _,
    command::{app::Guid, sol_configuration::Progress, transport::PARAMETER_NOT_SUPPORTED},
    record::sel::SystemEvent,
};

/// Upper critical going high, 97 above 95, of temperature sensor 30h of the BMC.
const EVENT: SystemEvent = SystemEvent {
    timestamp: 0,
    generator: [0x20, 0],
    revision: 4,
    sensor_type: 1,
    sensor: 0x30,
    deasserted: false,
    event_type: 1,
    data: [0x59, 97, 95],
};

fn with(change: impl FnOnce(&mut EventFilter)) -> EventFilter {
    let mut filter = EventFilter::default();
    change(&mut filter);
    filter
}

#[test]
fn a_filter_that_looks_at_nothing_finds_everything() {
    assert!(EventFilter::default().matches(&EVENT));
}

#[test]
fn every_field_that_is_not_ff_must_be_the_events() {
    let change: [fn(&mut EventFilter, u8); 5] = [
        |filter, byte| filter.generator[0] = byte,
        |filter, byte| filter.generator[1] = byte,
        |filter, byte| filter.sensor_type = byte,
        |filter, byte| filter.sensor = byte,
        |filter, byte| filter.trigger = byte,
    ];
    for (change, right) in change.iter().zip([0x20, 0, 1, 0x30, 1]) {
        assert!(with(|filter| change(filter, right)).matches(&EVENT));
        assert!(!with(|filter| change(filter, right + 1)).matches(&EVENT));
    }
}

#[test]
fn the_end_of_an_event_is_another_trigger() {
    let begins = with(|filter| filter.trigger = 0x01);
    let ended = SystemEvent { deasserted: true, ..EVENT };
    assert!(begins.matches(&EVENT) && !begins.matches(&ended));
    assert!(with(|filter| filter.trigger = 0x81).matches(&ended));
}

#[test]
fn the_offset_is_one_of_those_whose_bit_is_set() {
    assert!(with(|filter| filter.offsets = 1 << 9 | 1 << 11).matches(&EVENT));
    assert!(!with(|filter| filter.offsets = !(1 << 9)).matches(&EVENT));
}

#[test]
fn a_data_byte_has_bits_that_must_match_and_bits_of_which_one_is_enough() {
    let filter = DataFilter { mask: 0xFF, exact: 0xF0, value: 0x51 };
    // The low four bits are 1001: as in the value are the highest but one, the second, and the lowest.
    assert!(filter.matches(0x59));
    assert!(!filter.matches(0x49), "an exact bit differs");
    assert!(!filter.matches(0x5E), "none of the others is as in the value");
    let equal = DataFilter { mask: 0xFF, exact: 0xFF, value: 97 };
    assert!(equal.matches(97) && !equal.matches(96));
    let masked = DataFilter { mask: 0x0F, exact: 0xFF, value: 0x09 };
    assert!(masked.matches(0x59));
    assert!(with(|filter| filter.data[1] = equal).matches(&EVENT));
    assert!(!with(|filter| filter.data[2] = equal).matches(&EVENT));
}

proptest! {
    #[test]
    fn parameters_read_back(number: u8, bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        if let Ok(parameter) = PefParameter::read(number, &bytes) {
            prop_assert_eq!(PefParameter::read(number, &parameter.to_bytes()), Ok(parameter));
        }
    }

    #[test]
    fn a_byte_that_is_compared_exactly_matches_itself_alone(wanted: u8, found: u8) {
        let filter = DataFilter { mask: 0xFF, exact: 0xFF, value: wanted };
        prop_assert_eq!(filter.matches(found), wanted == found);
    }
}

#[test]
fn each_parameter_has_its_bytes() {
    use PefParameter as P;
    let filter = EventFilter {
        enabled: true,
        actions: action::ALERT | action::POWER_DOWN,
        policy: 1,
        severity: 0x10,
        generator: [0x20, 0xFF],
        sensor_type: 1,
        sensor: 0x30,
        trigger: 1,
        offsets: 0x0A00,
        ..EventFilter::default()
    };
    let policy = AlertPolicy {
        policy: 1,
        enabled: true,
        when: SendWhen::NotYetThenStop,
        channel: 1,
        destination: 2,
        string_by_event: true,
        string: 5,
    };
    let all: [(u8, P, &[u8]); 12] = [
        (0, P::SetInProgress(Progress::InProgress), &[1]),
        (1, P::Control(control::ENABLE | control::EVENTS), &[3]),
        (2, P::ActionControl(0x2F), &[0x2F]),
        (5, P::FilterCount(32), &[32]),
        (
            6,
            P::Filter(2, filter),
            &[2, 0x80, 0x03, 0x01, 0x10, 0x20, 0xFF, 1, 0x30, 1, 0x00, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (7, P::FilterConfiguration(2, 0xC0), &[2, 0xC0]),
        (8, P::PolicyCount(16), &[16]),
        (9, P::Policy(3, policy), &[3, 0x1A, 0x12, 0x85]),
        (
            10,
            P::SystemGuid(GuidOfTraps::Own(Guid([7; 16]))),
            &[1, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
        ),
        (11, P::StringCount(8), &[8]),
        (12, P::StringKey(1, StringKey { filter: 2, set: 3 }), &[1, 2, 3]),
        (13, P::StringBlock(1, 1, *b"fan is slow\0\0\0\0\0"), b"\x01\x01fan is slow\0\0\0\0\0"),
    ];
    for (number, parameter, bytes) in all {
        assert_eq!(parameter.to_bytes(), bytes, "{number}");
        assert_eq!(P::read(number, bytes), Ok(parameter));
    }
    assert!(all.iter().map(|(number, ..)| *number).eq(P::NUMBERS));
}

#[test]
fn what_is_reserved_or_missing_is_refused() {
    assert_eq!(PefParameter::read(0, &[3]), Err(CompletionCode::INVALID_DATA_FIELD));
    assert_eq!(PefParameter::read(9, &[1, 0x0D, 0, 0]), Err(CompletionCode::INVALID_DATA_FIELD));
    assert_eq!(PefParameter::read(13, &[1, 1]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    assert_eq!(PefParameter::read(13, &[0; 19]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    assert_eq!(PefParameter::read(3, &[1]), Err(PARAMETER_NOT_SUPPORTED));
}
