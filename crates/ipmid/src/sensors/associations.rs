//! Entity association records: what the board is made of, from its FRU devices and from what its vendor says.

use std::collections::BTreeSet;

use ipmi_wire::record::sdr::{Association, Contained, Entity, EntityAssociation, Sdr};
use serde::Deserialize;

use super::Record;
use crate::platform::inventory::FruDevice;

/// `[[contains]]` in `ipmid.toml`: an entity and what it contains.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contains {
    /// Entity ID of the container (v2.0 table 43-13).
    pub entity: u8,
    /// Its instance, 1 where it is not given.
    #[serde(default = "first")]
    pub instance: u8,
    /// What it contains.
    pub parts: Vec<Part>,
}

/// A contained entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Entity ID.
    pub entity: u8,
    /// Its instance, 1 where it is not given.
    #[serde(default = "first")]
    pub instance: u8,
}

fn first() -> u8 {
    1
}

/// The chassis holds whatever has a FRU device, where the vendor does not say what it holds.
const CHASSIS: Entity = Entity { id: 0x17, instance: 1 };
const NONE: Entity = Entity { id: 0, instance: 0 };
/// Record IDs begin here.
const FIRST_RECORD: u16 = 0x0200;
/// How many entities a record has room for.
const PER_RECORD: usize = 4;
/// How many records there may be at most; the next IDs are others'.
const MOST_RECORDS: usize = 0x0D00;

/// The records of a board with these FRU devices.
pub(super) fn records(frus: &[FruDevice], contains: &[Contains]) -> Vec<Record> {
    let entity = |id, instance| Entity { id, instance };
    let said = contains.iter().map(|said| {
        let parts = said.parts.iter().map(|part| entity(part.entity, part.instance));
        (entity(said.entity, said.instance), parts.collect::<BTreeSet<_>>())
    });
    let mut containers: Vec<_> = said.collect();
    if containers.iter().all(|(container, _)| *container != CHASSIS) {
        let held = frus.iter().map(|fru| entity(fru.entity.0, fru.entity.1));
        containers.insert(0, (CHASSIS, held.filter(|held| *held != CHASSIS).collect()));
    }
    let records = containers.iter().flat_map(|(container, parts)| linked(*container, parts));
    let numbered = (FIRST_RECORD..).zip(records.take(MOST_RECORDS));
    numbered
        .map(|(record_id, record)| {
            Record::new(&Sdr::EntityAssociation(EntityAssociation { record_id, ..record }))
        })
        .collect()
}

/// As many records as it takes, which say of each other that they are linked (v2.0§43.4).
fn linked(container: Entity, parts: &BTreeSet<Entity>) -> Vec<EntityAssociation> {
    let parts: Vec<_> = parts.iter().copied().collect();
    let association = Association { linked: parts.len() > PER_RECORD, always_accessible: false };
    let record = |chunk: &[Entity]| {
        let mut entities = [NONE; PER_RECORD];
        entities.iter_mut().zip(chunk).for_each(|(place, part)| *place = *part);
        let contained = Contained { ranges: false, entities };
        EntityAssociation { record_id: 0, container, association, contained }
    };
    parts.chunks(PER_RECORD).map(record).collect()
}

#[cfg(test)]
mod tests {
    use ipmi_wire::codec::Decode as _;

    use super::*;

    fn fru(id: u8, entity: (u8, u8)) -> FruDevice {
        FruDevice { id, name: String::new(), size: 256, words: false, entity }
    }

    /// Container, whether linked, and the contained entities that are there.
    type Row = ((u8, u8), bool, Vec<(u8, u8)>);

    fn rows(records: &[Record]) -> Vec<Row> {
        let pair = |entity: Entity| (entity.id, entity.instance);
        let row = |record: &Record| match Sdr::from_bytes(&record.bytes).unwrap() {
            Sdr::EntityAssociation(it) => {
                let parts = it.contained.entities.into_iter().filter(|part| *part != NONE).map(pair);
                (pair(it.container), it.association.linked, parts.collect())
            }
            other => panic!("{other:?}"),
        };
        records.iter().map(row).collect()
    }

    #[test]
    fn the_chassis_holds_what_has_fru_devices_each_once() {
        let frus = [fru(0, (7, 1)), fru(1, (10, 1)), fru(2, (10, 2)), fru(3, (7, 1)), fru(4, (0x17, 1))];
        assert_eq!(rows(&records(&frus, &[])), [((0x17, 1), false, vec![(7, 1), (10, 1), (10, 2)])]);
        assert!(records(&[], &[]).is_empty());
    }

    #[test]
    fn what_the_vendor_says_comes_in_linked_records_and_replaces_the_guess() {
        let parts = |count| (1..=count).map(|instance| Part { entity: 3, instance }).collect();
        let board = Contains { entity: 7, instance: 1, parts: parts(5) };
        let chassis = Contains { entity: 0x17, instance: 1, parts: parts(1) };
        let all = records(&[fru(0, (7, 1))], &[board, chassis]);
        assert_eq!(all.iter().map(|record| record.id).collect::<Vec<_>>(), [0x200, 0x201, 0x202]);
        let expected = [
            ((7, 1), true, vec![(3, 1), (3, 2), (3, 3), (3, 4)]),
            ((7, 1), true, vec![(3, 5)]),
            ((0x17, 1), false, vec![(3, 1)]),
        ];
        assert_eq!(rows(&all), expected);
    }
}
