//! hwmon attributes, found by what they belong to and never by `hwmonN`, which changes whenever a device is probed again.
//!
//! A [`Binding`] remembers where its attribute was found. When the file is gone it looks for the device once more, so that a device
//! that vanished and came back under another number is read again without anyone being told.

mod alarms;
mod error;
mod locate;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

pub use alarms::Alarm;
pub use error::HwmonError;

/// No hwmon attribute is longer; more than this is not a number and is not read.
const MAX_ATTRIBUTE: u64 = 64;

/// Which hwmon device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HwmonDevice {
    /// The driver bound to an I2C address: `<sysfs>/bus/i2c/devices/<bus>-<address>/hwmon/hwmon*`.
    I2c {
        /// I2C bus number.
        bus: u32,
        /// 7-bit address.
        address: u16,
    },
    /// Devices whose `name` is one of these (`-` counts as `_`), as for ADCs and fan controllers of the SoC. Of several, the first
    /// that has the attribute, by path.
    Named(&'static [&'static str]),
}

/// Which attribute of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The file of this name, such as `temp1_input` or `pwm3`.
    File(String),
    /// `<x>_input` where `<x>_label` says this; where no label does, the file `<label>_input`.
    Label(String),
}

/// One attribute of one device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The device.
    pub device: HwmonDevice,
    /// The attribute.
    pub selector: Selector,
}

/// An attribute and where it was last found.
#[derive(Debug)]
pub struct Binding {
    attribute: Attribute,
    path: Option<PathBuf>,
}

/// What reads and writes attributes: the kernel's files, or a test's.
///
/// Calls may block for as long as the device does.
pub trait Hwmon: Send {
    /// The attribute's number, in hwmon's unit (m°C, mV, mA, µW, RPM, 0 to 255 for PWM).
    ///
    /// # Errors
    /// [`HwmonError`]: the device is not there, does not answer, or its text is no whole number.
    fn read(&self, binding: &mut Binding) -> Result<i64, HwmonError>;

    /// Writes a number to the attribute.
    ///
    /// # Errors
    /// [`HwmonError`]: the device is not there or refuses the number.
    fn write(&self, binding: &mut Binding, value: i64) -> Result<(), HwmonError>;
}

/// The kernel's hwmon below a sysfs mount.
#[derive(Debug, Clone)]
pub struct SysfsHwmon {
    root: PathBuf,
}

impl Binding {
    /// A binding to `attribute`, which is looked for when it is first used.
    pub fn new(attribute: Attribute) -> Self {
        Self { attribute, path: None }
    }

    /// What it is bound to.
    pub fn attribute(&self) -> &Attribute {
        &self.attribute
    }
}

impl SysfsHwmon {
    /// hwmon below `sysfs`, which is `/sys` but for tests and simulated boards.
    pub fn new(sysfs: impl Into<PathBuf>) -> Self {
        Self { root: sysfs.into() }
    }

    /// Does `action` on the attribute's file; once more after looking for it anew where it has gone.
    fn with_file<T>(
        &self,
        binding: &mut Binding,
        action: impl Fn(&Path) -> Result<T, HwmonError>,
    ) -> Result<T, HwmonError> {
        if let Some(path) = &binding.path {
            match action(path) {
                Err(error) if error.is_gone() => binding.path = None,
                result => return result,
            }
        }
        let path = locate::attribute(&self.root, &binding.attribute)?;
        let result = action(&path);
        binding.path = Some(path);
        result
    }
}

impl Hwmon for SysfsHwmon {
    fn read(&self, binding: &mut Binding) -> Result<i64, HwmonError> {
        self.with_file(binding, |path| {
            let text = read_text(path).map_err(|error| HwmonError::io(path, error))?;
            parse(&text).ok_or_else(|| HwmonError::NotANumber { path: path.to_owned(), text })
        })
    }

    fn write(&self, binding: &mut Binding, value: i64) -> Result<(), HwmonError> {
        self.with_file(binding, |path| {
            // Truncating matters to a simulated board's plain file; sysfs takes no notice.
            OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(path)
                .and_then(|mut file| file.write_all(format!("{value}\n").as_bytes()))
                .map_err(|error| HwmonError::io(path, error))
        })
    }
}

/// The file's text, at most [`MAX_ATTRIBUTE`] bytes of it; what is not UTF-8 becomes U+FFFD and so no number.
fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(16);
    File::open(path)?.take(MAX_ATTRIBUTE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A decimal whole number and at most one line end, as the kernel writes it.
fn parse(text: &str) -> Option<i64> {
    text.strip_suffix('\n').unwrap_or(text).parse().ok()
}

impl fmt::Display for HwmonDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I2c { bus, address } => write!(f, "I2C device {bus}-{address:04x}"),
            Self::Named(names) => write!(f, "device {}", names.join(" or ")),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => f.write_str(name),
            Self::Label(label) => write!(f, "label `{label}`"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.selector, self.device)
    }
}
