//! Where sensors' numbers come from: hwmon's files, or chips without a driver.

use std::{fmt, path::Path, sync::Arc};

use bmc_hw::{
    hwmon::{Attribute, Binding, Hwmon as _, HwmonDevice, HwmonError, SysfsHwmon},
    i2c::I2c,
};

use crate::chip::{self, ChipError};

/// Where a sensor's number is to be found.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// An attribute of a driver of the kernel's.
    Hwmon(Attribute),
    /// A chip that has no driver.
    Chip(chip::Channel),
}

/// A place that can be read. Calls may block for as long as the device does.
pub(crate) trait Source: Send {
    /// The number now, in hwmon's unit: m°C, mV, mA, µW, RPM, 0 to 255 for PWM.
    ///
    /// # Errors
    /// [`SourceError`].
    fn read(&mut self) -> Result<i64, SourceError>;

    /// Writes a number in the same unit.
    ///
    /// # Errors
    /// [`SourceError`].
    fn write(&mut self, value: i64) -> Result<(), SourceError>;
}

/// Why a place could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Hwmon(#[from] HwmonError),
    #[error(transparent)]
    Chip(#[from] ChipError),
    /// Chips without a driver are read only.
    #[error("{0} is not written")]
    ReadOnly(chip::Channel),
}

/// What the board's sensors are read through.
#[derive(Clone)]
pub(crate) struct Hardware {
    pub(crate) hwmon: SysfsHwmon,
    pub(crate) i2c: Arc<dyn I2c>,
}

impl Place {
    /// The bus whose worker reads it: an I2C bus, or a controller of the SoC.
    pub(crate) fn bus(&self) -> String {
        match self {
            Self::Hwmon(Attribute { device: HwmonDevice::I2c { bus, .. }, .. }) => format!("i2c-{bus}"),
            Self::Hwmon(Attribute { device: HwmonDevice::Named(names), .. }) => {
                names.first().copied().unwrap_or("platform").to_owned()
            }
            Self::Chip(channel) => format!("i2c-{}", channel.location.bus),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hwmon(attribute) => attribute.fmt(f),
            Self::Chip(channel) => channel.fmt(f),
        }
    }
}

impl Hardware {
    /// hwmon below `sysfs`, and chips on `i2c`.
    pub(crate) fn new(sysfs: &Path, i2c: impl I2c + 'static) -> Self {
        Self { hwmon: SysfsHwmon::new(sysfs), i2c: Arc::new(i2c) }
    }

    /// The place, to be read.
    pub(crate) fn open(&self, place: &Place) -> Box<dyn Source> {
        match place.clone() {
            Place::Hwmon(attribute) => {
                Box::new(HwmonSource { hwmon: self.hwmon.clone(), binding: Binding::new(attribute) })
            }
            Place::Chip(channel) => Box::new(ChipSource { i2c: Arc::clone(&self.i2c), channel }),
        }
    }
}

struct HwmonSource {
    hwmon: SysfsHwmon,
    binding: Binding,
}

struct ChipSource {
    i2c: Arc<dyn I2c>,
    channel: chip::Channel,
}

impl Source for HwmonSource {
    fn read(&mut self) -> Result<i64, SourceError> {
        Ok(self.hwmon.read(&mut self.binding)?)
    }

    fn write(&mut self, value: i64) -> Result<(), SourceError> {
        Ok(self.hwmon.write(&mut self.binding, value)?)
    }
}

impl Source for ChipSource {
    fn read(&mut self) -> Result<i64, SourceError> {
        Ok(self.channel.read(&*self.i2c)?)
    }

    fn write(&mut self, _: i64) -> Result<(), SourceError> {
        Err(SourceError::ReadOnly(self.channel.clone()))
    }
}
