//! Alerts over a LAN channel: netipmid, at [`channel_path`](crate::names::ipmi::channel_path) of
//! `xyz.openbmc_project.Ipmi.Channel.<name>`.

use serde::Serialize;
use zbus::Type;

structure! {
    /// What an alert tells: `(yaynays)`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct Trap {
        /// The event's severity (v2.0 table 17-2, byte 4).
        pub severity: u8,
        /// The event's record in the log.
        pub record: Vec<u8>,
        /// Minutes that its time is ahead of UTC; 7FFh is not known.
        pub utc_offset: i16,
        /// What the system is called; empty for what Get System GUID says.
        pub guid: Vec<u8>,
        /// Text that goes with it; may be empty.
        pub text: String,
    }
}

structure! {
    /// Where alerts go: `(byybsay)`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
    pub struct Destination {
        /// Whether an alert counts as arrived only when the destination says so.
        pub acknowledged: bool,
        /// Seconds between attempts, less one.
        pub interval: u8,
        /// Attempts after the first, 0 to 7.
        pub retries: u8,
        /// Whether the backup gateway is wanted. Kept; the kernel's routes decide.
        pub backup_gateway: bool,
        /// IPv4 address; "0.0.0.0" is none.
        pub address: String,
        /// Hardware address, six bytes. Kept; the kernel resolves the address.
        pub mac: Vec<u8>,
    }
}

/// The destinations of a channel, and sending to them.
#[zbus::proxy(interface = "org.ferrite.Ipmi.Alerts")]
pub trait Alerts {
    /// Tells a destination; whether it arrived: acknowledged where the destination acknowledges, else sent.
    /// `org.freedesktop.DBus.Error.InvalidArgs` for a destination that is not there or has no address.
    fn send(&self, destination: u8, trap: &Trap) -> zbus::Result<bool>;
    /// A trap was acknowledged: its sequence number and time. Whether it was waited for.
    fn acknowledge(&self, sequence: u16, timestamp: u32) -> zbus::Result<bool>;
    /// A destination; 0 is the volatile one.
    fn destination(&self, number: u8) -> zbus::Result<Destination>;
    /// Changes it, for good but for the volatile one.
    fn set_destination(&self, number: u8, destination: &Destination) -> zbus::Result<()>;
    /// How many there are beside the volatile one.
    #[zbus(property(emits_changed_signal = "const"))]
    fn destinations(&self) -> zbus::Result<u8>;
    /// The community of the traps, at most 18 bytes.
    #[zbus(property(emits_changed_signal = "false"))]
    fn community(&self) -> zbus::Result<String>;
    /// Changes it, for good.
    #[zbus(property)]
    fn set_community(&self, community: &str) -> zbus::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_what_the_interface_says() {
        let xml = include_str!("../../../dbus-interfaces/org.ferrite.Ipmi.Alerts.xml");
        for signature in [Trap::SIGNATURE.to_string(), Destination::SIGNATURE.to_string()] {
            assert!(xml.contains(&format!("type=\"{signature}\"")), "{signature}");
        }
    }
}
