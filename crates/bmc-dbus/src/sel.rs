//! seld's objects, as its callers see them.

use serde::Serialize;
use zbus::{Type, proxy};

/// The ID that no record has: the end of the chain (v2.0§31.5).
pub const NO_RECORD: u16 = 0xFFFF;

structure! {
    /// What `Info` answers: `(uuuubu)`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
    pub struct Info {
        /// Records in the log.
        pub records: u32,
        /// Records that still fit.
        pub free: u32,
        /// When the last record was added, in the log's time; 0 = never.
        pub last_addition: u32,
        /// When the log was last erased or a record deleted, in the log's time; 0 = never.
        pub last_erase: u32,
        /// Whether a record was refused because the log was full.
        pub overflow: bool,
        /// How often records were erased since seld started: a reservation holds while it stays.
        pub erasures: u32,
    }
}

/// From how many percent on the log counts as almost full.
pub const ALMOST_FULL_PERCENT: u32 = 90;

structure! {
    /// What `Get` answers: `(qqay)`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct Entry {
        /// The record's ID, stable over its life.
        pub id: u16,
        /// The next one's, [`NO_RECORD`] after the last.
        pub next: u16,
        /// 16 bytes as in v2.0§32, ID and timestamp filled in.
        pub record: Vec<u8>,
    }
}

structure! {
    /// One of what `Page` answers: `(qqays)`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct PageEntry {
        /// The record's ID.
        pub id: u16,
        /// The next one's, [`NO_RECORD`] after the last.
        pub next: u16,
        /// 16 bytes.
        pub record: Vec<u8>,
        /// The object that the event came from, shortened to 68 bytes; empty where the event named none.
        pub path: String,
    }
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
    /// Up to `count` records (256 at most) from `id` on, as for `Get`.
    fn page(&self, id: u16, count: u16) -> zbus::Result<Vec<PageEntry>>;
    /// Adds 16 bytes; the ID in them is replaced, so is the timestamp of record types 02h and C0h to DFh. It is on flash when this answers.
    fn add(&self, record: &[u8]) -> zbus::Result<u16>;
    /// Adds an event as `Add` does, unless its sensor is in a storm: then it is counted, and this answers 0.
    fn report(&self, record: &[u8]) -> zbus::Result<u16>;
    /// Deletes one record; answers its ID.
    fn delete(&self, id: u16) -> zbus::Result<u16>;
    /// Deletes all records.
    fn clear(&self) -> zbus::Result<()>;
    /// Logs again what is asserted now: of the sensor at `path`, or of all where it is empty; only events whose bit is set.
    fn rearm(&self, path: &str, events: u16) -> zbus::Result<()>;
    /// The log changed.
    #[zbus(signal)]
    fn changed(&self) -> zbus::Result<()>;
    /// A record was added: its ID, and its 16 bytes as they are on flash.
    #[zbus(signal)]
    fn added(&self, id: u16, record: Vec<u8>) -> zbus::Result<()>;
}

/// What IPMI sets about the log.
#[proxy(
    interface = "org.ferrite.EventLog.Settings",
    default_service = "xyz.openbmc_project.Logging.IPMI",
    default_path = "/xyz/openbmc_project/Logging/IPMI"
)]
pub trait EventLogSettings {
    /// The log's time: seconds since 1970; up to 2000_0000h since the BMC started, while the clock is not set.
    #[zbus(property(emits_changed_signal = "false"))]
    fn time(&self) -> zbus::Result<u32>;
    /// Sets the log's time until the BMC starts again. The system's clock is left alone.
    #[zbus(property)]
    fn set_time(&self, seconds: u32) -> zbus::Result<()>;
    /// Minutes that the log's time is ahead of UTC, -1440 to 1440; 7FFh is not known.
    #[zbus(property(emits_changed_signal = "false"))]
    fn utc_offset(&self) -> zbus::Result<i16>;
    /// Sets it for good.
    #[zbus(property)]
    fn set_utc_offset(&self, minutes: i16) -> zbus::Result<()>;
    /// Whether events of the BMC's own sensors are logged.
    #[zbus(property(emits_changed_signal = "false"))]
    fn receives_events(&self) -> zbus::Result<bool>;
    /// Sets it until seld starts again.
    #[zbus(property)]
    fn set_receives_events(&self, receives: bool) -> zbus::Result<()>;
    /// State of the auxiliary log of this type as it was last set (v2.0§31.12). `org.ferrite.Error.NotPresent` where it never was.
    fn auxiliary_log(&self, log_type: u8) -> zbus::Result<Vec<u8>>;
    /// Sets it for good: at most 16 bytes, of types 0 to 2.
    fn set_auxiliary_log(&self, log_type: u8, status: &[u8]) -> zbus::Result<()>;
}

/// phosphor-sel-logger's interface, with the wire form that its callers use.
#[proxy(
    interface = "xyz.openbmc_project.Logging.IPMI",
    default_service = "xyz.openbmc_project.Logging.IPMI",
    default_path = "/xyz/openbmc_project/Logging/IPMI"
)]
pub trait LoggingIpmi {
    /// Adds a system event of up to three data bytes, as the sensor at `path`.
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
    /// Deletes one record.
    #[zbus(name = "SELDelete")]
    fn sel_delete(&self, id: u16) -> zbus::Result<()>;
    /// Deletes all records.
    fn clear(&self) -> zbus::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_what_the_interfaces_say() {
        let log = include_str!("../../../dbus-interfaces/org.ferrite.EventLog.xml");
        let wanted = [
            (log, Info::SIGNATURE.to_string()),
            (log, Entry::SIGNATURE.to_string()),
            (log, format!("a{}", PageEntry::SIGNATURE)),
        ];
        for (xml, signature) in wanted {
            assert!(xml.contains(&format!("type=\"{signature}\"")), "{signature}");
        }
    }
}
