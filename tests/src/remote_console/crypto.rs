//! The console's half of RMCP+ cryptography, written from the specification and not from `rmcp-session`: a mistake there must not
//! find its like here.

use aes::{
    Aes128,
    cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _, block_padding::NoPadding},
};
use anyhow::{Result, bail, ensure};
use ring::hmac;

/// A cipher suite that this client speaks (v2.0§22.15.2, table 22-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Three,
    /// RAKP-HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Seventeen,
}

impl Suite {
    /// The suite of this number.
    ///
    /// # Errors
    /// A number that is not spoken here.
    pub fn from_number(number: u8) -> Result<Self> {
        match number {
            3 => Ok(Self::Three),
            17 => Ok(Self::Seventeen),
            other => bail!("cipher suite {other} is not spoken here\nhint: 3 or 17"),
        }
    }

    /// Numbers of the authentication, integrity and confidentiality algorithms.
    pub(super) fn algorithms(self) -> (u8, u8, u8) {
        match self {
            Self::Three => (1, 1, 1),
            Self::Seventeen => (3, 4, 1),
        }
    }

    fn hash(self) -> hmac::Algorithm {
        match self {
            Self::Three => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Seventeen => hmac::HMAC_SHA256,
        }
    }

    /// Bytes of an AuthCode.
    pub(super) fn code_length(self) -> usize {
        match self {
            Self::Three => 12,
            Self::Seventeen => 16,
        }
    }

    /// HMAC over `parts` under `key`.
    pub(super) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        sign(&hmac::Key::new(self.hash(), key), parts)
    }

    /// Bytes of the hash.
    fn key_length(self) -> usize {
        match self {
            Self::Three => 20,
            Self::Seventeen => 32,
        }
    }
}

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

/// The keys of an open session.
pub(super) struct Keys {
    suite: Suite,
    integrity: hmac::Key,
    cipher: [u8; 16],
}

impl Keys {
    /// K1 and K2 from the session integrity key (v2.0§13.32).
    pub(super) fn derive(suite: Suite, session_key: &[u8]) -> Result<Self> {
        let constant = |byte| suite.hmac(session_key, &[&[byte; 20]]);
        let integrity = hmac::Key::new(suite.hash(), &constant(1));
        let second = constant(2);
        ensure!(second.len() == suite.key_length(), "the hash has another length than it should");
        let mut cipher = [0; 16];
        cipher.copy_from_slice(second.get(..16).unwrap_or_default());
        Ok(Self { suite, integrity, cipher })
    }

    /// The AuthCode of a packet's bytes from the authentication type to the next-header field.
    pub(super) fn code(&self, covered: &[u8]) -> Vec<u8> {
        let mut code = sign(&self.integrity, &[covered]);
        code.truncate(self.suite.code_length());
        code
    }

    /// Encrypts `payload`: IV, then the padded ciphertext (v2.0§13.29).
    pub(super) fn encrypt(&self, payload: &[u8], iv: [u8; 16]) -> Vec<u8> {
        let mut plain = payload.to_vec();
        let pad = (16 - (payload.len() + 1) % 16) % 16;
        plain.extend((1..=pad).map(|byte| u8::try_from(byte).unwrap_or(0)));
        plain.push(u8::try_from(pad).unwrap_or(0));
        let mut out = iv.to_vec();
        out.extend(
            cbc::Encryptor::<Aes128>::new(&self.cipher.into(), &iv.into())
                .encrypt_padded_vec::<NoPadding>(&plain),
        );
        out
    }

    /// Decrypts what [`Keys::encrypt`] makes, and checks every byte of the pad.
    pub(super) fn decrypt(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let Some((iv, cipher)) = bytes.split_first_chunk::<16>() else {
            bail!("a payload shorter than its IV")
        };
        let Ok(mut plain) = cbc::Decryptor::<Aes128>::new(&self.cipher.into(), iv.into())
            .decrypt_padded_vec::<NoPadding>(cipher)
        else {
            bail!("a ciphertext that is no whole number of blocks")
        };
        let Some(pad) = plain.pop().map(usize::from) else { bail!("an empty ciphertext") };
        let Some(length) = plain.len().checked_sub(pad) else { bail!("a pad longer than the payload") };
        let pad = plain.split_off(length);
        let right = pad.iter().zip(1u8..).all(|(byte, expected)| *byte == expected);
        ensure!(right && pad.len() < 16, "a pad that is not 01h, 02h, 03h …");
        Ok(plain)
    }
}
