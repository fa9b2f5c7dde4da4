//! RMCP+ session set-up: Open Session Request and Response, RAKP messages 1 to 4 (v2.0§13.17-§13.24).
//!
//! Every message begins with a tag that its answer repeats. An answer with a status other than [`Status::OK`] ends after the session ID.

use crate::{
    FrameError,
    frame_error::{array, take},
};

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $value:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub u8);

        impl $name {
            $(#[doc = $text] pub const $variant: Self = Self($value);)*
        }
    };
}

open_enum! {
    /// RMCP+ and RAKP message status codes (v2.0§13.24, table 13-15). Values without a name are kept.
    Status {
        OK = 0x00, "No errors.";
        INSUFFICIENT_RESOURCES = 0x01, "Insufficient resources to create a session.";
        INVALID_SESSION_ID = 0x02, "Invalid session ID.";
        INVALID_PAYLOAD_TYPE = 0x03, "Invalid payload type.";
        INVALID_AUTHENTICATION_ALGORITHM = 0x04, "Invalid authentication algorithm.";
        INVALID_INTEGRITY_ALGORITHM = 0x05, "Invalid integrity algorithm.";
        NO_MATCHING_AUTHENTICATION_PAYLOAD = 0x06, "No matching authentication payload.";
        NO_MATCHING_INTEGRITY_PAYLOAD = 0x07, "No matching integrity payload.";
        INACTIVE_SESSION_ID = 0x08, "Inactive session ID.";
        INVALID_ROLE = 0x09, "Invalid role.";
        UNAUTHORIZED_ROLE = 0x0A, "Unauthorized role or privilege level requested.";
        INSUFFICIENT_RESOURCES_FOR_ROLE = 0x0B, "Insufficient resources to create a session at the requested role.";
        INVALID_NAME_LENGTH = 0x0C, "Invalid name length.";
        UNAUTHORIZED_NAME = 0x0D, "Unauthorized name.";
        UNAUTHORIZED_GUID = 0x0E, "Unauthorized GUID.";
        INVALID_INTEGRITY_CHECK_VALUE = 0x0F, "Invalid integrity check value.";
        INVALID_CONFIDENTIALITY_ALGORITHM = 0x10, "Invalid confidentiality algorithm.";
        NO_CIPHER_SUITE_MATCH = 0x11, "No cipher suite match with proposed security algorithms.";
        ILLEGAL_PARAMETER = 0x12, "Illegal or unrecognized parameter.";
    }
}

open_enum! {
    /// Authentication algorithms (v2.0§13.28, table 13-17).
    AuthenticationAlgorithm {
        NONE = 0x00, "RAKP-none.";
        RAKP_HMAC_SHA1 = 0x01, "RAKP-HMAC-SHA1.";
        RAKP_HMAC_MD5 = 0x02, "RAKP-HMAC-MD5.";
        RAKP_HMAC_SHA256 = 0x03, "RAKP-HMAC-SHA256.";
    }
}

open_enum! {
    /// Integrity algorithms (v2.0§13.28.4, table 13-18).
    IntegrityAlgorithm {
        NONE = 0x00, "None.";
        HMAC_SHA1_96 = 0x01, "HMAC-SHA1-96.";
        HMAC_MD5_128 = 0x02, "HMAC-MD5-128.";
        MD5_128 = 0x03, "MD5-128.";
        HMAC_SHA256_128 = 0x04, "HMAC-SHA256-128.";
    }
}

open_enum! {
    /// Confidentiality algorithms (v2.0§13.28.5, table 13-19).
    ConfidentialityAlgorithm {
        NONE = 0x00, "None.";
        AES_CBC_128 = 0x01, "AES-CBC-128.";
        XRC4_128 = 0x02, "xRC4-128.";
        XRC4_40 = 0x03, "xRC4-40.";
    }
}

/// The algorithms that an Open Session Request proposes, each `None` where the managed system may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// Authentication.
    pub authentication: Option<AuthenticationAlgorithm>,
    /// Integrity.
    pub integrity: Option<IntegrityAlgorithm>,
    /// Confidentiality.
    pub confidentiality: Option<ConfidentialityAlgorithm>,
}

impl Proposal {
    fn parse(rest: &mut &[u8]) -> Result<Self, FrameError> {
        Ok(Self {
            authentication: algorithm(rest, 0)?.map(AuthenticationAlgorithm),
            integrity: algorithm(rest, 1)?.map(IntegrityAlgorithm),
            confidentiality: algorithm(rest, 2)?.map(ConfidentialityAlgorithm),
        })
    }

    fn emit(&self, out: &mut Vec<u8>) {
        let numbers = [
            self.authentication.map(|algorithm| algorithm.0),
            self.integrity.map(|algorithm| algorithm.0),
            self.confidentiality.map(|algorithm| algorithm.0),
        ];
        for (kind, number) in (0u8..).zip(numbers) {
            let length = if number.is_some() { ALGORITHM_PAYLOAD } else { 0 };
            out.extend([kind, 0, 0, length, number.unwrap_or(0), 0, 0, 0]);
        }
    }
}

/// The length field of an algorithm payload; 0 lets the managed system choose.
const ALGORITHM_PAYLOAD: u8 = 8;

fn algorithm(rest: &mut &[u8], expected: u8) -> Result<Option<u8>, FrameError> {
    let [kind, _, _, length, number, _, _, _] = array(rest)?;
    match (kind == expected, length) {
        (true, ALGORITHM_PAYLOAD) => Ok(Some(number & 0x3F)),
        (true, 0) => Ok(None),
        (true, _) => Err(FrameError::Length),
        (false, _) => Err(FrameError::Format),
    }
}

/// RMCP+ Open Session Request (v2.0§13.17, table 13-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSessionRequest {
    /// Comes back in the response.
    pub tag: u8,
    /// The privilege asked for, four bits; 0 is the highest that the proposed algorithms allow.
    pub max_privilege: u8,
    /// The session ID that the console chose for itself.
    pub console_session_id: u32,
    /// The proposed algorithms.
    pub proposal: Proposal,
}

impl OpenSessionRequest {
    /// Reads the payload.
    ///
    /// # Errors
    /// [`FrameError::Truncated`]; [`FrameError::Format`] and [`FrameError::Length`] for algorithm payloads out of order or of an
    /// unknown length.
    pub fn parse(payload: &[u8]) -> Result<Self, FrameError> {
        let mut rest = payload;
        let [tag, max_privilege, _, _] = array(&mut rest)?;
        let console_session_id = u32::from_le_bytes(array(&mut rest)?);
        let proposal = Proposal::parse(&mut rest)?;
        Ok(Self { tag, max_privilege: max_privilege & 0x0F, console_session_id, proposal })
    }

    /// Appends the payload to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend([self.tag, self.max_privilege, 0, 0]);
        out.extend(self.console_session_id.to_le_bytes());
        self.proposal.emit(out);
    }
}

/// RMCP+ Open Session Response (v2.0§13.18, table 13-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenSessionResponse {
    /// The session may be set up.
    Accepted {
        /// The request's tag.
        tag: u8,
        /// The highest privilege that the agreed algorithms allow.
        max_privilege: u8,
        /// The console's session ID.
        console_session_id: u32,
        /// The managed system's session ID.
        managed_session_id: u32,
        /// The agreed algorithms, all present.
        agreed: Proposal,
    },
    /// The session is refused.
    Refused(Refusal),
}

impl OpenSessionResponse {
    /// Reads the payload.
    ///
    /// # Errors
    /// As [`OpenSessionRequest::parse`].
    pub fn parse(payload: &[u8]) -> Result<Self, FrameError> {
        let mut rest = payload;
        let [tag, status, max_privilege, _] = array(&mut rest)?;
        let console_session_id = u32::from_le_bytes(array(&mut rest)?);
        if Status(status) != Status::OK {
            return Ok(Self::Refused(Refusal {
                tag,
                status: Status(status),
                session_id: console_session_id,
            }));
        }
        let managed_session_id = u32::from_le_bytes(array(&mut rest)?);
        let agreed = Proposal::parse(&mut rest)?;
        Ok(Self::Accepted { tag, max_privilege, console_session_id, managed_session_id, agreed })
    }

    /// Appends the payload to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Self::Accepted { tag, max_privilege, console_session_id, managed_session_id, agreed } => {
                out.extend([*tag, Status::OK.0, *max_privilege, 0]);
                out.extend(console_session_id.to_le_bytes());
                out.extend(managed_session_id.to_le_bytes());
                agreed.emit(out);
            }
            Self::Refused(refusal) => refusal.emit(out),
        }
    }
}

/// A message with a status other than OK: the same eight bytes for every message of the set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The tag of what is answered.
    pub tag: u8,
    /// Why.
    pub status: Status,
    /// The receiver's session ID.
    pub session_id: u32,
}

impl Refusal {
    /// Appends the payload to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend([self.tag, self.status.0, 0, 0]);
        out.extend(self.session_id.to_le_bytes());
    }
}

/// The requested role byte of RAKP message 1, which enters the key derivation as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Role(pub u8);

impl Role {
    /// Bits 3:0, the privilege asked for; 0 is the user's highest.
    pub const fn privilege(self) -> u8 {
        self.0 & 0x0F
    }

    /// Bit 4: the user is looked up by name alone, rather than by name and privilege.
    pub const fn is_name_only(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// RAKP message 1 (v2.0§13.20, table 13-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rakp1<'a> {
    /// Comes back in RAKP message 2.
    pub tag: u8,
    /// The managed system's session ID.
    pub managed_session_id: u32,
    /// The console's challenge.
    pub console_random: [u8; 16],
    /// Privilege and kind of look-up.
    pub role: Role,
    /// The user's name.
    pub user_name: &'a [u8],
}

/// The longest user name in bytes.
pub const USER_NAME_MAX: usize = 16;

impl<'a> Rakp1<'a> {
    /// Reads the payload. Bytes after the name, which some clients send to fill the field, are passed over.
    ///
    /// # Errors
    /// [`FrameError::Truncated`]; [`FrameError::Length`] for a name of more than 16 bytes.
    pub fn parse(payload: &'a [u8]) -> Result<Self, FrameError> {
        let mut rest = payload;
        let [tag, _, _, _] = array(&mut rest)?;
        let managed_session_id = u32::from_le_bytes(array(&mut rest)?);
        let console_random = array(&mut rest)?;
        let [role, _, _, name_length] = array(&mut rest)?;
        if usize::from(name_length) > USER_NAME_MAX {
            return Err(FrameError::Length);
        }
        let user_name = take(&mut rest, usize::from(name_length))?;
        Ok(Self { tag, managed_session_id, console_random, role: Role(role), user_name })
    }

    /// Appends the payload to `out`; of a name only the first 16 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend([self.tag, 0, 0, 0]);
        out.extend(self.managed_session_id.to_le_bytes());
        out.extend(self.console_random);
        let name = self.user_name.get(..USER_NAME_MAX).unwrap_or(self.user_name);
        out.extend([self.role.0, 0, 0, u8::try_from(name.len()).unwrap_or(0)]);
        out.extend(name);
    }
}

/// RAKP message 2 (v2.0§13.21, table 13-12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rakp2<'a> {
    /// The managed system's half of the exchange.
    Accepted {
        /// The tag of RAKP message 1.
        tag: u8,
        /// The console's session ID.
        console_session_id: u32,
        /// The managed system's challenge.
        managed_random: [u8; 16],
        /// The managed system's GUID.
        managed_guid: [u8; 16],
        /// Proves that the managed system knows the user's password; as long as the hash.
        code: &'a [u8],
    },
    /// The exchange is refused.
    Refused(Refusal),
}

impl<'a> Rakp2<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// [`FrameError::Truncated`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, FrameError> {
        let mut rest = payload;
        let [tag, status, _, _] = array(&mut rest)?;
        let console_session_id = u32::from_le_bytes(array(&mut rest)?);
        if Status(status) != Status::OK {
            return Ok(Self::Refused(Refusal {
                tag,
                status: Status(status),
                session_id: console_session_id,
            }));
        }
        let managed_random = array(&mut rest)?;
        let managed_guid = array(&mut rest)?;
        Ok(Self::Accepted { tag, console_session_id, managed_random, managed_guid, code: rest })
    }

    /// Appends the payload to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Self::Accepted { tag, console_session_id, managed_random, managed_guid, code } => {
                out.extend([*tag, Status::OK.0, 0, 0]);
                out.extend(console_session_id.to_le_bytes());
                out.extend(managed_random);
                out.extend(managed_guid);
                out.extend(*code);
            }
            Self::Refused(refusal) => refusal.emit(out),
        }
    }
}

/// RAKP message 3 or 4: a status, a session ID, and a code that proves a key (v2.0§13.22, §13.23; tables 13-13, 13-14).
///
/// In message 3 the ID is the managed system's and the code is as long as the hash; in message 4 the ID is the console's and the code is the
/// integrity check value, as long as an AuthCode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof<'a> {
    /// In message 3 comes back in message 4; in message 4 that tag.
    pub tag: u8,
    /// Anything but OK ends the set-up.
    pub status: Status,
    /// The receiver's session ID.
    pub session_id: u32,
    /// The code; empty where the status is not OK.
    pub code: &'a [u8],
}

impl<'a> Proof<'a> {
    /// Reads the payload.
    ///
    /// # Errors
    /// [`FrameError::Truncated`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, FrameError> {
        let mut rest = payload;
        let [tag, status, _, _] = array(&mut rest)?;
        let session_id = u32::from_le_bytes(array(&mut rest)?);
        Ok(Self { tag, status: Status(status), session_id, code: rest })
    }

    /// Appends the payload to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        Refusal { tag: self.tag, status: self.status, session_id: self.session_id }.emit(out);
        out.extend(self.code);
    }
}

#[cfg(test)]
mod tests;
