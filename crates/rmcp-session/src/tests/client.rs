//! A client of its own: it shares no code with the endpoint, so that a mistake in one cannot cancel out in the other.

use std::net::SocketAddr;

use aes::cipher::{Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use ring::hmac;

/// One client and what it knows of its session.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) suite: u8,
    pub(super) name: Vec<u8>,
    pub(super) password: [u8; 20],
    pub(super) kg: Option<[u8; 20]>,
    /// The role byte of RAKP message 1.
    pub(super) role: u8,
    /// The privilege of the Open Session Request.
    pub(super) open_privilege: u8,
    pub(super) console_id: u32,
    pub(super) managed_id: u32,
    pub(super) console_random: [u8; 16],
    pub(super) sequence: u32,
    pub(super) request_sequence: u8,
    pub(super) tag: u8,
    pub(super) managed_random: [u8; 16],
    pub(super) guid: [u8; 16],
    pub(super) sik: Vec<u8>,
    pub(super) k1: Vec<u8>,
    pub(super) k2: Vec<u8>,
}

pub(super) fn filled(secret: &[u8]) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..secret.len()].copy_from_slice(secret);
    bytes
}

impl Client {
    pub(super) fn new(name: &[u8], password: &[u8]) -> Self {
        Self {
            address: "192.0.2.7:40000".parse().unwrap(),
            suite: 17,
            name: name.to_vec(),
            password: filled(password),
            kg: None,
            role: 0x14,
            open_privilege: 4,
            console_id: 0xA0A2_A3A4,
            managed_id: 0,
            console_random: [0xC0; 16],
            sequence: 0,
            request_sequence: 0,
            tag: 0x40,
            managed_random: [0; 16],
            guid: [0; 16],
            sik: Vec::new(),
            k1: Vec::new(),
            k2: Vec::new(),
        }
    }

    fn hmac(&self, key: &[u8], text: &[u8]) -> Vec<u8> {
        let algorithm = if self.suite == 3 { hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY } else { hmac::HMAC_SHA256 };
        hmac::sign(&hmac::Key::new(algorithm, key), text).as_ref().to_vec()
    }

    fn code_length(&self) -> usize {
        if self.suite == 3 { 12 } else { 16 }
    }

    pub(super) fn open_request(&self) -> Vec<u8> {
        let (authentication, integrity) = if self.suite == 3 { (1, 1) } else { (3, 4) };
        let mut payload = vec![self.tag, self.open_privilege, 0, 0];
        payload.extend(self.console_id.to_le_bytes());
        payload.extend([0, 0, 0, 8, authentication, 0, 0, 0]);
        payload.extend([1, 0, 0, 8, integrity, 0, 0, 0]);
        payload.extend([2, 0, 0, 8, 1, 0, 0, 0]);
        outside(0x10, &payload)
    }

    /// RAKP message 1 after an Open Session Response; the status where that is a refusal.
    pub(super) fn rakp_1(&mut self, open_response: &[u8]) -> Result<Vec<u8>, u8> {
        let payload = inside(open_response, 0x11, self.tag, self.console_id)?;
        self.managed_id = u32::from_le_bytes(payload[8..12].try_into().unwrap());
        Ok(self.rakp_1_again())
    }

    pub(super) fn rakp_1_again(&self) -> Vec<u8> {
        let mut payload = vec![self.tag, 0, 0, 0];
        payload.extend(self.managed_id.to_le_bytes());
        payload.extend(self.console_random);
        payload.extend([self.role, 0, 0, self.name.len() as u8]);
        payload.extend(&self.name);
        outside(0x12, &payload)
    }

    fn role_and_name(&self) -> Vec<u8> {
        [&[self.role, self.name.len() as u8], self.name.as_slice()].concat()
    }

    /// RAKP message 3, and whether the code in RAKP message 2 was right.
    pub(super) fn rakp_3(&mut self, rakp_2: &[u8]) -> Result<(Vec<u8>, bool), u8> {
        let payload = inside(rakp_2, 0x13, self.tag, self.console_id)?;
        self.managed_random = payload[8..24].try_into().unwrap();
        self.guid = payload[24..40].try_into().unwrap();
        let mut text = Vec::new();
        text.extend(self.console_id.to_le_bytes());
        text.extend(self.managed_id.to_le_bytes());
        text.extend(self.console_random);
        text.extend(self.managed_random);
        text.extend(self.guid);
        text.extend(self.role_and_name());
        let right = self.hmac(&self.password, &text) == payload[40..];
        Ok((self.rakp_3_again(), right))
    }

    pub(super) fn rakp_3_again(&self) -> Vec<u8> {
        let mut text = self.managed_random.to_vec();
        text.extend(self.console_id.to_le_bytes());
        text.extend(self.role_and_name());
        let mut payload = vec![self.tag, 0, 0, 0];
        payload.extend(self.managed_id.to_le_bytes());
        payload.extend(self.hmac(&self.password, &text));
        outside(0x14, &payload)
    }

    /// Ends the handshake; whether RAKP message 4 proves the session key.
    pub(super) fn finish(&mut self, rakp_4: &[u8]) -> Result<bool, u8> {
        let payload = inside(rakp_4, 0x15, self.tag, self.console_id)?;
        let mut text = self.console_random.to_vec();
        text.extend(self.managed_random);
        text.extend(self.role_and_name());
        self.sik = self.hmac(&self.kg.unwrap_or(self.password), &text);
        self.k1 = self.hmac(&self.sik, &[1; 20]);
        self.k2 = self.hmac(&self.sik, &[2; 20]);
        let mut text = self.console_random.to_vec();
        text.extend(self.managed_id.to_le_bytes());
        text.extend(self.guid);
        Ok(self.hmac(&self.sik, &text)[..self.code_length()] == payload[8..])
    }

    /// The next request, as a datagram.
    pub(super) fn request(&mut self, net_fn: u8, command: u8, data: &[u8]) -> Vec<u8> {
        self.request_sequence = (self.request_sequence + 1) % 64;
        self.repeat(net_fn, command, data)
    }

    /// The same request once more, in a new packet, as a client retransmits.
    pub(super) fn repeat(&mut self, net_fn: u8, command: u8, data: &[u8]) -> Vec<u8> {
        let message = lan_message(net_fn, self.request_sequence, command, data);
        self.sequence += 1;
        self.packet(0xC0, self.sequence, &message)
    }

    /// A packet of the session with any payload type byte and sequence number.
    pub(super) fn packet(&self, kind: u8, sequence: u32, message: &[u8]) -> Vec<u8> {
        let payload = if kind & 0x80 != 0 { self.encrypted(message) } else { message.to_vec() };
        let mut body = vec![6, kind];
        body.extend(self.managed_id.to_le_bytes());
        body.extend(sequence.to_le_bytes());
        body.extend((payload.len() as u16).to_le_bytes());
        body.extend(payload);
        if kind & 0x40 != 0 {
            let mut pad = 0;
            while (body.len() + 2) % 4 != 0 {
                body.push(0xFF);
                pad += 1;
            }
            body.extend([pad, 7]);
            let code = self.hmac(&self.k1, &body);
            body.extend(&code[..self.code_length()]);
        }
        [&[6, 0, 0xFF, 7], body.as_slice()].concat()
    }

    fn encrypted(&self, message: &[u8]) -> Vec<u8> {
        let key: [u8; 16] = self.k2[..16].try_into().unwrap();
        let cipher = aes::Aes128::new(&Array(key));
        let mut plain = message.to_vec();
        let pad = (16 - (plain.len() + 1) % 16) % 16;
        plain.extend((1..=pad).map(|byte| byte as u8));
        plain.push(pad as u8);
        let mut out = vec![0x5A; 16];
        for chunk in plain.chunks(16) {
            let previous = &out[out.len() - 16..];
            let mut block: [u8; 16] = std::array::from_fn(|at| chunk[at] ^ previous[at]);
            cipher.encrypt_block((&mut block).into());
            out.extend(block);
        }
        out
    }

    /// The LAN message in a packet from the endpoint, whose protection must hold.
    pub(super) fn read(&self, datagram: &[u8]) -> Vec<u8> {
        let (kind, message) = self.open(datagram);
        assert_eq!(kind, 0xC0, "authenticated, encrypted, IPMI");
        message
    }

    /// A SOL payload in the next packet, encrypted.
    pub(super) fn sol(&mut self, payload: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        self.packet(0xC1, self.sequence, payload)
    }

    /// The payload type byte and the payload of a packet from the endpoint, whose protection must hold.
    pub(super) fn open(&self, datagram: &[u8]) -> (u8, Vec<u8>) {
        let body = &datagram[4..];
        assert_eq!(body[0], 6, "RMCP+");
        assert_eq!(body[1] & 0x40, 0x40, "authenticated");
        assert_eq!(body[2..6], self.console_id.to_le_bytes());
        let (covered, code) = body.split_at(body.len() - self.code_length());
        assert_eq!(code, &self.hmac(&self.k1, covered)[..self.code_length()]);
        let length = usize::from(u16::from_le_bytes([body[10], body[11]]));
        let payload = &body[12..12 + length];
        if body[1] & 0x80 == 0 {
            return (body[1], payload.to_vec());
        }
        let key: [u8; 16] = self.k2[..16].try_into().unwrap();
        let cipher = aes::Aes128::new(&Array(key));
        let mut plain = Vec::new();
        for (chunk, previous) in payload[16..].chunks(16).zip(payload.chunks(16)) {
            let mut block: [u8; 16] = chunk.try_into().unwrap();
            cipher.decrypt_block((&mut block).into());
            plain.extend(block.iter().zip(previous).map(|(a, b)| a ^ b));
        }
        let pad = usize::from(*plain.last().unwrap());
        plain.truncate(plain.len() - pad - 1);
        (body[1], plain)
    }

    /// Completion code and data of a response.
    pub(super) fn data(&self, datagram: &[u8]) -> Vec<u8> {
        let message = self.read(datagram);
        message[6..message.len() - 1].to_vec()
    }
}

/// A LAN message of a request.
pub(super) fn lan_message(net_fn: u8, sequence: u8, command: u8, data: &[u8]) -> Vec<u8> {
    let sum = |bytes: &[u8]| bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
    let head = [0x20, net_fn << 2];
    let mut body = vec![0x81, sequence << 2, command];
    body.extend(data);
    let tail = sum(&body);
    [&head[..], &[sum(&head)], &body, &[tail]].concat()
}

/// A payload outside any session.
pub(super) fn outside(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![6, 0, 0xFF, 7, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0];
    datagram.extend((payload.len() as u16).to_le_bytes());
    datagram.extend(payload);
    datagram
}

/// The payload of an answer in the handshake, whose kind, tag and session ID must be right; the status where it is a refusal.
fn inside(datagram: &[u8], kind: u8, tag: u8, console_id: u32) -> Result<&[u8], u8> {
    assert_eq!(datagram[..14], [6, 0, 0xFF, 7, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0]);
    let payload = &datagram[16..];
    assert_eq!(datagram[14..16], (payload.len() as u16).to_le_bytes());
    assert_eq!(payload[0], tag, "the tag comes back");
    assert_eq!(payload[4..8], console_id.to_le_bytes(), "the console's session ID comes back");
    if payload[1] == 0 {
        Ok(payload)
    } else {
        assert_eq!(payload.len(), 8, "a refusal ends after the session ID");
        Err(payload[1])
    }
}
