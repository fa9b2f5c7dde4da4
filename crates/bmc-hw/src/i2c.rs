//! Transfers on I2C buses, by the kernel's character devices (`/dev/i2c-N`).

use std::path::Path;

use i2cdev::{
    core::I2CTransfer,
    linux::{I2CMessage as _, LinuxI2CBus, LinuxI2CDevice, LinuxI2CError, LinuxI2CMessage},
};
use nix::errno::Errno;

/// Why a transfer failed, as far as the kernel's drivers tell (its `Documentation/i2c/fault-codes.rst`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum I2cError {
    /// Another master won the bus.
    #[error("arbitration lost")]
    ArbitrationLost,
    /// Nobody answers at the address, or a byte was not taken.
    #[error("no acknowledge")]
    NoAcknowledge,
    /// The bus is stuck, or does not become free.
    #[error("timeout")]
    Timeout,
    /// A driver of the kernel's has the address, and talking past it would confuse it.
    #[error("a driver of the kernel's holds the address")]
    Held,
    /// Anything else: there is no such bus, or no right to it.
    #[error("{0}")]
    Failed(String),
}

/// The I2C buses of the board.
pub trait I2c: Send + Sync {
    /// Writes `write` to `address` (seven bits) on the bus `device`, then, without giving the bus away, reads `count` bytes. Either
    /// may be nothing. Blocks for as long as the bus' driver waits, a second or so.
    ///
    /// # Errors
    /// [`I2cError`].
    fn transfer(&self, device: &Path, address: u8, write: &[u8], count: u8) -> Result<Vec<u8>, I2cError>;
}

/// The kernel's buses, and on them every device, whether or not a driver of the kernel's has it as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinuxI2c;

/// The kernel's buses, and on them the devices that no driver of the kernel's holds; others are [`I2cError::Held`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DriverlessI2c;

impl I2c for LinuxI2c {
    fn transfer(&self, device: &Path, address: u8, write: &[u8], count: u8) -> Result<Vec<u8>, I2cError> {
        exchange(|| LinuxI2CBus::new(device).map_err(failure), address, write, count)
    }
}

impl I2c for DriverlessI2c {
    fn transfer(&self, device: &Path, address: u8, write: &[u8], count: u8) -> Result<Vec<u8>, I2cError> {
        // Asked anew each time: a driver may have been bound meanwhile.
        let open = || LinuxI2CDevice::new(device, address.into()).map_err(refusal);
        exchange(open, address, write, count)
    }
}

/// One transfer over what `open` gives. Nothing to transfer opens nothing.
fn exchange<B>(
    open: impl FnOnce() -> Result<B, I2cError>,
    address: u8,
    write: &[u8],
    count: u8,
) -> Result<Vec<u8>, I2cError>
where
    B: for<'a> I2CTransfer<'a, Error = LinuxI2CError, Message = LinuxI2CMessage<'a>>,
{
    let mut read = vec![0; count.into()];
    let mut messages = Vec::with_capacity(2);
    if !write.is_empty() {
        messages.push(LinuxI2CMessage::write(write).with_address(address.into()));
    }
    if !read.is_empty() {
        messages.push(LinuxI2CMessage::read(&mut read).with_address(address.into()));
    }
    if !messages.is_empty() {
        open()?.transfer(&mut messages).map_err(failure)?;
    }
    Ok(read)
}

/// Why a device cannot be had: to a request for it, and to no other, `EBUSY` says that a driver holds it.
fn refusal(error: LinuxI2CError) -> I2cError {
    match errno(&error) {
        Some(Errno::EBUSY) => I2cError::Held,
        _ => failure(error),
    }
}

fn failure(error: LinuxI2CError) -> I2cError {
    match errno(&error) {
        Some(Errno::EAGAIN) => I2cError::ArbitrationLost,
        Some(Errno::ENXIO | Errno::EREMOTEIO | Errno::ENODEV) => I2cError::NoAcknowledge,
        Some(Errno::ETIMEDOUT | Errno::EBUSY) => I2cError::Timeout,
        _ => I2cError::Failed(error.to_string()),
    }
}

fn errno(error: &LinuxI2CError) -> Option<Errno> {
    let number = match error {
        LinuxI2CError::Errno(number) => Some(*number),
        LinuxI2CError::Io(error) => error.raw_os_error(),
    };
    number.map(Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_is_not_there_is_an_error_with_its_reason() {
        let buses: [&dyn I2c; 2] = [&LinuxI2c, &DriverlessI2c];
        for bus in buses {
            let error = bus.transfer(Path::new("/nonexistent/i2c-9"), 0x50, &[0], 1).unwrap_err();
            assert!(matches!(error, I2cError::Failed(_)), "{error:?}");
        }
    }

    #[test]
    fn the_kernels_errors_are_told_apart() {
        assert_eq!(failure(LinuxI2CError::Errno(6)), I2cError::NoAcknowledge);
        assert_eq!(failure(LinuxI2CError::Errno(121)), I2cError::NoAcknowledge);
        assert_eq!(failure(LinuxI2CError::Errno(11)), I2cError::ArbitrationLost);
        assert_eq!(failure(LinuxI2CError::Errno(110)), I2cError::Timeout);
        assert_eq!(failure(LinuxI2CError::Errno(16)), I2cError::Timeout, "the bus is busy");
        assert_eq!(refusal(LinuxI2CError::Errno(16)), I2cError::Held, "the device is a driver's");
    }
}
