//! Integrity and confidentiality of a session's packets (v2.0§13.28.4, §13.29).

use std::fmt;

use aes::{
    Aes128,
    cipher::{Array, Block, BlockModeDecrypt as _, BlockModeEncrypt as _, InnerIvInit as _, KeyInit as _},
};
use ipmi_wire::{
    rmcp,
    rmcp_plus::{self, Packet, PayloadType},
};
use ring::hmac;

use crate::{CipherSuite, Discard, constant_time};

/// Bytes of an AES block, and of an initialization vector.
const BLOCK: usize = 16;

/// Where the session header begins in a datagram.
const START: usize = rmcp::Header::LENGTH;

/// The keys of an open session, scheduled once.
///
/// The AES schedule is wiped on drop; ring offers no way to wipe an HMAC key.
pub(crate) struct Protection {
    integrity: hmac::Key,
    cipher: Aes128,
    code_length: usize,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protection(..)")
    }
}

impl Protection {
    /// From the additional keys K1 (integrity) and K2 (whose first 16 bytes are the AES key).
    pub(crate) fn new(suite: CipherSuite, k1: &[u8], k2: &[u8]) -> Self {
        let mut key = Array::default();
        for (to, from) in key.iter_mut().zip(k2) {
            *to = *from;
        }
        let cipher = Aes128::new(&key);
        zeroize::Zeroize::zeroize(key.as_mut_slice());
        Self { integrity: hmac::Key::new(suite.hmac(), k1), cipher, code_length: suite.code_length() }
    }

    /// Verifies the AuthCode of a packet.
    pub(crate) fn verify(&self, packet: &Packet<'_>) -> Result<(), Discard> {
        let parts = packet.authenticated(self.code_length).map_err(|_| Discard::Malformed)?;
        let tag = hmac::sign(&self.integrity, parts.covered);
        let expected = tag.as_ref().get(..self.code_length).unwrap_or_default();
        if constant_time::equal(expected, parts.code) { Ok(()) } else { Err(Discard::Integrity) }
    }

    /// Decrypts a payload whose integrity was verified.
    pub(crate) fn open(&self, payload: &[u8]) -> Result<Vec<u8>, Discard> {
        let (iv, data) = payload.split_first_chunk::<BLOCK>().ok_or(Discard::Confidentiality)?;
        let mut plain = data.to_vec();
        let (blocks, rest) = Block::<Aes128>::slice_as_chunks_mut(&mut plain);
        if !rest.is_empty() {
            return Err(Discard::Confidentiality);
        }
        cbc::Decryptor::inner_iv_init(&self.cipher, &(*iv).into()).decrypt_blocks(blocks);
        let pad_length = usize::from(*plain.last().ok_or(Discard::Confidentiality)?);
        let length = plain.len().checked_sub(pad_length + 1).ok_or(Discard::Confidentiality)?;
        let pad = plain.get(length..length + pad_length).unwrap_or_default();
        if pad_length >= BLOCK || !pad.iter().zip(1u8..).all(|(byte, expected)| *byte == expected) {
            return Err(Discard::Confidentiality);
        }
        plain.truncate(length);
        Ok(plain)
    }

    /// A whole datagram that carries `plain` encrypted and authenticated; `None` where it is too long for one.
    pub(crate) fn seal(
        &self,
        payload_type: PayloadType,
        session_id: u32,
        sequence: u32,
        plain: &[u8],
        iv: [u8; BLOCK],
    ) -> Option<Vec<u8>> {
        const PAYLOAD: usize = START + rmcp_plus::Header::LENGTH;
        // A pad of 0 to 15 bytes and the byte with its length fill the last block.
        let blocks_length = (plain.len() / BLOCK + 1) * BLOCK;
        let header =
            rmcp_plus::Header { encrypted: true, authenticated: true, payload_type, session_id, sequence };
        let mut out = Vec::with_capacity(PAYLOAD + BLOCK + blocks_length + 8 + self.code_length);
        rmcp::Header::IPMI.emit(&mut out);
        header.emit(u16::try_from(BLOCK + blocks_length).ok()?, &mut out);
        out.extend(iv);
        out.extend(plain);
        let pad_length = u8::try_from(blocks_length - plain.len() - 1).ok()?;
        out.extend(1..=pad_length);
        out.push(pad_length);
        let (blocks, _) = Block::<Aes128>::slice_as_chunks_mut(out.get_mut(PAYLOAD + BLOCK..)?);
        cbc::Encryptor::inner_iv_init(&self.cipher, &iv.into()).encrypt_blocks(blocks);
        self.authenticate(out)
    }

    /// A whole datagram that carries `plain` authenticated alone; `None` where it is too long for one.
    pub(crate) fn seal_clear(
        &self,
        payload_type: PayloadType,
        session_id: u32,
        sequence: u32,
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let header =
            rmcp_plus::Header { encrypted: false, authenticated: true, payload_type, session_id, sequence };
        let mut out =
            Vec::with_capacity(START + rmcp_plus::Header::LENGTH + plain.len() + 8 + self.code_length);
        rmcp::Header::IPMI.emit(&mut out);
        header.emit(u16::try_from(plain.len()).ok()?, &mut out);
        out.extend(plain);
        self.authenticate(out)
    }

    /// Appends trailer and AuthCode to a datagram.
    fn authenticate(&self, mut out: Vec<u8>) -> Option<Vec<u8>> {
        rmcp_plus::emit_trailer(START, &mut out);
        let tag = hmac::sign(&self.integrity, out.get(START..)?);
        out.extend(tag.as_ref().get(..self.code_length)?);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sealed_payloads_open_again(plain in prop::collection::vec(any::<u8>(), 0..200), iv: [u8; 16], three: bool) {
            let suite = if three { CipherSuite::Three } else { CipherSuite::Seventeen };
            let protection = Protection::new(suite, &[1; 20], &[2; 20]);
            let datagram = protection.seal(PayloadType::IPMI, 1, 2, &plain, iv).unwrap();
            let (_, body) = rmcp::Header::parse(&datagram).unwrap();
            let packet = Packet::parse(body).unwrap();
            prop_assert_eq!(protection.verify(&packet), Ok(()));
            prop_assert_eq!(protection.open(packet.payload), Ok(plain));
        }

        #[test]
        fn any_payload_is_opened_or_refused(payload in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Protection::new(CipherSuite::Three, &[1; 20], &[2; 20]).open(&payload);
        }
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", Protection::new(CipherSuite::Three, &[1], &[2])), "Protection(..)");
    }
}
