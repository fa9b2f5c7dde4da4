//! The log file: entries of 96 bytes, each with a checksum, only ever appended and synced before the answer.
//!
//! A power cut can tear what was being appended only; it was never answered, and opening cuts it off. An entry that went bad in the
//! midst is passed over, the file is rewritten without it, and the damaged one stays beside it as `.damaged`. A file that grew long
//! is rewritten beside the old one and renamed over it.
//!
//! Flash: an event (or a deletion) writes one entry, 96 bytes. A rewrite writes at most `capacity + 1` entries and comes after at
//! least `capacity + 15` entries, so that an event costs at most 192 bytes on average; 1000 events a day are 192 kB. The file is
//! at most `2 * capacity + 16` entries long, 700 kB with the capacity as delivered. Events that come together are written together
//! and synced once.

mod entry;
mod medium;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::RangeInclusive,
    path::Path,
};

pub use entry::{ENTRY, shortened};
use entry::{Entry, Kind};
pub use medium::{Directory, Medium, Name};

/// Record types whose bytes 3 to 6 are a time (v2.0§32.1, §32.2); others have data there (§32.3).
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

/// A record to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// As in v2.0§32; the ID is given when it is added.
    pub bytes: [u8; 16],
    /// When it happened, in the log's time; for types that have a time.
    pub at: u32,
    /// The object that the event came from; empty where it names none.
    pub path: String,
}

impl NewRecord {
    /// Its bytes under `id`; 0 is no record's.
    pub(crate) fn numbered(&self, id: u16) -> [u8; 16] {
        let mut record = self.bytes;
        let [low, high] = id.to_le_bytes();
        (record[0], record[1]) = (low, high);
        if HAS_TIME.iter().any(|types| types.contains(&record[2])) {
            record[3..7].copy_from_slice(&self.at.to_le_bytes());
        }
        record
    }
}

/// The log.
#[derive(Debug)]
pub struct Store<M = Directory> {
    medium: M,
    capacity: usize,
    entries: usize,
    damaged: usize,
    records: BTreeMap<u16, Stored>,
    last_id: u16,
    /// When a record was last added, in the log's time.
    pub last_addition: u32,
    /// When records were last deleted.
    pub last_erase: u32,
    /// Whether a record was refused since the last `Clear`.
    pub overflow: bool,
    /// How often records were deleted since the log was opened.
    pub erasures: u32,
}

impl Store {
    /// Opens or makes the log at `path`, and cuts off what a power cut tore.
    ///
    /// # Errors
    /// [`io::Error`] of the file.
    pub fn open(path: &Path, capacity: usize) -> io::Result<Self> {
        Self::open_on(Directory::new(path), capacity)
    }
}

impl<M: Medium> Store<M> {
    /// Opens or makes the log on `medium`.
    ///
    /// # Errors
    /// The medium's.
    pub fn open_on(mut medium: M, capacity: usize) -> io::Result<Self> {
        let bytes = match medium.read(Name::Log)? {
            Some(bytes) => bytes,
            None => {
                medium.create(Name::Log)?;
                Vec::new()
            }
        };
        let mut store = Self {
            medium,
            capacity,
            entries: 0,
            damaged: 0,
            records: BTreeMap::new(),
            last_id: 0,
            last_addition: 0,
            last_erase: 0,
            overflow: false,
            erasures: 0,
        };
        store.replay_all(&bytes);
        store.cut_off_what_was_torn(bytes.len())?;
        if store.damaged > 0 {
            store.put_damage_aside()?;
        }
        store.erasures = 0;
        Ok(store)
    }

    fn replay_all(&mut self, bytes: &[u8]) {
        let mut bad = 0;
        for bytes in bytes.as_chunks::<ENTRY>().0 {
            if let Some(entry) = Entry::from_bytes(bytes) {
                self.replay(entry);
                // What follows the last good entry was torn by a power cut; what precedes one was damaged.
                self.damaged += bad;
                self.entries += bad + 1;
                bad = 0;
            } else {
                bad += 1;
            }
        }
    }

    fn cut_off_what_was_torn(&mut self, length: usize) -> io::Result<()> {
        let good = self.entries * ENTRY;
        if good < length {
            tracing::warn!("{} bytes after the last whole entry of the log cut off", length - good);
            self.medium.truncate(Name::Log, good as u64)?;
        }
        self.medium.sync(Name::Log)?;
        self.medium.sync_directory()
    }

    fn put_damage_aside(&mut self) -> io::Result<()> {
        tracing::error!(
            "{} damaged entries of the log lost, {} records kept; the file as it was is beside it, as .damaged",
            self.damaged,
            self.records.len(),
        );
        self.medium.put_aside()?;
        self.rewrite()
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
        Some((*id, self.after(*id), stored))
    }

    fn after(&self, id: u16) -> u16 {
        let next = id.checked_add(1).and_then(|next| self.records.range(next..).next());
        next.map_or(0xFFFF, |(next, _)| *next)
    }

    /// Adds a record; it is on the medium when this returns.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the medium's.
    pub fn add(&mut self, now: u32, record: NewRecord) -> Result<u16, StoreError> {
        match self.add_all(now, vec![record])?.first() {
            Some(Some(id)) => Ok(*id),
            _ => Err(StoreError::Full),
        }
    }

    /// Adds records with one write and one sync; the IDs of those that fitted. All or none is on the medium when this returns.
    ///
    /// # Errors
    /// The medium's.
    pub fn add_all(&mut self, now: u32, records: Vec<NewRecord>) -> io::Result<Vec<Option<u16>>> {
        let (mut entries, mut ids, mut taken) = (Vec::new(), Vec::new(), BTreeSet::new());
        let (mut last, free) = (self.last_id, self.free());
        let mut overflow = self.overflow;
        for record in records {
            if taken.len() < free {
                let id = self.next_id(last, &taken);
                let bytes = record.numbered(id);
                entries.push(Entry { kind: Kind::Add, id, time: now, record: bytes, path: record.path });
                taken.insert(id);
                last = id;
                ids.push(Some(id));
            } else {
                if !std::mem::replace(&mut overflow, true) {
                    entries.push(Entry::of(Kind::Overflow, 0, now));
                }
                ids.push(None);
            }
        }
        self.append(entries)?;
        Ok(ids)
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// [`StoreError::NotPresent`], or the medium's.
    pub fn delete(&mut self, now: u32, id: u16) -> Result<u16, StoreError> {
        let (id, ..) = self.get(id).ok_or(StoreError::NotPresent)?;
        self.append(vec![Entry::of(Kind::Delete, id, now)])?;
        Ok(id)
    }

    /// Deletes all records.
    ///
    /// # Errors
    /// The medium's.
    pub fn clear(&mut self, now: u32) -> Result<(), StoreError> {
        self.append(vec![Entry::of(Kind::Clear, 0, now)])?;
        Ok(())
    }

    /// IDs go up, so that a client never takes a new record for an old one; after FFFEh the free ones are used again.
    fn next_id(&self, last: u16, taken: &BTreeSet<u16>) -> u16 {
        let mut after = (last.saturating_add(1)..0xFFFF).chain(1..0xFFFF);
        after.find(|id| !self.records.contains_key(id) && !taken.contains(id)).unwrap_or(0xFFFE)
    }

    fn append(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        if self.entries + entries.len() > self.capacity * 2 + 16 {
            self.rewrite()?;
        }
        let bytes: Vec<u8> = entries.iter().flat_map(Entry::to_bytes).collect();
        let end = (self.entries * ENTRY) as u64;
        let written = self.medium.write_at(Name::Log, end, &bytes);
        if let Err(error) = written.and_then(|()| self.medium.sync(Name::Log)) {
            // Whoever sent these is told that they are not kept; nor may they come back with the next start.
            drop(self.medium.truncate(Name::Log, end));
            return Err(error);
        }
        self.entries += entries.len();
        entries.into_iter().for_each(|entry| self.replay(entry));
        Ok(())
    }

    /// The log in the fewest entries.
    fn compacted(&self) -> Vec<u8> {
        let mut state = Entry::of(Kind::State, 0, self.last_erase);
        state.record[..4].copy_from_slice(&self.last_addition.to_le_bytes());
        state.record[4..6].copy_from_slice(&self.last_id.to_le_bytes());
        state.record[6] = u8::from(self.overflow);
        let records = self.records.iter().map(|(id, stored)| Entry {
            record: stored.record,
            path: stored.path.clone(),
            ..Entry::of(Kind::Add, *id, 0)
        });
        records.chain([state]).flat_map(|entry| entry.to_bytes()).collect()
    }

    fn rewrite(&mut self) -> io::Result<()> {
        self.medium.create(Name::New)?;
        self.medium.write_at(Name::New, 0, &self.compacted())?;
        self.medium.sync(Name::New)?;
        self.medium.replace()?;
        // From here on this is the log, whether or not the directory can be synced.
        self.entries = self.records.len() + 1;
        self.medium.sync_directory()
    }

    fn replay(&mut self, entry: Entry) {
        let Entry { kind, id, time, record, path } = entry;
        match kind {
            Kind::Add => {
                let path = shortened(&path).to_owned();
                self.records.insert(id, Stored { record, path });
                (self.last_id, self.last_addition) = (id, time);
            }
            Kind::Delete => {
                self.records.remove(&id);
                self.last_erase = time;
                self.erasures = self.erasures.wrapping_add(1);
            }
            Kind::Clear => {
                self.records.clear();
                (self.last_erase, self.overflow) = (time, false);
                self.erasures = self.erasures.wrapping_add(1);
            }
            Kind::Overflow => self.overflow = true,
            Kind::State => {
                self.last_erase = time;
                self.last_addition = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
                self.last_id = u16::from_le_bytes([record[4], record[5]]);
                self.overflow = record[6] != 0;
            }
        }
    }
}

#[cfg(test)]
mod cuts;
#[cfg(test)]
mod tests;
