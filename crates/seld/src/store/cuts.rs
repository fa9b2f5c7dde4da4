//! The power goes away at every write, sync and rename, and takes with it what was not synced, in every way that it can.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use proptest::prelude::*;

use super::{
    tests::{RECORD, is_record_of},
    *,
};

/// What becomes of what was written and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// It is there all the same.
    Nothing,
    /// It is not there.
    Everything,
    /// The first half of each write is there.
    Half,
    /// The length is there, and zeros.
    Zeros,
    /// The second half of each write is there, with zeros before it.
    LateHalf,
}

const LOSSES: [Loss; 5] = [Loss::Nothing, Loss::Everything, Loss::Half, Loss::Zeros, Loss::LateHalf];

/// A file: what is on the medium for good, and what was done to it since.
#[derive(Debug, Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Inode {
    fn seen(&self) -> Vec<u8> {
        self.after(Loss::Nothing)
    }

    fn after(&self, loss: Loss) -> Vec<u8> {
        let mut content = self.synced.clone();
        for change in &self.since {
            match (change, loss) {
                (_, Loss::Everything) => {}
                (Change::Length(length), _) => content.resize(*length, 0),
                (Change::Write(at, bytes), Loss::Nothing) => put(&mut content, *at, bytes),
                (Change::Write(at, bytes), Loss::Half) => put(&mut content, *at, &bytes[..bytes.len() / 2]),
                (Change::Write(at, bytes), Loss::Zeros) => put(&mut content, *at, &vec![0; bytes.len()]),
                (Change::Write(at, bytes), Loss::LateHalf) => {
                    let mut late = vec![0; bytes.len() / 2];
                    late.extend(&bytes[bytes.len() / 2..]);
                    put(&mut content, *at, &late);
                }
            }
        }
        content
    }
}

type Names = BTreeMap<Name, usize>;

/// A disk that counts operations and fails from one of them on.
#[derive(Debug, Clone, Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: Names,
    synced_names: Names,
    operations: usize,
    /// The operation that the power does not survive.
    dies_at: Option<usize>,
    /// Bytes that were written, for the wear.
    written: usize,
}

impl Disk {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        if self.dies_at.is_some_and(|at| self.operations > at) {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn inode(&mut self, name: Name) -> io::Result<&mut Inode> {
        let place = *self.names.get(&name).ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut self.inodes[place])
    }

    /// What the next start finds, where directory entries are as synced or as seen.
    fn after_cut(&self, loss: Loss, renamed: bool) -> Self {
        let names = if renamed { &self.names } else { &self.synced_names }.clone();
        let inodes = self.inodes.iter().map(|inode| Inode { synced: inode.after(loss), since: Vec::new() });
        let inodes = inodes.collect();
        Self { inodes, synced_names: names.clone(), names, ..Self::default() }
    }
}

/// A disk that survives the store.
#[derive(Debug, Clone, Default)]
struct Shared(Rc<RefCell<Disk>>);

impl Medium for Shared {
    fn read(&mut self, name: Name) -> io::Result<Option<Vec<u8>>> {
        let mut disk = self.0.borrow_mut();
        Ok(disk.inode(name).ok().map(|inode| inode.seen()))
    }

    fn create(&mut self, name: Name) -> io::Result<()> {
        let disk = &mut *self.0.borrow_mut();
        disk.operate()?;
        disk.inodes.push(Inode::default());
        disk.names.insert(name, disk.inodes.len() - 1);
        Ok(())
    }

    fn write_at(&mut self, name: Name, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let disk = &mut *self.0.borrow_mut();
        // A write that the power does not survive may have come as far as any other that was not synced.
        let result = disk.operate();
        if disk.dies_at.is_none_or(|at| disk.operations <= at + 1) {
            let change = Change::Write(usize::try_from(offset).unwrap(), bytes.to_vec());
            disk.inode(name)?.since.push(change);
        }
        disk.written += bytes.len();
        result
    }

    fn truncate(&mut self, name: Name, length: u64) -> io::Result<()> {
        let disk = &mut *self.0.borrow_mut();
        disk.operate()?;
        disk.inode(name)?.since.push(Change::Length(usize::try_from(length).unwrap()));
        Ok(())
    }

    fn sync(&mut self, name: Name) -> io::Result<()> {
        let disk = &mut *self.0.borrow_mut();
        disk.operate()?;
        let inode = disk.inode(name)?;
        inode.synced = inode.seen();
        inode.since.clear();
        Ok(())
    }

    fn replace(&mut self) -> io::Result<()> {
        let disk = &mut *self.0.borrow_mut();
        let result = disk.operate();
        if disk.dies_at.is_none_or(|at| disk.operations <= at + 1)
            && let Some(new) = disk.names.remove(&Name::New)
        {
            disk.names.insert(Name::Log, new);
        }
        result
    }

    fn put_aside(&mut self) -> io::Result<()> {
        self.0.borrow_mut().operate()
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        let disk = &mut *self.0.borrow_mut();
        disk.operate()?;
        disk.synced_names = disk.names.clone();
        Ok(())
    }
}

/// What a client does.
#[derive(Debug, Clone)]
enum Deed {
    Add(usize),
    DeleteFirst,
    DeleteLast,
    Clear,
}

/// What the client may expect of the log: what was answered, and what was asked and never answered.
#[derive(Debug, Default, Clone)]
struct Expected {
    /// Number of the event by ID; each event has a number of its own.
    answered: BTreeMap<u16, u32>,
    /// The state that the unanswered deed would have led to.
    in_flight: Option<Flight>,
    next_event: u32,
}

#[derive(Debug, Clone)]
enum Flight {
    Adding(Vec<u32>),
    Deleting(u16),
    Clearing,
}

const CAPACITY: usize = 6;

/// A record that tells its number.
fn event(number: u32) -> NewRecord {
    let mut bytes = RECORD;
    bytes[12..16].copy_from_slice(&number.to_le_bytes());
    NewRecord { bytes, at: number, path: format!("/event/{number}") }
}

fn number_of(stored: &Stored) -> u32 {
    u32::from_le_bytes(stored.record[12..16].try_into().unwrap())
}

/// Does one deed; `false` once the power is gone.
fn do_deed(store: &mut Store<Shared>, expected: &mut Expected, deed: &Deed) -> bool {
    match deed {
        Deed::Add(count) => {
            let first = expected.next_event;
            let numbers: Vec<u32> = (first..).take(*count).collect();
            expected.next_event += u32::try_from(*count).unwrap();
            let records = numbers.iter().map(|number| event(*number)).collect();
            expected.in_flight = Some(Flight::Adding(numbers.clone()));
            let Ok(ids) = store.add_all(first, records) else { return false };
            expected.answered.extend(ids.into_iter().zip(numbers).filter_map(|(id, it)| Some((id?, it))));
        }
        Deed::DeleteFirst | Deed::DeleteLast => {
            let wanted = if matches!(deed, Deed::DeleteFirst) { 0 } else { 0xFFFF };
            let Some((id, ..)) = store.get(wanted) else { return true };
            expected.in_flight = Some(Flight::Deleting(id));
            if store.delete(1, id).is_err() {
                return false;
            }
            expected.answered.remove(&id);
        }
        Deed::Clear => {
            expected.in_flight = Some(Flight::Clearing);
            if store.clear(1).is_err() {
                return false;
            }
            expected.answered.clear();
        }
    }
    expected.in_flight = None;
    true
}

/// The checker: no record that was answered is lost or has another ID, none is there twice, and none that nobody added.
fn check(store: &Store<Shared>, expected: &Expected, context: &str) {
    let there: BTreeMap<u16, u32> =
        store.records().iter().map(|(id, stored)| (*id, number_of(stored))).collect();
    for (id, stored) in store.records() {
        assert!(is_record_of(stored, *id), "{context}: {id} is {stored:?}");
        assert_eq!(stored.path, format!("/event/{}", number_of(stored)), "{context}");
    }
    let mut numbers: Vec<u32> = there.values().copied().collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "{context}: an event twice in {there:?}");
    let (answered, flight) = (&expected.answered, &expected.in_flight);
    let missing: Vec<u16> =
        answered.iter().filter(|it| there.get(it.0) != Some(it.1)).map(|it| *it.0).collect();
    let extra: Vec<u32> =
        there.iter().filter(|it| answered.get(it.0) != Some(it.1)).map(|it| *it.1).collect();
    let accounted = match flight {
        None => missing.is_empty() && extra.is_empty(),
        Some(Flight::Adding(adding)) => missing.is_empty() && extra.iter().all(|it| adding.contains(it)),
        Some(Flight::Deleting(id)) => extra.is_empty() && missing.iter().all(|it| it == id),
        Some(Flight::Clearing) => extra.is_empty() && (missing.is_empty() || there.is_empty()),
    };
    assert!(accounted, "{context}: expected {answered:?} and {flight:?}, found {there:?}");
}

/// Does `deeds` on a disk that dies at operation `dies_at`; the disk, what to expect, and whether it got to the end.
fn run(deeds: &[Deed], dies_at: Option<usize>) -> (Shared, Expected, bool) {
    let disk = Shared::default();
    disk.0.borrow_mut().dies_at = dies_at;
    let mut expected = Expected::default();
    let Ok(mut store) = Store::open_on(disk.clone(), CAPACITY) else { return (disk, expected, false) };
    let whole = deeds.iter().all(|deed| do_deed(&mut store, &mut expected, deed));
    (disk, expected, whole)
}

/// Cuts the power at every operation of `deeds`, with every loss, then starts again: also that start is cut at every operation.
fn cut_everywhere(deeds: &[Deed]) -> usize {
    let mut cuts = 0;
    for at in 0.. {
        let (disk, expected, whole) = run(deeds, Some(at));
        for (loss, renamed) in LOSSES.into_iter().flat_map(|loss| [(loss, false), (loss, true)]) {
            let left = disk.0.borrow().after_cut(loss, renamed);
            let context = format!("cut at {at}, {loss:?} lost, renamed {renamed}, {deeds:?}");
            start_again(&left, &expected, &context);
            cuts += 1;
        }
        if whole {
            return cuts;
        }
    }
    cuts
}

fn start_again(left: &Disk, expected: &Expected, context: &str) {
    for again in 0.. {
        let disk = Shared(Rc::new(RefCell::new(Disk { dies_at: Some(again), ..left.clone() })));
        let Ok(mut store) = Store::open_on(disk.clone(), CAPACITY) else {
            // The power goes once more while the log is opened: what it leaves must open too.
            let twice = disk.0.borrow().after_cut(Loss::Half, true);
            let context = format!("{context}, then at {again}");
            let store = Store::open_on(Shared(Rc::new(RefCell::new(twice))), CAPACITY).unwrap();
            check(&store, expected, &context);
            continue;
        };
        check(&store, expected, context);
        disk.0.borrow_mut().dies_at = None;
        // It works on, and an ID that was given is not given again while its record lives.
        let ids: Vec<u16> = store.records().keys().copied().collect();
        if let Some(id) = store.add_all(9, vec![event(9999)]).unwrap()[0] {
            assert!(!ids.contains(&id), "{context}");
        }
        return;
    }
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_answered() {
    let mut deeds = Vec::new();
    // Enough for the file to be rewritten several times, once while the log is full.
    for round in 0..6 {
        deeds.extend([Deed::Add(1), Deed::Add(3), Deed::DeleteFirst, Deed::Add(4), Deed::Add(1)]);
        deeds.extend(if round % 3 == 2 {
            vec![Deed::Clear]
        } else {
            vec![Deed::DeleteLast, Deed::DeleteLast]
        });
    }
    let cuts = cut_everywhere(&deeds);
    assert!(cuts > 500, "only {cuts} cuts");
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (1..5_usize).prop_map(Deed::Add),
        2 => Just(Deed::DeleteFirst),
        1 => Just(Deed::DeleteLast),
        1 => Just(Deed::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_done_to_the_log_a_power_cut_costs_only_what_was_not_answered(
        deeds in proptest::collection::vec(deed(), 1..24)
    ) {
        cut_everywhere(&deeds);
    }
}

#[test]
fn an_event_writes_at_most_192_bytes_in_the_long_run() {
    let disk = Shared::default();
    let mut store = Store::open_on(disk.clone(), 50).unwrap();
    for number in 0..50 {
        store.put(number, RECORD, "").unwrap();
    }
    disk.0.borrow_mut().written = 0;
    // A full log in which each event takes the place of another: the dearest that there is.
    let mut events = 0;
    for number in 0..5000 {
        store.delete(number, 0).unwrap();
        store.put(number, RECORD, "/xyz/openbmc_project/sensors/temperature/CPU1_Temp").unwrap();
        events += 2;
    }
    let bytes = disk.0.borrow().written;
    assert!(bytes <= events * 2 * ENTRY, "{bytes} bytes for {events} events");
}

#[test]
fn events_that_come_together_cost_one_write_and_one_sync() {
    let disk = Shared::default();
    let mut store = Store::open_on(disk.clone(), 50).unwrap();
    let before = disk.0.borrow().operations;
    store.add_all(1, (0..20).map(event).collect()).unwrap();
    assert_eq!(disk.0.borrow().operations - before, 2);
}

#[test]
fn a_medium_that_fails_loses_only_what_was_not_answered() {
    let disk = Shared::default();
    let mut store = Store::open_on(disk.clone(), 50).unwrap();
    store.put(1, RECORD, "/kept").unwrap();
    let operations = disk.0.borrow().operations;
    disk.0.borrow_mut().dies_at = Some(operations + 1);
    assert!(matches!(store.put(2, RECORD, "/lost"), Err(StoreError::Io(_))));
    disk.0.borrow_mut().dies_at = None;
    assert_eq!(store.put(3, RECORD, "/next").unwrap(), 2);
    let again = Store::open_on(disk, 50).unwrap();
    let paths: Vec<_> = again.records().values().map(|stored| stored.path.as_str()).collect();
    assert_eq!(paths, ["/kept", "/next"]);
}
