//! Completion codes (v2.0§5.2, table 5-2).

use std::fmt;

/// The first byte of every response: 00h, or why the command was not done.
///
/// An open enum: codes without a name here (command-specific 80h-BEh, OEM 01h-7Eh) are kept as they came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CompletionCode(pub u8);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl CompletionCode {
            $($(#[$doc])* #[doc = $text] pub const $name: Self = Self($value);)*

            /// The specification's words for this code, where it has any.
            pub fn text(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($text),)* _ => None }
            }
        }
    };
}

codes! {
    OK = 0x00, "command completed normally";
    NODE_BUSY = 0xC0, "node busy";
    INVALID_COMMAND = 0xC1, "invalid command";
    INVALID_FOR_LUN = 0xC2, "command invalid for given LUN";
    TIMEOUT = 0xC3, "timeout while processing command";
    OUT_OF_SPACE = 0xC4, "out of space";
    RESERVATION_CANCELED = 0xC5, "reservation canceled or invalid reservation ID";
    REQUEST_DATA_TRUNCATED = 0xC6, "request data truncated";
    REQUEST_DATA_LENGTH_INVALID = 0xC7, "request data length invalid";
    DATA_LENGTH_LIMIT_EXCEEDED = 0xC8, "request data field length limit exceeded";
    PARAMETER_OUT_OF_RANGE = 0xC9, "parameter out of range";
    CANNOT_RETURN_BYTES = 0xCA, "cannot return number of requested data bytes";
    NOT_PRESENT = 0xCB, "requested sensor, data, or record not present";
    INVALID_DATA_FIELD = 0xCC, "invalid data field in request";
    ILLEGAL_FOR_SENSOR = 0xCD, "command illegal for specified sensor or record type";
    RESPONSE_NOT_PROVIDED = 0xCE, "command response could not be provided";
    DUPLICATED_REQUEST = 0xCF, "cannot execute duplicated request";
    SDR_UPDATE_MODE = 0xD0, "SDR repository in update mode";
    FIRMWARE_UPDATE_MODE = 0xD1, "device in firmware update mode";
    INITIALIZATION_IN_PROGRESS = 0xD2, "BMC initialization or initialization agent in progress";
    DESTINATION_UNAVAILABLE = 0xD3, "destination unavailable";
    INSUFFICIENT_PRIVILEGE = 0xD4, "insufficient privilege level";
    NOT_SUPPORTED_IN_STATE = 0xD5, "command, or request parameter, not supported in present state";
    SUB_FUNCTION_DISABLED = 0xD6, "command sub-function disabled or unavailable";
    UNSPECIFIED = 0xFF, "unspecified error";
}

impl fmt::Debug for CompletionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for CompletionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{:02X}h ({text})", self.0),
            None => write!(f, "{:02X}h", self.0),
        }
    }
}
