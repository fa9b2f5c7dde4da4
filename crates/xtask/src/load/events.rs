//! The event log: an event's way from a LAN client to the flash, the log's way back, and how soon it is open.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::{Bench, millions, report::Target, usage};
use crate::workspace;

/// Almost as many as fit as delivered: the log says in records of its own that it was cleared, is almost full, and is full.
const RECORDS: u32 = 3636;
/// Those records, at most.
const REMARKS: u32 = 3;
/// Where the daemons' executable is run with no bus at all.
const NO_BUS: &str = "unix:path=/nonexistent";

/// What seld says before it tells how many records it found, and in how much time.
const OPEN: &str = "the log is open: ";

impl Bench<'_> {
    pub(super) fn events(&mut self) -> anyhow::Result<()> {
        let one = self.client(&["events", "--count", "1000"])?;
        for (what, field) in [("median", "p50_us"), ("99th percentile", "p99_us")] {
            self.add(
                &format!("event over LAN to the medium: {what}"),
                "us",
                Target::AtMost(2000.0),
                &one,
                field,
            )?;
        }
        self.client(&["events", "--sessions", "8", "--count", &RECORDS.to_string()])?;
        self.sel_list()?;
        self.open_log()
    }

    /// Many times what fits, each filling read back and checked.
    pub(super) fn many_events(&mut self) -> anyhow::Result<()> {
        let all = self.client(&["events", "--sessions", "8", "--count", "100000"])?;
        self.add("100,000 events, 8 sessions, all read back", "/s", Target::None, &all, "per_second")
    }

    /// Processor time of all servers for `ipmitool sel list` of a full log, and how long it takes.
    fn sel_list(&mut self) -> anyhow::Result<()> {
        let (before, start) = (usage::cpu_ns(&self.servers)?, Instant::now());
        let listed = workspace::output(&mut self.ipmitool(&["sel", "list"]))?.lines().count();
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        let used = usage::growth(&before, &usage::cpu_ns(&self.servers)?);
        is_the_log(listed)?;
        let each = millions(used.values().sum()) * 1e3 / f64::from(RECORDS);
        let what = format!("sel list of {RECORDS}");
        self.record.figures.add(format!("{what}: server CPU a record"), "us", Target::AtMost(100.0), each);
        self.record.figures.add(format!("{what}: elapsed"), "ms", Target::None, elapsed);
        self.record.raw.push(json!({ "sel_lists": 1, "elapsed_ms": elapsed, "cpu_ns": used }));
        Ok(())
    }

    /// How long a seld of its own takes to open a copy of the full log, by its own account.
    fn open_log(&mut self) -> anyhow::Result<()> {
        let dir = &self.stack.description().state_dir;
        let copy = dir.join("state/seld-copy");
        fs::create_dir_all(&copy)?;
        fs::copy(dir.join("state/seld/sel.log"), copy.join("sel.log")).context("cannot copy the log")?;
        let ferrite = fs::read_link(format!("/proc/{}/exe", self.servers.get("seld").context("no seld")?))?;
        let line = opening_words(&ferrite, &dir.join("etc"), &copy)?;
        fs::remove_dir_all(&copy)?;
        let told = line.split_once(OPEN).and_then(|(_, told)| told.split_once(" records in "));
        let (records, time) = told.with_context(|| format!("seld says `{line}`"))?;
        is_the_log(records.parse()?)?;
        let microseconds: f64 = time.split(' ').next().unwrap_or_default().parse()?;
        let what = format!("opening a log of {RECORDS}");
        self.record.figures.add(what, "ms", Target::AtMost(50.0), microseconds / 1e3);
        Ok(())
    }
}

fn is_the_log(records: usize) -> anyhow::Result<()> {
    let all = RECORDS..=RECORDS + REMARKS;
    ensure!(
        u32::try_from(records).is_ok_and(|records| all.contains(&records)),
        "{records} records of {RECORDS}"
    );
    Ok(())
}

/// What a seld of these directories says of its log.
fn opening_words(ferrite: &Path, etc: &Path, state: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(ferrite);
    command.arg("seld").arg("--config-dir").arg(etc).arg("--state-dir").arg(state);
    command.env("DBUS_SYSTEM_BUS_ADDRESS", NO_BUS).env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
    let mut seld =
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot start seld")?;
    let mut said = BufReader::new(seld.stderr.take().context("no pipe")?).lines().map_while(Result::ok);
    let line = said.find(|line| line.contains(OPEN));
    seld.kill()?;
    seld.wait()?;
    line.context("seld does not open its log")
}
