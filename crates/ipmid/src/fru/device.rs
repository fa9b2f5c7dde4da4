//! One FRU device.

use std::{io, time::Instant};

use ipmi_wire::record::fru::Fru;

use super::{
    medium::Medium,
    staged::{Piece, Staged},
};
use crate::platform::PlatformError;

/// A device, and what clients are writing to it. Everything here blocks.
#[derive(Debug)]
pub(super) struct Device {
    name: String,
    medium: Box<dyn Medium>,
    unchecked: bool,
    staged: Option<Staged>,
}

impl Device {
    /// The device that has its bytes on `medium`; `unchecked` takes what is no FRU information, too.
    pub(super) fn new(name: String, medium: Box<dyn Medium>, unchecked: bool) -> Self {
        Self { name, medium, unchecked, staged: None }
    }

    /// Whether it is there.
    pub(super) fn is_present(&self) -> bool {
        self.medium.size().is_ok()
    }

    /// All bytes, with what is being written.
    pub(super) fn image(&mut self, now: Instant) -> Result<Vec<u8>, PlatformError> {
        self.drop_abandoned(now);
        match &self.staged {
            Some(staged) => Ok(staged.image().to_vec()),
            None => self.stored(),
        }
    }

    /// At most `count` bytes from `offset` on; fewer at the end.
    pub(super) fn read(&mut self, now: Instant, offset: u32, count: u16) -> Result<Vec<u8>, PlatformError> {
        self.drop_abandoned(now);
        if let Some(staged) = &self.staged {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = staged.image().get(from..).unwrap_or_default();
            return Ok(rest.get(..usize::from(count)).unwrap_or(rest).to_vec());
        }
        let read = self.medium.read(u64::from(offset), usize::from(count));
        read.map_err(|error| self.failure(&error))
    }

    /// Takes a piece of new content; whether the device has it now.
    pub(super) fn write(&mut self, now: Instant, offset: u32, data: &[u8]) -> Result<bool, PlatformError> {
        // A device that cannot be written says so to the first piece, not to the last.
        self.medium.check_writable().map_err(|error| self.failure(&error))?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        match Staged::put(self.image(now)?, now, offset, data) {
            Piece::TooLong => Err(PlatformError::NotPresent),
            Piece::Held(staged) if self.unchecked => {
                self.store(staged.image())?;
                Ok(true)
            }
            Piece::Held(staged) => {
                self.staged = Some(staged);
                Ok(false)
            }
            Piece::Whole(image) => {
                self.store(&image)?;
                self.staged = None;
                Ok(true)
            }
        }
    }

    /// Replaces all of it: zeros follow an image that is shorter than the device.
    pub(super) fn replace(&mut self, image: &[u8], force: bool) -> Result<(), PlatformError> {
        let stored = self.stored()?;
        if image.len() > stored.len() {
            let (needed, size) = (image.len(), stored.len());
            return Err(PlatformError::Refused(format!("{needed} bytes do not fit into {size}")));
        }
        if !force && let Err(wrong) = Fru::parse(image) {
            return Err(PlatformError::Refused(wrong.to_string()));
        }
        let mut whole = image.to_vec();
        whole.resize(stored.len(), 0);
        self.store(&whole)?;
        self.staged = None;
        Ok(())
    }

    fn drop_abandoned(&mut self, now: Instant) {
        if let Some(staged) = self.staged.take_if(|staged| staged.is_abandoned(now)) {
            tracing::warn!(
                "fru `{}`: what was written is dropped, {}: the device is as it was",
                self.name,
                staged.wrong()
            );
        }
    }

    fn stored(&self) -> Result<Vec<u8>, PlatformError> {
        let size = self.medium.size().map_err(|error| self.failure(&error))?;
        self.medium.read(0, usize::from(size)).map_err(|error| self.failure(&error))
    }

    fn store(&self, image: &[u8]) -> Result<(), PlatformError> {
        let stored = self.stored()?;
        self.medium.write(&stored, image).map_err(|error| self.failure(&error))
    }

    /// What the medium says, in terms of the device.
    fn failure(&self, error: &io::Error) -> PlatformError {
        use io::ErrorKind::{
            NotFound, PermissionDenied, ReadOnlyFilesystem, ResourceBusy, TimedOut, WouldBlock,
        };
        match error.kind() {
            NotFound => PlatformError::NotPresent,
            PermissionDenied | ReadOnlyFilesystem => PlatformError::WriteProtected,
            ResourceBusy | WouldBlock | TimedOut => PlatformError::Busy,
            _ => PlatformError::Failed(format!("fru `{}`: {error}", self.name)),
        }
    }
}
