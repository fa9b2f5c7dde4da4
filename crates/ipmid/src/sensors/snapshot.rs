//! What handlers see: records and sensors as they were when something static last changed, with readings as they are now.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use ipmi_wire::{
    codec::Encode as _,
    record::{
        Conversion,
        sdr::{ControllerLocator, Entity, FruLocator, FullSensor, Sdr},
    },
};

use super::{
    Address, Changes, Discrete, Facts,
    added::{AddedRecords, FIRST_ADDED},
    facts::Threshold,
    kind::{Kind, Unit},
    reading::{Reading, ReadingCell, Status},
    record,
};
use crate::platform::inventory::FruDevice;

/// All records and sensors.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Records, by ID.
    records: Vec<Record>,
    /// How many of them clients may still add.
    room: usize,
    sensors: Vec<Arc<Sensor>>,
    /// By address.
    discrete: Vec<Arc<Discrete>>,
    /// By LUN and number: place in `sensors`, from 1.
    by_address: Vec<u16>,
    /// Changes with the records.
    pub generation: u32,
    /// When they changed.
    pub changes: Changes,
    /// Where records of before the start are still to come: set when a client sees these.
    pub(super) incomplete: Option<Arc<AtomicBool>>,
}

/// An encoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its ID.
    pub id: u16,
    /// All its bytes.
    pub bytes: Arc<[u8]>,
}

/// A sensor.
#[derive(Debug)]
pub struct Sensor {
    /// Its object.
    pub path: String,
    /// The bus name of its provider.
    pub provider: Arc<str>,
    /// Where it is in IPMI.
    pub address: Address,
    /// What its provider tells.
    pub facts: Facts,
    /// Its record as fields.
    pub record: FullSensor,
    encoded: Record,
    /// Factor from values on D-Bus to IPMI's unit.
    scale: f64,
    cell: Arc<ReadingCell>,
}

/// Entity of the BMC itself: system management module.
const CONTROLLER: Entity = Entity { id: 0x06, instance: 1 };
const CONTROLLER_RECORD: u16 = 0x0001;
/// Record IDs of FRU locators begin here; the FRU device ID follows.
const FIRST_FRU_RECORD: u16 = 0x0100;
/// Places of `by_address`: four LUNs of 256.
const ADDRESSES: usize = 1024;

impl Sensor {
    pub(crate) fn new(
        path: &str,
        provider: Arc<str>,
        address: Address,
        name: String,
        facts: Facts,
        cell: Arc<ReadingCell>,
    ) -> Self {
        let record = record::full_sensor(path, address, name, &facts);
        let encoded = Record::new(&Sdr::FullSensor(Box::new(record.clone())));
        let scale = Unit::named(&facts.unit).scale;
        Self { path: path.to_owned(), provider, address, facts, record, encoded, scale, cell }
    }

    /// Whether a sensor with these facts would be no other than this one.
    pub(crate) fn is_current(
        &self,
        provider: &str,
        name: &str,
        facts: &Facts,
        cell: &Arc<ReadingCell>,
    ) -> bool {
        *self.provider == *provider
            && self.record.name == name
            && self.facts == *facts
            && Arc::ptr_eq(&self.cell, cell)
    }

    /// The reading now, and whether it can be trusted.
    pub fn read(&self) -> (Reading, Status) {
        self.read_at(Instant::now())
    }

    /// The reading as it is to be judged at `now`.
    pub(crate) fn read_at(&self, now: Instant) -> (Reading, Status) {
        self.cell.read(now)
    }

    /// How raw bytes stand for values in IPMI's unit.
    pub fn conversion(&self) -> Conversion {
        self.record.conversion
    }

    /// The raw byte of a value on D-Bus.
    pub fn raw(&self, value: f64) -> Option<u8> {
        self.conversion().raw(value * self.scale)
    }

    /// Factor from values on D-Bus to IPMI's unit.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The value on D-Bus of a raw byte.
    pub fn value(&self, raw: u8) -> f64 {
        self.conversion().value(raw) / self.scale
    }

    /// The difference on D-Bus of raw steps.
    pub fn difference(&self, raw: u8) -> f64 {
        self.conversion().difference(raw) / self.scale
    }

    /// Which thresholds are set.
    pub fn thresholds_set(&self) -> u8 {
        self.record.readable
    }

    /// Which thresholds are reached, one bit each: as the provider's alarms say, which know hysteresis; by comparison where it
    /// has none.
    pub fn reached(&self, reading: &Reading) -> u8 {
        self.facts.set_thresholds().fold(0, |reached, (threshold, limit)| {
            let known = reading.alarms_known & threshold.bit() != 0;
            let is_reached = if known {
                reading.alarms & threshold.bit() != 0
            } else if threshold.is_upper() {
                reading.value >= limit
            } else {
                reading.value <= limit
            };
            reached | if is_reached { threshold.bit() } else { 0 }
        })
    }

    /// The events that are asserted while these thresholds are reached.
    pub fn events(reached: u8) -> u16 {
        Threshold::ALL
            .into_iter()
            .filter(|threshold| reached & threshold.bit() != 0)
            .fold(0, |events, threshold| events | record::event(threshold))
    }

    /// Sensor type and event/reading type.
    pub fn types(&self) -> (u8, u8) {
        (Kind::of(&self.path).sensor_type, record::THRESHOLD_EVENTS)
    }
}

impl Record {
    pub(super) fn new(sdr: &Sdr) -> Self {
        Self { id: sdr.record_id(), bytes: sdr.to_bytes().into() }
    }

    /// All but the ID.
    pub(super) fn content(&self) -> &[u8] {
        self.bytes.get(size_of::<u16>()..).unwrap_or_default()
    }
}

impl Snapshot {
    /// A snapshot of `sensors` and `discrete` ones, of what else the board has, and of what clients added; the successor of
    /// `previous`. Its generation moves where a record is another.
    pub(crate) fn new(
        previous: &Self,
        mut sensors: Vec<Arc<Sensor>>,
        mut discrete: Vec<Arc<Discrete>>,
        board: &[Record],
        added: &AddedRecords,
    ) -> Self {
        sensors.sort_by_key(|sensor| sensor.address);
        discrete.sort_by_key(|discrete| discrete.address);
        let mut records = board.to_vec();
        records.extend(sensors.iter().map(|sensor| sensor.encoded.clone()));
        records.extend(discrete.iter().map(|discrete| discrete.encoded.clone()));
        records.extend(added.iter());
        records.sort_by_key(|record| record.id);
        let mut by_address = vec![0; ADDRESSES];
        for (place, sensor) in (1..).zip(&sensors) {
            if let Some(slot) = by_address.get_mut(index(sensor.address)) {
                *slot = place;
            }
        }
        let is_other = records != previous.records;
        let generation = previous.generation.wrapping_add(u32::from(is_other));
        let (room, changes) = (added.room(), previous.changes);
        Self { records, room, sensors, discrete, by_address, generation, changes, incomplete: None }
    }

    /// The sensor at `address`.
    pub fn sensor(&self, address: Address) -> Option<&Arc<Sensor>> {
        let place = usize::from(*self.by_address.get(index(address))?);
        self.sensors.get(place.checked_sub(1)?)
    }

    /// The discrete sensor at `address`.
    pub fn discrete(&self, address: Address) -> Option<&Arc<Discrete>> {
        let place = self.discrete.binary_search_by_key(&address, |discrete| discrete.address).ok()?;
        self.discrete.get(place)
    }

    /// All discrete sensors, by address.
    pub fn all_discrete(&self) -> &[Arc<Discrete>] {
        &self.discrete
    }

    /// The states of all items of a sensor type together, one bit each; `None` where there is no such item.
    pub fn item_states(&self, sensor_type: u8) -> Option<u16> {
        let items = self.discrete.iter().filter(|item| item.is_item() && item.sensor_type == sensor_type);
        items.map(|item| item.item_states().unwrap_or(0)).reduce(|all, states| all | states)
    }

    /// All sensors with analog readings, by address.
    pub fn sensors(&self) -> &[Arc<Sensor>] {
        &self.sensors
    }

    /// A client is told of the records, or of how many there are: it may keep them for as long as their times stay.
    pub(crate) fn shown(&self) {
        if let Some(incomplete) = &self.incomplete {
            incomplete.store(true, Ordering::Relaxed);
        }
    }

    /// All records, by ID.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The records without those that clients added: the device's own.
    pub fn device_records(&self) -> &[Record] {
        let end = self.records.partition_point(|record| record.id < FIRST_ADDED);
        self.records.get(..end).unwrap_or_default()
    }

    /// How many records clients may still add.
    pub fn room(&self) -> usize {
        self.room
    }
}

/// The record `id` of `records` and the one after it; 0 stands for the first, FFFFh for the last.
pub(crate) fn record_of(records: &[Record], id: u16) -> Option<(&Record, Option<&Record>)> {
    let place = match id {
        0 => 0,
        u16::MAX => records.len().checked_sub(1)?,
        id => records.binary_search_by_key(&id, |record| record.id).ok()?,
    };
    Some((records.get(place)?, records.get(place + 1)))
}

/// The records of the controller itself and of its FRU devices.
pub(super) fn locators(frus: &[FruDevice]) -> Vec<Record> {
    std::iter::once(controller_record()).chain(frus.iter().map(fru_record)).collect()
}

fn index(address: Address) -> usize {
    usize::from(address.lun) << 8 | usize::from(address.number)
}

fn controller_record() -> Record {
    Record::new(&Sdr::ControllerLocator(ControllerLocator {
        record_id: CONTROLLER_RECORD,
        address: ipmi_wire::record::sdr::BMC_ADDRESS,
        channel: 0,
        initialization: 0,
        capabilities: crate::config::DEVICE_SUPPORT,
        entity: CONTROLLER,
        name: "BMC".to_owned(),
    }))
}

fn fru_record(fru: &FruDevice) -> Record {
    let entity = Entity { id: fru.entity.0, instance: fru.entity.1 };
    let record_id = FIRST_FRU_RECORD | u16::from(fru.id);
    Record::new(&Sdr::FruLocator(FruLocator::of_the_bmc(record_id, fru.id, entity, fru.name.clone())))
}
