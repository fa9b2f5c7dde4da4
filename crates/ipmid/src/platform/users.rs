//! The user table.

use std::{collections::BTreeMap, sync::Arc};

use super::PlatformError;

/// How many slots IPMI sees, slot 1 (the nameless user) included: OpenBMC's number.
pub const SLOTS: u8 = 15;

/// The seam to userd.
pub trait Users: Send + Sync {
    /// All users, by slot.
    ///
    /// # Errors
    /// [`PlatformError::Absent`] while userd is not on the bus.
    fn list(&self) -> Result<Arc<[User]>, PlatformError>;
}

/// A user without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The slot, 1 to [`SLOTS`].
    pub slot: u8,
    /// The name, at most 16 bytes.
    pub name: String,
    /// Whether the user may log in at all.
    pub enabled: bool,
    /// The highest privilege on each channel; 15 is no access.
    pub privileges: BTreeMap<u8, u8>,
}
