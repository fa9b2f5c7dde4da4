//! What is measured: the same work for each contender.

use std::{process::Command, thread::sleep, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{Bench, SENSORS, contender::Contender, table::Column, whole};
use crate::{
    load::{one_core::OneCore, usage},
    step::step,
    workspace,
};

const EVENTS: &str = "3000";
/// Bytes of an SDR that are asked for at once: `ipmi_sim` answers with no more than this.
const PIECE: &str = "32";
const IDLE: Duration = Duration::from_secs(10);

/// Sessions at once, and commands on each.
const SESSIONS: [(&str, &str); 3] = [("1", "5000"), ("8", "2000"), ("32", "500")];
const REQUESTS: [(&str, &str); 2] = [("Get Device ID", "06:01"), ("Get Sensor Reading", "04:2d:01")];

/// Fields of the load client's report that share a cell.
const LATENCIES: [&str; 4] = ["p50_us", "p90_us", "p99_us", "max_us"];

/// Bytes that the host prints to an SOL client, and keys that are pressed, one at a time.
const OUTPUT: &str = "4000000";
const KEYS: &str = "100";

impl Bench {
    pub(super) fn everything(&mut self, contenders: &[Contender], rounds: usize) -> anyhow::Result<()> {
        for contender in once_each(contenders) {
            self.memory(contender, "idle")?;
            step("an event log of 3,000 records", || {
                self.client(contender, &["sel-fill", "--count", EVENTS]).map(drop)
            })?;
        }
        for round in 1..=rounds {
            step(&format!("round {round} of {rounds}"), || {
                contenders.iter().try_for_each(|contender| self.turn(contender))
            })?;
        }
        for contender in once_each(contenders) {
            self.memory(contender, "after all of that")?;
        }
        Ok(())
    }

    fn turn(&mut self, contender: &Contender) -> anyhow::Result<()> {
        for (name, request) in REQUESTS {
            for (sessions, count) in SESSIONS {
                let words = ["commands", "--request", request, "--sessions", sessions, "--count", count];
                self.commands(contender, &format!("{name}, sessions: {sessions}"), &words)?;
            }
            let held = OneCore::hold(&contender.servers)?;
            let words = ["commands", "--request", request, "--count", "5000"];
            self.commands(contender, &format!("{name}, sessions: 1, all on one core"), &words)?;
            drop(held);
        }
        for (sessions, _) in walking(contender) {
            let words = ["sel-walk", "--count", "1", "--sessions", sessions];
            self.commands(contender, &format!("event log of 3,000 records, sessions: {sessions}"), &words)?;
        }
        let what = "log in, set privilege, log out; 4 at once";
        let logins = self.client(contender, &["handshakes", "--sessions", "4", "--count", "2000"])?;
        self.add(contender, what, "/s", &logins, &["per_second"])?;
        self.sdr_walks(contender, SENSORS)?;
        self.sol(contender)
    }

    /// Latency, throughput and cost of requests, as `words` has the load client send them.
    fn commands(&mut self, contender: &Contender, what: &str, words: &[&str]) -> anyhow::Result<()> {
        let (printed, cpu) = self.measured(contender, words)?;
        let tail = format!("{what}: p50 / p90 / p99 / max");
        self.add(contender, &tail, "us", &printed, &LATENCIES)?;
        self.add(contender, what, "/s", &printed, &["per_second"])?;
        self.table.add(contender.column, &format!("{what}: server CPU of 1,000"), "ms", cpu);
        Ok(())
    }

    pub(super) fn sdr_walks(&mut self, contender: &Contender, sensors: usize) -> anyhow::Result<()> {
        for (sessions, _) in walking(contender) {
            let words = ["sdr-walk", "--count", "1", "--piece", PIECE, "--sessions", sessions];
            let (walk, _) = self.measured(contender, &words)?;
            // At least a request for each record.
            let records = walk["count"].as_u64().context("the load client gives no count")?;
            ensure!(records >= u64::try_from(sensors)?, "{records} records of {sensors} sensors");
            let seconds = walk["seconds"].as_f64().context("the load client gives no seconds")?;
            let what = format!("SDRs of {sensors} sensors, {PIECE} bytes at once, sessions: {sessions}");
            self.table.add(contender.column, &what, "ms", seconds * 1e3);
        }
        Ok(())
    }

    /// The simulated host's console, which `ipmi_sim` has none of.
    fn sol(&mut self, contender: &Contender) -> anyhow::Result<()> {
        if contender.column == Column::IpmiSim3 {
            return Ok(());
        }
        let output = self.client(contender, &["sol-output", "--count", OUTPUT])?;
        self.add(contender, "SOL output to 1 client", "B/s", &output, &["bytes_per_second"])?;
        let keys = self.client(contender, &["sol-keys", "--count", KEYS])?;
        self.add(contender, "SOL key to its echo: p50 / p90 / p99 / max", "us", &keys, &LATENCIES)
    }

    /// Has the load client measure; what it printed, and the processor time of all server processes for a thousand answers in ms.
    fn measured(&mut self, contender: &Contender, words: &[&str]) -> anyhow::Result<(Value, f64)> {
        let before = usage::cpu_ns(&contender.servers)?;
        let printed = self.client(contender, words)?;
        let used = usage::growth(&before, &usage::cpu_ns(&contender.servers)?);
        let count = printed["count"].as_f64().context("the load client gives no count")?;
        let all = whole(used.values().sum()) / 1e6;
        self.raw.push(json!({ "cpu_ns": used }));
        Ok((printed, all / count * 1e3))
    }

    fn client(&mut self, contender: &Contender, words: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(&self.client);
        command.args(words).args([
            "--json",
            "--port",
            &contender.port.to_string(),
            "--user",
            &contender.user,
        ]);
        command.arg("--password-file").arg(&contender.password_file);
        command.args(["--suite", contender.column.suite()]);
        let printed: Value = serde_json::from_str(&workspace::output(&mut command)?)?;
        self.raw.push(json!({ "contender": contender.column, "words": words, "printed": printed }));
        Ok(printed)
    }

    fn add(
        &mut self,
        contender: &Contender,
        what: &str,
        unit: &'static str,
        printed: &Value,
        fields: &[&str],
    ) -> anyhow::Result<()> {
        let field = |name| printed[name].as_f64().with_context(|| format!("the load client gives no {name}"));
        let figures = fields.iter().map(|name| field(*name)).collect::<anyhow::Result<_>>()?;
        self.table.add_all(contender.column, what, unit, figures);
        Ok(())
    }

    fn memory(&mut self, contender: &Contender, when: &str) -> anyhow::Result<()> {
        let (pss, rss) = (usage::pss_of(&contender.servers)?, usage::rss_of(&contender.servers)?);
        for (name, kib) in [("PSS", &pss), ("RSS", &rss)] {
            let mib = whole(kib.values().sum()) / 1024.0;
            self.table.add(contender.column, &format!("memory ({name}) of all servers, {when}"), "MiB", mib);
        }
        self.raw.push(json!({ "contender": contender.column, "when": when, "pss_kib": pss, "rss_kib": rss }));
        Ok(())
    }

    /// What servers do that nobody asks anything; Ferrite's is mostly sensord's polling.
    pub(super) fn idle(&mut self, contenders: &[Contender], sensors: usize) -> anyhow::Result<()> {
        let all: Vec<&Contender> = once_each(contenders).collect();
        let now = || -> anyhow::Result<Vec<_>> {
            all.iter().map(|it| Ok((usage::cpu_ns(&it.servers)?, usage::wakeups(&it.servers)?))).collect()
        };
        let before = now()?;
        sleep(IDLE);
        let (seconds, after) = (IDLE.as_secs_f64(), now()?);
        for ((contender, before), after) in all.iter().zip(&before).zip(&after) {
            let cpu = usage::growth(&before.0, &after.0);
            let woken = usage::growth(&before.1, &after.1);
            let what = format!("idle, {sensors} sensors at 1 s");
            let mut add = |what: String, unit, value: f64| {
                self.table.add(contender.column, &what, unit, value / seconds)
            };
            add(format!("{what}: CPU of all servers"), "ms/s", whole(cpu.values().sum()) / 1e6);
            if let Some(sensord) = cpu.get("sensord") {
                add(format!("{what}: CPU of sensord"), "ms/s", whole(*sensord) / 1e6);
            }
            add(format!("{what}: wakeups of all servers"), "/s", whole(woken.values().sum()));
            if sensors == SENSORS {
                woken.iter().for_each(|(name, count)| {
                    add(format!("{what}: wakeups of {name}"), "/s", whole(*count));
                });
            }
            self.raw.push(
                json!({ "contender": contender.column, "idle": sensors, "cpu_ns": cpu, "wakeups": woken }),
            );
        }
        Ok(())
    }
}

/// Sessions that can walk at once: `ipmi_sim` forgets a reservation as soon as another session asks for one.
fn walking(contender: &Contender) -> &'static [(&'static str, &'static str)] {
    if contender.column == Column::IpmiSim3 { &SESSIONS[..1] } else { &SESSIONS }
}

/// Each server once, whatever the cipher suites.
fn once_each(contenders: &[Contender]) -> impl Iterator<Item = &Contender> {
    contenders.iter().filter(|it| it.column != Column::Ferrite3)
}
