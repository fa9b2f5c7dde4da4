//! Transfers on I2C buses, by the kernel's character devices (`/dev/i2c-N`).

use std::path::Path;

use i2cdev::{
    core::I2CTransfer as _,
    linux::{I2CMessage as _, LinuxI2CBus, LinuxI2CError, LinuxI2CMessage},
};

/// Why a transfer failed, as far as the kernel's drivers tell (its `Documentation/i2c/fault-codes.rst`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum I2cError {
    /// Another master won the bus.
    #[error("arbitration lost")]
    ArbitrationLost,
    /// Nobody answers at the address, or a byte was not taken.
    #[error("no acknowledge")]
    NoAcknowledge,
    /// The bus is stuck.
    #[error("timeout")]
    Timeout,
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

/// The kernel's buses.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinuxI2c;

impl I2c for LinuxI2c {
    fn transfer(&self, device: &Path, address: u8, write: &[u8], count: u8) -> Result<Vec<u8>, I2cError> {
        let mut read = vec![0; count.into()];
        let mut messages = Vec::with_capacity(2);
        if !write.is_empty() {
            messages.push(LinuxI2CMessage::write(write).with_address(address.into()));
        }
        if !read.is_empty() {
            messages.push(LinuxI2CMessage::read(&mut read).with_address(address.into()));
        }
        if !messages.is_empty() {
            let mut bus = LinuxI2CBus::new(device).map_err(failure)?;
            bus.transfer(&mut messages).map_err(failure)?;
        }
        Ok(read)
    }
}

fn failure(error: LinuxI2CError) -> I2cError {
    use nix::errno::Errno;
    let number = match &error {
        LinuxI2CError::Errno(number) => Some(*number),
        LinuxI2CError::Io(error) => error.raw_os_error(),
    };
    match number.map(Errno::from_raw) {
        Some(Errno::EAGAIN) => I2cError::ArbitrationLost,
        Some(Errno::ENXIO | Errno::EREMOTEIO | Errno::ENODEV) => I2cError::NoAcknowledge,
        Some(Errno::ETIMEDOUT) => I2cError::Timeout,
        _ => I2cError::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_is_not_there_is_an_error_with_its_reason() {
        let error = LinuxI2c.transfer(Path::new("/nonexistent/i2c-9"), 0x50, &[0], 1).unwrap_err();
        assert!(matches!(error, I2cError::Failed(_)), "{error:?}");
    }

    #[test]
    fn the_kernels_errors_are_told_apart() {
        assert_eq!(failure(LinuxI2CError::Errno(6)), I2cError::NoAcknowledge);
        assert_eq!(failure(LinuxI2CError::Errno(121)), I2cError::NoAcknowledge);
        assert_eq!(failure(LinuxI2CError::Errno(11)), I2cError::ArbitrationLost);
        assert_eq!(failure(LinuxI2CError::Errno(110)), I2cError::Timeout);
    }
}
