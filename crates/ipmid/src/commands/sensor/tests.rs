//! Sensor, SDR, SEL and FRU commands on a board that is a table.

use std::{collections::HashMap, time::Instant};

use bmc_daemon::ChannelMedium;
use ipmi_wire::Lun;
use zbus::OwnedVariant;

use super::*;
use crate::{
    dispatch::{Request, dispatch},
    platform::{
        fake::{self, Board},
        inventory::Inventory as _,
    },
    sensors::{Model, Numbers},
};

const SENSOR: u8 = 0x04;
const STORAGE: u8 = 0x0A;

/// Interface, property, value.
type Rows<'a> = &'a [(&'a str, &'a str, f64)];

const VALUE: &str = "xyz.openbmc_project.Sensor.Value";
const WARNING: &str = "xyz.openbmc_project.Sensor.Threshold.Warning";
const CRITICAL: &str = "xyz.openbmc_project.Sensor.Threshold.Critical";
const HYSTERESIS: &str = "org.ferrite.Sensor.Hysteresis";

const INLET: Rows<'static> = &[
    (VALUE, "Value", 25.0),
    (VALUE, "MinValue", -128.0),
    (VALUE, "MaxValue", 127.0),
    (WARNING, "WarningLow", 5.0),
    (WARNING, "WarningHigh", 40.0),
    (CRITICAL, "CriticalHigh", 45.0),
    (HYSTERESIS, "Positive", 2.0),
    (HYSTERESIS, "Negative", 1.0),
];
const PLAIN: Rows<'static> =
    &[(VALUE, "Value", f64::NAN), (VALUE, "MinValue", 0.0), (VALUE, "MaxValue", 255.0)];

/// A board with these sensors, numbered from 1 by their path, and FRU 0.
fn board(sensors: &[(&str, Rows<'_>)]) -> Arc<Board> {
    let board = Board::running();
    board.frus.lock().unwrap().insert(0, (0..100).collect());
    let objects = sensors.iter().map(|(name, rows)| {
        let mut interfaces = HashMap::<String, HashMap<String, OwnedVariant>>::new();
        for (interface, property, value) in *rows {
            let properties = interfaces.entry((*interface).to_owned()).or_default();
            properties.insert((*property).to_owned(), (*value).into());
        }
        (format!("/xyz/openbmc_project/sensors/temperature/{name}"), interfaces)
    });
    let mut model = Model::new(Numbers::default());
    model.load(&Arc::from("xyz.openbmc_project.X"), objects.collect(), Instant::now());
    model.set_frus(board.list());
    *board.sensors.lock().unwrap() = model.rebuild(1000).0;
    *board.model.lock().unwrap() = model;
    Arc::new(board)
}

async fn ask_on(
    ipmid: &Ipmid,
    lun: u8,
    medium: ChannelMedium,
    (net_fn, command): (u8, u8),
    data: &[u8],
) -> Result<Vec<u8>, u8> {
    let caller = Caller { lun: Lun::new(lun).unwrap(), ..Caller::without_session(1, medium) };
    let response = dispatch(ipmid, &caller, Request { net_fn, command, data }).await;
    if response.completion_code.0 == 0 { Ok(response.data) } else { Err(response.completion_code.0) }
}

async fn ask(ipmid: &Ipmid, command: (u8, u8), data: &[u8]) -> Result<Vec<u8>, u8> {
    ask_on(ipmid, 0, ChannelMedium::Lan, command, data).await
}

#[tokio::test]
async fn a_reading_tells_its_state() {
    let ipmid = fake::ipmid(&board(&[("A", INLET), ("B", PLAIN)]));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2D), &[1]).await.unwrap(), [25, 0xC0, 0xC0]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x2D), &[2]).await.unwrap(), [0, 0x60, 0xC0]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x2D), &[3]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2D), &[0xFF]).await, Err(0xCB));
    assert_eq!(ask_on(&ipmid, 1, ChannelMedium::Lan, (SENSOR, 0x2D), &[1]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2D), &[]).await, Err(0xC7));
}

#[tokio::test]
async fn thresholds_hysteresis_events_and_type_are_told() {
    let ipmid = fake::ipmid(&board(&[("A", INLET), ("B", PLAIN)]));
    assert_eq!(ask(&ipmid, (SENSOR, 0x27), &[1]).await.unwrap(), [0x19, 5, 0, 0, 40, 45, 0]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x27), &[2]).await.unwrap(), [0; 7]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x25), &[1, 0xFF]).await.unwrap(), [2, 1]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x25), &[2, 0xFF]).await, Err(0xCD));
    // Lower non-critical going low, upper non-critical and critical going high.
    assert_eq!(ask(&ipmid, (SENSOR, 0x29), &[1]).await.unwrap(), [0xC0, 0x81, 0x02, 0x81, 0x02]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x2B), &[1]).await.unwrap(), [0xC0, 0, 0, 0, 0]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x2F), &[1]).await.unwrap(), [0x01, 0x01]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x23), &[1, 7]).await.unwrap(), [7, 1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_reading_above_a_threshold_says_so() {
    let hot: Vec<_> =
        INLET.iter().map(|row| if row.1 == "Value" { (row.0, row.1, 46.0) } else { *row }).collect();
    let ipmid = fake::ipmid(&board(&[("A", &hot)]));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2D), &[1]).await.unwrap(), [46, 0xC0, 0xD8]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x2B), &[1]).await.unwrap(), [0xC0, 0x80, 0x02, 0, 0]);
}

#[tokio::test]
async fn thresholds_are_set_in_an_order_that_never_crosses_and_refused_where_they_would() {
    let board = board(&[("A", INLET), ("B", PLAIN)]);
    let ipmid = fake::ipmid(&board);
    let set = async |mask, [unc, uc]: [u8; 2]| {
        ask(&ipmid, (SENSOR, 0x26), &[1, mask, 0, 0, 0, unc, uc, 0]).await.map(|_| ())
    };
    assert_eq!(set(0x18, [50, 55]).await, Ok(()));
    assert_eq!(set(0x18, [30, 35]).await, Ok(()));
    assert_eq!(set(0x08, [46, 0]).await, Err(0xCC), "above critical");
    assert_eq!(set(0x08, [5, 0]).await, Err(0xCC), "at the lower one");
    assert_eq!(set(0x20, [0, 0]).await, Err(0xCC), "one that is not there");
    assert_eq!(set(0x00, [0, 0]).await, Ok(()));
    assert_eq!(ask(&ipmid, (SENSOR, 0x26), &[2, 1, 0, 0, 0, 0, 0, 0]).await, Err(0xCD));
    let path = "/xyz/openbmc_project/sensors/temperature/A";
    let asked = board.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            format!("{path}: CriticalHigh 55, WarningHigh 50"),
            format!("{path}: WarningHigh 30, CriticalHigh 35")
        ]
    );
}

#[tokio::test]
async fn hysteresis_is_set_in_the_sensors_unit() {
    let board = board(&[("A", INLET), ("B", PLAIN)]);
    let ipmid = fake::ipmid(&board);
    assert_eq!(ask(&ipmid, (SENSOR, 0x24), &[1, 0xFF, 3, 4]).await, Ok(vec![]));
    assert_eq!(ask(&ipmid, (SENSOR, 0x24), &[2, 0xFF, 3, 4]).await, Err(0xCD));
    assert_eq!(*board.asked.lock().unwrap(), ["/xyz/openbmc_project/sensors/temperature/A: 3 4"]);
}

/// Reads all records in pieces as ipmitool does: the header, then the rest.
async fn walk(ipmid: &Ipmid, net_fn: u8, reserve: u8, read: u8) -> Vec<Vec<u8>> {
    let reservation = ask(ipmid, (net_fn, reserve), &[]).await.unwrap();
    let (mut records, mut id) = (Vec::new(), vec![0, 0]);
    while id != [0xFF, 0xFF] {
        let request = |offset, count| [&reservation[..], &id, &[offset, count]].concat();
        let header = ask(ipmid, (net_fn, read), &request(0, 5)).await.unwrap();
        let body = ask(ipmid, (net_fn, read), &request(5, header[6])).await.unwrap();
        records.push([&header[2..], &body[2..]].concat());
        id = header[..2].to_vec();
    }
    records
}

#[tokio::test]
async fn the_repository_and_the_device_give_the_same_records() {
    let names: Vec<String> = (0..1000).map(|index| format!("Sensor_{index:04}")).collect();
    let sensors: Vec<_> = names.iter().map(|name| (name.as_str(), INLET)).collect();
    let ipmid = fake::ipmid(&board(&sensors));
    let records = walk(&ipmid, STORAGE, 0x22, 0x23).await;
    // The controller, FRU 0, the chassis that has it, and the BMC's own discrete sensors.
    let there = 1000 + 3 + 9;
    assert_eq!(records.len(), there);
    let info = ask(&ipmid, (STORAGE, 0x20), &[]).await.unwrap();
    assert_eq!(usize::from(u16::from_le_bytes([info[1], info[2]])), there);
    assert_eq!(records, walk(&ipmid, SENSOR, 0x22, 0x21).await);
    let mut answering = 0;
    for record in records.iter().filter(|record| record[3] == 0x01) {
        let reading = ask_on(&ipmid, record[6], ChannelMedium::Lan, (SENSOR, 0x2D), &record[7..8]).await;
        answering += usize::from(reading.is_ok());
    }
    assert_eq!(answering, 1000);
    assert_eq!(ask(&ipmid, (SENSOR, 0x20), &[]).await.unwrap()[..2], [249, 0x8F]);
}

#[tokio::test]
async fn a_piece_needs_a_reservation_that_still_holds_and_must_lie_within_the_record() {
    let board = board(&[("A", INLET)]);
    let ipmid = fake::ipmid(&board);
    let read = async |reservation: u8, record: u8, offset, count| {
        ask(&ipmid, (STORAGE, 0x23), &[reservation, 0, record, 0, offset, count]).await.map(|data| data.len())
    };
    assert_eq!(read(0, 1, 0, 0xFF).await, Ok(2 + 19));
    assert_eq!(read(0, 1, 5, 4).await, Err(0xC5));
    let reservation = ask(&ipmid, (STORAGE, 0x22), &[]).await.unwrap()[0];
    assert_eq!(read(reservation, 1, 5, 4).await, Ok(2 + 4));
    assert_eq!(read(reservation, 1, 15, 200).await, Ok(2 + 4));
    assert_eq!(read(reservation, 1, 19, 1).await, Err(0xC9));
    assert_eq!(read(reservation, 99, 0, 1).await, Err(0xCB));
    let mut model = Model::new(Numbers::default());
    model.rebuild(1000);
    model.set_frus(board.list());
    *board.sensors.lock().unwrap() = model.rebuild(1001).0;
    assert_eq!(read(reservation, 1, 5, 4).await, Err(0xC5), "the records are others now");
}

#[tokio::test]
async fn what_does_not_fit_into_an_ipmb_message_is_refused_so_that_the_client_asks_for_less() {
    let ipmid = fake::ipmid(&board(&[("A", INLET)]));
    let read = async |count| {
        let data = [0, 0, 0xFF, 0xFF, 0, count];
        ask_on(&ipmid, 0, ChannelMedium::Ipmb, (STORAGE, 0x23), &data).await.map(|data| data.len())
    };
    assert_eq!((read(0xFF).await, read(23).await, read(22).await), (Err(0xCA), Err(0xCA), Ok(24)));
    let fru = ask_on(&ipmid, 0, ChannelMedium::Ipmb, (STORAGE, 0x11), &[0, 0, 0, 64]).await;
    assert_eq!(fru, Err(0xCA));
}

#[tokio::test]
async fn fru_data_is_read_by_bytes() {
    let ipmid = fake::ipmid(&board(&[]));
    assert_eq!(ask(&ipmid, (STORAGE, 0x10), &[0]).await.unwrap(), [100, 0, 0]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x11), &[0, 98, 0, 16]).await.unwrap(), [2, 98, 99]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x11), &[0, 100, 0, 16]).await, Err(0xC9));
    assert_eq!(ask(&ipmid, (STORAGE, 0x10), &[1]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, (STORAGE, 0x11), &[1, 0, 0, 16]).await, Err(0xCB));
}

#[tokio::test]
async fn fru_data_is_read_and_written_by_words_where_the_device_is_accessed_so() {
    let board = board(&[]);
    // Devices of odd numbers are accessed by words; this one ends with half of one.
    board.frus.lock().unwrap().insert(1, (0..99).collect());
    let ipmid = fake::ipmid(&board);
    let fru = async |command, data: &[u8]| ask(&ipmid, (STORAGE, command), data).await;
    assert_eq!(fru(0x10, &[1]).await.unwrap(), [99, 0, 1], "the size is in bytes all the same");
    assert_eq!(fru(0x11, &[1, 3, 0, 2]).await.unwrap(), [2, 6, 7, 8, 9]);
    assert_eq!(fru(0x11, &[1, 47, 0, 16]).await.unwrap(), [2, 94, 95, 96, 97], "only whole words");
    assert_eq!(fru(0x11, &[1, 50, 0, 1]).await, Err(0xC9));
    assert_eq!(fru(0x11, &[1, 0, 0, 121]).await, Err(0xCA), "242 bytes");
    assert_eq!(fru(0x12, &[1, 2, 0, 0xA0, 0xA1, 0xA2, 0xA3]).await.unwrap(), [2]);
    assert_eq!(board.frus.lock().unwrap()[&1][3..9], [3, 0xA0, 0xA1, 0xA2, 0xA3, 8]);
    assert_eq!(fru(0x12, &[1, 2, 0, 0xB0, 0xB1, 0xB2]).await, Err(0xC7), "one and a half");
    assert_eq!(fru(0x12, &[1, 49, 0, 0xB0, 0xB1]).await, Err(0xC9), "beyond the end");
    assert_eq!(board.frus.lock().unwrap()[&1][3..9], [3, 0xA0, 0xA1, 0xA2, 0xA3, 8]);
}

#[tokio::test]
async fn the_log_is_added_to_read_deleted_and_cleared_with_a_reservation() {
    let ipmid = fake::ipmid(&board(&[]));
    let record = [0, 0, 2, 0, 0, 0, 0, 0x20, 0, 4, 1, 1, 1, 0x57, 1, 2];
    assert_eq!(ask(&ipmid, (STORAGE, 0x44), &record).await.unwrap(), [1, 0]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x44), &record).await.unwrap(), [2, 0]);
    let info = ask(&ipmid, (STORAGE, 0x40), &[]).await.unwrap();
    assert_eq!((&info[..5], info[13]), (&[0x51, 2, 0, 0x20, 0x06][..], 0x0F));
    let first = ask(&ipmid, (STORAGE, 0x43), &[0, 0, 0, 0, 0, 0xFF]).await.unwrap();
    assert_eq!((&first[..2], &first[9..]), (&[2, 0][..], &record[7..]));
    let [low, high] = ask(&ipmid, (STORAGE, 0x42), &[]).await.unwrap().try_into().unwrap();
    assert_eq!(ask(&ipmid, (STORAGE, 0x43), &[low, high, 0, 0, 14, 2]).await.unwrap(), [2, 0, 1, 2]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x46), &[low, high, 9, 0]).await, Err(0xCB));
    assert_eq!(ask(&ipmid, (STORAGE, 0x46), &[low, high, 1, 0]).await.unwrap(), [1, 0]);
    let clear = |action| [low, high, b'C', b'L', b'R', action];
    assert_eq!(ask(&ipmid, (STORAGE, 0x47), &clear(0xAA)).await, Err(0xC5), "the deletion ended it");
    let [low, high] = ask(&ipmid, (STORAGE, 0x42), &[]).await.unwrap().try_into().unwrap();
    let clear = |action| [low, high, b'C', b'L', b'R', action];
    assert_eq!(ask(&ipmid, (STORAGE, 0x47), &clear(0xAA)).await.unwrap(), [1]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x47), &clear(0x00)).await.unwrap(), [1]);
    assert_eq!(ask(&ipmid, (STORAGE, 0x43), &[0, 0, 0, 0, 0, 0xFF]).await, Err(0xCB));
}

#[tokio::test]
async fn a_sensor_stays_what_the_board_says_that_it_is() {
    let ipmid = fake::ipmid(&board(&[("A", INLET)]));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2F), &[1]).await.unwrap(), [1, 1]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x2E), &[1, 1, 1]).await, Ok(Vec::new()));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2E), &[1, 2, 1]).await, Err(0xCD));
    assert_eq!(ask(&ipmid, (SENSOR, 0x2E), &[9, 1, 1]).await, Err(0xCB));
}

#[tokio::test]
async fn a_reading_is_set_where_its_provider_lets_it() {
    let board = board(&[("A", INLET), ("Measured", INLET)]);
    let ipmid = fake::ipmid(&board);
    ask(&ipmid, (SENSOR, 0x30), &[1, 0x01, 42]).await.unwrap();
    assert_eq!(*board.asked.lock().unwrap(), ["/xyz/openbmc_project/sensors/temperature/A: reads 42"]);
    assert_eq!(ask(&ipmid, (SENSOR, 0x30), &[2, 0x01, 42]).await, Err(0x80));
    assert_eq!(ask(&ipmid, (SENSOR, 0x30), &[1, 0x10, 0, 1, 0]).await, Err(0x80), "assertion bits");
    assert_eq!(ask(&ipmid, (SENSOR, 0x30), &[1, 0x40, 0, 0, 0, 0, 0, 1, 2, 3]).await, Err(0x81));
    assert_eq!(ask(&ipmid, (SENSOR, 0x30), &[1, 0x02, 42]).await, Err(0xCC));
    assert_eq!(ask(&ipmid, (SENSOR, 0x30), &[9, 0x01, 42]).await, Err(0xCB));
}
