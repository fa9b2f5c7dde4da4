//! Writing the repository, on a board that is a table.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bmc_daemon::ChannelMedium;
use ipmi_wire::{Lun, codec::Decode as _, record::sdr::Sdr};
use zbus::OwnedVariant;

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::fake::{self, Board},
    sensors::{AddedRecords, Model, Numbers},
    update_mode::LIFETIME,
};

const STORAGE: u8 = 0x0A;
const SENSOR: u8 = 0x04;

/// Who asks, and who else does.
const USER: u8 = 2;
const OTHER: u8 = 3;

/// The provider lists a sensor of each of these names.
fn load(model: &mut Model, names: &[&str]) {
    let property = |name: &str, value: f64| HashMap::from([(name.to_owned(), OwnedVariant::from(value))]);
    let object = |name: &&str| {
        let interfaces = HashMap::from([
            ("xyz.openbmc_project.Sensor.Value".to_owned(), property("Value", 25.0)),
            ("xyz.openbmc_project.Sensor.Threshold.Warning".to_owned(), property("WarningHigh", 80.0)),
        ]);
        (format!("/xyz/openbmc_project/sensors/temperature/{name}"), interfaces)
    };
    model.load(&Arc::from("xyz.openbmc_project.X"), names.iter().map(object).collect(), Instant::now());
}

/// Records of the controller and of one sensor, made at time 1000.
fn board() -> Arc<Board> {
    let board = Board::running();
    let mut model = Model::new(Numbers::default());
    load(&mut model, &["A"]);
    *board.sensors.lock().unwrap() = model.rebuild(1000).0;
    *board.model.lock().unwrap() = model;
    *board.time.lock().unwrap() = 2000;
    Arc::new(board)
}

async fn ask(ipmid: &Ipmid, net_fn_and_command: (u8, u8), data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_as(USER, ipmid, net_fn_and_command, data).await
}

/// As the user in this slot.
async fn ask_as(slot: u8, ipmid: &Ipmid, (net_fn, command): (u8, u8), data: &[u8]) -> Result<Vec<u8>, u8> {
    let caller = Caller::without_session(1, ChannelMedium::Lan);
    let caller = Caller { lun: Lun::new(0).unwrap(), user_slot: Some(slot), ..caller };
    let response = dispatch(ipmid, &caller, Request { net_fn, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn storage(ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    ask(ipmid, (STORAGE, command), data).await
}

async fn info(ipmid: &Ipmid) -> RepositoryInfo {
    RepositoryInfo::from_bytes(&storage(ipmid, 0x20, &[]).await.unwrap()).unwrap()
}

async fn reserve(ipmid: &Ipmid) -> [u8; 2] {
    storage(ipmid, 0x22, &[]).await.unwrap().try_into().unwrap()
}

/// What the fake's board has without any client: controller, one sensor, and the BMC's own discrete sensors.
const GENERATED: u16 = 2 + 9;

/// A vendor's record with this byte.
fn oem(data: u8) -> [u8; 9] {
    [0, 0, 0x51, 0xC0, 4, 1, 2, 3, data]
}

#[tokio::test]
async fn a_record_that_a_client_adds_can_be_read_and_deleted() {
    let ipmid = fake::ipmid(&board());
    let before = info(&ipmid).await;
    assert_eq!((before.records, before.free_space), (GENERATED, 256 * 64));
    assert_eq!((before.last_addition, before.last_erase, before.operations), (1000, u32::MAX, 0x6F));
    assert_eq!(storage(&ipmid, 0x24, &oem(9)).await.unwrap(), [0x00, 0x20]);
    let after = info(&ipmid).await;
    assert_eq!((after.records, after.free_space, after.last_addition), (GENERATED + 1, 255 * 64, 2000));
    let read = storage(&ipmid, 0x23, &[0, 0, 0x00, 0x20, 0, 0xFF]).await.unwrap();
    assert_eq!(read, [0xFF, 0xFF, 0x00, 0x20, 0x51, 0xC0, 4, 1, 2, 3, 9]);
    let [low, high] = reserve(&ipmid).await;
    assert_eq!(storage(&ipmid, 0x26, &[low, high, 0x00, 0x20]).await.unwrap(), [0x00, 0x20]);
    let after = info(&ipmid).await;
    assert_eq!((after.records, after.last_addition, after.last_erase), (GENERATED, 2000, 2000));
    assert_eq!(storage(&ipmid, 0x23, &[0, 0, 0x00, 0x20, 0, 0xFF]).await, Err(0xCB));
}

#[tokio::test]
async fn pieces_of_the_size_of_an_ipmb_message_make_the_record() {
    let ipmid = fake::ipmid(&board());
    let [low, high] = reserve(&ipmid).await;
    let whole = storage(&ipmid, 0x23, &[0, 0, 0x01, 0x10, 0, 0xFF]).await.unwrap().split_off(2);
    let mut pieces = Vec::new();
    while pieces.len() < whole.len() {
        let request = [low, high, 0x01, 0x10, u8::try_from(pieces.len()).unwrap(), 22];
        let caller = Caller::without_session(0, ChannelMedium::Ipmb);
        let request = Request { net_fn: STORAGE, command: 0x23, data: &request };
        pieces.extend(dispatch(&ipmid, &caller, request).await.data.into_iter().skip(2));
    }
    assert_eq!(pieces, whole);
}

#[tokio::test]
async fn what_is_malformed_or_the_boards_is_refused() {
    let ipmid = fake::ipmid(&board());
    let [low, high] = reserve(&ipmid).await;
    let with = |at: usize, byte: u8| {
        let mut record = oem(9);
        record[at] = byte;
        record
    };
    assert_eq!(storage(&ipmid, 0x24, &with(2, 0x02)).await, Err(0xCC), "version");
    assert_eq!(storage(&ipmid, 0x24, &with(3, 0x04)).await, Err(0xCD), "type");
    assert_eq!(storage(&ipmid, 0x24, &with(4, 5)).await, Err(0xC7), "length");
    assert_eq!(storage(&ipmid, 0x24, &[]).await, Err(0xC7));
    assert_eq!(storage(&ipmid, 0x26, &[low, high, 0x01, 0x10]).await, Err(0xCD), "the sensor's");
    assert_eq!(storage(&ipmid, 0x26, &[low, high, 0x05, 0x30]).await, Err(0xCB));
    assert_eq!(storage(&ipmid, 0x26, &[0, 0, 0x01, 0x10]).await, Err(0xC5), "no reservation");
    let sensor = storage(&ipmid, 0x23, &[0, 0, 0x01, 0x10, 0, 0xFF]).await.unwrap().split_off(2);
    assert_eq!(storage(&ipmid, 0x24, &sensor).await.unwrap(), [0x01, 0x10], "it is there already");
    let mut other = sensor;
    *other.last_mut().unwrap() = b'!';
    assert_eq!(storage(&ipmid, 0x24, &other).await, Err(0xCD), "the sensor has a record");
    assert_eq!(info(&ipmid).await.last_addition, 1000);
}

#[tokio::test]
async fn parts_make_a_record_that_is_as_long_as_it_says() {
    let ipmid = fake::ipmid(&board());
    let [low, high] = reserve(&ipmid).await;
    let part = async |id: [u8; 2], offset, progress, data: &[u8]| {
        let head = [low, high, id[0], id[1], offset, progress];
        storage(&ipmid, 0x25, &[head.as_slice(), data].concat()).await
    };
    let record = oem(9);
    let (first, second) = record.split_at(6);
    assert_eq!(part([0, 0], 0, 0, first).await.unwrap(), [0xFE, 0xFF]);
    assert_eq!(part([0xFE, 0xFF], 7, 1, second).await, Err(0xC9), "a gap");
    assert_eq!(part([0xFE, 0xFF], 6, 1, second).await, Err(0xCB), "it is nobody's now");
    assert_eq!(part([0, 0], 0, 0, first).await.unwrap(), [0xFE, 0xFF]);
    assert_eq!(part([0xFE, 0xFF], 6, 1, &second[..2]).await, Err(0x80), "shorter than its header says");
    assert_eq!(part([0, 0], 0, 0, &[0x51; 64]).await, Err(0x80), "longer than any record");
    assert_eq!(part([0, 0], 0, 0, first).await.unwrap(), [0xFE, 0xFF]);
    assert_eq!(part([0xFE, 0xFF], 6, 1, second).await.unwrap(), [0x00, 0x20]);
    assert_eq!(part([0, 0], 0, 1, &oem(8)).await, Err(0xC5), "the addition ended the reservation");
}

#[tokio::test]
async fn clearing_leaves_the_boards_records() {
    let ipmid = fake::ipmid(&board());
    storage(&ipmid, 0x24, &oem(1)).await.unwrap();
    storage(&ipmid, 0x24, &oem(2)).await.unwrap();
    let [low, high] = reserve(&ipmid).await;
    assert_eq!(storage(&ipmid, 0x27, &[low, high, b'C', b'L', b'S', 0xAA]).await, Err(0xCC));
    assert_eq!(storage(&ipmid, 0x27, &[0, 0, b'C', b'L', b'R', 0xAA]).await, Err(0xC5));
    assert_eq!(storage(&ipmid, 0x27, &[low, high, b'C', b'L', b'R', 0xAA]).await.unwrap(), [1]);
    assert_eq!(storage(&ipmid, 0x27, &[low, high, b'C', b'L', b'R', 0]).await.unwrap(), [1]);
    assert_eq!(info(&ipmid).await.records, GENERATED);
}

#[tokio::test]
async fn a_full_repository_says_so_until_a_record_is_deleted() {
    let ipmid = fake::ipmid(&board());
    let record = |id: u16| {
        let [low, high] = id.to_le_bytes();
        [0, 0, 0x51, 0xC0, 5, 1, 2, 3, low, high]
    };
    for id in 0..256 {
        storage(&ipmid, 0x24, &record(id)).await.unwrap();
    }
    assert_eq!(storage(&ipmid, 0x24, &record(256)).await, Err(0xC4));
    let full = info(&ipmid).await;
    assert_eq!((full.records, full.free_space, full.operations), (256 + GENERATED, 0, 0xEF));
    assert_eq!(storage(&ipmid, 0x21, &[]).await.unwrap(), [11, 1, 64, 0, 0, 0, 0, 0, 1]);
    let [low, high] = reserve(&ipmid).await;
    storage(&ipmid, 0x26, &[low, high, 0x00, 0x20]).await.unwrap();
    assert_eq!(info(&ipmid).await.operations, 0x6F);
    assert_eq!(storage(&ipmid, 0x21, &[]).await.unwrap(), [11, 1, 64, 0, 1, 0, 1, 0, 1]);
}

#[tokio::test]
async fn who_lists_the_sensors_while_they_come_back_after_a_restart_finds_another_time_later() {
    let mut before = Model::new(Numbers::default());
    load(&mut before, &["A", "B"]);
    before.rebuild(1000);
    for (net_fn_and_command, data) in
        [((STORAGE, 0x20), &[][..]), ((STORAGE, 0x22), &[]), ((STORAGE, 0x23), &[0, 0, 0, 0, 0, 5])]
    {
        for is_asked in [false, true] {
            let kept = serde_json::to_string(before.history()).unwrap();
            let history = serde_json::from_str(&kept).unwrap();
            let mut model =
                Model::new(before.numbers().clone()).with_records(AddedRecords::default(), history);
            let board = Arc::new(Board::running());
            let ipmid = fake::ipmid(&board);
            load(&mut model, &["A"]);
            *board.sensors.lock().unwrap() = model.rebuild(2000).0;
            assert!(!model.is_dirty());
            if is_asked {
                ask(&ipmid, net_fn_and_command, data).await.unwrap();
                assert!(model.is_dirty(), "that it was is to be written down");
            }
            load(&mut model, &["A", "B"]);
            *board.sensors.lock().unwrap() = model.rebuild(2100).0;
            assert_eq!(info(&ipmid).await.last_addition, if is_asked { 2100 } else { 1000 });
            assert!(!model.is_dirty());
        }
    }
}

#[tokio::test]
async fn device_records_are_without_what_clients_added() {
    let ipmid = fake::ipmid(&board());
    let before = ask(&ipmid, (SENSOR, 0x20), &[1]).await.unwrap();
    storage(&ipmid, 0x24, &oem(1)).await.unwrap();
    assert_eq!(ask(&ipmid, (SENSOR, 0x20), &[1]).await.unwrap(), before);
    let last = ask(&ipmid, (SENSOR, 0x21), &[0, 0, 0xFF, 0xFF, 0, 5]).await.unwrap();
    assert_eq!(last[..4], [0xFF, 0xFF, 0xF8, 0x10]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x21), &[0, 0, 0x00, 0x20, 0, 5]).await, Err(0xCB));
}

#[tokio::test]
async fn the_repositorys_clock_is_its_own() {
    let ipmid = fake::ipmid(&board());
    assert_eq!(storage(&ipmid, 0x28, &[]).await.unwrap(), 2000_u32.to_le_bytes());
    storage(&ipmid, 0x29, &5000_u32.to_le_bytes()).await.unwrap();
    storage(&ipmid, 0x24, &oem(1)).await.unwrap();
    assert_eq!(info(&ipmid).await.last_addition, 5000);
}

async fn as_other(ipmid: &Ipmid, command: u8, data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_as(OTHER, ipmid, (STORAGE, command), data).await
}

#[tokio::test]
async fn while_one_updates_the_repository_others_learn_how_it_stands_and_no_more() {
    let ipmid = fake::ipmid(&board());
    assert_eq!(info(&ipmid).await.operations & 0x60, 0x60, "modal and non-modal");
    assert_eq!(storage(&ipmid, 0x2A, &[]).await, Ok(Vec::new()));
    let first = &[0, 0, 0, 0, 0, 5][..];
    let refused: [(u8, &[u8]); 10] = [
        (0x22, &[]),
        (0x23, first),
        (0x24, &oem(1)),
        (0x25, &[0; 7]),
        (0x26, &[0; 4]),
        (0x27, b"\0\0CLR\0"),
        (0x29, &[0; 4]),
        (0x2A, &[]),
        (0x2B, &[]),
        (0x2C, &[0]),
    ];
    for (command, data) in refused {
        assert_eq!(as_other(&ipmid, command, data).await, Err(0xD0), "{command:#x}");
    }
    for command in [0x20, 0x21, 0x28] {
        assert!(as_other(&ipmid, command, &[]).await.is_ok(), "{command:#x}");
    }
    assert!(ask_as(OTHER, &ipmid, (SENSOR, 0x21), first).await.is_ok(), "device records are not in it");
    storage(&ipmid, 0x24, &oem(1)).await.unwrap();
    assert_eq!(storage(&ipmid, 0x2A, &[]).await, Ok(Vec::new()), "entered again");
    assert_eq!(storage(&ipmid, 0x2B, &[]).await, Ok(Vec::new()));
    assert_eq!(storage(&ipmid, 0x2B, &[]).await, Ok(Vec::new()), "nobody is in it");
    assert!(as_other(&ipmid, 0x23, first).await.is_ok());
    as_other(&ipmid, 0x24, &oem(2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_update_ends_when_nothing_is_heard_of_it() {
    let ipmid = fake::ipmid(&board());
    storage(&ipmid, 0x2A, &[]).await.unwrap();
    for _ in 0..2 {
        tokio::time::advance(LIFETIME).await;
        assert_eq!(as_other(&ipmid, 0x22, &[]).await, Err(0xD0));
        reserve(&ipmid).await;
    }
    tokio::time::advance(LIFETIME + Duration::from_millis(1)).await;
    as_other(&ipmid, 0x2A, &[]).await.unwrap();
    assert_eq!(storage(&ipmid, 0x24, &oem(1)).await, Err(0xD0), "it is the other's now");
}

#[tokio::test]
async fn entering_the_update_mode_ends_earlier_reservations() {
    let ipmid = fake::ipmid(&board());
    let second_part =
        async |[low, high]: [u8; 2]| storage(&ipmid, 0x23, &[low, high, 0, 0, 5, 5]).await.map(|_| ());
    let before = reserve(&ipmid).await;
    assert_eq!(second_part(before).await, Ok(()));
    storage(&ipmid, 0x2A, &[]).await.unwrap();
    assert_eq!(second_part(before).await, Err(0xC5));
    let within = reserve(&ipmid).await;
    storage(&ipmid, 0x2A, &[]).await.unwrap();
    assert_eq!(second_part(within).await, Ok(()), "it was the holder's already");
    storage(&ipmid, 0x2B, &[]).await.unwrap();
    assert_eq!(second_part(within).await, Ok(()));
    assert_eq!(second_part(before).await, Err(0xC5));
}

#[tokio::test]
async fn the_initialization_agent_enables_events_again() {
    let ipmid = fake::ipmid(&board());
    let events = async || ask(&ipmid, (SENSOR, 0x29), &[1]).await.unwrap()[0];
    let before = events().await;
    ask(&ipmid, (SENSOR, 0x28), &[1, 0x40]).await.unwrap();
    assert_eq!(storage(&ipmid, 0x2C, &[0]).await.unwrap(), [1]);
    let off = events().await;
    assert_eq!(storage(&ipmid, 0x2C, &[1]).await.unwrap(), [1]);
    assert_eq!((off & 0x80, events().await), (0, before));
}

#[tokio::test]
async fn the_factors_of_a_sensor_are_those_of_its_record() {
    let ipmid = fake::ipmid(&board());
    let record = storage(&ipmid, 0x23, &[0, 0, 0x01, 0x10, 0, 0xFF]).await.unwrap();
    let Ok(Sdr::FullSensor(record)) = Sdr::from_bytes(&record[2..]) else { panic!("{record:?}") };
    let factors = ask(&ipmid, (SENSOR, 0x23), &[record.number, 77]).await.unwrap();
    let mut expected = vec![77];
    ipmi_wire::codec::Encode::encode(&record.conversion, &mut expected);
    assert_eq!(factors, expected);
}
