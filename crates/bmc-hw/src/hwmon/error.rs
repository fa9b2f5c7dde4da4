//! What can be wrong with an attribute.

use std::{
    io,
    path::{Path, PathBuf},
};

use nix::errno::Errno;

use super::Attribute;

/// Why an attribute could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HwmonError {
    /// The device or the attribute is not there: no driver, no power, pulled out.
    #[error("there is no {0}")]
    Absent(Attribute),
    /// The kernel says no; an I2C device that does not answer gives `EIO`, `ENXIO` or `ETIMEDOUT`.
    #[error("{path}: {source}")]
    Io {
        /// The attribute's file.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The file does not hold a whole number.
    #[error("{path}: {text:?} is no whole number")]
    NotANumber {
        /// The attribute's file.
        path: PathBuf,
        /// What it holds, cut off where it is long.
        text: String,
    },
}

impl HwmonError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    /// Whether the file has gone rather than its device being ill: `ENODEV` is what an open attribute of a removed device says.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                source.kind() == io::ErrorKind::NotFound
                    || source.raw_os_error() == Some(Errno::ENODEV as i32)
                    || source.raw_os_error() == Some(Errno::ENOTDIR as i32)
            }
            Self::Absent(_) => true,
            Self::NotANumber { .. } => false,
        }
    }
}
