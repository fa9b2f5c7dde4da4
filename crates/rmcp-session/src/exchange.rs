//! What both sides of a handshake know, and the codes and keys that follow from it (v2.0§13.31, §13.32).

use ipmi_wire::rakp::Role;
use ring::hmac;
use zeroize::Zeroizing;

use crate::{CipherSuite, Secret, protection::Protection};

/// The public values of one RAKP exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) suite: CipherSuite,
    pub(crate) console_session_id: u32,
    pub(crate) managed_session_id: u32,
    pub(crate) console_random: [u8; 16],
    pub(crate) managed_random: [u8; 16],
    pub(crate) managed_guid: [u8; 16],
    pub(crate) role: Role,
    pub(crate) user_name: Vec<u8>,
}

/// Secret bytes as long as the suite's hash.
pub(crate) type SessionKey = Zeroizing<Vec<u8>>;

/// How often a constant is repeated to derive an additional key (v2.0§13.32). Clients use 20 for every hash, as the
/// specification wrote it for SHA-1.
const CONSTANT_LENGTH: usize = 20;

impl Exchange {
    /// The key exchange code of RAKP message 2: proves that the managed system knows `password`.
    pub(crate) fn code_2(&self, password: &Secret) -> hmac::Tag {
        self.sign(
            password.key(),
            &[
                &self.console_session_id.to_le_bytes(),
                &self.managed_session_id.to_le_bytes(),
                &self.console_random,
                &self.managed_random,
                &self.managed_guid,
                &self.role_and_name_length(),
                &self.user_name,
            ],
        )
    }

    /// The key exchange code of RAKP message 3: proves that the console knows `password`.
    pub(crate) fn code_3(&self, password: &Secret) -> hmac::Tag {
        self.sign(
            password.key(),
            &[
                &self.managed_random,
                &self.console_session_id.to_le_bytes(),
                &self.role_and_name_length(),
                &self.user_name,
            ],
        )
    }

    /// The session integrity key, of KG (or the password where KG is not set).
    pub(crate) fn session_key(&self, kg: &Secret) -> SessionKey {
        let tag = self.sign(
            kg.key(),
            &[&self.console_random, &self.managed_random, &self.role_and_name_length(), &self.user_name],
        );
        Zeroizing::new(tag.as_ref().to_vec())
    }

    /// The integrity check value of RAKP message 4: proves that the managed system derived the same session key.
    pub(crate) fn code_4(&self, session_key: &SessionKey) -> Vec<u8> {
        let tag = self.sign(
            session_key,
            &[&self.console_random, &self.managed_session_id.to_le_bytes(), &self.managed_guid],
        );
        tag.as_ref().iter().copied().take(self.suite.code_length()).collect()
    }

    /// The keys that protect the session's packets.
    pub(crate) fn protection(&self, session_key: &SessionKey) -> Protection {
        let additional = |number: u8| {
            let tag = self.sign(session_key, &[&[number; CONSTANT_LENGTH]]);
            Zeroizing::new(tag.as_ref().to_vec())
        };
        Protection::new(self.suite, &additional(1), &additional(2))
    }

    fn role_and_name_length(&self) -> [u8; 2] {
        // A name has at most 16 bytes.
        [self.role.0, u8::try_from(self.user_name.len()).unwrap_or(u8::MAX)]
    }

    fn sign(&self, key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
        let key = hmac::Key::new(self.suite.hmac(), key);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        context.sign()
    }
}
