use proptest::prelude::*;

use super::*;
use crate::command::app_channel::ChannelNumber;

reads_back! {
    changes_read_back: SolParameterChange;
    queries_read_back: ParameterQuery;
    values_read_back: ParameterValue;
}

proptest! {
    #[test]
    fn parameters_read_back(number: u8, bytes in proptest::collection::vec(any::<u8>(), 0..4)) {
        if let Ok(parameter) = SolParameter::read(number, &bytes) {
            prop_assert_eq!(parameter.number(), number);
            prop_assert_eq!(SolParameter::read(number, &parameter.to_bytes()), Ok(parameter));
        }
    }
}

#[test]
fn ipmitools_sol_set_retry_interval_and_info() {
    let change = SolParameterChange { channel: ChannelNumber(14), parameter: 4, data: vec![7, 50] };
    assert_eq!(change.to_bytes(), [0x0E, 0x04, 0x07, 0x32]);
    assert_eq!(SolParameter::read(4, &change.data), Ok(SolParameter::Retry { count: 7, interval: 50 }));
    let query =
        ParameterQuery { channel: ChannelNumber(1), revision_only: true, parameter: 5, set: 0, block: 0 };
    assert_eq!(query.to_bytes(), [0x81, 0x05, 0x00, 0x00]);
}

#[test]
fn each_parameter_has_its_bytes() {
    use SolParameter as P;
    let authentication =
        P::Authentication { force_encryption: true, force_authentication: true, privilege: 4 };
    let all: [(P, &[u8]); 9] = [
        (P::SetInProgress(Progress::Commit), &[0x02]),
        (P::Enable(true), &[0x01]),
        (authentication, &[0xC4]),
        (P::Accumulate { interval: 12, threshold: 96 }, &[0x0C, 0x60]),
        (P::Retry { count: 7, interval: 50 }, &[0x07, 0x32]),
        (P::NonVolatileBitRate(BitRate::Baud(115_200)), &[0x0A]),
        (P::VolatileBitRate(BitRate::Unchanged), &[0x00]),
        (P::PayloadChannel(1), &[0x01]),
        (P::PayloadPort(623), &[0x6F, 0x02]),
    ];
    for (parameter, bytes) in all {
        assert_eq!(parameter.to_bytes(), bytes, "{parameter:?}");
        assert_eq!(P::read(parameter.number(), bytes), Ok(parameter));
    }
    assert!(all.iter().map(|(parameter, _)| parameter.number()).eq(P::NUMBERS));
}

#[test]
fn reserved_values_are_refused() {
    for (number, bytes) in
        [(0, &[3][..]), (2, &[0x01]), (2, &[0xC6]), (3, &[0, 1]), (3, &[1, 0]), (5, &[1]), (6, &[11])]
    {
        let read = SolParameter::read(number, bytes);
        assert_eq!(read, Err(CompletionCode::INVALID_DATA_FIELD), "{number} {bytes:?}");
    }
    assert_eq!(SolParameter::read(9, &[0]), Err(PARAMETER_NOT_SUPPORTED));
    assert_eq!(SolParameter::read(3, &[1]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    assert_eq!(SolParameter::read(1, &[1, 1]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
}

#[test]
fn a_rate_without_a_code_is_told_as_unchanged() {
    assert_eq!(BitRate::of(57_600), BitRate::Baud(57_600));
    assert_eq!(BitRate::of(4_000_000), BitRate::Unchanged);
}
