//! An entry of the log file: 96 bytes with a checksum.
//!
//! Kind, path length, ID (LE 16), time (LE 32), 16 record bytes, 68 path bytes, CRC-32 (LE).

/// Bytes of an entry.
pub const ENTRY: usize = 96;
/// How much of a path is kept.
const PATH_BYTES: usize = 68;
const RECORD_AT: usize = 8;
const PATH_AT: usize = 24;
const SUM_AT: usize = ENTRY - 4;

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A record was added.
    Add,
    /// One was deleted.
    Delete,
    /// All were deleted.
    Clear,
    /// One was refused, for the first time since the log was cleared.
    Overflow,
    /// The last of a rewritten file's first entries: time = last erase, record = last addition (LE 32), highest ID given (LE 16),
    /// overflow.
    State,
}

const KINDS: [Kind; 5] = [Kind::Add, Kind::Delete, Kind::Clear, Kind::Overflow, Kind::State];

/// An entry, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) id: u16,
    /// When, in the log's time.
    pub(super) time: u32,
    pub(super) record: [u8; 16],
    pub(super) path: String,
}

impl Entry {
    /// An entry without a record.
    pub(super) fn of(kind: Kind, id: u16, time: u32) -> Self {
        Self { kind, id, time, record: [0; 16], path: String::new() }
    }

    pub(super) fn to_bytes(&self) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        let path = shortened(&self.path).as_bytes();
        entry[0] = self.kind as u8 + 1;
        entry[1] = u8::try_from(path.len()).unwrap_or(0);
        entry[2..4].copy_from_slice(&self.id.to_le_bytes());
        entry[4..RECORD_AT].copy_from_slice(&self.time.to_le_bytes());
        entry[RECORD_AT..PATH_AT].copy_from_slice(&self.record);
        entry[PATH_AT..PATH_AT + path.len()].copy_from_slice(path);
        let sum = crc32(&entry[..SUM_AT]);
        entry[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        entry
    }

    /// `None` where the entry is torn or damaged.
    pub(super) fn from_bytes(entry: &[u8; ENTRY]) -> Option<Self> {
        let (body, sum) = entry.split_at(SUM_AT);
        if crc32(body).to_le_bytes() != sum {
            return None;
        }
        let kind = *KINDS.get(usize::from(entry[0]).checked_sub(1)?)?;
        let length = usize::from(entry[1]).min(PATH_BYTES);
        let mut record = [0; 16];
        record.copy_from_slice(&entry[RECORD_AT..PATH_AT]);
        Some(Self {
            kind,
            id: u16::from_le_bytes([entry[2], entry[3]]),
            time: u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]),
            record,
            path: String::from_utf8_lossy(&entry[PATH_AT..PATH_AT + length]).into_owned(),
        })
    }
}

/// As much of a path as an entry holds.
pub fn shortened(path: &str) -> &str {
    path.get(..PATH_BYTES.min(path.len())).unwrap_or_default()
}

/// CRC-32 of IEEE 802.3, a byte at a time: a full log is 700 kB, which has to be read in milliseconds.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ TABLE[usize::from(low ^ byte)]
    })
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    let mut start = 0_u32;
    while index < 256 {
        let (mut crc, mut bit) = (start, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
        start += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_ethernet() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn an_entry_with_one_wrong_bit_is_none() {
        let entry = Entry { path: "/a/path".into(), ..Entry::of(Kind::Add, 7, 9) };
        let bytes = entry.to_bytes();
        assert_eq!(Entry::from_bytes(&bytes), Some(entry));
        for bit in 0..ENTRY * 8 {
            let mut wrong = bytes;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Entry::from_bytes(&wrong), None, "bit {bit}");
        }
    }

    #[test]
    fn a_path_is_cut_at_a_letter() {
        assert_eq!(shortened(&"é".repeat(40)).chars().count(), 34);
        assert_eq!(shortened(&format!("{}é", "a".repeat(67))), "");
    }
}
