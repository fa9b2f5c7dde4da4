//! seld's objects, as its callers see them.

use serde::{Deserialize, Serialize};
use zbus::{Type, proxy};

/// The ID that no record has: the end of the chain (v2.0§31.5).
pub const NO_RECORD: u16 = 0xFFFF;

/// What `Info` answers: `(uuuub)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Info {
    /// Records in the log.
    pub records: u32,
    /// Records that still fit.
    pub free: u32,
    /// When the last record was added, seconds since the epoch; 0 = never.
    pub last_addition: u32,
    /// When the log was last erased or a record deleted, seconds since the epoch; 0 = never.
    pub last_erase: u32,
    /// Whether a record was refused because the log was full.
    pub overflow: bool,
}

/// What `Get` answers: `(qqay)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Entry {
    /// The record's ID, stable over its life.
    pub id: u16,
    /// The next one's, [`NO_RECORD`] after the last.
    pub next: u16,
    /// 16 bytes as in v2.0§32, ID and timestamp filled in.
    pub record: Vec<u8>,
}

/// The log as IPMI sees it.
#[proxy(
    interface = "org.ferrite.EventLog",
    default_service = "xyz.openbmc_project.Logging.IPMI",
    default_path = "/xyz/openbmc_project/Logging/IPMI"
)]
pub trait EventLog {
    /// How full the log is, and when it last changed.
    fn info(&self) -> zbus::Result<Info>;
    /// One record; 0 is the first, FFFFh the last. `org.ferrite.Error.NotPresent` where there is none.
    fn get(&self, id: u16) -> zbus::Result<Entry>;
    /// Adds 16 bytes; the ID in them is replaced, so is the timestamp of record types 02h and C0h to DFh. It is on flash when this answers.
    fn add(&self, record: &[u8]) -> zbus::Result<u16>;
    /// Deletes one record; answers its ID.
    fn delete(&self, id: u16) -> zbus::Result<u16>;
    /// Deletes all records.
    fn clear(&self) -> zbus::Result<()>;
    /// The log changed.
    #[zbus(signal)]
    fn changed(&self) -> zbus::Result<()>;
    /// A record was added: its ID, and its 16 bytes as they are on flash.
    #[zbus(signal)]
    fn added(&self, id: u16, record: Vec<u8>) -> zbus::Result<()>;
}

/// phosphor-sel-logger's interface, with the wire form that its callers use.
#[proxy(
    interface = "xyz.openbmc_project.Logging.IPMI",
    default_service = "xyz.openbmc_project.Logging.IPMI",
    default_path = "/xyz/openbmc_project/Logging/IPMI"
)]
pub trait LoggingIpmi {
    /// Adds a system event of up to three data bytes.
    fn ipmi_sel_add(
        &self,
        message: &str,
        path: &str,
        data: &[u8],
        assert: bool,
        generator_id: u16,
    ) -> zbus::Result<u16>;
    /// Adds an OEM record of up to 13 data bytes.
    fn ipmi_sel_add_oem(&self, message: &str, data: &[u8], record_type: u8) -> zbus::Result<u16>;
    /// Deletes all records.
    fn clear(&self) -> zbus::Result<()>;
}
