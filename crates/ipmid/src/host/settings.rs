//! What the host set, kept over a restart of ipmid: the host does not see one and would not say it again.

use std::collections::BTreeSet;

use ipmi_wire::command::{
    acpi::{AcpiPowerState, DeviceState, SystemState},
    host_message::GlobalEnables,
};
use serde::{Deserialize, Serialize};

use super::system_info::SystemInfo;

/// The host's settings, `host.json` of the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct HostSettings {
    /// [`GlobalEnables`].
    pub(crate) global_enables: u8,
    /// LAN channels whose messages come into the receive message queue.
    pub(crate) receives: BTreeSet<u8>,
    /// The system's ACPI power state.
    pub(crate) system_state: u8,
    /// The device's ACPI power state.
    pub(crate) device_state: u8,
    /// The system info parameters.
    pub(crate) system_info: SystemInfo,
    /// Whether somebody writes system info parameters; a restart ends that.
    #[serde(skip)]
    pub(crate) set_in_progress: bool,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            global_enables: GlobalEnables::EVENT_LOG,
            receives: BTreeSet::new(),
            system_state: SystemState::UNKNOWN.0,
            device_state: DeviceState::UNKNOWN.0,
            system_info: SystemInfo::default(),
            set_in_progress: false,
        }
    }
}

impl HostSettings {
    pub(crate) fn acpi(&self) -> AcpiPowerState {
        AcpiPowerState { system: SystemState(self.system_state), device: DeviceState(self.device_state) }
    }

    /// Whether events go into the event message buffer.
    pub(crate) fn buffers_events(&self) -> bool {
        self.global_enables & GlobalEnables::EVENT_BUFFER != 0
    }

    /// The host was reset or lost its power: what its software set is void (v2.0§22.1), what names the system stays.
    pub(crate) fn host_was_reset(&mut self) {
        let mut system_info = std::mem::take(&mut self.system_info);
        system_info.forget_volatile();
        *self = Self { system_info, ..Self::default() };
    }
}
