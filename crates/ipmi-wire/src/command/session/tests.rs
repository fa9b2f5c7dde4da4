use std::fmt::Debug;

use proptest::prelude::*;

use super::*;

fn reads_back<T: Encode + Decode + PartialEq + Debug>(value: &T) {
    assert_eq!(T::from_bytes(&value.to_bytes()).as_ref(), Ok(value));
}

proptest! {
    #[test]
    fn requests_read_back(extended: bool, by_suite: bool, (channel, privilege) in (0u8..16, 0u8..16), (payload_type, index) in (0u8..64, 0u8..64), id in 1u32.., handle: u8) {
        reads_back(&ChannelAuthenticationCapabilitiesRequest { extended, channel, privilege });
        reads_back(&ChannelCipherSuitesRequest { channel, payload_type, by_suite, index });
        reads_back(&SessionPrivilegeLevelRequest { level: privilege });
        reads_back(&CloseSessionRequest::Id(id));
        reads_back(&CloseSessionRequest::Handle(handle));
    }

    #[test]
    fn responses_read_back(flags: [bool; 9], channel: u8, types in 0u8..64, oem_id in 0u32..1 << 24, oem_data: u8, records: Vec<u8>, level in 0u8..16) {
        let [extended, kg_set, per_message_authentication_off, user_level_authentication_off, named_users, unnamed_users, anonymous, v2_0, v1_5] = flags;
        reads_back(&ChannelAuthenticationCapabilities {
            channel, extended, authentication_types: types, kg_set, per_message_authentication_off,
            user_level_authentication_off, named_users, unnamed_users, anonymous, v2_0, v1_5, oem_id, oem_data,
        });
        reads_back(&ChannelCipherSuites { channel, records });
        reads_back(&SessionPrivilegeLevel { level });
    }
}

#[test]
fn requests_of_a_wrong_length_are_length_errors() {
    const INVALID: CompletionCode = CompletionCode::REQUEST_DATA_LENGTH_INVALID;
    assert_eq!(ChannelAuthenticationCapabilitiesRequest::from_bytes(&[0x8E]), Err(INVALID));
    assert_eq!(ChannelCipherSuitesRequest::from_bytes(&[0, 0, 0, 0]), Err(INVALID));
    assert_eq!(SessionPrivilegeLevelRequest::from_bytes(&[]), Err(INVALID));
    assert_eq!(CloseSessionRequest::from_bytes(&[0, 0, 0, 0]), Err(INVALID));
    assert_eq!(CloseSessionRequest::from_bytes(&[1, 0, 0, 0, 1]), Err(INVALID));
}
