//! `xyz.openbmc_project.Ipmi.Server.execute`: one IPMI request, wherever it came from, and its response.
//!
//! The signature is OpenBMC's: `yyyaya{sv}` in, `(yyyyay)` out. The network function is the request's six bits, the response
//! carries it with bit 0 set.

use std::{collections::HashMap, fmt};

use serde::Serialize;
use zbus::{OwnedVariant, Type, Variant};

/// Who sends a request, as the channel's owner vouches for it.
///
/// LAN channels give all three; KCS and other session-less channels give none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The user's slot, `userId`.
    pub user_id: Option<i32>,
    /// The session's privilege, 1 (callback) to 5 (OEM), `privilege`. 0 stands for a request before a session.
    pub privilege: Option<i32>,
    /// The managed system's session ID, `currentSessionId`.
    pub session_id: Option<u32>,
    /// The requester's address on IPMB, `rqSA`.
    pub requester_address: Option<i32>,
    /// Which host sent it where there are several, `hostId`.
    pub host_id: Option<i32>,
}

/// A request as it stands in the arguments of `execute`. Its data is never printed: it can be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// Network function of the request, unshifted.
    pub net_fn: u8,
    /// Logical unit.
    pub lun: u8,
    /// Command number.
    pub command: u8,
    /// Data after the command number, group and OEM prefixes included.
    pub data: Vec<u8>,
    /// Who sends it.
    pub options: Options,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { net_fn, lun, command, data, options } = self;
        write!(f, "Call({net_fn:02X}h/{lun} {command:02X}h, {} bytes, {options:?})", data.len())
    }
}

structure! {
    /// The response of `execute`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct Reply {
        /// Network function of the response (the request's with bit 0 set).
        pub net_fn: u8,
        /// Logical unit.
        pub lun: u8,
        /// Command number.
        pub command: u8,
        /// Completion code.
        pub completion_code: u8,
        /// Data after the completion code.
        pub data: Vec<u8>,
    }
}

impl Options {
    /// Reads the dictionary; keys it does not know are passed over, values of a wrong type count as missing.
    pub fn from_dict(dict: &HashMap<String, OwnedVariant>) -> Self {
        let int = |key: &str| dict.get(key).and_then(|value| i32::try_from(value).ok());
        Self {
            user_id: int("userId"),
            privilege: int("privilege"),
            session_id: dict.get("currentSessionId").and_then(|value| u32::try_from(value).ok()),
            requester_address: int("rqSA"),
            host_id: int("hostId"),
        }
    }

    /// The dictionary as it goes over the bus.
    pub fn to_dict(self) -> HashMap<&'static str, Variant<'static>> {
        let mut dict = HashMap::new();
        let mut int = |key, value: Option<i32>| {
            if let Some(value) = value {
                dict.insert(key, Variant::I32(value));
            }
        };
        int("userId", self.user_id);
        int("privilege", self.privilege);
        int("rqSA", self.requester_address);
        int("hostId", self.host_id);
        if let Some(id) = self.session_id {
            dict.insert("currentSessionId", Variant::U32(id));
        }
        dict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_as_they_went() {
        let options = Options {
            user_id: Some(2),
            privilege: Some(4),
            session_id: Some(0xA0B0_C0D0),
            requester_address: None,
            host_id: Some(1),
        };
        let dict = options
            .to_dict()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.try_to_owned().unwrap()))
            .collect();
        assert_eq!(Options::from_dict(&dict), options);
    }

    #[test]
    fn what_a_request_carries_is_not_printed() {
        let options = Options { user_id: Some(2), ..Options::default() };
        let call = Call { net_fn: 6, lun: 0, command: 0x47, data: vec![250, 251], options };
        let text = format!("{call:?}");
        assert!(
            text.contains("06h/0 47h, 2 bytes") && !text.contains("250") && !text.contains("251"),
            "{text}"
        );
    }

    #[test]
    fn a_value_of_a_wrong_type_counts_as_missing() {
        let dict = HashMap::from([("userId".to_owned(), Variant::from("two").try_to_owned().unwrap())]);
        assert_eq!(Options::from_dict(&dict), Options::default());
    }
}
