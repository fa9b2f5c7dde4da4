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
        if self.unchecked {
            return self.write_unchecked(offset, data).map(|()| true);
        }
        self.drop_abandoned(now);
        // A chip is slow to read: once for each write at most, and not at all for a piece that is held.
        let stored = if self.staged.is_none() { Some(self.stored()?) } else { None };
        let image = stored.as_deref().or(self.staged.as_ref().map(Staged::image)).unwrap_or_default();
        match Staged::put(image.to_vec(), now, offset, data) {
            Piece::TooLong => Err(PlatformError::NotPresent),
            Piece::Held(staged) => {
                self.staged = Some(staged);
                Ok(false)
            }
            Piece::Whole(image) => {
                let stored = stored.map_or_else(|| self.stored(), Ok)?;
                self.store(0, &stored, &image)?;
                self.staged = None;
                Ok(true)
            }
        }
    }

    /// Writes a piece without a look at the rest.
    fn write_unchecked(&self, offset: usize, data: &[u8]) -> Result<(), PlatformError> {
        let size = self.medium.size().map_err(|error| self.failure(&error))?;
        if offset.saturating_add(data.len()) > usize::from(size) {
            return Err(PlatformError::NotPresent);
        }
        let at = u64::try_from(offset).unwrap_or(u64::MAX);
        let stored = self.medium.read(at, data.len()).map_err(|error| self.failure(&error))?;
        self.store(offset, &stored, data)
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
        self.store(0, &stored, &whole)?;
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

    fn store(&self, offset: usize, stored: &[u8], new: &[u8]) -> Result<(), PlatformError> {
        self.medium.write(offset, stored, new).map_err(|error| self.failure(&error))
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
