//! The ring's copy in a file of tmpfs, so that a restart, and a crash too, loses and repeats nothing.
//!
//! Layout: [`MAGIC`], capacity, end position and logged position (u64, little endian), then the ring's bytes, each at its position
//! modulo the capacity. Bytes are written before the position that covers them; the kernel keeps both when this process dies. A power
//! cut empties tmpfs, and then the ring is empty too, as the host's screen is.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::ring::Ring;

const MAGIC: &[u8; 8] = b"ferring1";
/// Where what is in the file.
const CAPACITY_AT: u64 = 8;
const END_AT: u64 = 16;
const LOGGED_AT: u64 = 24;
const BYTES_AT: u64 = 32;

/// The file.
#[derive(Debug)]
pub(crate) struct Keep {
    file: File,
    capacity: u64,
}

impl Keep {
    /// Opens or makes the file; the ring that is in it, and how far the log was. A file of another capacity is as good as none.
    pub(crate) fn open(path: &Path, capacity: usize) -> io::Result<(Self, Ring, u64)> {
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let keep = Self { file: open?, capacity: capacity as u64 };
        if let Some((ring, logged)) = keep.restore(capacity) {
            return Ok((keep, ring, logged));
        }
        keep.file.set_len(0)?;
        keep.file.set_len(BYTES_AT + keep.capacity)?;
        keep.file.write_all_at(&keep.capacity.to_le_bytes(), CAPACITY_AT)?;
        keep.file.write_all_at(MAGIC, 0)?;
        Ok((keep, Ring::new(capacity), 0))
    }

    fn restore(&self, capacity: usize) -> Option<(Ring, u64)> {
        let mut magic = [0; 8];
        self.file.read_exact_at(&mut magic, 0).ok()?;
        if magic != *MAGIC || self.number(CAPACITY_AT)? != self.capacity {
            return None;
        }
        let (end, logged) = (self.number(END_AT)?, self.number(LOGGED_AT)?);
        let mut bytes = vec![0; capacity];
        self.file.read_exact_at(&mut bytes, BYTES_AT).ok()?;
        // As it lies, the oldest byte stands where the next one would go.
        let wall = usize::try_from(end % self.capacity).ok()?;
        if end < self.capacity {
            bytes.truncate(wall);
        } else {
            bytes.rotate_left(wall);
        }
        Some((Ring::restored(capacity, &bytes, end), logged.min(end)))
    }

    fn number(&self, at: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at).ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    /// Keeps `bytes`, which were written to the ring when it ended at `position`.
    pub(crate) fn write(&self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let skipped = bytes.len().saturating_sub(usize::try_from(self.capacity).unwrap_or(usize::MAX));
        let (mut at, mut rest) = (position + skipped as u64, bytes.get(skipped..).unwrap_or_default());
        let end = position + bytes.len() as u64;
        while !rest.is_empty() {
            let slot = at % self.capacity;
            let to_wall = usize::try_from(self.capacity - slot).unwrap_or(usize::MAX);
            let (part, after) = rest.split_at(rest.len().min(to_wall));
            self.file.write_all_at(part, BYTES_AT + slot)?;
            (at, rest) = (at + part.len() as u64, after);
        }
        self.file.write_all_at(&end.to_le_bytes(), END_AT)
    }

    /// Notes that the log has everything before `position`.
    pub(crate) fn logged(&self, position: u64) -> io::Result<()> {
        self.file.write_all_at(&position.to_le_bytes(), LOGGED_AT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(ring: &Ring) -> Vec<u8> {
        let mut out = Vec::new();
        ring.read(&mut ring.place_at(ring.start()), usize::MAX, &mut out);
        out
    }

    #[test]
    fn another_capacity_or_a_file_that_is_none_starts_afresh() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("default.ring");
        std::fs::write(&path, b"something else").unwrap();
        let (keep, ring, _) = Keep::open(&path, 16).unwrap();
        assert_eq!(ring.end(), 0);
        keep.write(0, b"abc").unwrap();
        keep.logged(2).unwrap();
        let (_, ring, logged) = Keep::open(&path, 16).unwrap();
        assert_eq!((all(&ring), ring.end(), logged), (b"abc".to_vec(), 3, 2));
        let (_, ring, logged) = Keep::open(&path, 17).unwrap();
        assert_eq!((ring.end(), logged), (0, 0));
    }

    proptest! {
        #[test]
        fn what_is_restored_is_the_ring_that_was(
            capacity in 1..20_usize,
            writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..12),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("r");
            let (keep, mut ring, _) = Keep::open(&path, capacity).unwrap();
            for bytes in writes {
                keep.write(ring.end(), &bytes).unwrap();
                ring.write(&bytes);
                let (_, restored, _) = Keep::open(&path, capacity).unwrap();
                prop_assert_eq!((all(&restored), restored.end()), (all(&ring), ring.end()));
            }
        }
    }
}
