//! The log file: entries of 96 bytes, each with a checksum, only ever appended and synced before the answer.
//!
//! A power cut can tear the last entry only; it was never answered, and opening cuts it off. A file that grew long is
//! rewritten beside the old one and renamed over it.
//!
//! Entry: kind, path length, ID (LE 16), time (LE 32, seconds since the epoch), 16 record bytes, 68 path bytes, CRC-32 (LE).

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

/// Bytes of an entry.
pub const ENTRY: usize = 96;
const PATH_BYTES: usize = 68;

const ADD: u8 = 1;
const DELETE: u8 = 2;
const CLEAR: u8 = 3;
const OVERFLOW: u8 = 4;
/// The first of a rewritten file: time = last erase, record = last addition (LE 32), highest ID given (LE 16), overflow.
const STATE: u8 = 5;

/// Why the log refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No record has this ID.
    #[error("no record has this id")]
    NotPresent,
    /// The log is full; the overflow flag is set.
    #[error("the log is full\nhint: `Clear` it, or delete records")]
    Full,
    /// The medium fails.
    #[error("the log file: {0}")]
    Io(#[from] io::Error),
}

/// A record and the D-Bus path that its event came from, shortened to 68 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// As in v2.0§32, ID and timestamp filled in.
    pub record: [u8; 16],
    /// Empty where the event named none.
    pub path: String,
}

/// The log.
#[derive(Debug)]
pub struct Store {
    file: File,
    path: PathBuf,
    capacity: usize,
    entries: usize,
    records: BTreeMap<u16, Stored>,
    last_id: u16,
    /// When a record was last added, seconds since the epoch.
    pub last_addition: u32,
    /// When records were last deleted.
    pub last_erase: u32,
    /// Whether a record was refused since the last `Clear`.
    pub overflow: bool,
}

impl Store {
    /// Opens or makes the log, and cuts off what a power cut tore.
    ///
    /// # Errors
    /// [`io::Error`] of the file.
    pub fn open(path: &Path, capacity: usize) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut store = Self {
            file,
            path: path.to_owned(),
            capacity,
            entries: 0,
            records: BTreeMap::new(),
            last_id: 0,
            last_addition: 0,
            last_erase: 0,
            overflow: false,
        };
        for entry in bytes.as_chunks::<ENTRY>().0 {
            if !store.replay(entry) {
                break;
            }
            store.entries += 1;
        }
        let good = store.entries * ENTRY;
        if good < bytes.len() {
            tracing::warn!(
                "{}: {} bytes after the last whole entry cut off",
                path.display(),
                bytes.len() - good
            );
            store.file.set_len(good as u64)?;
        }
        store.file.sync_all()?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(store)
    }

    /// All records, by ID.
    pub fn records(&self) -> &BTreeMap<u16, Stored> {
        &self.records
    }

    /// How many more fit.
    pub fn free(&self) -> usize {
        self.capacity.saturating_sub(self.records.len())
    }

    /// The record `id` (0 = first, FFFFh = last) and the next one's ID.
    pub fn get(&self, id: u16) -> Option<(u16, u16, &Stored)> {
        let (id, stored) = match id {
            0 => self.records.first_key_value()?,
            0xFFFF => self.records.last_key_value()?,
            id => self.records.get_key_value(&id)?,
        };
        let next = self.records.range(id + 1..).next().map_or(0xFFFF, |(next, _)| *next);
        Some((*id, next, stored))
    }

    /// Adds a record; it is on the medium when this returns.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the medium's.
    pub fn add(&mut self, now: u32, mut record: [u8; 16], path: &str) -> Result<u16, StoreError> {
        if self.free() == 0 {
            if !self.overflow {
                self.append(&encode(OVERFLOW, 0, now, &[0; 16], ""))?;
            }
            return Err(StoreError::Full);
        }
        let id = self.next_id();
        let [low, high] = id.to_le_bytes();
        (record[0], record[1]) = (low, high);
        // OEM records from E0h have data where the others have the time (v2.0§32.3).
        if record[2] < 0xE0 {
            record[3..7].copy_from_slice(&now.to_le_bytes());
        }
        self.append(&encode(ADD, id, now, &record, path))?;
        Ok(id)
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// [`StoreError::NotPresent`], or the medium's.
    pub fn delete(&mut self, now: u32, id: u16) -> Result<u16, StoreError> {
        let (id, ..) = self.get(id).ok_or(StoreError::NotPresent)?;
        self.append(&encode(DELETE, id, now, &[0; 16], ""))?;
        Ok(id)
    }

    /// Deletes all records.
    ///
    /// # Errors
    /// The medium's.
    pub fn clear(&mut self, now: u32) -> Result<(), StoreError> {
        self.append(&encode(CLEAR, 0, now, &[0; 16], ""))?;
        Ok(())
    }

    /// IDs go up, so that a client never takes a new record for an old one; after FFFEh the free ones are used again.
    fn next_id(&self) -> u16 {
        let after = (self.last_id.saturating_add(1)..0xFFFF).chain(1..0xFFFF);
        after.into_iter().find(|id| !self.records.contains_key(id)).unwrap_or(0xFFFE)
    }

    fn append(&mut self, entry: &[u8; ENTRY]) -> io::Result<()> {
        if self.entries >= self.capacity * 2 + 16 {
            self.rewrite()?;
        }
        let end = (self.entries * ENTRY) as u64;
        self.file.seek(SeekFrom::Start(end))?;
        self.file.write_all(entry)?;
        self.file.sync_data()?;
        self.replay(entry);
        self.entries += 1;
        Ok(())
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let mut state = [0; 16];
        state[..4].copy_from_slice(&self.last_addition.to_le_bytes());
        state[4..6].copy_from_slice(&self.last_id.to_le_bytes());
        state[6] = u8::from(self.overflow);
        let mut bytes = Vec::new();
        for (id, stored) in &self.records {
            bytes.extend(encode(ADD, *id, 0, &stored.record, &stored.path));
        }
        bytes.extend(encode(STATE, 0, self.last_erase, &state, ""));
        let temporary = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        (self.file, self.entries) = (file, self.records.len() + 1);
        Ok(())
    }

    /// Takes an entry in; `false` where it is torn.
    fn replay(&mut self, entry: &[u8; ENTRY]) -> bool {
        let (body, sum) = entry.split_at(ENTRY - 4);
        if crc32(body).to_le_bytes() != sum {
            return false;
        }
        let id = u16::from_le_bytes([entry[2], entry[3]]);
        let time = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let mut record = [0; 16];
        record.copy_from_slice(&entry[8..24]);
        match entry[0] {
            ADD => {
                let length = usize::from(entry[1]).min(PATH_BYTES);
                let path = String::from_utf8_lossy(&entry[24..24 + length]).into_owned();
                self.records.insert(id, Stored { record, path });
                (self.last_id, self.last_addition) = (id, time);
            }
            DELETE => {
                self.records.remove(&id);
                self.last_erase = time;
            }
            CLEAR => {
                self.records.clear();
                (self.last_erase, self.overflow) = (time, false);
            }
            OVERFLOW => self.overflow = true,
            STATE => {
                self.last_erase = time;
                self.last_addition = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
                self.last_id = u16::from_le_bytes([record[4], record[5]]);
                self.overflow = record[6] != 0;
            }
            _ => return false,
        }
        true
    }
}

fn encode(kind: u8, id: u16, time: u32, record: &[u8; 16], path: &str) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    let path = path.as_bytes().get(..PATH_BYTES).unwrap_or(path.as_bytes());
    entry[0] = kind;
    entry[1] = u8::try_from(path.len()).unwrap_or(0);
    entry[2..4].copy_from_slice(&id.to_le_bytes());
    entry[4..8].copy_from_slice(&time.to_le_bytes());
    entry[8..24].copy_from_slice(record);
    entry[24..24 + path.len()].copy_from_slice(path);
    let sum = crc32(&entry[..ENTRY - 4]);
    entry[ENTRY - 4..].copy_from_slice(&sum.to_le_bytes());
    entry
}

/// CRC-32 of IEEE 802.3, bit by bit: 96 bytes at a time need no table.
fn crc32(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 16] = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 9, 1, 0x57, 2, 3];

    #[test]
    fn a_write_torn_at_any_byte_loses_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sel");
        let mut store = Store::open(&path, 10).unwrap();
        store.add(5, RECORD, "/a").unwrap();
        store.add(6, RECORD, "/b").unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in ENTRY..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut torn = Store::open(&path, 10).unwrap();
            assert_eq!(torn.records().len(), 1, "{length}");
            assert_eq!(torn.add(7, RECORD, "/c").unwrap(), 2);
            drop(torn);
            assert_eq!(Store::open(&path, 10).unwrap().records().len(), 2, "{length}");
        }
    }

    #[test]
    fn a_restart_keeps_everything_and_ids_stay_even_after_the_file_was_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sel");
        let mut store = Store::open(&path, 3).unwrap();
        let kept = store.add(1, RECORD, "/kept").unwrap();
        for time in 2..60 {
            let id = store.add(time, RECORD, "").unwrap();
            store.delete(time, id).unwrap();
        }
        let again = Store::open(&path, 3).unwrap();
        assert_eq!(again.records(), store.records());
        assert_eq!(
            again.get(0).map(|(id, next, stored)| (id, next, stored.path.as_str())),
            Some((kept, 0xFFFF, "/kept"))
        );
        assert_eq!((again.last_addition, again.last_erase, again.last_id), (59, 59, store.last_id));
        assert!(std::fs::metadata(&path).unwrap().len() < 40 * 96);
    }

    #[test]
    fn a_full_log_refuses_and_remembers_the_overflow_until_it_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sel");
        let mut store = Store::open(&path, 1).unwrap();
        store.add(1, RECORD, "").unwrap();
        assert!(matches!(store.add(2, RECORD, ""), Err(StoreError::Full)));
        let mut store = Store::open(&path, 1).unwrap();
        assert!(store.overflow);
        store.clear(3).unwrap();
        assert!(!store.overflow && store.records().is_empty() && store.last_erase == 3);
    }
}
