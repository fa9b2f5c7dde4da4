//! The event log filled over LAN, and held against what was answered while it was filled.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use ipmi_wire::NetFn;

use crate::remote_console::{Login, Request, Session};

/// Completion code where there is no room (v2.0 table 5-2).
const OUT_OF_SPACE: u8 = 0xC4;
/// Get SEL Info's flag for events that were lost.
const OVERFLOW: u8 = 0x80;
/// The ID that stands after the last record's.
const NO_RECORD: u16 = 0xFFFF;

/// Records that the log itself adds: that it was cleared (counted in its room already), is almost full, is full.
const REMARKS: usize = 2;

/// Records by the ID that the BMC answered.
type Records = BTreeMap<u16, [u8; 16]>;

/// How long each event took to be answered, and all of them; reading them back is not in it.
#[derive(Debug, Default)]
pub struct Added {
    /// One by one.
    pub latencies: Vec<Duration>,
    /// Together.
    pub elapsed: Duration,
}

/// Clears the log and adds `count` events on `sessions` sessions at once. Whenever the log is full, it must refuse one more and say so;
/// then it is cleared, and the next events fill it again. Each filling is read back: beside what the log says of itself, the records
/// must be those that were answered, under the IDs that were answered, each once. The last filling stays.
///
/// # Errors
/// Whatever is not so.
pub fn add_events(login: &Login, sessions: usize, count: usize) -> Result<Added> {
    let mut open = (0..sessions.max(1)).map(|_| Session::open(login)).collect::<Result<Vec<_>>>()?;
    let (mut added, mut number) = (Added::default(), 0);
    while number < count {
        let first = open.first_mut().context("no session")?;
        clear(first)?;
        let room = free(first)?;
        ensure!(room > REMARKS, "a log that was cleared has no room");
        // More than fit, so that the last ones find it full.
        let wanted = (room + 1).min(count - number);
        let start = Instant::now();
        let (records, latencies) = fill(&mut open, number..number + wanted)?;
        added.elapsed += start.elapsed();
        added.latencies.extend(latencies);
        let first = open.first_mut().context("no session")?;
        if records.len() < wanted {
            refuses_one_more(first)?;
        }
        // Before the count, as a record too many is told with its bytes.
        check(first, &records, Vec::new())?;
        if records.len() < wanted {
            ensure!(records.len() + REMARKS >= room, "the log of {room} is full with {}", records.len());
        }
        number += records.len();
    }
    open.into_iter().try_for_each(Session::close)?;
    Ok(added)
}

/// What the log is to have after events were added while its daemon was ended again and again.
#[derive(Debug, Default)]
pub struct Claims {
    answered: Records,
    /// Events that got no answer, or another one than that they are in the log: they may be there or not.
    unsure: Vec<[u8; 16]>,
}

impl Claims {
    /// Clears the log and adds `count` events one by one, each once, whatever becomes of it.
    ///
    /// # Errors
    /// A log that is not there for a minute, or gives an ID twice.
    pub fn of_events(login: &Login, count: usize) -> Result<Self> {
        let mut session = Session::open(login)?;
        until_served(|| clear(&mut session))?;
        let mut claims = Self::default();
        for number in 0..count {
            let record = event(number);
            match ask(&mut session, 0x44, &record) {
                Ok((0, answer)) => {
                    let id =
                        answer.try_into().ok().map(u16::from_le_bytes).context("an ID of another size")?;
                    ensure!(claims.answered.insert(id, record).is_none(), "ID {id:04X}h was given twice");
                }
                Ok(_) | Err(_) => claims.unsure.push(record),
            }
        }
        session.close()?;
        Ok(claims)
    }

    /// How many events were answered with their ID.
    pub fn answered(&self) -> usize {
        self.answered.len()
    }

    /// Holds the log against this.
    ///
    /// # Errors
    /// A record that was answered is not there under its ID, or a record is there twice or of no event.
    pub fn check(self, login: &Login) -> Result<()> {
        let mut session = Session::open(login)?;
        until_served(|| done(&mut session, 0x40, &[]))?;
        check(&mut session, &self.answered, self.unsure)?;
        session.close()
    }
}

/// Tries for a minute at most.
fn until_served<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match work() {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(100)),
            result => return result,
        }
    }
}

/// Adds the events with these numbers, on all sessions at once, until the log is full.
fn fill(open: &mut [Session], numbers: std::ops::Range<usize>) -> Result<(Records, Vec<Duration>)> {
    let step = open.len();
    let shares: Vec<Vec<usize>> =
        (0..step).map(|first| numbers.clone().skip(first).step_by(step).collect()).collect();
    thread::scope(|scope| {
        let threads: Vec<_> = open
            .iter_mut()
            .zip(shares)
            .map(|(session, share)| {
                scope.spawn(move || {
                    share.into_iter().map_while(|it| add(session, it).transpose()).collect::<Result<Vec<_>>>()
                })
            })
            .collect();
        let (mut records, mut latencies) = (Records::new(), Vec::new());
        for thread in threads {
            let Ok(answered) = thread.join() else { bail!("a thread ended early") };
            for (id, record, latency) in answered? {
                ensure!(records.insert(id, record).is_none(), "ID {id:04X}h was given twice");
                latencies.push(latency);
            }
        }
        Ok((records, latencies))
    })
}

fn ask(session: &mut Session, command: u8, data: &[u8]) -> Result<(u8, Vec<u8>)> {
    let net_fn = NetFn::new(0x0A).context("a network function")?;
    session.execute(&Request { net_fn, command, data: data.to_vec() })
}

fn done(session: &mut Session, command: u8, data: &[u8]) -> Result<Vec<u8>> {
    let (code, answer) = ask(session, command, data)?;
    ensure!(code == 0, "storage command {command:02X}h: completion code {code:02X}h");
    Ok(answer)
}

/// A system event of a remote console's that tells `number`.
fn event(number: usize) -> [u8; 16] {
    const SOFTWARE: u8 = 0x41;
    const TEMPERATURE: u8 = 0x01;
    const THRESHOLD: u8 = 0x01;
    const TOO_HIGH: u8 = 0x59;
    let [a, b, c, ..] = number.to_le_bytes();
    [0, 0, 0x02, 0, 0, 0, 0, SOFTWARE, 0, 0x04, TEMPERATURE, a, THRESHOLD, TOO_HIGH, b, c]
}

/// Adds an event; `None` where the log is full.
fn add(session: &mut Session, number: usize) -> Result<Option<(u16, [u8; 16], Duration)>> {
    let (record, start) = (event(number), Instant::now());
    let (code, answer) = ask(session, 0x44, &record)?;
    let latency = start.elapsed();
    if code == OUT_OF_SPACE {
        return Ok(None);
    }
    ensure!(code == 0, "event {number}: completion code {code:02X}h");
    let id = answer.try_into().ok().map(u16::from_le_bytes).context("an ID of another size")?;
    Ok(Some((id, record, latency)))
}

fn clear(session: &mut Session) -> Result<()> {
    const ERASED: u8 = 1;
    let reservation = done(session, 0x42, &[])?;
    let progress = done(session, 0x47, &[&reservation[..], b"CLR", &[0xAA]].concat())?;
    ensure!(progress.first().is_some_and(|progress| progress & 0x0F == ERASED), "{progress:02X?}");
    Ok(())
}

/// How many more records fit.
fn free(session: &mut Session) -> Result<usize> {
    let [_, _, _, _, low, high, ..] = done(session, 0x41, &[])?[..] else { bail!("a short allocation info") };
    Ok(u16::from_le_bytes([low, high]).into())
}

fn refuses_one_more(session: &mut Session) -> Result<()> {
    let (code, _) = ask(session, 0x44, &event(usize::MAX))?;
    ensure!(code == OUT_OF_SPACE, "a full log answers {code:02X}h");
    let info = done(session, 0x40, &[])?;
    ensure!(info.last().is_some_and(|flags| flags & OVERFLOW != 0), "no overflow in {info:02X?}");
    Ok(())
}

/// Whether a record, without its ID, is what the log says of itself: the BMC's own event, of a sensor of type 10h.
fn is_remark(record: &[u8]) -> bool {
    const BMC: u8 = 0x20;
    const EVENT_LOGGING: u8 = 0x10;
    record.get(5) == Some(&BMC) && record.get(8) == Some(&EVENT_LOGGING)
}

/// Reads all records and holds them against `wanted`; each of `unsure` may be there as well.
fn check(session: &mut Session, wanted: &Records, mut unsure: Vec<[u8; 16]>) -> Result<()> {
    let mut left = wanted.clone();
    let mut next = 0;
    while next != NO_RECORD {
        let [low, high, id_low, id_high, record @ ..] =
            &done(session, 0x43, &[0, 0, next.to_le_bytes()[0], next.to_le_bytes()[1], 0, 0xFF])?[..]
        else {
            bail!("a short record");
        };
        let id = u16::from_le_bytes([*id_low, *id_high]);
        next = u16::from_le_bytes([*low, *high]);
        if is_remark(record) {
            continue;
        }
        // Its type, and all after its time.
        let is = |asked: &[u8; 16]| record.first() == asked.get(2) && record.get(5..) == asked.get(7..);
        if let Some(answered) = left.remove(&id) {
            ensure!(is(&answered), "record {id:04X}h is {record:02X?}, not {answered:02X?}");
        } else {
            let asked = unsure.iter().position(is);
            unsure
                .swap_remove(asked.with_context(|| format!("nobody was told of {id:04X}h: {record:02X?}"))?);
        }
    }
    ensure!(left.is_empty(), "{} records that were answered are not there", left.len());
    Ok(())
}
