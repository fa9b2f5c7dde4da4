//! Who may log in, the secrets they prove, and where random bytes come from.

use std::fmt;

use ipmi_wire::Privilege;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password or key of at most 20 bytes; wiped on drop, never printed.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    bytes: [u8; Secret::MAX],
}

impl Secret {
    /// The longest password of IPMI 2.0, and the length of KG, in bytes (v2.0§13.28, §22.30).
    pub const MAX: usize = 20;

    /// A secret of `bytes`; `None` where there are more than [`Secret::MAX`].
    ///
    /// Shorter ones are filled with zero bytes, as the specification has passwords stored (v2.0§22.30). HMAC pads its key the same
    /// way, so the filling changes no code that is computed with it.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self::default();
        secret.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(secret)
    }

    /// Whether all of it is zero: no password, or no KG (v2.0§13.33: zeros stand for one-key logins).
    pub fn is_zero(&self) -> bool {
        self.bytes == [0; Self::MAX]
    }

    /// All 20 bytes, as key material.
    pub(crate) fn key(&self) -> &[u8; Secret::MAX] {
        &self.bytes
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A user as one channel sees it.
#[derive(Debug, Clone)]
pub struct User {
    /// The user ID, 1 to 63 (v2.0§22.26).
    pub slot: u8,
    /// The name, at most 16 bytes, without filling. An empty name is the null user and is matched like any other.
    pub name: Vec<u8>,
    /// Whether the user may log in at all.
    pub enabled: bool,
    /// The most that the user may do on this channel; `None` is no access.
    pub max_privilege: Option<Privilege>,
    /// Whether the user may activate Serial over LAN (v2.0§24.6).
    pub sol: bool,
    /// The password.
    pub secret: Secret,
}

/// The source of random bytes is exhausted or broken; what needed them was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes")]
pub struct RandomFailed;

/// Where session IDs, challenges and initialization vectors come from: the kernel's CSPRNG, or a fixed sequence in a test.
pub trait Random {
    /// Fills `bytes`, all of them.
    ///
    /// # Errors
    /// [`RandomFailed`]; then nothing that needs them is sent.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed>;
}
