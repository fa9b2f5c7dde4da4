//! netipmid: a LAN channel and its sessions.

use std::collections::HashMap;

use serde::Serialize;

structure! {
    /// An active session, as `org.ferrite.Ipmi.LanChannel` lists it.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, zbus::Type)]
    pub struct ListedSession {
        /// The managed system's session ID.
        pub id: u32,
        /// 1 to 63.
        pub handle: u8,
        /// The user's slot.
        pub user_slot: u8,
        /// The privilege that it runs at, 1 to 5.
        pub privilege: u8,
        /// The client's IPv4 or IPv6 address.
        pub address: String,
        /// The client's port.
        pub port: u16,
        /// The hardware address from the kernel's IPv4 neighbours: six bytes, zeros where it is not known (IPv6, another network).
        pub mac: Vec<u8>,
    }
}

structure! {
    /// An active payload beside IPMI's own, as `org.ferrite.Ipmi.LanChannel` lists it.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, zbus::Type)]
    pub struct ListedPayload {
        /// The kind; 1 is SOL (v2.0 table 13-16).
        pub payload_type: u8,
        /// Which one of that kind, 1 to 15.
        pub instance: u8,
        /// The managed system's ID of the session that it is active on.
        pub session_id: u32,
        /// The client's port.
        pub port: u16,
        /// How long it has been active, in seconds.
        pub seconds: u64,
        /// Bytes that came from the client.
        pub bytes_in: u64,
        /// Bytes that the client acknowledged.
        pub bytes_out: u64,
    }
}

/// A LAN channel, at `/xyz/openbmc_project/Ipmi/Channel/<name>` of `xyz.openbmc_project.Ipmi.Channel.<name>`.
#[zbus::proxy(interface = "org.ferrite.Ipmi.LanChannel")]
pub trait LanChannel {
    /// How many sessions can be open at once, and those that are, as of this instant. Their objects follow a little later.
    fn sessions(&self) -> zbus::Result<(u8, Vec<ListedSession>)>;
    /// Ends a session by the managed system's session ID.
    fn close_session(&self, session_id: u32) -> zbus::Result<()>;
    /// Ends a payload, whatever session it is of.
    fn deactivate_payload(&self, payload_type: u8, instance: u8) -> zbus::Result<()>;
    /// Sends a LAN message to the console of the session with this handle.
    fn send_message(&self, handle: u8, message: &[u8]) -> zbus::Result<()>;
    /// A login or session event for the event log (v2.0 table 42-3, type 2Ah).
    #[zbus(signal)]
    fn session_event(&self, channel: u8, event: u8, user_slot: u8, cause: u8) -> zbus::Result<()>;
    /// The payloads that are active now, beside IPMI's own.
    #[zbus(property(emits_changed_signal = "false"))]
    fn payloads(&self) -> zbus::Result<Vec<ListedPayload>>;
    /// The cipher suites that are offered (v2.0§13.20).
    #[zbus(property(emits_changed_signal = "const"))]
    fn cipher_suites(&self) -> zbus::Result<Vec<u8>>;
    /// Where the socket listens.
    #[zbus(property(emits_changed_signal = "const"))]
    fn listen_address(&self) -> zbus::Result<String>;
    /// Whether commands go to ipmid over the direct line.
    #[zbus(property(emits_changed_signal = "false"))]
    fn direct_line(&self) -> zbus::Result<bool>;
    /// Datagrams thrown away, by reason.
    #[zbus(property(emits_changed_signal = "false"))]
    fn discards(&self) -> zbus::Result<HashMap<String, u64>>;
    /// Whether logins need KG.
    #[zbus(property(emits_changed_signal = "false"))]
    fn kg_set(&self) -> zbus::Result<bool>;
}

/// A LAN session, as OpenBMC has it.
#[zbus::proxy(interface = "xyz.openbmc_project.Ipmi.SessionInfo")]
pub trait SessionInfo {
    /// 1 to 63.
    #[zbus(property(emits_changed_signal = "const"))]
    fn session_handle(&self) -> zbus::Result<u8>;
    /// The channel's number.
    #[zbus(property(emits_changed_signal = "const"))]
    fn channel_num(&self) -> zbus::Result<u8>;
    /// 1 to 5.
    #[zbus(property(emits_changed_signal = "false"))]
    fn current_privilege(&self) -> zbus::Result<u8>;
    /// The four bytes as they lie on the wire; 0 for IPv6.
    #[zbus(property(emits_changed_signal = "const"), name = "RemoteIPAddr")]
    fn remote_ip_addr(&self) -> zbus::Result<u32>;
    /// The client's port.
    #[zbus(property(emits_changed_signal = "const"))]
    fn remote_port(&self) -> zbus::Result<u16>;
    /// Six bytes; zeros where it is not known: over IPv6, from another network, from the controller itself.
    #[zbus(property(emits_changed_signal = "const"), name = "RemoteMACAddress")]
    fn remote_mac_address(&self) -> zbus::Result<Vec<u8>>;
    /// The user's slot.
    #[zbus(property(emits_changed_signal = "const"), name = "UserID")]
    fn user_id(&self) -> zbus::Result<u8>;
    /// 0 inactive, 1 setup, 2 active.
    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> zbus::Result<u8>;
    /// Writing 3 closes the session.
    #[zbus(property)]
    fn set_state(&self, state: u8) -> zbus::Result<()>;
}

/// Beside `SessionInfo`: what that has no room for.
#[zbus::proxy(interface = "org.ferrite.Ipmi.Session")]
pub trait Session {
    /// The client's address as text, IPv6 too.
    #[zbus(property(emits_changed_signal = "const"))]
    fn remote_address(&self) -> zbus::Result<String>;
    /// The user's name.
    #[zbus(property(emits_changed_signal = "const"))]
    fn user_name(&self) -> zbus::Result<String>;
    /// The cipher suite.
    #[zbus(property(emits_changed_signal = "const"))]
    fn cipher_suite(&self) -> zbus::Result<u8>;
    /// How long it has been open.
    #[zbus(property(emits_changed_signal = "false"))]
    fn age_milliseconds(&self) -> zbus::Result<u64>;
}

#[cfg(test)]
mod tests {
    use zbus::Type as _;

    use super::{ListedPayload, ListedSession};

    #[test]
    fn a_listed_session_is_what_the_interface_says() {
        let xml = include_str!("../../../dbus-interfaces/org.ferrite.Ipmi.LanChannel.xml");
        let wanted = format!("name=\"sessions\" type=\"a{}\"", ListedSession::SIGNATURE);
        assert!(xml.contains(&wanted), "{wanted}");
        let wanted = format!("name=\"Payloads\" type=\"a{}\"", ListedPayload::SIGNATURE);
        assert!(xml.contains(&wanted), "{wanted}");
    }
}
