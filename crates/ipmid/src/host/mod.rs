//! What the controller keeps for the host: messages, events and flags that wait for it, and what it said of itself.

pub(crate) mod attention;
pub(crate) mod messages;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod system_info;

pub(crate) use messages::{Asker, HostMessages};
pub(crate) use settings::HostSettings;
