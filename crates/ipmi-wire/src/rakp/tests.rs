use proptest::prelude::*;

use super::*;

fn emitted(emit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    emit(&mut bytes);
    bytes
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let number = || proptest::option::of(0u8..0x40);
    (number(), number(), number()).prop_map(|(a, i, c)| Proposal {
        authentication: a.map(AuthenticationAlgorithm),
        integrity: i.map(IntegrityAlgorithm),
        confidentiality: c.map(ConfidentialityAlgorithm),
    })
}

proptest! {
    #[test]
    fn open_session_messages_read_back(
        (tag, console_session_id, managed_session_id) in any::<(u8, u32, u32)>(),
        max_privilege in 0u8..16,
        proposal in proposal(),
        status in 1u8..,
    ) {
        let request = OpenSessionRequest { tag, max_privilege, console_session_id, proposal };
        let bytes = emitted(|out| request.emit(out));
        prop_assert_eq!(bytes.len(), 32);
        prop_assert_eq!(OpenSessionRequest::parse(&bytes), Ok(request));

        let accepted = OpenSessionResponse::Accepted {
            tag, max_privilege, console_session_id, managed_session_id, agreed: proposal,
        };
        let bytes = emitted(|out| accepted.emit(out));
        prop_assert_eq!(bytes.len(), 36);
        prop_assert_eq!(OpenSessionResponse::parse(&bytes), Ok(accepted));

        let refusal = Refusal { tag, status: Status(status), session_id: console_session_id };
        let refused = OpenSessionResponse::Refused(refusal);
        let bytes = emitted(|out| refused.emit(out));
        prop_assert_eq!(OpenSessionResponse::parse(&bytes), Ok(refused));
    }

    #[test]
    fn rakp_messages_read_back(
        (tag, session_id, random, guid, role) in any::<(u8, u32, [u8; 16], [u8; 16], u8)>(),
        user_name in prop::collection::vec(any::<u8>(), 0..=16),
        code in prop::collection::vec(any::<u8>(), 0..=32),
        status in 1u8..,
    ) {
        let one = Rakp1 {
            tag, managed_session_id: session_id, console_random: random, role: Role(role), user_name: &user_name,
        };
        let mut bytes = emitted(|out| one.emit(out));
        prop_assert_eq!(Rakp1::parse(&bytes), Ok(one));
        bytes.push(0);
        prop_assert_eq!(Rakp1::parse(&bytes), Ok(one));

        let two = Rakp2::Accepted {
            tag, console_session_id: session_id, managed_random: random, managed_guid: guid, code: &code,
        };
        let bytes = emitted(|out| two.emit(out));
        prop_assert_eq!(Rakp2::parse(&bytes), Ok(two));
        let refused = Rakp2::Refused(Refusal { tag, status: Status(status), session_id });
        let bytes = emitted(|out| refused.emit(out));
        prop_assert_eq!(Rakp2::parse(&bytes), Ok(refused));

        let proof = Proof { tag, status: Status::OK, session_id, code: &code };
        let bytes = emitted(|out| proof.emit(out));
        prop_assert_eq!(Proof::parse(&bytes), Ok(proof));
    }

    #[test]
    fn any_input_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = OpenSessionRequest::parse(&bytes);
        let _ = OpenSessionResponse::parse(&bytes);
        let _ = Rakp1::parse(&bytes);
        let _ = Rakp2::parse(&bytes);
        let _ = Proof::parse(&bytes);
    }
}

#[test]
fn a_name_of_more_than_16_bytes_is_refused() {
    let mut bytes = vec![0; 28 + 17];
    bytes[27] = 17;
    assert_eq!(Rakp1::parse(&bytes), Err(FrameError::Length));
}
