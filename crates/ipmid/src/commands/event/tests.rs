//! Events and the log's settings on a board that is a table.

use std::{collections::HashMap, sync::Arc, time::Instant};

use ipmi_wire::Lun;
use zbus::OwnedVariant;

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::fake::{self, Board},
    sensors::{Model, Numbers},
};

const SENSOR: u8 = 0x04;
const STORAGE: u8 = 0x0A;
const PATH: &str = "/xyz/openbmc_project/sensors/temperature/CPU";

/// A board with one temperature, number 1, whose upper critical threshold is set.
fn board() -> Arc<Board> {
    let board = Board::running();
    let property = |name: &str, value: f64| HashMap::from([(name.to_owned(), OwnedVariant::from(value))]);
    let interfaces = HashMap::from([
        ("xyz.openbmc_project.Sensor.Value".to_owned(), property("Value", 25.0)),
        ("xyz.openbmc_project.Sensor.Threshold.Critical".to_owned(), property("CriticalHigh", 95.0)),
    ]);
    let mut model = Model::new(Numbers::default());
    let objects = HashMap::from([(PATH.to_owned(), interfaces)]);
    model.load(&Arc::from("xyz.openbmc_project.X"), objects, Instant::now());
    *board.sensors.lock().unwrap() = model.rebuild(1000).0;
    Arc::new(board)
}

async fn ask_over(
    ipmid: &Ipmid,
    medium: ChannelMedium,
    (net_fn, command): (u8, u8),
    data: &[u8],
) -> Result<Vec<u8>, u8> {
    let caller = Caller { lun: Lun::new(0).unwrap(), ..Caller::without_session(1, medium) };
    let response = dispatch(ipmid, &caller, Request { net_fn, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn ask(ipmid: &Ipmid, command: (u8, u8), data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_over(ipmid, ChannelMedium::Lan, command, data).await
}

fn logged(board: &Board, id: u16) -> [u8; 16] {
    board.log.lock().unwrap().0[&id]
}

#[tokio::test]
async fn an_event_from_the_lan_is_a_remote_consoles_and_one_from_the_host_is_whose_it_says() {
    let board = board();
    let ipmid = fake::ipmid(&board);
    let event = [0x04, 0x12, 0x30, 0x6F, 0x01, 0xAA];
    ask(&ipmid, (SENSOR, 0x02), &event).await.unwrap();
    assert_eq!(logged(&board, 1)[7..], [0x81, 0x10, 0x04, 0x12, 0x30, 0x6F, 0x01, 0xAA, 0xFF]);
    let event = [0x40, 0x04, 0x12, 0x30, 0xEF, 0x01, 0xAA, 0xBB];
    ask_over(&ipmid, ChannelMedium::SystemInterface, (SENSOR, 0x02), &event).await.unwrap();
    assert_eq!(logged(&board, 2)[7..], [0x41, 0x00, 0x04, 0x12, 0x30, 0xEF, 0x01, 0xAA, 0xBB]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x02), &event).await, Err(0xC7), "too long without a generator");
    let wrong = [0x07, 0x12, 0x30, 0x6F, 0x01];
    assert_eq!(ask(&ipmid, (SENSOR, 0x02), &wrong).await, Err(0xCC));
}

#[tokio::test]
async fn the_bmc_is_its_own_receiver_or_nobody_is() {
    let board = board();
    let ipmid = fake::ipmid(&board);
    assert_eq!(ask(&ipmid, (SENSOR, 0x01), &[]).await, Err(0xCE), "seld is away");
    ask(&ipmid, (SENSOR, 0x00), &[0xFF, 0]).await.unwrap();
    assert_eq!(ask(&ipmid, (SENSOR, 0x01), &[]).await.unwrap(), [0xFF, 0]);
    ask(&ipmid, (SENSOR, 0x00), &[0x20, 0]).await.unwrap();
    assert_eq!(ask(&ipmid, (SENSOR, 0x01), &[]).await.unwrap(), [0x20, 0]);
    assert_eq!(*board.asked.lock().unwrap(), ["re-arm  ffff"]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x00), &[0x30, 0]).await, Err(0xCC));
}

#[tokio::test]
async fn events_of_a_sensor_are_switched_off_one_by_one_and_all_at_once() {
    let ipmid = fake::ipmid(&board());
    let enabled = async || ask(&ipmid, (SENSOR, 0x29), &[1]).await.unwrap();
    assert_eq!(enabled().await, [0xC0, 0, 0x02, 0, 0x02]);
    ask(&ipmid, (SENSOR, 0x28), &[1, 0xE0, 0, 0x02, 0, 0]).await.unwrap();
    assert_eq!(enabled().await, [0xC0, 0, 0, 0, 0x02]);
    ask(&ipmid, (SENSOR, 0x28), &[1, 0x40]).await.unwrap();
    assert_eq!(enabled().await, [0x40, 0, 0, 0, 0x02]);
    ask(&ipmid, (SENSOR, 0x28), &[1, 0xD0, 0, 0x02, 0, 0]).await.unwrap();
    assert_eq!(enabled().await, [0xC0, 0, 0x02, 0, 0x02]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x28), &[1, 0x80]).await, Err(0xCC), "scanning stays on");
    assert_eq!(ask(&ipmid, (SENSOR, 0x28), &[9, 0xC0]).await, Err(0xCB));
}

#[tokio::test]
async fn re_arming_names_the_sensor_and_the_events() {
    let board = board();
    let ipmid = fake::ipmid(&board);
    ask(&ipmid, (SENSOR, 0x2A), &[1, 0x00]).await.unwrap();
    ask(&ipmid, (SENSOR, 0x2A), &[1, 0x80, 0x00, 0x02, 0, 0]).await.unwrap();
    assert_eq!(ask(&ipmid, (SENSOR, 0x2A), &[9, 0x00]).await, Err(0xCB));
    let asked = board.asked.lock().unwrap().clone();
    assert_eq!(asked, [format!("re-arm {PATH} ffff"), format!("re-arm {PATH} 0200")]);
}

#[tokio::test]
async fn a_record_is_added_in_parts_that_follow_each_other() {
    let board = board();
    let ipmid = fake::ipmid(&board);
    let [low, high] = ask(&ipmid, (STORAGE, 0x42), &[]).await.unwrap().try_into().unwrap();
    let part = |record: u16, offset: u8, last: u8, data: &[u8]| {
        let [id_low, id_high] = record.to_le_bytes();
        [&[low, high, id_low, id_high, offset, last], data].concat()
    };
    let add = async |data: Vec<u8>| ask(&ipmid, (STORAGE, 0x45), &data).await;
    assert_eq!(add(part(0, 0, 0, &[2; 7])).await.unwrap(), [0xFE, 0xFF]);
    assert_eq!(add(part(0xFFFE, 7, 0, &[3; 5])).await.unwrap(), [0xFE, 0xFF]);
    assert_eq!(add(part(0xFFFE, 12, 1, &[4; 4])).await.unwrap(), [1, 0]);
    assert_eq!(logged(&board, 1), [2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4]);
    assert_eq!(add(part(0xFFFE, 12, 1, &[4; 4])).await, Err(0xCB), "there is no record under way");
    add(part(0, 0, 0, &[2; 7])).await.unwrap();
    assert_eq!(add(part(0xFFFE, 9, 0, &[3; 5])).await, Err(0xC9), "a gap");
    add(part(0, 0, 0, &[2; 7])).await.unwrap();
    assert_eq!(add(part(0xFFFE, 7, 1, &[3; 5])).await, Err(0x80), "too short");
    assert_eq!(add(part(0, 0, 0, &[2; 16])).await, Err(0x80), "too long");
    ask(&ipmid, (STORAGE, 0x42), &[]).await.unwrap();
    assert_eq!(add(part(0, 0, 0, &[2; 7])).await, Err(0xC5));
}

#[tokio::test]
async fn time_offset_and_auxiliary_logs_are_set_and_read_back() {
    let ipmid = fake::ipmid(&board());
    ask(&ipmid, (STORAGE, 0x49), &[1, 2, 3, 4]).await.unwrap();
    assert_eq!(ask(&ipmid, (STORAGE, 0x48), &[]).await.unwrap(), [1, 2, 3, 4]);
    for (offset, answer) in
        [([0xD4, 0xFE], Ok(Vec::new())), ([0xFF, 0x07], Ok(Vec::new())), ([0xA1, 0x05], Err(0xC9))]
    {
        assert_eq!(ask(&ipmid, (STORAGE, 0x5D), &offset).await, answer, "{offset:?}");
    }
    assert_eq!(ask(&ipmid, (STORAGE, 0x5C), &[]).await.unwrap(), [0xFF, 0x07]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x5A), &[0]).await, Err(0xCB), "never set");
    ask(&ipmid, (STORAGE, 0x5B), &[0, 1, 2, 3, 4, 5, 6, 7, 8]).await.unwrap();
    assert_eq!(ask(&ipmid, (STORAGE, 0x5A), &[0]).await.unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x5B), &[1, 1]).await, Err(0xC7));
    assert_eq!(ask(&ipmid, (STORAGE, 0x5B), &[3, 1]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, (STORAGE, 0x5A), &[3]).await, Err(0xCC));
}
