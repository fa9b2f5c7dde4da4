//! Repositories from the first record to the last, and events for the log.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ipmi_wire::NetFn;
use system_tests::remote_console::{Request, Session};

/// The ID that stands for the first record, and the one that follows the last (v2.0§33.12, §31.5).
const FIRST: u16 = 0;
const NONE: u16 = 0xFFFF;
/// "The whole record", as a count of bytes.
pub(crate) const WHOLE: u8 = 0xFF;

const ADD_SEL_ENTRY: u8 = 0x44;

/// A repository that can be walked.
#[derive(Clone, Copy)]
pub(crate) struct Records {
    get: u8,
    reserve: u8,
    pub(crate) name: &'static str,
    /// How long a record is, as far as its first bytes tell.
    length: fn(&[u8]) -> usize,
}

pub(crate) const SDRS: Records = Records { get: 0x23, reserve: 0x22, name: "SDR", length: length_of_sdr };
pub(crate) const EVENTS: Records = Records { get: 0x43, reserve: 0x42, name: "SEL entry", length: |_| 16 };

/// A header of five bytes, the last of which tells how many follow (v2.0 table 43-1).
fn length_of_sdr(record: &[u8]) -> usize {
    record.get(4).map_or(5, |rest| 5 + usize::from(*rest))
}

/// A walk over a session.
pub(crate) struct Walk<'session> {
    pub(crate) session: &'session mut Session,
    pub(crate) records: Records,
    /// Bytes that are asked for at once; a server need not be able to answer with more.
    pub(crate) piece: u8,
    pub(crate) latencies: Vec<Duration>,
}

impl Walk<'_> {
    /// Reads every record, from the first to the last.
    pub(crate) fn run(&mut self) -> Result<()> {
        let reservation = self.ask(self.records.reserve, Vec::new())?;
        let reservation = *reservation.first_chunk().context("a reservation is short")?;
        let (mut id, mut count) = (FIRST, 0);
        while let Some(next) = self.record(reservation, id)? {
            ensure!(count < NONE, "{} records follow each other in a circle", self.records.name);
            (id, count) = (next, count + 1);
        }
        Ok(())
    }

    /// Reads the record with this ID; which one comes next.
    fn record(&mut self, [low, high]: [u8; 2], id: u16) -> Result<Option<u16>> {
        let ([id_low, id_high], name) = (id.to_le_bytes(), self.records.name);
        let mut record = Vec::new();
        loop {
            let offset =
                u8::try_from(record.len()).with_context(|| format!("{name} {id:04X}h is too long"))?;
            let missing = (self.records.length)(&record).saturating_sub(record.len());
            let count = if offset == 0 { self.piece } else { self.piece.min(u8::try_from(missing)?) };
            let part = self.ask(self.records.get, vec![low, high, id_low, id_high, offset, count])?;
            let (next, part) =
                part.split_first_chunk().with_context(|| format!("{name} {id:04X}h is short"))?;
            ensure!(!part.is_empty(), "{name} {id:04X}h ends early");
            record.extend_from_slice(part);
            let length = (self.records.length)(&record);
            ensure!(record.len() <= length, "{name} {id:04X}h is malformed: {record:02X?}");
            if record.len() == length {
                return Ok(Some(u16::from_le_bytes(*next)).filter(|next| *next != NONE));
            }
        }
    }

    fn ask(&mut self, command: u8, data: Vec<u8>) -> Result<Vec<u8>> {
        let start = Instant::now();
        let (code, data) = self.session.execute(&Request { net_fn: NetFn::STORAGE, command, data })?;
        self.latencies.push(start.elapsed());
        ensure!(code == 0, "{}: completion code {code:02X}h", self.records.name);
        Ok(data)
    }
}

/// An event for the log: the `number`th, of a temperature that went above its upper critical threshold.
pub(crate) fn add_event(session: &mut Session, number: usize) -> Result<()> {
    const SYSTEM_EVENT: u8 = 0x02;
    const REVISION: u8 = 0x04;
    let [low, high, ..] = number.to_le_bytes();
    let data = vec![0, 0, SYSTEM_EVENT, 0, 0, 0, 0, 0x20, 0x00, REVISION, 0x01, 0x30, 0x01, 0x59, low, high];
    let (code, _) = session.execute(&Request { net_fn: NetFn::STORAGE, command: ADD_SEL_ENTRY, data })?;
    ensure!(code == 0, "adding event {number}: completion code {code:02X}h");
    Ok(())
}
