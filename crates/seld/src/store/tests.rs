//! Damage and restarts, on real files.

use super::*;

pub(super) const RECORD: [u8; 16] = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 9, 1, 0x57, 2, 3];

/// Whether what is stored is a record with this ID.
pub(super) fn is_record_of(stored: &Stored, id: u16) -> bool {
    stored.record.starts_with(&id.to_le_bytes()) && stored.record[2] == 2
}

impl<M: Medium> Store<M> {
    /// Adds a record that happens now.
    pub(super) fn put(&mut self, now: u32, bytes: [u8; 16], path: &str) -> Result<u16, StoreError> {
        self.add(now, NewRecord { bytes, at: now, path: path.to_owned() })
    }
}

#[test]
fn a_write_torn_at_any_byte_loses_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sel");
    let mut store = Store::open(&path, 10).unwrap();
    store.put(5, RECORD, "/a").unwrap();
    store.put(6, RECORD, "/b").unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in ENTRY..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let mut torn = Store::open(&path, 10).unwrap();
        assert_eq!(torn.records().len(), 1, "{length}");
        assert_eq!(torn.put(7, RECORD, "/c").unwrap(), 2);
        drop(torn);
        assert_eq!(Store::open(&path, 10).unwrap().records().len(), 2, "{length}");
    }
}

#[test]
fn a_restart_keeps_everything_and_ids_stay_even_after_the_file_was_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sel");
    let mut store = Store::open(&path, 3).unwrap();
    let kept = store.put(1, RECORD, "/kept").unwrap();
    for time in 2..60 {
        let id = store.put(time, RECORD, "").unwrap();
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
    store.put(1, RECORD, "").unwrap();
    assert!(matches!(store.put(2, RECORD, ""), Err(StoreError::Full)));
    let mut store = Store::open(&path, 1).unwrap();
    assert!(store.overflow);
    store.clear(3).unwrap();
    assert!(!store.overflow && store.records().is_empty() && store.last_erase == 3);
}

/// What a client can see.
type Seen = (BTreeMap<u16, Stored>, u32, u32, bool);

fn seen(store: &Store) -> Seen {
    (store.records.clone(), store.last_addition, store.last_erase, store.overflow)
}

/// The file of which `bytes` are left after a power cut, as a new seld sees it; it must still take a record.
fn after_power_cut(path: &Path, bytes: &[u8]) -> Seen {
    std::fs::write(path, bytes).unwrap();
    let mut store = Store::open(path, 4).unwrap();
    let left = seen(&store);
    if let Ok(id) = store.put(99, RECORD, "/after") {
        assert_eq!(Store::open(path, 4).unwrap().get(id).unwrap().2.path, "/after");
    }
    left
}

#[test]
fn a_power_cut_at_any_byte_of_any_write_leaves_the_log_as_it_was_before_or_after() {
    // In memory: thousands of files are synced.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let (path, cut) = (dir.path().join("sel"), dir.path().join("cut"));
    let mut store = Store::open(&path, 4).unwrap();
    let writes: [fn(&mut Store, u32); 8] = [
        |store, now| drop(store.put(now, RECORD, "/a")),
        |store, now| drop(store.put(now, RECORD, "/b")),
        |store, now| drop(store.delete(now, 0)),
        |store, now| drop(store.put(now, RECORD, "/c")),
        |store, now| drop(store.put(now, RECORD, "/d")),
        |store, now| drop(store.put(now, RECORD, "/e")),
        |store, now| drop(store.put(now, RECORD, "the log is full: the overflow is written")),
        |store, now| drop(store.clear(now)),
    ];
    let mut rewrites = 0;
    for (now, write) in (1..=40).zip(writes.iter().cycle()) {
        let (old, before) = (std::fs::read(&path).unwrap(), seen(&store));
        let rewritten = store.compacted();
        write(&mut store, now);
        let (new, after) = (std::fs::read(&path).unwrap(), seen(&store));
        // A rewrite comes first: its temporary file, then the same log in another form.
        for length in (0..rewritten.len()).step_by(7) {
            std::fs::write(cut.with_extension("new"), &rewritten[..length]).unwrap();
            assert_eq!(after_power_cut(&cut, &old), before, "{now}: rewrite cut at {length}");
        }
        assert_eq!(after_power_cut(&cut, &rewritten), before, "{now}: rewritten");
        let appended = new.starts_with(&old);
        rewrites += u32::from(!appended);
        let start = if appended { old.len() } else { rewritten.len() };
        assert_eq!(start + ENTRY, new.len(), "{now}");
        for length in start..new.len() {
            assert_eq!(after_power_cut(&cut, &new[..length]), before, "{now}: cut at {length}");
            // The length can reach the medium before the bytes do; what is zero anyway is then whole.
            let mut holed = new.clone();
            holed[length..].fill(0);
            let expected = if holed == new { &after } else { &before };
            assert_eq!(after_power_cut(&cut, &holed), *expected, "{now}: zeros from {length}");
        }
        assert_eq!(after_power_cut(&cut, &new), after, "{now}: whole");
    }
    assert!(rewrites > 0);
}

#[test]
fn a_damaged_entry_costs_itself_and_not_those_after_it() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = dir.path().join("sel");
    let mut store = Store::open(&path, 10).unwrap();
    for time in 1..=4 {
        store.put(time, RECORD, "/x").unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    for byte in ENTRY..2 * ENTRY {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let mut healed = Store::open(&path, 10).unwrap();
        assert_eq!(healed.damaged(), 1);
        assert_eq!(healed.records().keys().copied().collect::<Vec<_>>(), [1, 3, 4], "{byte}");
        assert_eq!(healed.put(5, RECORD, "").unwrap(), 5);
        let again = Store::open(&path, 10).unwrap();
        assert_eq!((again.damaged(), again.records().len()), (0, 4), "it is told once");
        assert_eq!(std::fs::read(path.with_extension("damaged")).unwrap(), damaged);
    }
}

#[test]
fn the_time_is_set_where_the_type_of_the_record_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("sel"), 10).unwrap();
    for (kind, timed) in
        [(0x02, true), (0xC0, true), (0xDF, true), (0xE0, false), (0xFF, false), (0x10, false)]
    {
        let id =
            store.put(0x0403_0201, [0xAA, 0xAA, kind, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0], "").unwrap();
        let expected = if timed { [1, 2, 3, 4] } else { [9; 4] };
        assert_eq!(store.get(id).unwrap().2.record[3..7], expected, "{kind:#x}");
    }
}

#[test]
fn a_log_of_the_first_version_is_read_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sel");
    // Written by the store as it was before it had a medium of its own.
    let sum = |body: &[u8]| {
        let fold = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        !body.iter().fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), fold))
    };
    let mut bytes = vec![0; ENTRY - 4];
    bytes[..8].copy_from_slice(&[1, 2, 7, 0, 9, 0, 0, 0]);
    bytes[8..24].copy_from_slice(&RECORD);
    bytes[24..26].copy_from_slice(b"/x");
    bytes.extend(sum(&bytes).to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let store = Store::open(&path, 10).unwrap();
    assert_eq!(store.get(7).unwrap().2, &Stored { record: RECORD, path: "/x".into() });
    assert_eq!((store.last_addition, store.damaged()), (9, 0));
}
