//! The log file: entries of 96 bytes, each with a checksum, only ever appended and synced before the answer.
//!
//! A power cut can tear the last entry only; it was never answered, and opening cuts it off. An entry that went bad in the midst
//! is passed over, the file is rewritten without it, and the damaged one stays beside it as `.damaged`. A file that grew long is
//! rewritten beside the old one and renamed over it.
//!
//! Flash: an event (or a deletion) writes one entry, 96 bytes. A rewrite writes at most `capacity + 1` entries and comes after at
//! least `capacity + 15` events, so that an event costs at most 192 bytes on average; 1000 events a day are 192 kB. The file is
//! at most `2 * capacity + 16` entries long, 700 kB with the capacity as delivered.
//!
//! Entry: kind, path length, ID (LE 16), time (LE 32, seconds since the epoch), 16 record bytes, 68 path bytes, CRC-32 (LE).

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::RangeInclusive,
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

/// Record types whose bytes 3 to 6 are the time of arrival (v2.0§32.1, §32.2); others have data there (§32.3).
const HAS_TIME: [RangeInclusive<u8>; 2] = [0x02..=0x02, 0xC0..=0xDF];

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
    damaged: usize,
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
            damaged: 0,
            records: BTreeMap::new(),
            last_id: 0,
            last_addition: 0,
            last_erase: 0,
            overflow: false,
        };
        store.replay_all(&bytes);
        let good = store.entries * ENTRY;
        if good < bytes.len() {
            let torn = bytes.len() - good;
            tracing::warn!("{}: {torn} bytes after the last whole entry cut off", path.display());
            store.file.set_len(good as u64)?;
        }
        store.file.sync_all()?;
        store.sync_directory()?;
        if store.damaged > 0 {
            store.put_damage_aside()?;
        }
        Ok(store)
    }

    fn replay_all(&mut self, bytes: &[u8]) {
        let mut bad = 0;
        for entry in bytes.as_chunks::<ENTRY>().0 {
            if self.replay(entry) {
                // What follows the last good entry was torn by a power cut; what precedes one was damaged.
                self.damaged += bad;
                self.entries += bad + 1;
                bad = 0;
            } else {
                bad += 1;
            }
        }
    }

    fn put_damage_aside(&mut self) -> io::Result<()> {
        let aside = self.path.with_extension("damaged");
        tracing::error!(
            "{}: {} damaged entries lost, {} records kept; the file as it was is {}",
            self.path.display(),
            self.damaged,
            self.records.len(),
            aside.display()
        );
        match std::fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::hard_link(&self.path, &aside)?;
        self.rewrite()
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }

    /// How many entries were found damaged when the log was opened.
    pub fn damaged(&self) -> usize {
        self.damaged
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
        let next = id.checked_add(1).and_then(|next| self.records.range(next..).next());
        let next = next.map_or(0xFFFF, |(next, _)| *next);
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
        if HAS_TIME.iter().any(|types| types.contains(&record[2])) {
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

    /// The log in the fewest entries.
    fn compacted(&self) -> Vec<u8> {
        let mut state = [0; 16];
        state[..4].copy_from_slice(&self.last_addition.to_le_bytes());
        state[4..6].copy_from_slice(&self.last_id.to_le_bytes());
        state[6] = u8::from(self.overflow);
        let mut bytes = Vec::new();
        for (id, stored) in &self.records {
            bytes.extend(encode(ADD, *id, 0, &stored.record, &stored.path));
        }
        bytes.extend(encode(STATE, 0, self.last_erase, &state, ""));
        bytes
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all(&self.compacted())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        // From here on this is the log, whether or not the directory can be synced.
        (self.file, self.entries) = (file, self.records.len() + 1);
        self.sync_directory()
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
mod tests;
