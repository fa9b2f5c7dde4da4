//! Numbers that stand in event records and in the records of the sensors that they are of (v2.0§41, §42, tables 42-1 to 42-3).

/// The BMC as the generator of an event: its slave address.
pub const BMC_GENERATOR: u8 = 0x20;
/// Revision of event messages since IPMI 1.5.
pub const MESSAGE_REVISION: u8 = 0x04;
/// The number that no sensor has.
pub const UNKNOWN_SENSOR: u8 = 0xFF;
/// An event data byte that says nothing.
pub const UNSPECIFIED: u8 = 0xFF;
/// Event/reading type of thresholds.
pub const THRESHOLD: u8 = 0x01;
/// Event/reading type of discrete sensors whose states their type defines.
pub const SENSOR_SPECIFIC: u8 = 0x6F;

/// Sensor types of the discrete sensors that the BMC itself has.
pub mod sensor_type {
    /// Physical security: chassis intrusion.
    pub const PHYSICAL_SECURITY: u8 = 0x05;
    /// Processor.
    pub const PROCESSOR: u8 = 0x07;
    /// Power supply.
    pub const POWER_SUPPLY: u8 = 0x08;
    /// Power unit.
    pub const POWER_UNIT: u8 = 0x09;
    /// Drive slot (bay).
    pub const DRIVE_SLOT: u8 = 0x0D;
    /// Event logging disabled.
    pub const EVENT_LOGGING: u8 = 0x10;
    /// System event.
    pub const SYSTEM_EVENT: u8 = 0x12;
    /// Button.
    pub const BUTTON: u8 = 0x14;
    /// System boot or restart initiated.
    pub const SYSTEM_RESTART: u8 = 0x1D;
    /// Operating system boot.
    pub const OS_BOOT: u8 = 0x1F;
    /// Operating system stop or shutdown.
    pub const OS_STOP: u8 = 0x20;
    /// Watchdog 2.
    pub const WATCHDOG: u8 = 0x23;
    /// Session audit.
    pub const SESSION_AUDIT: u8 = 0x2A;
}

/// Entity IDs (v2.0 table 43-13) of what discrete sensors are on.
pub mod entity {
    /// Processor.
    pub const PROCESSOR: u8 = 0x03;
    /// Disk or disk bay.
    pub const DRIVE: u8 = 0x04;
    /// System management module: the BMC.
    pub const CONTROLLER: u8 = 0x06;
    /// Power supply.
    pub const POWER_SUPPLY: u8 = 0x0A;
    /// Front panel board.
    pub const FRONT_PANEL: u8 = 0x0C;
    /// Power unit.
    pub const POWER_UNIT: u8 = 0x13;
    /// System chassis.
    pub const CHASSIS: u8 = 0x17;
    /// Operating system.
    pub const OPERATING_SYSTEM: u8 = 0x23;
}

/// What a session audit sensor tells (v2.0 table 42-3, type 2Ah): its offsets. Event data 2 is the user, event data 3 the cause of
/// a deactivation (bits 5:4) and the channel.
pub mod session_audit {
    /// A session was activated.
    pub const ACTIVATED: u8 = 0x00;
    /// A session was deactivated.
    pub const DEACTIVATED: u8 = 0x01;
    /// A login had a user name or a password that is not valid.
    pub const INVALID_LOGIN: u8 = 0x02;
    /// Too many such logins have disabled access.
    pub const INVALID_PASSWORD_DISABLE: u8 = 0x03;
}

/// Numbers, on LUN 0, of the discrete sensors that every BMC has. Sensors of the board never get them.
pub mod number {
    /// The first of them.
    pub const FIRST: u8 = 0xF0;
    /// Power unit.
    pub const POWER_UNIT: u8 = 0xF0;
    /// System boot or restart initiated.
    pub const SYSTEM_RESTART: u8 = 0xF1;
    /// Operating system boot.
    pub const OS_BOOT: u8 = 0xF2;
    /// Operating system stop or shutdown.
    pub const OS_STOP: u8 = 0xF3;
    /// Buttons of the front panel.
    pub const BUTTON: u8 = 0xF4;
    /// Event log.
    pub const EVENT_LOGGING: u8 = 0xF5;
    /// System event: the log's clock.
    pub const SYSTEM_EVENT: u8 = 0xF6;
    /// Session audit.
    pub const SESSION_AUDIT: u8 = 0xF7;
    /// Watchdog 2.
    pub const WATCHDOG: u8 = 0xF8;
}
