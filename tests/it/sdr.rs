//! The SDR repository as clients load, save, fill and cache it.

use std::{collections::BTreeSet, fs, path::Path};

use ipmi_wire::{
    codec::Decode as _,
    record::sdr::{Entity, HEADER_LENGTH, Sdr},
};

use crate::support::{Answer, Running, crash_and_restart, eventually, freeipmi, shared};

/// A vendor's record and a locator of a controller elsewhere, as words of `ipmitool raw`.
const OEM: &str = "0x0a 0x24 0 0 0x51 0xc0 6 0xd9 0x7e 0 0xaa 0xbb 0xcc";
const LOCATOR: &str = "0x0a 0x24 0 0 0x51 0x12 14 0x2c 0 0 0x29 0 0 0 0x20 1 0 0xc3 0x4d 0x45 0x58";

/// The records of a file that `ipmitool sdr dump` made.
fn dump(stack: &Running, path: &Path) -> Vec<Sdr> {
    let mut command = stack.ipmitool().command("sdr dump");
    command.arg(path);
    let answer = Answer::of(command);
    assert!(answer.success, "{answer:#?}");
    let bytes = fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    while let Some(length) = rest.get(HEADER_LENGTH - 1) {
        let (record, after) = rest.split_at(HEADER_LENGTH + usize::from(*length));
        records.push(Sdr::from_bytes(record).unwrap_or_else(|error| panic!("{record:02x?}: {error}")));
        rest = after;
    }
    assert!(rest.is_empty(), "{rest:02x?}");
    records
}

/// What `sdr elist` shows of a record: name, number, entity.
fn shown(record: &Sdr) -> Option<(String, String, String)> {
    let (name, number, Entity { id, instance }) = match record {
        Sdr::FullSensor(it) => (&it.name, it.number, it.entity),
        Sdr::CompactSensor(it) => (&it.name, it.number, it.entity),
        Sdr::EventOnly(it) => (&it.name, it.number, it.entity),
        Sdr::FruLocator(it) => (&it.name, 0, it.entity),
        Sdr::ControllerLocator(it) => (&it.name, 0, it.entity),
        _ => return None,
    };
    Some((name.trim().to_owned(), format!("{number:02X}h"), format!("{id}.{instance}")))
}

/// The rows of `sdr elist all` likewise. Locators have another address or none in the column of the number.
fn listed(stack: &Running) -> BTreeSet<(String, String, String)> {
    let answer = stack.ipmitool().ok("sdr elist all");
    let rows = answer.stdout.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let row = |cells: Vec<&str>| match cells[..] {
        [name, number, _, entity, text] => {
            let is_locator = text.contains("FRU @") || text.contains("MC @");
            let number = if is_locator { "00h" } else { number };
            (name.to_owned(), number.to_owned(), entity.to_owned())
        }
        _ => panic!("{cells:?}"),
    };
    rows.map(row).collect()
}

/// Get SDR Repository Info: count, space, times.
fn info(stack: &Running) -> String {
    stack.ipmitool().ok("raw 0x0a 0x20").stdout.split_whitespace().collect()
}

#[test]
fn a_dump_has_what_elist_shows() {
    let stack = shared();
    let directory = tempfile::tempdir().unwrap();
    let records = dump(&stack, &directory.path().join("sdr"));
    let names: BTreeSet<_> = records.iter().filter_map(shown).collect();
    assert_eq!(names, listed(&stack));
    assert!(records.windows(2).all(|pair| pair[0].record_id() < pair[1].record_id()));
    let frus: Vec<_> = records
        .iter()
        .filter_map(|it| match it {
            Sdr::FruLocator(fru) => Some(fru.entity),
            _ => None,
        })
        .collect();
    let contained: Vec<_> = records
        .iter()
        .filter_map(|it| match it {
            Sdr::EntityAssociation(it) if it.container.id == 0x17 => Some(it.contained.entities),
            _ => None,
        })
        .flatten()
        .collect();
    assert!(!frus.is_empty() && frus.iter().all(|fru| contained.contains(fru)), "{frus:?} in {contained:?}");
}

#[test]
fn a_repository_that_is_filled_from_a_dump_is_as_before() {
    let stack = Running::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sdr");
    for record in [OEM, LOCATOR] {
        stack.ipmitool().ok(&format!("raw {record}"));
    }
    let (before, list) = (dump(&stack, &path), listed(&stack));
    assert!(list.iter().any(|(name, ..)| name == "MEX"), "{list:?}");
    let mut fill = stack.ipmitool().command("sdr fill file");
    fill.arg(&path);
    let answer = Answer::of(fill);
    assert!(answer.success && !answer.stderr.contains("Cannot"), "{answer:#?}");
    let after = dump(&stack, &path);
    assert_eq!(listed(&stack), list);
    // The two that were added have other IDs now, the board's are the same.
    let board = before.len() - 2;
    assert_eq!(after.len(), before.len());
    assert_eq!(after[..board], before[..board]);
    assert!(after[board..].iter().zip(&before[board..]).all(|(a, b)| a.record_id() > b.record_id()));
    assert!(matches!(&after[board], Sdr::Oem(oem) if oem.data == [0xAA, 0xBB, 0xCC]));
}

#[test]
fn while_one_user_updates_the_repository_another_is_told_so() {
    let stack = Running::start();
    let password = stack.description.state_dir.join("other-password");
    fs::write(&password, "another-password\n").unwrap();
    stack.ctl(&format!("user add other --privilege operator --password-file {}", password.display()));
    let (us, mut other) = (stack.ipmitool(), stack.ipmitool());
    (other.user, other.password) = ("other".to_owned(), "another-password".to_owned());
    let theirs = |words: &str| other.run(&format!("-L OPERATOR {words}"));
    eventually("the other user's login", || theirs("mc info").success);
    let first_record = "raw 0x0a 0x23 0 0 0 0 0 5";
    us.ok("raw 0x0a 0x2a");
    for words in [first_record, &format!("raw {OEM}"), "raw 0x0a 0x2b"] {
        let answer = theirs(words);
        assert!(!answer.success && answer.stderr.contains("rsp=0xd0"), "{answer:#?}");
    }
    assert!(theirs("raw 0x0a 0x20").success);
    us.ok(&format!("raw {OEM}"));
    assert!(!listed(&stack).is_empty());
    us.ok("raw 0x0a 0x2b");
    assert!(theirs(first_record).success);
}

#[test]
fn a_restart_of_ipmid_changes_neither_records_nor_times() {
    let stack = Running::start();
    let id: String = stack.ipmitool().ok(&format!("raw {OEM}")).stdout;
    let (before, list) = (info(&stack), listed(&stack));
    let file = stack.description.state_dir.join("state/ipmid/sdr-history.json");
    let times = |text: &str| {
        let history: serde_json::Value = serde_json::from_str(text).unwrap();
        let bytes = |name: &str| {
            let seconds = u32::try_from(history["changes"][name].as_u64().unwrap()).unwrap();
            seconds.to_le_bytes().map(|byte| format!("{byte:02x}")).concat()
        };
        bytes("last_addition") + &bytes("last_erase")
    };
    eventually("the times to be written down", || {
        fs::read_to_string(&file).is_ok_and(|text| before.contains(&times(&text)))
    });
    let _again = crash_and_restart(&stack, "ipmid", || {});
    // Asked for one by one: who is shown the records before all are back has to find another time afterwards.
    let numbers: Vec<&str> = list.iter().filter_map(|(_, number, _)| number.strip_suffix('h')).collect();
    eventually("the sensors to be back", || {
        let is_back = |number: &&str| stack.ipmitool().run(&format!("raw 0x04 0x2f 0x{number}")).success;
        numbers.iter().filter(|number| **number != "00").all(is_back)
    });
    assert_eq!((info(&stack), listed(&stack)), (before.clone(), list));
    let words: Vec<&str> = id.split_whitespace().collect();
    let read = stack.ipmitool().ok(&format!("raw 0x0a 0x23 0 0 0x{} 0x{} 0 0xff", words[0], words[1]));
    assert!(read.stdout.contains("aa bb cc"), "{read:#?}");
    stack.ipmitool().ok(&format!("raw {LOCATOR}"));
    assert_ne!(info(&stack), before);
}

#[test]
fn freeipmi_keeps_its_cache_until_the_repository_changes() {
    let stack = Running::start();
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().to_str().unwrap();
    let sensors =
        |word| freeipmi("ipmi-sensors", &stack.description, &["--sdr-cache-directory", cache, word]);
    let made = |answer: &Answer| {
        assert!(answer.success && answer.stdout.contains("Inlet Temp"), "{answer:#?}");
        (answer.stdout.clone() + &answer.stderr).contains("Caching SDR")
    };
    assert!(made(&sensors("--no-header-output")));
    assert!(!made(&sensors("--no-header-output")), "nothing has changed");
    stack.ipmitool().ok(&format!("raw {LOCATOR}"));
    let answer = sensors("--no-header-output");
    assert!(!answer.success && answer.stderr.contains("out of date"), "{answer:#?}");
    assert!(made(&sensors("--sdr-cache-recreate")));
    assert!(!made(&sensors("--no-header-output")));
}
