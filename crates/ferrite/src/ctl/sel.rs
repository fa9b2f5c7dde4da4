//! `ferrite ctl sel`.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, time::Duration};

use bmc_daemon::utc;
use bmc_dbus::sel::{EventLogProxy, NO_RECORD, PageEntry};
use futures_util::FutureExt as _;
use serde::Serialize;
use zbus::Connection;

use super::{
    Command, Failure, Line, Output,
    bus::{self, SELD},
    present, sel_text,
    table::{self, Align},
};

pub(super) const COMMAND: Command = Command {
    name: "sel",
    help: "\
Shows, saves or clears the system event log.

usage: ferrite ctl sel [list] [--json]
       ferrite ctl sel save FILE
       ferrite ctl sel clear

  list       all records, oldest first (the default)
  save FILE  writes them, with their bytes, as JSON to a file that does not exist yet
  clear      deletes all records

Times are UTC. `~` marks one from before the clock was set, counted back from when it was; `+` the seconds since the BMC started, where
it never was.
",
    flags: &[],
    values: &[],
    run: |line| Box::pin(run(line)),
};

/// Records that are asked for at once.
const PAGE: u16 = 256;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Event {
    id: u16,
    /// `None` where the record has none.
    time: Option<String>,
    sensor: String,
    event: String,
    /// `asserted` or `deasserted`; `None` for records that are no events.
    state: Option<&'static str>,
    /// All 16 bytes.
    record: String,
}

async fn run(line: Line) -> Result<Output, Failure> {
    let connection = bus::connect().await?;
    match line.words()[..] {
        [] | ["list"] => present(&line, &read(&connection).await?, |events| render(events)).map(Output::from),
        ["clear"] => {
            proxy(&connection).await?.clear().boxed().await.map_err(|error| SELD.failure(error))?;
            Ok(String::new().into())
        }
        ["save", file] => save(file, &read(&connection).await?),
        _ => Err(line.misunderstood("sel")),
    }
}

async fn proxy(connection: &Connection) -> Result<EventLogProxy<'_>, Failure> {
    EventLogProxy::new(connection).boxed().await.map_err(|error| SELD.failure(error))
}

fn save(file: &str, events: &Vec<Event>) -> Result<Output, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(format!("{file}: {error}"));
    let text = serde_json::to_string_pretty(events).map_err(|error| failed(&error))?;
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let written = opened.and_then(|mut opened| opened.write_all(text.as_bytes()));
    written.map_err(|error| failed(&error))?;
    Ok(format!("{} records in {file}\n", events.len()).into())
}

async fn read(connection: &Connection) -> Result<Vec<Event>, Failure> {
    let log = proxy(connection).await?;
    let (mut entries, mut next) = (Vec::<PageEntry>::new(), 0);
    if log.info().boxed().await.map_err(|error| SELD.failure(error))?.records == 0 {
        return Ok(Vec::new());
    }
    while next != NO_RECORD {
        let page = log.page(next, PAGE).boxed().await.map_err(|error| SELD.failure(error))?;
        next = page.last().map_or(NO_RECORD, |entry| entry.next);
        entries.extend(page);
    }
    Ok(events(&entries))
}

/// Below this a time counts from the start of the BMC (v2.0§37.1).
const FIRST_TIME: u32 = 0x2000_0000;

fn events(entries: &[PageEntry]) -> Vec<Event> {
    let records: Vec<[u8; 16]> =
        entries.iter().map(|entry| entry.record.as_slice().try_into().unwrap_or([0; 16])).collect();
    let times = times(&records);
    let event = |((entry, record), time): ((&PageEntry, &[u8; 16]), Option<String>)| {
        let (sensor, event, state) = sel_text::describe(record, &entry.path);
        let hex = record.iter().map(|byte| format!("{byte:02x}")).collect();
        Event { id: entry.id, time, sensor, event, state, record: hex }
    };
    entries.iter().zip(&records).zip(times).map(event).collect()
}

fn timestamp(record: &[u8; 16]) -> Option<u32> {
    matches!(record[2], 0x02 | 0xC0..=0xDF)
        .then(|| u32::from_le_bytes([record[3], record[4], record[5], record[6]]))
}

/// The times as people read them. Those from before the clock was set are counted back from the pair of records that tells of it.
fn times(records: &[[u8; 16]]) -> Vec<Option<String>> {
    /// "Timestamp clock synchronisation": type 12h, offset 05h.
    const CLOCK_SET: [u8; 2] = [0x12, 0x05];
    const SECOND: u8 = 0x80;
    let mut times = Vec::with_capacity(records.len());
    // From the newest on: the time that the clock was set to, and by how much and since when times before that are to be moved.
    let (mut set_to, mut earlier) = (None, None::<(u32, u32)>);
    for record in records.iter().rev() {
        let Some(seconds) = timestamp(record) else {
            times.push(None);
            continue;
        };
        let tells = record[2] == 0x02 && [record[10], record[13] & 0x0F] == CLOCK_SET;
        if tells && record[14] & SECOND != 0 {
            set_to = Some(seconds);
        } else if tells {
            earlier =
                set_to.take().filter(|_| seconds < FIRST_TIME).map(|to| (to.wrapping_sub(seconds), seconds));
        }
        // A later time before is an earlier start of the BMC.
        earlier = earlier.filter(|(_, before)| seconds >= FIRST_TIME || seconds <= *before);
        times.push(Some(match earlier {
            _ if seconds >= FIRST_TIME => text_of(seconds),
            Some((by, _)) => format!("~{}", text_of(seconds.wrapping_add(by))),
            None => format!("+{seconds} s"),
        }));
        if seconds < FIRST_TIME {
            earlier = earlier.map(|(by, _)| (by, seconds));
        }
    }
    times.reverse();
    times
}

fn render(events: &[Event]) -> String {
    const HEADER: [(&str, Align); 5] = [
        ("ID", Align::Right),
        ("TIME", Align::Left),
        ("SENSOR", Align::Left),
        ("EVENT", Align::Left),
        ("STATE", Align::Left),
    ];
    let row = |event: &Event| {
        vec![
            event.id.to_string(),
            event.time.clone().unwrap_or_else(|| "-".to_owned()),
            event.sensor.clone(),
            event.event.clone(),
            event.state.unwrap_or("-").to_owned(),
        ]
    };
    table::render(&HEADER, &events.iter().map(row).collect::<Vec<_>>())
}

/// A timestamp of the log's as people read it.
fn text_of(seconds: u32) -> String {
    utc(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seconds: u32, kind: u8, data: [u8; 3]) -> [u8; 16] {
        let [a, b, c, d] = seconds.to_le_bytes();
        [1, 0, 2, a, b, c, d, 0x20, 0, 4, kind, 1, 0x6F, data[0], data[1], data[2]]
    }

    #[test]
    fn times_before_the_clock_was_set_are_counted_back_from_when_it_was() {
        let clock = |seconds, half| event(seconds, 0x12, [0xC5, half, 0xFF]);
        let records = [
            event(500, 9, [0; 3]),
            event(40, 9, [0; 3]),
            event(60, 9, [0; 3]),
            clock(90, 0),
            clock(0x6000_0000, 0x80),
            event(0x6000_0010, 9, [0; 3]),
        ];
        let times: Vec<_> = times(&records).into_iter().flatten().collect();
        let set = text_of(0x6000_0000);
        let before = |seconds: u32| format!("~{}", text_of(0x6000_0000 - seconds));
        let after = text_of(0x6000_0010);
        assert_eq!(times, ["+500 s".to_owned(), before(50), before(30), before(0), set, after]);
    }

    #[test]
    fn the_table_lines_up() {
        let record = [1, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, 1, 0x30, 0x01, 0x59, 97, 95].to_vec();
        let path = "/xyz/openbmc_project/sensors/temperature/CPU1_Temp".to_owned();
        let text = render(&events(&[PageEntry { id: 1, next: NO_RECORD, record, path }]));
        let expected = "\
ID  TIME                  SENSOR     EVENT                       STATE
 1  2021-01-14T08:25:36Z  CPU1_Temp  upper critical, going high  asserted
";
        assert_eq!(text, expected);
    }
}
