//! What a FRU device's bytes stand on: a file, or a chip that has no driver.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    path::PathBuf,
};

/// The largest device that IPMI can tell the size of.
const MAX_SIZE: u64 = 0xFFFF;
/// A changed byte this close to the last one goes with it: an EEPROM takes a page as fast as a byte.
const GAP: usize = 8;

/// A medium. Everything here blocks. Of errors the kinds count: `NotFound` is a device that is not there, `PermissionDenied` one that
/// cannot be written, `TimedOut` one that is busy.
pub(super) trait Medium: fmt::Debug + Send {
    /// Bytes that it has.
    ///
    /// # Errors
    /// `NotFound` where it is not there.
    fn size(&self) -> io::Result<u16>;

    /// At most `count` bytes from `offset` on; fewer at the end.
    ///
    /// # Errors
    /// What the medium says.
    fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>>;

    /// Says what can be said of writing without writing.
    ///
    /// # Errors
    /// What the medium says.
    fn check_writable(&self) -> io::Result<()>;

    /// Brings `new` to `offset` of the medium, which holds `stored` there, as long and within its size.
    ///
    /// # Errors
    /// What the medium says. Part of what is new may then be on it.
    fn write(&self, offset: usize, stored: &[u8], new: &[u8]) -> io::Result<()>;
}

/// A file: any, or the `eeprom` of an at24 device in sysfs.
#[derive(Debug, Clone)]
pub(super) struct FileMedium(pub(super) PathBuf);

impl Medium for FileMedium {
    fn size(&self) -> io::Result<u16> {
        let length = fs::metadata(&self.0)?.len();
        Ok(u16::try_from(length.min(MAX_SIZE)).unwrap_or(u16::MAX))
    }

    fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let file = File::open(&self.0)?;
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

    fn check_writable(&self) -> io::Result<()> {
        OpenOptions::new().write(true).open(&self.0).map(drop)
    }

    /// A file is replaced whole, so that a power cut leaves one or the other; in a chip the bytes that differ are written in place.
    fn write(&self, offset: usize, stored: &[u8], new: &[u8]) -> io::Result<()> {
        if self.is_in_sysfs() {
            return self.write_differences(offset, stored, new);
        }
        if stored == new {
            return Ok(());
        }
        let path = fs::canonicalize(&self.0)?;
        let mut image = self.read(0, usize::from(self.size()?))?;
        let place = image.get_mut(offset..offset.saturating_add(new.len()));
        place.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(new);
        bmc_daemon::replace_file(&path, &image)
    }
}

impl FileMedium {
    fn is_in_sysfs(&self) -> bool {
        nix::sys::statfs::statfs(&self.0)
            .is_ok_and(|about| about.filesystem_type() == nix::sys::statfs::SYSFS_MAGIC)
    }

    fn write_differences(&self, offset: usize, stored: &[u8], new: &[u8]) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.0)?;
        for range in differences(stored, new) {
            let at = u64::try_from(offset + range.start).unwrap_or(u64::MAX);
            file.write_all_at(new.get(range).unwrap_or_default(), at)?;
        }
        Ok(())
    }
}

/// Where `new` is not what is stored, with gaps of a few bytes closed.
pub(super) fn differences(stored: &[u8], new: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (index, byte) in new.iter().enumerate() {
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
        FileMedium(file.path().to_owned()).write_differences(0, &stored, &image).unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), image);
        FileMedium(file.path().to_owned()).write_differences(40, &[1, 0], &[1, 7]).unwrap();
        image[41] = 7;
        assert_eq!(fs::read(file.path()).unwrap(), image);
    }
}
