//! The user table.

use std::sync::Arc;

use bmc_dbus::users::UserEntry;

use super::{Pending, PlatformError};

/// The seam to userd.
pub trait Users: Send + Sync {
    /// The table as it is.
    ///
    /// # Errors
    /// [`PlatformError::Absent`] while userd is not on the bus.
    fn table(&self) -> Result<Arc<Table>, PlatformError>;
    /// Allows or forbids a user the payloads of a mask (as in [`UserEntry::payloads`]) on one channel. The table has it afterwards.
    fn set_payloads(&self, slot: u8, channel: u8, payloads: u32, allowed: bool) -> Pending<'_, ()>;
}

/// All users, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// How many slots there are, slot 1 (the null user) included, 1 to 63.
    pub slots: u8,
    /// The slots in use.
    pub users: Vec<UserEntry>,
}
