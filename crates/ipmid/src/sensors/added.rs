//! Records that clients added: they stand beside those that are made from the board, have IDs of their own, and stay.

use std::collections::BTreeMap;

use ipmi_wire::{
    CompletionCode,
    codec::Decode as _,
    record::sdr::{HEADER_LENGTH, Sdr},
};
use serde::{Deserialize, Serialize};

use super::Record;

/// How many there may be; each has at most 64 bytes.
pub(crate) const MOST_ADDED: usize = 256;
/// Their IDs begin here; those of the board's records end below.
pub(crate) const FIRST_ADDED: u16 = 0x2000;
/// FFFFh stands for the last record, and FFFEh for one that is being added in parts.
const LAST_ADDED: u16 = 0xFFFD;

/// What a client wants of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordChange {
    /// This record added; its ID is ignored.
    Add(Vec<u8>),
    /// This one deleted.
    Delete(u16),
    /// All deleted that clients added.
    Clear,
}

/// Why the repository does not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefused {
    /// It is no sensor data record.
    #[error("no sensor data record: {0}")]
    Malformed(CompletionCode),
    /// The sensor has a record already, with another content.
    #[error("the sensor has another record")]
    Taken,
    /// The record is made from the board, and would be again.
    #[error("the record is the board's")]
    Generated,
    /// No record has this ID.
    #[error("no such record")]
    NotPresent,
    /// There are as many as may be.
    #[error("no room for another record")]
    Full,
}

impl From<RecordRefused> for CompletionCode {
    fn from(refused: RecordRefused) -> Self {
        match refused {
            RecordRefused::Malformed(code) => code,
            RecordRefused::Taken | RecordRefused::Generated => Self::ILLEGAL_FOR_SENSOR,
            RecordRefused::NotPresent => Self::NOT_PRESENT,
            RecordRefused::Full => Self::OUT_OF_SPACE,
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The records from now on; `None` where they are what they were.
    pub(crate) records: Option<AddedRecords>,
    /// The record that it was about; 0 for all.
    pub(crate) id: u16,
}

/// The records that clients added, as they are kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AddedRecords {
    /// The ID that was given last: the next one is another, so that a client with an old list does not meet a new record.
    last: u16,
    records: BTreeMap<u16, Hex>,
}

impl AddedRecords {
    /// Without what a damaged file could hold: more than may be, IDs of other records, bytes that are no record.
    #[must_use]
    pub(crate) fn checked(mut self) -> Self {
        let before = self.records.len();
        self.records.retain(|id, bytes| {
            (FIRST_ADDED..=LAST_ADDED).contains(id)
                && bytes.0.starts_with(&id.to_le_bytes())
                && Sdr::from_bytes(&bytes.0).is_ok()
        });
        while self.records.len() > MOST_ADDED {
            self.records.pop_last();
        }
        if self.records.len() < before {
            tracing::warn!("{} of {before} sensor data records are damaged", before - self.records.len());
        }
        self
    }

    /// How many more there may be.
    pub(crate) fn room(&self) -> usize {
        MOST_ADDED.saturating_sub(self.records.len())
    }

    /// The records, by ID.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record> {
        self.records.iter().map(|(id, bytes)| Record { id: *id, bytes: bytes.0.as_slice().into() })
    }

    /// These records after `change`, in a repository that has `all` of these and others.
    ///
    /// # Errors
    /// [`RecordRefused`]; nothing is changed then.
    pub(crate) fn change(&self, change: &RecordChange, all: &[Record]) -> Result<Changed, RecordRefused> {
        match change {
            RecordChange::Add(bytes) => self.add(bytes, all),
            RecordChange::Delete(id) => self.delete(*id, all),
            RecordChange::Clear if self.records.is_empty() => Ok(Changed { records: None, id: 0 }),
            RecordChange::Clear => {
                Ok(Changed { records: Some(Self { last: self.last, records: BTreeMap::new() }), id: 0 })
            }
        }
    }

    /// A record that is there already is not there twice: a client that loads what it saved finds the board's own records.
    fn add(&self, bytes: &[u8], all: &[Record]) -> Result<Changed, RecordRefused> {
        Sdr::from_bytes(bytes).map_err(RecordRefused::Malformed)?;
        let content = bytes.get(size_of::<u16>()..).unwrap_or_default();
        if let Some(same) = all.iter().find(|record| record.content() == content) {
            return Ok(Changed { records: None, id: same.id });
        }
        let sensor = sensor_key(bytes);
        if sensor.is_some() && all.iter().any(|record| sensor_key(&record.bytes) == sensor) {
            return Err(RecordRefused::Taken);
        }
        if self.room() == 0 {
            return Err(RecordRefused::Full);
        }
        let id = self.next_id();
        let mut next = self.clone();
        next.last = id;
        next.records.insert(id, Hex([&id.to_le_bytes(), content].concat()));
        Ok(Changed { records: Some(next), id })
    }

    fn delete(&self, id: u16, all: &[Record]) -> Result<Changed, RecordRefused> {
        let mut next = self.clone();
        if next.records.remove(&id).is_some() {
            return Ok(Changed { records: Some(next), id });
        }
        let is_there = all.iter().any(|record| record.id == id);
        Err(if is_there { RecordRefused::Generated } else { RecordRefused::NotPresent })
    }

    /// The free ID after the last one. There are many more IDs than records.
    fn next_id(&self) -> u16 {
        let after = self.last.saturating_add(1).max(FIRST_ADDED);
        (after..=LAST_ADDED)
            .chain(FIRST_ADDED..after)
            .find(|id| !self.records.contains_key(id))
            .unwrap_or(FIRST_ADDED)
    }
}

/// Types 01h to 03h are of sensors, whose key is owner, LUN and number (v2.0§43.1 to 43.3).
fn sensor_key(record: &[u8]) -> Option<&[u8]> {
    const RECORD_TYPE: usize = 3;
    let is_sensor = record.get(RECORD_TYPE).is_some_and(|kind| (0x01..=0x03).contains(kind));
    record.get(HEADER_LENGTH..HEADER_LENGTH + 3).filter(|_| is_sensor)
}

/// Bytes that a file has as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hex(Vec<u8>);

impl From<Hex> for String {
    fn from(bytes: Hex) -> Self {
        bytes.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        let bytes: Option<_> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or_else(|| "not hexadecimal digits, two to a byte".to_owned())
    }
}

#[cfg(test)]
mod tests;
