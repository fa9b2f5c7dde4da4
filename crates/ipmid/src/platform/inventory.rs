//! FRU inventory areas.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{Pending, PlatformError};

/// The seam to the FRU devices of the board.
pub trait Inventory: Send + Sync {
    /// The FRU devices that exist now, by ID.
    fn list(&self) -> Vec<FruDevice>;
    /// At most `count` bytes of device `id` from `offset` on; fewer at its end.
    fn read(&self, id: u8, offset: u16, count: u8) -> Pending<'_, Vec<u8>>;
}

/// A FRU device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruDevice {
    /// FRU device ID, 0 to FEh.
    pub id: u8,
    /// Its name.
    pub name: String,
    /// Size of its inventory area in bytes.
    pub size: u16,
    /// Entity ID and instance of what it describes.
    pub entity: (u8, u8),
}

/// `[[fru]]` in `ipmid.toml`: an inventory area in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FruFile {
    /// FRU device ID, 0 to FEh; 0 describes the BMC's own board.
    pub id: u8,
    /// Its name, at most 16 characters.
    pub name: String,
    /// The `eeprom` file of an at24 device in sysfs, or any file.
    pub path: PathBuf,
    /// Entity ID (v2.0 table 43-13); system board where it is not given.
    #[serde(default = "system_board")]
    pub entity: u8,
    /// Entity instance, 1 where it is not given.
    #[serde(default = "first")]
    pub instance: u8,
}

fn system_board() -> u8 {
    0x07
}

fn first() -> u8 {
    1
}

/// Inventory areas in files. A file that does not exist is a FRU that is not there.
#[derive(Debug, Default)]
pub struct FruFiles {
    files: Vec<FruFile>,
}

impl FruFiles {
    /// These files. Of two with one ID, and for ID FFh, which is reserved, the first word counts: they are passed over with a
    /// warning.
    pub fn new(files: Vec<FruFile>) -> Self {
        let mut kept: Vec<FruFile> = Vec::new();
        for file in files {
            if file.id == u8::MAX || kept.iter().any(|other| other.id == file.id) {
                tracing::warn!("fru `{}`: id {} is reserved or in use", file.name, file.id);
            } else {
                kept.push(file);
            }
        }
        kept.sort_by_key(|file| file.id);
        Self { files: kept }
    }
}

impl Inventory for FruFiles {
    fn list(&self) -> Vec<FruDevice> {
        let existing = self.files.iter().filter_map(|file| Some((file, size(&file.path)?)));
        let device = |(file, size): (&FruFile, u16)| FruDevice {
            id: file.id,
            name: file.name.clone(),
            size,
            entity: (file.entity, file.instance),
        };
        existing.map(device).collect()
    }

    fn read(&self, id: u8, offset: u16, count: u8) -> Pending<'_, Vec<u8>> {
        let path = self.files.iter().find(|file| file.id == id).map(|file| file.path.clone());
        Box::pin(async move {
            let path = path.ok_or(PlatformError::NotPresent)?;
            // An EEPROM on a slow bus takes tens of milliseconds: not on the runtime's thread.
            let read = tokio::task::spawn_blocking(move || read(&path, offset, count)).await;
            match read.map_err(io::Error::other).flatten() {
                Ok(bytes) => Ok(bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(PlatformError::NotPresent),
                Err(error) => Err(PlatformError::Failed(format!("fru {id}: {error}"))),
            }
        })
    }
}

fn size(path: &Path) -> Option<u16> {
    let length = std::fs::metadata(path).ok()?.len();
    Some(u16::try_from(length).unwrap_or(u16::MAX))
}

fn read(path: &Path, offset: u16, count: u8) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = vec![0; usize::from(count)];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = u64::from(offset) + u64::try_from(filled).unwrap_or(u64::MAX);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: u8, path: &Path) -> FruFile {
        FruFile { id, name: format!("F{id}"), path: path.to_owned(), entity: 7, instance: 1 }
    }

    #[tokio::test]
    async fn only_files_that_exist_are_devices_and_reads_end_where_they_end() {
        let dir = tempfile::tempdir().unwrap();
        let (there, missing) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&there, [1, 2, 3, 4, 5]).unwrap();
        let frus =
            FruFiles::new(vec![file(3, &missing), file(1, &there), file(1, &missing), file(255, &there)]);
        assert_eq!(frus.list().iter().map(|fru| (fru.id, fru.size)).collect::<Vec<_>>(), [(1, 5)]);
        assert_eq!(frus.read(1, 3, 200).await, Ok(vec![4, 5]));
        assert_eq!(frus.read(1, 9, 1).await, Ok(vec![]));
        assert_eq!(frus.read(3, 0, 1).await, Err(PlatformError::NotPresent));
        assert_eq!(frus.read(9, 0, 1).await, Err(PlatformError::NotPresent));
    }
}
