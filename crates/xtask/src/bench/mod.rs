//! `cargo xtask bench`: Ferrite beside OpenIPMI's `ipmi_sim` on the same work, turn by turn; and the hot paths in instructions.

mod instructions;
mod ipmi_sim;
mod options;
mod table;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    demo::{self, Mode, Stack},
    load::{
        SIMULATED,
        board::{self, Console},
        build_client, machine,
        usage::{self, Processes},
    },
    setup::{self, Package},
    step::step,
    workspace,
};
use ipmi_sim::IpmiSim;
use options::Options;
use table::{COLUMNS, Column, Table};

const PEER: Package = Package { name: "openipmi", purpose: "ipmi_sim, which Ferrite is measured beside" };

/// Sensors of the board on which everything but repositories is measured.
const SENSORS: usize = 100;
/// Boards whose repository is walked, and sensord's use of the processor taken.
const LARGER: [usize; 3] = [300, 500, 1000];
const EVENTS: &str = "3000";
/// Bytes of an SDR that are asked for at once: `ipmi_sim` answers with no more than this.
const PIECE: &str = "32";

/// Until sensors have been read, SDRs made and start-up is forgotten.
const SETTLE: Duration = Duration::from_secs(8);
const IDLE: Duration = Duration::from_secs(10);

/// Sessions at once, and commands on each.
const SESSIONS: [(&str, &str); 3] = [("1", "5000"), ("8", "2000"), ("32", "500")];
const REQUESTS: [(&str, &str); 2] = [("Get Device ID", "06:01"), ("Get Sensor Reading", "04:2d:01")];

/// Runs the command.
///
/// # Errors
/// What could not be built, started or measured, after the table of what was; with `--instructions`, paths that take more.
pub fn main(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    if options.instructions {
        return instructions::run(options.write_baseline);
    }
    setup::install(&[PEER])?;
    let client = step("building the load client", build_client)?;
    let (machine, load) = (machine::describe(), machine::load_average());
    let mut bench = Bench { client, table: Table::default(), raw: Vec::new() };
    let measured = bench.run(&options);
    let loads = json!({ "before": load, "after": machine::load_average() });
    let path = workspace::target_dir(true)?.with_file_name("bench.json");
    let all = json!({ "machine": machine, "load_average": loads, "table": bench.table, "raw": bench.raw });
    fs::write(&path, serde_json::to_vec_pretty(&all)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let table = bench.table.text();
    print!("{table}\nmachine {machine}\nload average {loads}\nraw figures: {}\n", path.display());
    measured
}

/// A server that is measured.
struct Contender {
    column: Column,
    port: u16,
    user: String,
    password_file: PathBuf,
    servers: Processes,
}

struct Bench {
    client: PathBuf,
    table: Table,
    raw: Vec<Value>,
}

impl Bench {
    fn run(&mut self, options: &Options) -> anyhow::Result<()> {
        self.executable(options)?;
        self.on(options, SENSORS, |bench, contenders| bench.everything(contenders, options.rounds))?;
        for sensors in LARGER {
            self.on(options, sensors, |bench, contenders| {
                for round in 1..=options.rounds {
                    step(&format!("{sensors} sensors, round {round} of {}", options.rounds), || {
                        contenders.iter().try_for_each(|contender| bench.sdr_walk(contender, sensors))
                    })?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What the executable takes of the flash before it is compressed.
    fn executable(&mut self, options: &Options) -> anyhow::Result<()> {
        let built = match &options.binaries {
            Some(directory) => directory.clone(),
            None => {
                step("building Ferrite", || demo::build(true))?;
                workspace::target_dir(true)?
            }
        };
        let size = fs::metadata(built.join("ferrite"))?.len();
        self.table.add(
            Column::Ferrite17,
            "executable, all daemons, this machine",
            "KiB",
            whole(size) / 1024.0,
        );
        Ok(())
    }

    /// Both servers with this many sensors, at once: a turn of one follows a turn of the other within seconds.
    fn on(
        &mut self,
        options: &Options,
        sensors: usize,
        work: impl FnOnce(&mut Self, &[Contender]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let stack = start_ferrite(options, sensors)?;
        let peer = step("starting ipmi_sim", || IpmiSim::start(sensors))?;
        sleep(SETTLE);
        let contenders = contenders(&stack, &peer);
        self.sensord(&contenders, sensors)?;
        work(self, &contenders)?;
        drop(peer);
        stack.stop()
    }

    fn everything(&mut self, contenders: &[Contender], rounds: usize) -> anyhow::Result<()> {
        let servers = |column| contenders.iter().filter(move |it| it.column == column);
        for contender in servers(Column::Ferrite17).chain(servers(Column::IpmiSim3)) {
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
        for contender in servers(Column::Ferrite17).chain(servers(Column::IpmiSim3)) {
            self.memory(contender, "after all of that")?;
        }
        Ok(())
    }

    fn turn(&mut self, contender: &Contender) -> anyhow::Result<()> {
        for (name, request) in REQUESTS {
            for (sessions, count) in SESSIONS {
                self.commands(contender, name, request, (sessions, count))?;
            }
        }
        let what = "log in, set privilege, log out; 4 at once";
        let logins = self.client(contender, &["handshakes", "--sessions", "4", "--count", "2000"])?;
        self.add(contender, what, "/s", &logins, "per_second")?;
        self.sdr_walk(contender, SENSORS)?;
        let (events, cpu) = self.measured(contender, &["sel-walk", "--count", "1"])?;
        self.add(contender, "event log of 3,000 records, each", "us", &events, "p50_us")?;
        self.table.add(contender.column, "event log of 3,000 records, CPU each", "us", cpu);
        Ok(())
    }

    fn commands(
        &mut self,
        contender: &Contender,
        name: &str,
        request: &str,
        (sessions, count): (&str, &str),
    ) -> anyhow::Result<()> {
        let words = ["commands", "--request", request, "--sessions", sessions, "--count", count];
        let (printed, cpu) = self.measured(contender, &words)?;
        let what = format!("{name}, sessions: {sessions}");
        if sessions == "1" {
            for (figure, field) in [("median", "p50_us"), ("99th percentile", "p99_us")] {
                self.add(contender, &format!("{what}: {figure}"), "us", &printed, field)?;
            }
            self.table.add(contender.column, &format!("{what}: CPU of 1,000"), "ms", cpu);
        }
        self.add(contender, &what, "/s", &printed, "per_second")
    }

    fn sdr_walk(&mut self, contender: &Contender, sensors: usize) -> anyhow::Result<()> {
        let (walk, _) = self.measured(contender, &["sdr-walk", "--count", "1", "--piece", PIECE])?;
        let seconds = walk["seconds"].as_f64().context("the load client gives no seconds")?;
        let what = format!("SDRs of {sensors} sensors, {PIECE} bytes at once");
        self.table.add(contender.column, &what, "ms", seconds * 1e3);
        Ok(())
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
        field: &str,
    ) -> anyhow::Result<()> {
        let value = printed[field].as_f64().with_context(|| format!("the load client gives no {field}"))?;
        self.table.add(contender.column, what, unit, value);
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

    /// What idle servers take, which is mostly sensord's polling.
    fn sensord(&mut self, contenders: &[Contender], sensors: usize) -> anyhow::Result<()> {
        let Some(ferrite) = contenders.iter().find(|it| it.column == Column::Ferrite17) else {
            return Ok(());
        };
        step(&format!("idle, {sensors} sensors"), || {
            let (cpu, woken) = (usage::cpu_ns(&ferrite.servers)?, usage::wakeups(&ferrite.servers)?);
            sleep(IDLE);
            let cpu = usage::growth(&cpu, &usage::cpu_ns(&ferrite.servers)?);
            let woken = usage::growth(&woken, &usage::wakeups(&ferrite.servers)?);
            let seconds = IDLE.as_secs_f64();
            let busy = whole(cpu.get("sensord").copied().unwrap_or(0)) / 1e6 / seconds;
            let what = format!("idle, {sensors} sensors at 1 s");
            self.table.add(Column::Ferrite17, &format!("{what}: CPU of sensord"), "ms/s", busy);
            let wakeups = whole(woken.values().sum()) / seconds;
            self.table.add(Column::Ferrite17, &format!("{what}: wakeups of all servers"), "/s", wakeups);
            self.raw.push(json!({ "idle": sensors, "cpu_ns": cpu, "wakeups": woken }));
            Ok(())
        })
    }
}

fn contenders(stack: &Stack, peer: &IpmiSim) -> Vec<Contender> {
    let about = stack.description();
    let mut ours = about.daemons.clone();
    ours.remove(SIMULATED);
    let of = |column| match column {
        Column::Ferrite17 | Column::Ferrite3 => Contender {
            column,
            port: about.port,
            user: about.user.clone(),
            password_file: stack.password_file(),
            servers: ours.clone(),
        },
        Column::IpmiSim3 => Contender {
            column,
            port: peer.port,
            user: ipmi_sim::USER.to_owned(),
            password_file: peer.password_file(),
            servers: Processes::from([("ipmi_sim".to_owned(), peer.pid())]),
        },
    };
    COLUMNS.map(of).into()
}

fn start_ferrite(options: &Options, sensors: usize) -> anyhow::Result<Stack> {
    let boards = workspace::target_dir(true)?.with_file_name("bench-board");
    board::write(&boards, sensors, Console::Fast)?;
    fs::write(boards.join("netipmid.toml"), "sessions = 48\nsessions_per_user = 48\n")?;
    let defaults = demo::Options::default();
    let state_dir = defaults.state_dir.with_file_name(format!("ferrite-bench-{}", nix::unistd::geteuid()));
    let cipher_suites = vec![17, 3];
    let board = boards.join("sim.toml");
    let demo = demo::Options { mode: Mode::Tied, release: true, board, state_dir, cipher_suites, ..defaults };
    match &options.binaries {
        Some(binaries) => step("starting", || Stack::start(&demo, Path::new(binaries))),
        None => demo::start(&demo),
    }
}

/// A count as a number to reckon with.
#[allow(clippy::cast_precision_loss, reason = "bytes and nanoseconds of minutes are far below 2^52")]
fn whole(value: u64) -> f64 {
    value as f64
}
