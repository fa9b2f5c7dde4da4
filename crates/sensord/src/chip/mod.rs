//! Chips that are read over `/dev/i2c-N`, without a driver of the kernel's.
//!
//! `temperature` and `pmbus` are what the data sheets say, without I/O: which parts there are, where their numbers stand and what
//! those mean. `transfer` fetches them. What comes out is the number that the kernel's driver would give, in hwmon's units, so that
//! a board can change from one to the other and keep its scales and thresholds.

pub(crate) mod pmbus;
pub(crate) mod temperature;
mod transfer;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf};

use bmc_hw::i2c::I2cError;

/// Where a chip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    /// The kernel's number of the bus; a channel of a multiplexer has one of its own.
    pub(crate) bus: u32,
    /// In seven bits.
    pub(crate) address: u8,
}

/// One quantity that a chip measures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Channel {
    pub(crate) location: Location,
    pub(crate) measure: Measure,
}

/// What to read of the chip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measure {
    Temperature(temperature::Channel),
    Pmbus(pmbus::Channel),
}

/// Why a chip gave no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChipError {
    /// The bus or the chip failed.
    #[error("{0}: {1}")]
    Transfer(Location, I2cError),
    /// A driver has the chip, and reading past it would move its register pointer or page.
    #[error(
        "{0}: a driver of the kernel's holds the address\nhint: take `Driver` out of the record to read it by that driver, or free the chip: echo {0} > /sys/bus/i2c/devices/{0}/driver/unbind"
    )]
    Held(Location),
    /// The diode that the channel measures is not connected.
    #[error("{0}: the channel's diode is open or shorted")]
    Diode(Location),
    /// The packet error code is not that of the packet.
    #[error("{0}: wrong packet error code: disturbed, or the device has none (`PEC`)")]
    Disturbed(Location),
    /// VOUT_MODE asks for what is not known here.
    #[error(
        "{0}: VOUT_MODE {1:#04x} is not linear\nhint: give the label's `_Coefficients` where the data sheet has them, or use the kernel's driver"
    )]
    VoutMode(Location, u8),
}

impl Location {
    /// The bus' character device.
    fn device(self) -> PathBuf {
        format!("/dev/i2c-{}", self.bus).into()
    }
}

/// As sysfs names devices.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:04x}", self.bus, self.address)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.measure {
            Measure::Temperature(channel) => write!(f, "{channel} of {}", self.location),
            Measure::Pmbus(channel) => write!(f, "{channel} of {}", self.location),
        }
    }
}
