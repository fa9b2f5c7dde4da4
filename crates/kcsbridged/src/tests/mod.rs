//! The driver on simulated registers, under virtual time, with an ipmid that answers as it is asked to.

mod faults;
mod registers;

use std::{sync::Arc, time::Duration};

use bmc_dbus::{
    direct_line::ExecuteError,
    execute::{Call, Reply},
};
use bmc_hw::host_interface::Kcs;
use tokio::time::sleep;

use self::registers::{Device, Host, SMS_ATTENTION};
use crate::{
    channel::HostChannel,
    config::Config,
    counters::Counter,
    driver::{self, Answer, Execute},
};

/// A board whose ipmid takes as many milliseconds as the first data byte times ten says, and answers with the request's data. Data
/// that begins with FFh makes it go away; command EEh is answered with as many bytes as fit no interface.
struct Board {
    host: Host,
    channel: Arc<HostChannel>,
}

const GOES_AWAY: u8 = 0xFF;
const LONG: u8 = 0xEE;

fn execute(call: Call) -> Answer {
    Box::pin(async move {
        let data = match (call.command, call.data.first()) {
            (_, Some(&GOES_AWAY)) => return Err(ExecuteError::Interrupted),
            (LONG, _) => vec![0; 2000],
            (_, delay) => {
                sleep(Duration::from_millis(10) * u32::from(delay.copied().unwrap_or_default())).await;
                call.data
            }
        };
        Ok(Reply { net_fn: call.net_fn | 1, lun: call.lun, command: call.command, completion_code: 0, data })
    })
}

impl Board {
    fn new() -> Self {
        let channels = bmc_daemon::ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
        let config = Config::default().check(None, &channels).unwrap();
        let device = Device::default();
        let channel = Arc::new(HostChannel::new(&config, Box::new(Kcs::new(device.clone()))));
        let execute: Execute = Box::new(execute);
        tokio::spawn(driver::drive(Arc::clone(&channel), config.deadline, execute));
        Self { host: Host::new(device), channel }
    }

    fn count(&self, counter: Counter) -> u64 {
        self.channel.counters.get(counter)
    }

    /// Asks for an answer that nobody else gets, and holds that it comes.
    async fn works(&self, mark: u8) {
        let answer = self.host.ask(&[0x18, 0x01, 0, mark]).await;
        assert_eq!(answer.unwrap(), [0x1C, 0x01, 0, 0, mark]);
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_gets_its_own_answer() {
    let board = Board::new();
    for mark in 0..=255 {
        board.works(mark).await;
    }
    assert_eq!((board.count(Counter::Request), board.count(Counter::Response)), (256, 256));
    assert_eq!(board.count(Counter::Abort), 0);
}

#[tokio::test(start_paused = true)]
async fn ipmid_that_is_late_is_answered_for_before_the_host_gives_up() {
    let board = Board::new();
    let before = tokio::time::Instant::now();
    // 2.54 s is in time, and 254 tens of milliseconds are all that a byte holds.
    assert_eq!(board.host.ask(&[0x18, 0x01, 254]).await.unwrap(), [0x1C, 0x01, 0, 254]);
    assert_eq!(board.count(Counter::Timeout), 0);
    // One that never answers: the bus is not there.
    let forever: Execute = Box::new(|_| Box::pin(std::future::pending()));
    let (device, config) = (Device::default(), config());
    let channel = Arc::new(HostChannel::new(&config, Box::new(Kcs::new(device.clone()))));
    tokio::spawn(driver::drive(Arc::clone(&channel), config.deadline, forever));
    let host = Host::new(device);
    let asked = tokio::time::Instant::now();
    assert_eq!(host.ask(&[0x18, 0x01]).await.unwrap(), [0x1C, 0x01, 0xC3]);
    let waited = asked.elapsed();
    assert!((config.deadline..config.deadline + Duration::from_millis(10)).contains(&waited), "{waited:?}");
    assert!(before.elapsed() > config.deadline);
    // And again: one deadline does not eat the next.
    let asked = tokio::time::Instant::now();
    assert_eq!(host.ask(&[0x18, 0x02]).await.unwrap(), [0x1C, 0x02, 0xC3]);
    assert!(asked.elapsed() >= config.deadline);
    assert_eq!(channel.counters.get(Counter::Timeout), 2);
}

fn config() -> crate::config::Checked {
    let channels = bmc_daemon::ChannelTable::read(std::path::Path::new("/nonexistent")).unwrap();
    Config::default().check(None, &channels).unwrap()
}

#[tokio::test(start_paused = true)]
async fn ipmid_that_dies_in_mid_request_is_answered_for_at_once() {
    let board = Board::new();
    let asked = tokio::time::Instant::now();
    assert_eq!(board.host.ask(&[0x28, 0x44, GOES_AWAY]).await.unwrap(), [0x2C, 0x44, 0xC3]);
    assert!(asked.elapsed() < Duration::from_millis(10));
    board.works(1).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fits_no_interface_is_told_as_such() {
    let board = Board::new();
    assert_eq!(board.host.ask(&[0x18, LONG]).await.unwrap(), [0x1C, LONG, 0xCA]);
    assert_eq!(board.count(Counter::TooLong), 1);
    board.works(1).await;
}

#[tokio::test(start_paused = true)]
async fn attention_is_a_bit_that_the_host_sees_in_any_state() {
    let board = Board::new();
    board.channel.set_attention(true).unwrap();
    assert_eq!(board.host.status() & SMS_ATTENTION, SMS_ATTENTION);
    board.works(1).await;
    assert_eq!(board.host.status() & SMS_ATTENTION, SMS_ATTENTION, "a request does not clear it");
    board.host.abort();
    assert_eq!(board.host.status() & SMS_ATTENTION, SMS_ATTENTION, "an abort does not either");
    board.channel.set_attention(false).unwrap();
    assert_eq!(board.host.status() & SMS_ATTENTION, 0);
    assert!(!board.channel.attention());
}
