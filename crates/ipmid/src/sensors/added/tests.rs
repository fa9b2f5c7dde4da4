use ipmi_wire::{
    codec::Encode as _,
    record::sdr::{EventOnly, FruLocator, Oem, Sharing},
};

use super::*;
use crate::sensors::record_of;

fn oem(data: u8) -> Vec<u8> {
    Sdr::Oem(Oem { record_id: 7, manufacturer: [1, 2, 3], data: vec![data] }).to_bytes()
}

fn sensor(number: u8, name: &str) -> Vec<u8> {
    let entity = ipmi_wire::record::sdr::Entity { id: 7, instance: 1 };
    Sdr::EventOnly(EventOnly {
        record_id: 0x1001,
        owner: 0x20,
        lun: 0,
        number,
        entity,
        sensor_type: 0x12,
        event_type: 0x6F,
        sharing: Sharing::NONE,
        name: name.into(),
    })
    .to_bytes()
}

/// The board's records: a sensor with number 1.
fn board() -> Vec<Record> {
    vec![Record { id: 0x1001, bytes: sensor(1, "Board").into() }]
}

fn all(added: &AddedRecords) -> Vec<Record> {
    board().into_iter().chain(added.iter()).collect()
}

/// Adds it, and says its ID and whether it is new.
fn add(added: &mut AddedRecords, bytes: &[u8]) -> Result<(u16, bool), RecordRefused> {
    let changed = added.change(&RecordChange::Add(bytes.to_vec()), &all(added))?;
    let is_new = changed.records.is_some();
    *added = changed.records.unwrap_or_else(|| added.clone());
    Ok((changed.id, is_new))
}

#[test]
fn a_record_gets_an_id_of_its_own_and_nothing_else_is_changed() {
    let mut added = AddedRecords::default();
    assert_eq!(add(&mut added, &oem(1)), Ok((0x2000, true)));
    assert_eq!(add(&mut added, &oem(2)), Ok((0x2001, true)));
    let records = all(&added);
    let (record, next) = record_of(&records, 0x2000).unwrap();
    assert_eq!(record.bytes[..2], [0x00, 0x20]);
    assert_eq!(record.bytes[2..], oem(1)[2..]);
    assert_eq!(next.unwrap().id, 0x2001);
}

#[test]
fn what_is_there_is_found_and_not_added_again() {
    let mut added = AddedRecords::default();
    assert_eq!(add(&mut added, &sensor(1, "Board")), Ok((0x1001, false)));
    assert_eq!(add(&mut added, &oem(1)), Ok((0x2000, true)));
    assert_eq!(add(&mut added, &oem(1)), Ok((0x2000, false)));
}

#[test]
fn a_sensor_has_one_record() {
    let mut added = AddedRecords::default();
    assert_eq!(add(&mut added, &sensor(1, "Other")), Err(RecordRefused::Taken));
    assert_eq!(add(&mut added, &sensor(2, "Mine")), Ok((0x2000, true)));
    assert_eq!(add(&mut added, &sensor(2, "Again")), Err(RecordRefused::Taken));
}

#[test]
fn a_deleted_id_is_not_given_again_and_the_boards_records_stay() {
    let mut added = AddedRecords::default();
    add(&mut added, &oem(1)).unwrap();
    let delete = |added: &AddedRecords, id| added.change(&RecordChange::Delete(id), &all(added));
    added = delete(&added, 0x2000).unwrap().records.unwrap();
    assert_eq!(delete(&added, 0x2000), Err(RecordRefused::NotPresent));
    assert_eq!(delete(&added, 0x1001), Err(RecordRefused::Generated));
    assert_eq!(add(&mut added, &oem(1)), Ok((0x2001, true)));
    let cleared = added.change(&RecordChange::Clear, &all(&added)).unwrap().records.unwrap();
    assert_eq!(cleared.iter().count(), 0);
    assert_eq!(cleared.change(&RecordChange::Clear, &[]), Ok(Changed { records: None, id: 0 }));
    added = cleared;
    assert_eq!(add(&mut added, &oem(1)), Ok((0x2002, true)));
}

#[test]
fn what_is_no_record_is_refused_as_its_reader_refuses_it() {
    let mut added = AddedRecords::default();
    let mut wrong_type = oem(1);
    wrong_type[3] = 0x55;
    let refused = Err(RecordRefused::Malformed(CompletionCode::ILLEGAL_FOR_SENSOR));
    assert_eq!(add(&mut added, &wrong_type), refused);
    let refused = Err(RecordRefused::Malformed(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    assert_eq!(add(&mut added, &oem(1)[..7]), refused);
    assert_eq!(add(&mut added, &[]), refused);
}

#[test]
fn there_is_room_for_so_many_and_ids_begin_again_after_the_last() {
    let mut added = AddedRecords { last: LAST_ADDED - 1, ..AddedRecords::default() };
    assert_eq!(add(&mut added, &oem(0)), Ok((LAST_ADDED, true)));
    assert_eq!(add(&mut added, &oem(1)), Ok((FIRST_ADDED, true)));
    let locator = |fru_id| {
        let entity = ipmi_wire::record::sdr::Entity { id: 7, instance: 1 };
        Sdr::FruLocator(FruLocator::of_the_bmc(0, fru_id, entity, "F".into())).to_bytes()
    };
    for id in 0..u8::MAX {
        let outcome = add(&mut added, &locator(id));
        assert_eq!(outcome.is_ok(), usize::from(id) + 2 < MOST_ADDED, "{id}: {outcome:?}");
    }
    assert_eq!(added.room(), 0);
    assert_eq!(add(&mut added, &oem(3)), Err(RecordRefused::Full));
}

#[test]
fn a_damaged_file_loses_what_is_damaged() {
    let mut added = AddedRecords::default();
    add(&mut added, &oem(1)).unwrap();
    add(&mut added, &oem(2)).unwrap();
    let text = serde_json::to_string(&added).unwrap();
    assert_eq!(serde_json::from_str::<AddedRecords>(&text).unwrap().checked(), added);
    // The second one says that it is another version.
    let (head, tail) = text.rsplit_once("51c0").unwrap();
    let damaged: AddedRecords = serde_json::from_str(&format!("{head}50c0{tail}")).unwrap();
    assert_eq!(damaged.checked().iter().map(|record| record.id).collect::<Vec<_>>(), [0x2000]);
    assert!(serde_json::from_str::<AddedRecords>(&text.replace("51c0", "5xc0")).is_err());
}
