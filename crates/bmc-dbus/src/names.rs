//! Bus names, object paths and interface names.
//!
//! One module per service; each interface name stands here once.

/// What all of OpenBMC's names begin with.
pub const OPENBMC: &str = "xyz.openbmc_project";

/// ipmid: the IPMI core queue.
pub mod ipmi {
    /// ipmid's bus name.
    pub const SERVICE: &str = "xyz.openbmc_project.Ipmi.Host";
    /// The object that executes commands.
    pub const PATH: &str = "/xyz/openbmc_project/Ipmi";
    /// Its interface.
    pub const SERVER: &str = "xyz.openbmc_project.Ipmi.Server";
    /// Ours: hands a peer-to-peer connection to channel owners.
    pub const DIRECT_LINE: &str = "org.ferrite.Ipmi.DirectLine";
    /// Ours: what a D-Bus object is in IPMI.
    pub const SENSOR_NUMBERS: &str = "org.ferrite.Ipmi.SensorNumbers";
    /// What the bus name of every channel owner begins with; the channel's name follows.
    pub const CHANNEL_PREFIX: &str = "xyz.openbmc_project.Ipmi.Channel.";
    /// What the host may send.
    pub const RESTRICTION_MODE: &str = "xyz.openbmc_project.Control.Security.RestrictionMode";
    /// Where that is.
    pub const RESTRICTION_MODE_PATH: &str = "/xyz/openbmc_project/control/host0/restriction_mode";
    /// ACPI power states as the operating system tells them.
    pub const ACPI_POWER_STATE: &str = "xyz.openbmc_project.Control.Power.ACPIPowerState";
    /// Where they are.
    pub const ACPI_POWER_STATE_PATH: &str = "/xyz/openbmc_project/control/host0/acpi_power_state";
    /// Under this stand the session objects of all LAN channels, each channel's under its own name.
    pub const SESSION_ROOT: &str = "/xyz/openbmc_project/ipmi/session";
    /// The object that session audit events name.
    pub const SESSION_AUDIT_PATH: &str = SESSION_ROOT;
    /// A LAN session.
    pub const SESSION_INFO: &str = "xyz.openbmc_project.Ipmi.SessionInfo";
    /// Ours, beside it: the address as text, the user, the suite.
    pub const SESSION: &str = "org.ferrite.Ipmi.Session";
    /// Ours, on `CHANNEL_ROOT/<name>`: what a LAN channel offers and what it threw away.
    pub const LAN_CHANNEL: &str = "org.ferrite.Ipmi.LanChannel";
    /// Ours, beside it: where alerts go.
    pub const ALERTS: &str = "org.ferrite.Ipmi.Alerts";
    /// The SOL configuration of a LAN channel, OpenBMC's.
    pub const SOL: &str = "xyz.openbmc_project.Ipmi.SOL";
    /// Ours, beside it: bit rate, consoles, port.
    pub const SOL_MORE: &str = "org.ferrite.Ipmi.Sol";
    /// Under this stand the SOL configurations of all LAN channels.
    pub const SOL_ROOT: &str = "/xyz/openbmc_project/ipmi/sol";
    /// Ours, beside [`CHANNEL_SMS`]: what happened on a host channel.
    pub const HOST_CHANNEL: &str = "org.ferrite.Ipmi.HostChannel";
    /// On `CHANNEL_ROOT/<name>`: attention of the host, kcsbridge's.
    pub const CHANNEL_SMS: &str = "xyz.openbmc_project.Ipmi.Channel.SMS";
    /// btbridge's bus name and interface, where OpenBMC's ipmid asks for attention.
    pub const HOST_IPMI_SERVICE: &str = "org.openbmc.HostIpmi";
    /// Its object.
    pub const HOST_IPMI_PATH: &str = "/org/openbmc/HostIpmi/1";
    /// Under this stands one object per channel.
    pub const CHANNEL_ROOT: &str = "/xyz/openbmc_project/Ipmi/Channel";

    /// A channel's object.
    #[must_use]
    pub fn channel_path(name: &str) -> String {
        format!("{CHANNEL_ROOT}/{}", path_element(name))
    }

    /// The SOL configuration of a LAN channel.
    #[must_use]
    pub fn sol_path(name: &str) -> String {
        format!("{SOL_ROOT}/{}", path_element(name))
    }

    /// A channel's name as an element of an object path, which has letters, digits and `_` alone.
    #[must_use]
    pub fn path_element(name: &str) -> String {
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    }
}

/// sensord.
pub mod sensors {
    /// sensord's bus name.
    pub const SERVICE: &str = "xyz.openbmc_project.FerriteSensor";
    /// The ObjectManager above all sensors.
    pub const ROOT: &str = "/xyz/openbmc_project/sensors";
    /// A reading with its range and unit.
    pub const VALUE: &str = "xyz.openbmc_project.Sensor.Value";
    /// What each threshold interface's name begins with; `Warning`, `Critical` or `HardShutdown` follows.
    pub const THRESHOLD_PREFIX: &str = "xyz.openbmc_project.Sensor.Threshold.";
    /// Whether the reading can be had.
    pub const AVAILABILITY: &str = "xyz.openbmc_project.State.Decorator.Availability";
    /// Whether the sensor works.
    pub const OPERATIONAL_STATUS: &str = "xyz.openbmc_project.State.Decorator.OperationalStatus";
    /// Entity ID and instance.
    pub const DECORATOR_IPMI: &str = "xyz.openbmc_project.Inventory.Decorator.Ipmi";
    /// Associations with the inventory.
    pub const ASSOCIATIONS: &str = "xyz.openbmc_project.Association.Definitions";
    /// Ours, on each sensor: positive and negative hysteresis.
    pub const HYSTERESIS: &str = "org.ferrite.Sensor.Hysteresis";
    /// Ours, on each sensor: the history ring.
    pub const HISTORY: &str = "org.ferrite.Sensor.History";
    /// Ours, on [`ROOT`]: all readings with their age, and the heartbeat of the polling.
    pub const SENSOR_TABLE: &str = "org.ferrite.SensorTable";
}

/// powerd.
pub mod power {
    /// powerd's bus name for the host's state.
    pub const HOST_SERVICE: &str = "xyz.openbmc_project.State.Host";
    /// powerd's bus name for the chassis' state.
    pub const CHASSIS_SERVICE: &str = "xyz.openbmc_project.State.Chassis";
    /// Under this stand chassis and host.
    pub const STATE_ROOT: &str = "/xyz/openbmc_project/state";
    /// The host.
    pub const HOST_PATH: &str = "/xyz/openbmc_project/state/host0";
    /// The chassis.
    pub const CHASSIS_PATH: &str = "/xyz/openbmc_project/state/chassis0";
    /// The host's state and requested transitions.
    pub const HOST: &str = "xyz.openbmc_project.State.Host";
    /// The chassis' state and requested transitions.
    pub const CHASSIS: &str = "xyz.openbmc_project.State.Chassis";
    /// Hours of operation.
    pub const POWER_ON_HOURS: &str = "xyz.openbmc_project.State.PowerOnHours";
    /// What happens after mains power comes back.
    pub const RESTORE_POLICY: &str = "xyz.openbmc_project.Control.Power.RestorePolicy";
    /// Where the restore policy is.
    pub const RESTORE_POLICY_PATH: &str = "/xyz/openbmc_project/control/host0/power_restore_policy";
    /// Non-maskable interrupt to the host.
    pub const NMI: &str = "xyz.openbmc_project.Control.Host.NMI";
    /// Where the NMI object is.
    pub const NMI_PATH: &str = "/xyz/openbmc_project/control/host0/nmi";
    /// Why the host last restarted (x86-power-control's).
    pub const RESTART_CAUSE: &str = "xyz.openbmc_project.Control.Host.RestartCause";
    /// Where the restart cause is.
    pub const RESTART_CAUSE_PATH: &str = "/xyz/openbmc_project/control/host0/restart_cause";
    /// Ours, on [`CHASSIS_PATH`]: what IPMI's chassis status wants and OpenBMC has no property for.
    pub const POWER_STATUS: &str = "org.ferrite.Power.Status";
    /// x86-power-control's bus name for the operating system's state.
    pub const OS_SERVICE: &str = "xyz.openbmc_project.State.OperatingSystem";
    /// The operating system's state (x86-power-control's), on [`HOST_PATH`].
    pub const OS_STATUS: &str = "xyz.openbmc_project.State.OperatingSystem.Status";
    /// x86-power-control's bus name for the front panel's buttons.
    pub const BUTTONS_SERVICE: &str = "xyz.openbmc_project.Chassis.Buttons";
    /// A button of the front panel (x86-power-control's).
    pub const BUTTONS: &str = "xyz.openbmc_project.Chassis.Buttons";
    /// Under this stand the buttons: `power`, `reset`, `nmi` and `id`, as the board has them.
    pub const BUTTONS_ROOT: &str = "/xyz/openbmc_project/chassis/buttons";
    /// The LED groups' bus name.
    pub const LED_SERVICE: &str = "xyz.openbmc_project.LED.GroupManager";
    /// The identify LED group.
    pub const IDENTIFY_PATH: &str = "/xyz/openbmc_project/led/groups/enclosure_identify";
    /// An LED group.
    pub const LED_GROUP: &str = "xyz.openbmc_project.Led.Group";
}

/// powerd: the host's watchdog timer.
pub mod watchdog {
    /// phosphor-watchdog's bus name.
    pub const SERVICE: &str = "xyz.openbmc_project.Watchdog";
    /// The timer.
    pub const PATH: &str = "/xyz/openbmc_project/watchdog/host0";
    /// OpenBMC's interface.
    pub const STATE_WATCHDOG: &str = "xyz.openbmc_project.State.Watchdog";
    /// Ours: the timer as IPMI has it.
    pub const WATCHDOG: &str = "org.ferrite.Watchdog";
}

/// powerd: what the host boots from.
pub mod boot {
    /// OpenBMC's settings daemon, whose name powerd takes where it is free.
    pub const SETTINGS_SERVICE: &str = "xyz.openbmc_project.Settings";
    /// The settings of all boots, and the parameters of IPMI.
    pub const PATH: &str = "/xyz/openbmc_project/control/host0/boot";
    /// The settings of the next boot.
    pub const ONE_TIME_PATH: &str = "/xyz/openbmc_project/control/host0/boot/one_time";
    /// What to boot from.
    pub const SOURCE: &str = "xyz.openbmc_project.Control.Boot.Source";
    /// What to boot into.
    pub const MODE: &str = "xyz.openbmc_project.Control.Boot.Mode";
    /// Legacy or EFI.
    pub const TYPE: &str = "xyz.openbmc_project.Control.Boot.Type";
    /// Whether the firmware's settings are to be cleared.
    pub const FLAGS: &str = "xyz.openbmc_project.Control.Boot.Flags";
    /// Whether a setting holds.
    pub const ENABLE: &str = "xyz.openbmc_project.Object.Enable";
    /// Ours, on [`PATH`]: the parameters as IPMI has them.
    pub const BOOT_OPTIONS: &str = "org.ferrite.BootOptions";
}

/// seld.
pub mod sel {
    /// seld's bus name.
    pub const SERVICE: &str = "xyz.openbmc_project.Logging.IPMI";
    /// The log.
    pub const PATH: &str = "/xyz/openbmc_project/Logging/IPMI";
    /// What the log says of itself stands for this object: OpenBMC's root of all logs.
    pub const SELF_PATH: &str = "/xyz/openbmc_project/logging";
    /// phosphor-sel-logger's interface.
    pub const LOGGING_IPMI: &str = "xyz.openbmc_project.Logging.IPMI";
    /// Ours: the log as IPMI sees it.
    pub const EVENT_LOG: &str = "org.ferrite.EventLog";
    /// Ours: its time and what else IPMI sets about it.
    pub const EVENT_LOG_SETTINGS: &str = "org.ferrite.EventLog.Settings";
    /// Ours: platform event filtering.
    pub const EVENT_FILTER: &str = "org.ferrite.EventFilter";
}

/// userd.
pub mod users {
    /// userd's bus name.
    pub const SERVICE: &str = "org.ferrite.Users";
    /// The user table.
    pub const PATH: &str = "/org/ferrite/users";
    /// Ours: slots, names, privileges.
    pub const USER_TABLE: &str = "org.ferrite.UserTable";
    /// Ours: the secrets that RAKP needs, for channel owners only.
    pub const CREDENTIALS: &str = "org.ferrite.Credentials";
}

/// networkd.
pub mod network {
    /// networkd's bus name.
    pub const SERVICE: &str = "xyz.openbmc_project.Network";
    /// The ObjectManager above all interfaces.
    pub const ROOT: &str = "/xyz/openbmc_project/network";
    /// An interface.
    pub const ETHERNET_INTERFACE: &str = "xyz.openbmc_project.Network.EthernetInterface";
    /// Its hardware address.
    pub const MAC_ADDRESS: &str = "xyz.openbmc_project.Network.MACAddress";
    /// One of its addresses.
    pub const IP: &str = "xyz.openbmc_project.Network.IP";
    /// A neighbour (the gateway's hardware address).
    pub const NEIGHBOR: &str = "xyz.openbmc_project.Network.Neighbor";
    /// A VLAN's number.
    pub const VLAN: &str = "xyz.openbmc_project.Network.VLAN";
    /// The host name.
    pub const SYSTEM_CONFIGURATION: &str = "xyz.openbmc_project.Network.SystemConfiguration";
}

/// Openings of the chassis, from sensord.
pub mod chassis {
    /// The ObjectManager above them, where dbus-sensors has it; the buttons' path begins with a small letter.
    pub const ROOT: &str = "/xyz/openbmc_project/Chassis";
    /// The detector that OpenBMC's clients know.
    pub const DETECTOR: &str = "/xyz/openbmc_project/Chassis/Intrusion";
    /// A detector.
    pub const INTRUSION: &str = "xyz.openbmc_project.Chassis.Intrusion";
}

/// What the board is made of: as ipmid reads it from FRU devices, and as sensord sees it on lines and in power supplies.
pub mod inventory {
    /// The ObjectManager above all of it.
    pub const ROOT: &str = "/xyz/openbmc_project/inventory";
    /// Above the boards.
    pub const BOARDS: &str = "/xyz/openbmc_project/inventory/system/board";
    /// Name and presence.
    pub const ITEM: &str = "xyz.openbmc_project.Inventory.Item";
    /// That an item is a power supply.
    pub const ITEM_POWER_SUPPLY: &str = "xyz.openbmc_project.Inventory.Item.PowerSupply";
    /// That an item is a processor.
    pub const ITEM_CPU: &str = "xyz.openbmc_project.Inventory.Item.Cpu";
    /// Above the power supplies.
    pub const POWER_SUPPLIES: &str = "/xyz/openbmc_project/inventory/system/powersupply";
    /// Above the processors.
    pub const CPUS: &str = "/xyz/openbmc_project/inventory/system/chassis/motherboard";
    /// Whether a power supply is fed.
    pub const POWER_SYSTEM_INPUTS: &str = "xyz.openbmc_project.State.Decorator.PowerSystemInputs";
    /// Manufacturer, model and numbers.
    pub const ASSET: &str = "xyz.openbmc_project.Inventory.Decorator.Asset";
    /// Ours: the bytes of a FRU device.
    pub const FRU: &str = "org.ferrite.Fru";
}

/// consoled: one instance for each of the host's consoles.
pub mod console {
    /// What the bus name of every instance begins with; the console's id follows.
    pub const SERVICE_PREFIX: &str = "xyz.openbmc_project.Console.";
    /// Under this stands the console's object, by its id.
    pub const ROOT: &str = "/xyz/openbmc_project/console";
    /// A socket of the console's bytes.
    pub const ACCESS: &str = "xyz.openbmc_project.Console.Access";
    /// The UART's rate.
    pub const UART: &str = "xyz.openbmc_project.Console.UART";
    /// Ours: backlog, log, break, presence of the UART.
    pub const CONSOLE: &str = "org.ferrite.Console";
}
