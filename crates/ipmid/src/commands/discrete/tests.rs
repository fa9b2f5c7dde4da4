//! Discrete sensors on a board that is a table.

use std::{collections::HashMap, sync::Arc};

use bmc_daemon::ChannelMedium;
use bmc_dbus::{
    discovery::{Event, Interfaces},
    discrete::ROOTS,
    names::{chassis, inventory, sensors as names},
};
use ipmi_wire::{
    Lun,
    codec::Decode as _,
    command::watchdog::TimeoutAction,
    record::{event::number, sdr::Sdr},
};
use zbus::{OwnedVariant, Variant};

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::fake::{self, Board},
    sensors::{Model, Numbers},
};

const READING: u8 = 0x2D;
const EVENT_STATUS: u8 = 0x2B;
const EVENT_ENABLE: u8 = 0x29;
const SET_EVENT_ENABLE: u8 = 0x28;
const TYPE: u8 = 0x2F;
const THRESHOLDS: u8 = 0x27;
const PROVIDER: &str = "xyz.openbmc_project.FerriteSensor";
const PSU: &str = "/xyz/openbmc_project/inventory/system/powersupply/PSU1";
const LID: &str = "/xyz/openbmc_project/Chassis/Lid";

/// A board whose snapshot follows what happens to items.
struct World {
    board: Arc<Board>,
    model: Model,
    ipmid: Ipmid,
}

fn properties(rows: &[(&str, OwnedVariant)]) -> HashMap<String, OwnedVariant> {
    rows.iter().map(|(name, value)| ((*name).to_owned(), value.try_clone().unwrap())).collect()
}

fn text(value: &str) -> OwnedVariant {
    Variant::from(value).try_into().unwrap()
}

fn supply() -> Interfaces {
    let entity = properties(&[("EntityId", 10_u64.into()), ("EntityInstance", 2_u64.into())]);
    HashMap::from([
        (inventory::ITEM.to_owned(), properties(&[("Present", true.into())])),
        (names::OPERATIONAL_STATUS.to_owned(), properties(&[("Functional", true.into())])),
        (names::DECORATOR_IPMI.to_owned(), entity),
        (inventory::ITEM_POWER_SUPPLY.to_owned(), HashMap::new()),
    ])
}

fn lid() -> Interfaces {
    HashMap::from([(chassis::INTRUSION.to_owned(), properties(&[("Status", text("Normal"))]))])
}

impl World {
    fn with(items: &[(&str, Interfaces)]) -> Self {
        let board = Arc::new(Board::running());
        let ipmid = fake::ipmid(&board);
        let mut world = Self { board, model: Model::new(Numbers::default()), ipmid };
        world.load(items);
        world
    }

    fn load(&mut self, items: &[(&str, Interfaces)]) {
        let clone = |interfaces: &Interfaces| {
            let pairs = interfaces.iter();
            pairs
                .map(|(name, rows)| {
                    let rows = rows.iter().map(|(name, value)| (name.clone(), value.try_clone().unwrap()));
                    (name.clone(), rows.collect())
                })
                .collect()
        };
        let objects = items.iter().map(|(path, interfaces)| ((*path).to_owned(), interfaces));
        let objects: HashMap<_, _> = objects.collect();
        // A provider lists its objects root by root.
        for (root, (under, _)) in ROOTS.iter().enumerate() {
            let below = objects.iter().filter(|(path, _)| path.starts_with(under));
            let below = below.map(|(path, interfaces)| (path.clone(), clone(interfaces))).collect();
            self.model.apply_to_items(root, Event::Loaded { provider: PROVIDER.into(), objects: below });
        }
        *self.board.sensors.lock().unwrap() = self.model.rebuild(1000).0;
    }

    fn happens(&mut self, root: usize, event: Event) {
        self.model.apply_to_items(root, event);
        *self.board.sensors.lock().unwrap() = self.model.rebuild(1000).0;
    }

    fn changes(&mut self, path: &str, interface: &str, property: &str, value: OwnedVariant) {
        let (provider, path, interface) = (PROVIDER.into(), path.to_owned(), interface.to_owned());
        let properties = properties(&[(property, value)]);
        let root = ROOTS.iter().position(|(root, _)| path.starts_with(root)).unwrap();
        self.happens(root, Event::Changed { provider, path, interface, properties });
    }

    async fn ask(&self, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
        let caller = Caller { lun: Lun::new(0).unwrap(), ..Caller::without_session(1, ChannelMedium::Lan) };
        let response = dispatch(&self.ipmid, &caller, Request { net_fn: 0x04, command, data }).await;
        if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
    }

    /// The states that Get Sensor Reading tells.
    async fn states(&self, number: u8) -> u16 {
        let reading = self.ask(READING, &[number]).await.unwrap();
        assert_eq!((reading[0], reading.len()), (0, 4));
        u16::from_le_bytes([reading[2], reading[3] & 0x7F])
    }

    /// The records of discrete sensors, by the sensor's number.
    fn records(&self) -> HashMap<u8, Sdr> {
        let snapshot = self.board.sensors.lock().unwrap().clone();
        let records = snapshot.records().iter().map(|record| Sdr::from_bytes(&record.bytes).unwrap());
        records
            .filter_map(|record| match &record {
                Sdr::CompactSensor(sensor) => Some((sensor.number, record)),
                Sdr::EventOnly(sensor) => Some((sensor.number, record)),
                _ => None,
            })
            .collect()
    }
}

#[tokio::test]
async fn a_supply_shows_its_states_and_has_none_when_it_is_pulled() {
    let mut world = World::with(&[(PSU, supply())]);
    assert_eq!(world.ask(READING, &[1]).await.unwrap(), [0, 0xC0, 0x01, 0x80]);
    assert_eq!(world.ask(TYPE, &[1]).await.unwrap(), [0x08, 0x6F]);
    world.changes(PSU, names::OPERATIONAL_STATUS, "Functional", false.into());
    assert_eq!(world.states(1).await, 0x0003);
    assert_eq!(world.ask(EVENT_STATUS, &[1]).await.unwrap(), [0xC0, 0x03, 0, 0, 0]);
    world.changes(PSU, inventory::ITEM, "Present", false.into());
    assert_eq!(world.states(1).await, 0);
    world.happens(0, Event::Gone { provider: PROVIDER.into() });
    assert_eq!(world.ask(READING, &[1]).await.unwrap(), [0, 0xE0, 0, 0x80]);
}

#[tokio::test]
async fn a_record_says_what_the_item_is_and_which_states_it_has() {
    let world = World::with(&[(PSU, supply())]);
    let records = world.records();
    let Sdr::CompactSensor(supply) = &records[&1] else { panic!("{records:?}") };
    assert_eq!((supply.name.as_str(), supply.sensor_type, supply.event_type), ("PSU1", 0x08, 0x6F));
    assert_eq!((supply.entity.id, supply.entity.instance), (10, 2));
    assert_eq!((supply.assertion_mask, supply.deassertion_mask, supply.reading_mask), (0x0B, 0x0B, 0x0B));
    assert!(matches!(&records[&number::SESSION_AUDIT], Sdr::EventOnly(audit) if audit.sensor_type == 0x2A));
}

#[tokio::test]
async fn an_item_keeps_its_number_and_one_that_is_removed_has_no_record() {
    let mut world = World::with(&[(LID, lid()), (PSU, supply())]);
    assert_eq!(world.ask(TYPE, &[1]).await.unwrap(), [0x08, 0x6F]);
    assert_eq!(world.ask(TYPE, &[2]).await.unwrap(), [0x05, 0x6F]);
    let (provider, interfaces) = (PROVIDER.into(), vec![inventory::ITEM_POWER_SUPPLY.to_owned()]);
    world.happens(0, Event::Removed { provider, path: PSU.to_owned(), interfaces });
    assert_eq!(world.ask(READING, &[1]).await, Err(0xCB));
    let mut again = Model::new(world.model.numbers().clone());
    let objects = [(LID.to_owned(), lid())].into();
    again.apply_to_items(1, Event::Loaded { provider: PROVIDER.into(), objects });
    let discrete = again.rebuild(1).0;
    let lid = discrete.all_discrete().iter().find(|discrete| discrete.path == LID).unwrap();
    assert_eq!(lid.address.number, 2, "also alone, after a restart");
}

#[tokio::test]
async fn a_drive_shows_that_it_is_there_broken_and_rebuilt() {
    const DRIVE: &str = "/xyz/openbmc_project/inventory/system/drive/D1";
    const STATE: &str = "xyz.openbmc_project.State.Drive";
    let drive = HashMap::from([
        (inventory::ITEM.to_owned(), properties(&[("Present", true.into())])),
        (names::OPERATIONAL_STATUS.to_owned(), properties(&[("Functional", true.into())])),
        (STATE.to_owned(), properties(&[("Rebuilding", false.into())])),
        ("xyz.openbmc_project.Inventory.Item.Drive".to_owned(), HashMap::new()),
    ]);
    let mut world = World::with(&[(DRIVE, drive)]);
    assert_eq!(world.ask(TYPE, &[1]).await.unwrap(), [0x0D, 0x6F]);
    assert_eq!(world.states(1).await, 0x0001);
    world.changes(DRIVE, STATE, "Rebuilding", true.into());
    assert_eq!(world.states(1).await, 0x0081);
    world.changes(DRIVE, names::OPERATIONAL_STATUS, "Functional", false.into());
    assert_eq!(world.states(1).await, 0x0083);
    world.changes(DRIVE, inventory::ITEM, "Present", false.into());
    assert_eq!(world.states(1).await, 0, "what is not there has no state");
    let records = world.records();
    let Sdr::CompactSensor(drive) = &records[&1] else { panic!("{records:?}") };
    assert_eq!((drive.name.as_str(), drive.sensor_type, drive.entity.id), ("D1", 0x0D, 0x04));
    assert_eq!((drive.assertion_mask, drive.deassertion_mask, drive.reading_mask), (0x83, 0x83, 0x83));
}

#[tokio::test]
async fn an_open_chassis_shows_in_its_sensor_and_in_the_chassis_status() {
    let mut world = World::with(&[(LID, lid())]);
    assert_eq!(world.states(1).await, 0);
    let status = "xyz.openbmc_project.Chassis.Intrusion.Status.HardwareIntrusion";
    world.changes(LID, chassis::INTRUSION, "Status", text(status));
    assert_eq!(world.states(1).await, 1);
    let caller = Caller::without_session(1, ChannelMedium::Lan);
    let request = Request { net_fn: 0x00, command: 0x01, data: &[] };
    assert_eq!(dispatch(&world.ipmid, &caller, request).await.data[2] & 0x01, 0x01);
}

#[tokio::test]
async fn the_bmcs_own_sensors_show_what_their_providers_tell() {
    let world = World::with(&[]);
    assert_eq!(world.states(number::POWER_UNIT).await, 0);
    world.board.power.lock().unwrap().as_mut().unwrap().on = false;
    world.board.power.lock().unwrap().as_mut().unwrap().fault = true;
    assert_eq!(world.states(number::POWER_UNIT).await, 0x0041);
    *world.board.power.lock().unwrap() = None;
    assert_eq!(world.ask(READING, &[number::POWER_UNIT]).await.unwrap(), [0, 0xE0, 0, 0x80]);
    assert_eq!(world.ask(READING, &[number::SESSION_AUDIT]).await, Err(0xCD));
    assert_eq!(world.ask(TYPE, &[number::WATCHDOG]).await.unwrap(), [0x23, 0x6F]);
}

#[tokio::test]
async fn the_watchdogs_sensor_shows_what_it_did_and_not_what_it_is_to_do_next() {
    let world = World::with(&[]);
    // Hard reset; its states are the codes of its actions.
    *world.board.watchdog_did.lock().unwrap() = Some(TimeoutAction::HardReset);
    let caller = Caller::without_session(1, ChannelMedium::Lan);
    // Set Watchdog Timer: SMS/OS, power down, 10 s, no flag cleared.
    let request = Request { net_fn: 0x06, command: 0x24, data: &[0x04, 0x02, 0, 0, 100, 0] };
    assert_eq!(dispatch(&world.ipmid, &caller, request).await.completion_code.0, 0);
    assert_eq!(world.states(number::WATCHDOG).await, 0x0002);
    *world.board.watchdog_did.lock().unwrap() = None;
    assert_eq!(world.states(number::WATCHDOG).await, 0);
}

#[test]
fn a_log_that_fills_is_almost_full_and_then_full() {
    let states = |records, free| of_log(LogInfo { records, free, ..LogInfo::default() });
    assert_eq!([states(0, 100), states(89, 11), states(90, 10), states(100, 0)], [0, 0, 0x20, 0x30]);
}

#[tokio::test]
async fn events_of_a_discrete_sensor_are_switched_off_and_thresholds_it_has_none() {
    let world = World::with(&[(PSU, supply())]);
    assert_eq!(world.ask(EVENT_ENABLE, &[1]).await.unwrap(), [0xC0, 0x0B, 0, 0x0B, 0]);
    // Events stay on; "disable selected", presence detected.
    world.ask(SET_EVENT_ENABLE, &[1, 0xE0, 0x01, 0, 0, 0]).await.unwrap();
    assert_eq!(world.ask(EVENT_ENABLE, &[1]).await.unwrap(), [0xC0, 0x0A, 0, 0x0B, 0]);
    assert_eq!(world.ask(THRESHOLDS, &[1]).await, Err(0xCD));
}

#[tokio::test]
async fn a_sensor_without_a_reading_has_every_offset_enabled_and_no_reserved_bit() {
    let world = World::with(&[]);
    assert_eq!(world.ask(EVENT_ENABLE, &[number::SESSION_AUDIT]).await.unwrap(), [0xC0, 0xFF, 0x7F, 0, 0]);
}

#[tokio::test]
async fn what_the_log_says_of_itself_cannot_be_switched_off_and_the_client_hears_that() {
    let world = World::with(&[]);
    let before = world.ask(EVENT_ENABLE, &[number::EVENT_LOGGING]).await;
    assert_eq!(world.ask(SET_EVENT_ENABLE, &[number::EVENT_LOGGING, 0x40]).await, Err(0xCD));
    let disable = [number::EVENT_LOGGING, 0xE0, 0x10, 0, 0, 0];
    assert_eq!(world.ask(SET_EVENT_ENABLE, &disable).await, Err(0xCD));
    assert_eq!(world.ask(EVENT_ENABLE, &[number::EVENT_LOGGING]).await, before);
}
