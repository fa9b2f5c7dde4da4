//! One FRU device in a file.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use ipmi_wire::record::fru::Fru;

use super::{
    FruFile,
    staged::{Piece, Staged},
};
use crate::platform::PlatformError;

/// The largest device that IPMI can tell the size of.
const MAX_SIZE: u64 = 0xFFFF;
/// A changed byte this close to the last one goes with it: an EEPROM takes a page as fast as a byte.
const GAP: usize = 8;

/// A device, and what clients are writing to it. Everything here blocks.
#[derive(Debug)]
pub(super) struct Device {
    name: String,
    path: PathBuf,
    unchecked: bool,
    staged: Option<Staged>,
}

impl Device {
    pub(super) fn new(about: &FruFile) -> Self {
        Self { name: about.name.clone(), path: about.path.clone(), unchecked: about.unchecked, staged: None }
    }

    /// Makes the file with FRU information that says nothing yet, where there is none and `size` is not 0.
    pub(super) fn make_missing(&self, size: u16) -> io::Result<()> {
        if size == 0 || self.path.exists() {
            return Ok(());
        }
        let empty = Fru::default().build(usize::from(size)).map_err(io::Error::other)?;
        bmc_daemon::replace_file(&self.path, &empty)
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
        let read =
            File::open(&self.path).and_then(|file| read_at(&file, u64::from(offset), usize::from(count)));
        read.map_err(|error| self.failure(&error))
    }

    /// Takes a piece of new content; whether the device has it now.
    pub(super) fn write(&mut self, now: Instant, offset: u32, data: &[u8]) -> Result<bool, PlatformError> {
        // A device that cannot be written says so to the first piece, not to the last.
        OpenOptions::new().write(true).open(&self.path).map_err(|error| self.failure(&error))?;
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
        let size = size(&self.path).ok_or(PlatformError::NotPresent)?;
        let read = File::open(&self.path).and_then(|file| read_at(&file, 0, usize::from(size)));
        read.map_err(|error| self.failure(&error))
    }

    /// Brings `image` to the medium. A file is replaced whole, so that a power cut leaves one or the other; in a chip the bytes that
    /// differ are written in place.
    fn store(&self, image: &[u8]) -> Result<(), PlatformError> {
        let stored = self.stored()?;
        let result = if is_in_sysfs(&self.path) {
            write_differences(&self.path, &stored, image)
        } else if stored == image {
            Ok(())
        } else {
            fs::canonicalize(&self.path).and_then(|path| bmc_daemon::replace_file(&path, image))
        };
        result.map_err(|error| self.failure(&error))
    }

    /// What the kernel says, in terms of the device.
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

/// Bytes of the device; `None` where it is not there.
pub(super) fn size(path: &Path) -> Option<u16> {
    let length = fs::metadata(path).ok()?.len();
    u16::try_from(length.min(MAX_SIZE)).ok()
}

fn is_in_sysfs(path: &Path) -> bool {
    nix::sys::statfs::statfs(path).is_ok_and(|about| about.filesystem_type() == nix::sys::statfs::SYSFS_MAGIC)
}

fn read_at(file: &File, offset: u64, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset + u64::try_from(filled).unwrap_or(u64::MAX);
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn write_differences(path: &Path, stored: &[u8], image: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    for range in differences(stored, image) {
        let at = u64::try_from(range.start).unwrap_or(u64::MAX);
        file.write_all_at(image.get(range).unwrap_or_default(), at)?;
    }
    Ok(())
}

/// Where `image` is not what is stored, with gaps of a few bytes closed.
fn differences(stored: &[u8], image: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for (index, byte) in image.iter().enumerate() {
        if stored.get(index) == Some(byte) {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if index - last.end < GAP => last.end = index + 1,
            _ => ranges.push(index..index + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_to_a_chip() {
        let stored = [0_u8; 64];
        let mut image = stored;
        assert!(differences(&stored, &image).is_empty());
        (image[3], image[5], image[40]) = (1, 1, 1);
        assert_eq!(differences(&stored, &image), [3..6, 40..41]);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), stored).unwrap();
        write_differences(file.path(), &stored, &image).unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), image);
    }
}
