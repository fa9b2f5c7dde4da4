//! userd: the user table, and the secrets that RAKP needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zbus::{DBusError, Type};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The privilege limit that means "no access to this channel" (v2.0§22.26).
pub const NO_ACCESS: u8 = 15;

/// The bit of Serial over LAN, payload type 1, in a mask of payloads.
pub const SOL: u32 = 1 << 1;

/// Masks of payloads by channel number. A mask is the four bytes of Get User Payload Access (v2.0§24.7), the first one lowest: bits
/// 0 to 15 are the standard payload types 0 to 15, bits 16 to 31 the OEM types 20h to 2Fh. A channel that is missing has [`SOL`].
pub type Payloads = BTreeMap<u8, u32>;

/// The payloads that a user with these masks may activate on `channel`, beside IPMI messages, which need no permission.
#[must_use]
pub fn payloads_on(payloads: &Payloads, channel: u8) -> u32 {
    payloads.get(&channel).copied().unwrap_or(SOL)
}

/// A password or a key, wiped when dropped and never printed.
///
/// The bus' own message buffers are outside its reach; they live for the length of one call.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "SecretBytes(none)" } else { "SecretBytes(hidden)" })
    }
}

structure! {
    /// A user as everybody on the bus may see it.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct UserEntry {
        /// The IPMI user ID, from 1; slot 1 is the null user (v2.0§22.28).
        pub slot: u8,
        /// At most 16 characters; empty for the null user.
        pub name: String,
        /// Whether the user may log in at all.
        pub enabled: bool,
        /// Privilege limit per channel number: 1 (callback) to 5 (OEM), or [`NO_ACCESS`]; a channel that is missing is no access.
        pub privileges: BTreeMap<u8, u8>,
        /// Whether a password was ever set.
        pub has_password: bool,
        /// The payloads that the user may activate, see [`payloads_on`].
        pub payloads: Payloads,
    }
}

structure! {
    /// A user as RAKP needs it.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct CredentialEntry {
        /// The IPMI user ID.
        pub slot: u8,
        /// At most 16 characters.
        pub name: String,
        /// Whether the user may log in at all.
        pub enabled: bool,
        /// As in [`UserEntry::privileges`].
        pub privileges: BTreeMap<u8, u8>,
        /// At most 20 bytes; empty where none was set.
        pub password: SecretBytes,
        /// The payloads that the user may activate, see [`payloads_on`].
        pub payloads: Payloads,
    }
}

/// Why userd refused.
#[derive(Debug, DBusError, PartialEq, Clone)]
#[zbus(prefix = "org.ferrite.Error")]
pub enum UserError {
    /// The bus' own errors: userd is not there, the connection broke.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// Another slot has this name.
    NameExists(String),
    /// The name breaks the rules: a letter or underscore, then letters, digits, underscores, at most 16.
    NameInvalid(String),
    /// Empty, or longer than 20 bytes.
    PasswordInvalid(String),
    /// The slot is empty.
    NoSuchUser(String),
    /// All slots are taken.
    TableFull(String),
    /// Neither 1 to 5 nor 15.
    PrivilegeInvalid(String),
    /// Not the number of a channel (0 to 15).
    ChannelInvalid(String),
    /// A KG that is neither empty nor 20 bytes.
    KeyInvalid(String),
    /// The null user's slot cannot be changed.
    SlotReserved(String),
    /// The table could not be written; nothing changed.
    StorageFailed(String),
    /// The caller owns no channel.
    AccessDenied(String),
}

/// The user table.
#[zbus::proxy(
    interface = "org.ferrite.UserTable",
    default_service = "org.ferrite.Users",
    default_path = "/org/ferrite/users"
)]
pub trait UserTable {
    /// All users, by slot, the null user included.
    fn list(&self) -> Result<Vec<UserEntry>, UserError>;
    /// Makes an enabled user in the lowest free slot with `privilege` on every LAN channel, and says which slot.
    fn create(&self, name: &str, password: &SecretBytes, privilege: u8) -> Result<u8, UserError>;
    /// Removes a user and the password.
    fn delete(&self, slot: u8) -> Result<(), UserError>;
    /// Renames a user.
    fn set_name(&self, slot: u8, name: &str) -> Result<(), UserError>;
    /// Replaces the password, 1 to 20 bytes.
    fn set_password(&self, slot: u8, password: &SecretBytes) -> Result<(), UserError>;
    /// Lets the user log in or not.
    fn set_enabled(&self, slot: u8, enabled: bool) -> Result<(), UserError>;
    /// Sets the limit on one channel: 1 to 5, or [`NO_ACCESS`].
    fn set_privilege(&self, slot: u8, channel: u8, privilege: u8) -> Result<(), UserError>;
    /// Lets a user activate the payloads of this mask on one channel or not; what is not in the mask stays as it is.
    fn set_payloads(&self, slot: u8, channel: u8, payloads: u32, allowed: bool) -> Result<(), UserError>;
    /// Sets the BMC key: 20 bytes, or empty for none (v2.0§13.33).
    fn set_kg(&self, kg: &SecretBytes) -> Result<(), UserError>;
    /// How many slots the table has, 1 to 63 (v2.0§22.27).
    #[zbus(property(emits_changed_signal = "const"))]
    fn slots(&self) -> zbus::Result<u8>;
    /// Something in the table or its secrets changed.
    #[zbus(signal)]
    fn changed(&self) -> zbus::Result<()>;
}

/// The secrets, for owners of a channel's bus name only.
#[zbus::proxy(
    interface = "org.ferrite.Credentials",
    default_service = "org.ferrite.Users",
    default_path = "/org/ferrite/users"
)]
pub trait Credentials {
    /// All users with their passwords, and KG (empty or 20 bytes).
    fn snapshot(&self) -> Result<(Vec<CredentialEntry>, SecretBytes), UserError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_are_those_of_the_contract() {
        assert_eq!(UserEntry::SIGNATURE, "(ysba{yy}ba{yu})");
        assert_eq!(<(Vec<CredentialEntry>, SecretBytes)>::SIGNATURE, "(a(ysba{yy}aya{yu})ay)");
    }

    #[test]
    fn serial_over_lan_is_allowed_where_nothing_is_said() {
        assert_eq!(payloads_on(&[(2, 0)].into(), 1), SOL);
        assert_eq!(payloads_on(&[(2, 0)].into(), 2), 0);
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        let user = CredentialEntry {
            slot: 2,
            name: "admin".into(),
            enabled: true,
            privileges: BTreeMap::new(),
            password: SecretBytes::new(b"correct horse".to_vec()),
            payloads: Payloads::new(),
        };
        let shown = format!("{user:?}");
        assert!(
            shown.contains("admin") && !shown.contains("correct") && !shown.contains("99, 111"),
            "{shown}"
        );
    }
}
