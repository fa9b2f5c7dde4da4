//! What other daemons know of the host.

use crate::restriction::Mode;

/// The seam to powerd and OpenBMC's settings daemon.
pub trait Host: Send + Sync {
    /// Whether the host's firmware handed over to an operating system.
    fn booted(&self) -> bool;
    /// The restriction mode of OpenBMC's settings daemon, where it runs and has one.
    fn mode(&self) -> Option<Mode>;
}
