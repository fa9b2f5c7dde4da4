//! What every IPMI message carries, whatever brings it: network function, LUN, privilege.

use std::fmt;

/// A network function: which family a command belongs to (v2.0§5.1, table 5-1). Six bits, unshifted; requests are even.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetFn(u8);

impl NetFn {
    /// Chassis control and status.
    pub const CHASSIS: Self = Self(0x00);
    /// Bridging to the next bus (ICMB).
    pub const BRIDGE: Self = Self(0x02);
    /// Sensors and events.
    pub const SENSOR_EVENT: Self = Self(0x04);
    /// The management controller itself, messaging, sessions, users.
    pub const APP: Self = Self(0x06);
    /// Firmware transfer; its commands are the vendor's.
    pub const FIRMWARE: Self = Self(0x08);
    /// SDR, SEL and FRU.
    pub const STORAGE: Self = Self(0x0A);
    /// LAN, serial and SOL configuration.
    pub const TRANSPORT: Self = Self(0x0C);
    /// Commands of a standards body named by the first data byte (00h PICMG, 03h VITA, DCh DCMI).
    pub const GROUP_EXTENSION: Self = Self(0x2C);
    /// Commands of an organisation named by a three-byte IANA number.
    pub const OEM_GROUP: Self = Self(0x2E);

    /// A network function from its six bits; `None` where `value` has more.
    pub const fn new(value: u8) -> Option<Self> {
        if value < 0x40 { Some(Self(value)) } else { None }
    }

    /// The six bits.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Whether this is a response's network function (the odd one of each pair).
    pub const fn is_response(self) -> bool {
        self.0 & 1 == 1
    }

    /// The network function that answers this one.
    pub const fn response(self) -> Self {
        Self(self.0 | 1)
    }
}

impl fmt::Debug for NetFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for NetFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}h", self.0)
    }
}

/// A logical unit behind one controller address (v2.0§5.1). Two bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Lun(u8);

impl Lun {
    /// LUN 0: the BMC's own commands.
    pub const BMC: Self = Self(0);
    /// LUN 2: the host's receive message queue.
    pub const SMS: Self = Self(2);

    /// A LUN from its two bits; `None` where `value` has more.
    pub const fn new(value: u8) -> Option<Self> {
        if value < 4 { Some(Self(value)) } else { None }
    }

    /// The two bits.
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// A privilege level (v2.0§6.8), in ascending order of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Privilege {
    /// May only start a callback.
    Callback = 1,
    /// May read.
    User = 2,
    /// May control the host, not the BMC's configuration.
    Operator = 3,
    /// May do everything.
    Administrator = 4,
    /// As the vendor defines; here the same rights as an administrator.
    Oem = 5,
}

impl Privilege {
    /// A privilege from its number; `None` for anything but 1 to 5.
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Callback,
            2 => Self::User,
            3 => Self::Operator,
            4 => Self::Administrator,
            5 => Self::Oem,
            _ => return None,
        })
    }
}

impl From<Privilege> for u8 {
    fn from(privilege: Privilege) -> Self {
        privilege as Self
    }
}
