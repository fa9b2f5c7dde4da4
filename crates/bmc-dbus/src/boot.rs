//! powerd's boot options, as their callers see them.

use zbus::proxy;

/// What each value of `BootSource` begins with.
pub const SOURCE: &str = "xyz.openbmc_project.Control.Boot.Source.Sources.";
/// What each value of `BootMode` begins with.
pub const MODE: &str = "xyz.openbmc_project.Control.Boot.Mode.Modes.";
/// What each value of `BootType` begins with.
pub const TYPE: &str = "xyz.openbmc_project.Control.Boot.Type.Types.";

/// The parameters as IPMI has them (v2.0§28.12, §28.13). Each answer begins with a completion code; 00h is done.
#[proxy(
    interface = "org.ferrite.BootOptions",
    default_service = "xyz.openbmc_project.State.Host",
    default_path = "/xyz/openbmc_project/control/host0/boot"
)]
pub trait BootOptions {
    /// Sets a parameter and its mark "invalid, or locked"; without data, the mark alone.
    fn set(&self, parameter: u8, invalid: bool, data: &[u8]) -> zbus::Result<u8>;
    /// Completion code, mark and data of a parameter; `set` is the block of the mailbox.
    fn get(&self, parameter: u8, set: u8) -> zbus::Result<(u8, bool, Vec<u8>)>;
}
