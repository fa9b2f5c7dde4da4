//! `cargo xtask load`: what a release build does with commands, logins, consoles, events, garbage and memory, beside what is wanted.

pub(crate) mod board;
mod events;
mod guest;
pub(crate) mod machine;
pub(crate) mod one_core;
mod options;
mod report;
mod sol;
pub(crate) mod usage;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::{
    demo::{self, Mode, Stack},
    step::step,
    workspace,
};
use board::Console;
use one_core::OneCore;
use options::Options;
use report::{Record, Target};
use usage::Processes;

const SENSORS: usize = 100;
const SDR_LISTS: u32 = 5;

/// Until sensors have been read, SDRs made and start-up is forgotten.
const SETTLE: Duration = Duration::from_secs(8);
const IDLE: Duration = Duration::from_secs(10);
/// Long enough that a leak of a page per poll shows, after the rounds have touched every queue once from end to end.
const IDLE_GROWTH: Duration = Duration::from_secs(180);

/// What belongs to the test and not to the product.
pub(crate) const SIMULATED: &str = "bmc-sim";
const BUS: &str = "dbus-daemon";

/// What the stack is that something is measured on.
#[derive(Clone, Copy)]
struct Setup {
    console: Console,
    /// Whether a Linux guest is the host.
    guest: bool,
}

/// Runs the command.
///
/// # Errors
/// What could not be built, started or measured, after the table of what was. A missed target is no error.
pub fn main(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    let client = step("building the load client", build_client)?;
    let (machine, load) = (machine::describe(), machine::load_average());
    let mut record = Record::default();
    let measured = measure(&options, &client, &mut record);
    let loads = json!({ "before": load, "after": machine::load_average() });
    let path = workspace::target_dir(true)?.with_file_name("load.json");
    record.save(&path, &machine, &loads)?;
    print!(
        "{}\nmachine {machine}\nload average {loads}\nraw figures: {}\n",
        record.figures.table(),
        path.display()
    );
    measured
}

/// Each part on a stack of its own, one after the other.
fn measure(options: &Options, client: &Path, record: &mut Record) -> anyhow::Result<()> {
    let rounds = options.rounds;
    let mut on = |setup: Setup, work: &dyn Fn(&mut Bench) -> anyhow::Result<()>| {
        let stack = start(options, setup)?;
        work(&mut Bench::new(client, &stack, record))?;
        stack.stop()
    };
    on(Setup { console: Console::Fast, guest: false }, &|bench| bench.measure(rounds))?;
    on(Setup { console: Console::Watched, guest: false }, &|bench| bench.watchers(rounds))?;
    if options.guest {
        on(Setup { console: Console::Fast, guest: true }, &|bench| bench.guest(rounds))?;
    }
    Ok(())
}

pub(crate) fn build_client() -> anyhow::Result<PathBuf> {
    let words = ["build", "--quiet", "--release", "--package", "system-tests", "--bin", "ferrite-load"];
    workspace::run(workspace::cargo().args(words))?;
    Ok(workspace::target_dir(true)?.join("ferrite-load"))
}

fn start(options: &Options, setup: Setup) -> anyhow::Result<Stack> {
    let boards = workspace::target_dir(true)?.with_file_name("load-board").join(setup.console.name());
    board::write(&boards, SENSORS, setup.console)?;
    let defaults = demo::Options::default();
    let state_dir = defaults.state_dir.with_file_name(format!("ferrite-load-{}", nix::unistd::geteuid()));
    let board = boards.join("sim.toml");
    let (mode, port, host) = (Mode::Tied, options.port, setup.guest);
    let demo = demo::Options { mode, release: true, port, board, host, state_dir, ..defaults };
    match &options.binaries {
        Some(binaries) => step("starting", || Stack::start(&demo, binaries)),
        None => demo::start(&demo),
    }
}

struct Bench<'run> {
    client: &'run Path,
    stack: &'run Stack,
    /// Ours and the bus.
    servers: Processes,
    record: &'run mut Record,
}

impl<'run> Bench<'run> {
    fn new(client: &'run Path, stack: &'run Stack, record: &'run mut Record) -> Self {
        let mut servers = stack.description().daemons.clone();
        servers.remove(SIMULATED);
        Self { client, stack, servers, record }
    }

    fn measure(&mut self, rounds: usize) -> anyhow::Result<()> {
        sleep(SETTLE);
        self.memory("idle", Target::AtMost(16.0))?;
        step("idle", || self.idle())?;
        for round in 1..=rounds {
            step(&format!("round {round} of {rounds}"), || self.round())?;
        }
        self.memory("after all of that", Target::None)?;
        self.growth("100,000 commands", |bench| bench.client(&["commands", "--count", "100000"]).map(drop))?;
        self.growth("3 idle minutes", |_| {
            sleep(IDLE_GROWTH);
            Ok(())
        })?;
        step("100,000 events", || self.many_events())?;
        step("100,000 mutated datagrams", || self.garbage())
    }

    /// By how much the heaps of all servers grow meanwhile.
    fn growth(
        &mut self,
        over: &str,
        work: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let before = usage::anonymous_of(&self.servers)?;
        step(over, || work(self))?;
        let grown = usage::growth(&before, &usage::anonymous_of(&self.servers)?);
        let all = millions(grown.values().sum::<u64>() * 1_000_000);
        self.record.figures.add(format!("memory: growth over {over}"), "KiB", Target::AtMost(0.0), all);
        self.record.raw.push(json!({ "over": over, "growth_kib": grown }));
        Ok(())
    }

    fn round(&mut self) -> anyhow::Result<()> {
        let one = self.client(&["commands", "--count", "10000"])?;
        self.add("command, 1 session: median", "us", Target::AtMost(120.0), &one, "p50_us")?;
        self.add("command, 1 session: 99th percentile", "us", Target::None, &one, "p99_us")?;
        self.host_commands()?;
        {
            let _held = OneCore::hold(&self.servers)?;
            let one = self.client(&["commands", "--count", "10000"])?;
            self.add("command, 1 session, all on one core: median", "us", Target::None, &one, "p50_us")?;
        }
        let eight = self.client(&["commands", "--sessions", "8", "--count", "5000"])?;
        self.add("commands, 8 sessions", "/s", Target::AtLeast(15_000.0), &eight, "per_second")?;
        let logins = self.client(&["handshakes", "--sessions", "4", "--count", "5000"])?;
        self.add(
            "log in, set privilege, log out; 4 at once",
            "/s",
            Target::AtLeast(2500.0),
            &logins,
            "per_second",
        )?;
        self.sdr_lists("", Target::AtMost(25.0))?;
        {
            let _held = OneCore::hold(&self.servers)?;
            self.sdr_lists(", all on one core", Target::None)?;
        }
        self.events()?;
        self.sol()
    }

    /// The host's commands through the VM protocol: what KCS takes, less the registers.
    fn host_commands(&mut self) -> anyhow::Result<()> {
        let Some(socket) = self.stream_of_host() else { return Ok(()) };
        let host = self.client(&["host", "--count", "10000", "--host-interface", &socket])?;
        let rows = [("median", Target::AtMost(300.0), "p50_us"), ("90th percentile", Target::None, "p90_us")];
        let tail = [("99th percentile", Target::None, "p99_us"), ("worst", Target::None, "max_us")];
        for (what, target, field) in rows.into_iter().chain(tail) {
            self.add(&format!("host command: {what}"), "us", target, &host, field)?;
        }
        Ok(())
    }

    fn stream_of_host(&self) -> Option<String> {
        Some(self.stack.description().host_interface.as_ref()?.display().to_string())
    }

    /// Has the load client measure, and takes the one line that it prints.
    fn client(&mut self, words: &[&str]) -> anyhow::Result<Value> {
        let about = self.stack.description();
        let mut command = Command::new(self.client);
        command.args(words).args(["--json", "--host", &about.host, "--port", &about.port.to_string()]);
        command.args(["--user", &about.user, "--password-file"]).arg(self.stack.password_file());
        let printed: Value = serde_json::from_str(&workspace::output(&mut command)?)?;
        self.record.raw.push(printed.clone());
        Ok(printed)
    }

    fn add(
        &mut self,
        what: &str,
        unit: &'static str,
        target: Target,
        printed: &Value,
        field: &str,
    ) -> anyhow::Result<()> {
        let value = printed[field].as_f64().with_context(|| format!("the load client gives no {field}"))?;
        self.record.figures.add(what, unit, target, value);
        Ok(())
    }

    /// Processor time of all servers for `ipmitool sdr elist`, and how long it takes.
    fn sdr_lists(&mut self, how: &str, target: Target) -> anyhow::Result<()> {
        let (before, start) = (usage::cpu_ns(&self.servers)?, Instant::now());
        for _ in 0..SDR_LISTS {
            let listed = workspace::output(&mut self.ipmitool(&["sdr", "elist", "full"]))?.lines().count();
            ensure!(listed == SENSORS, "sdr elist has {listed} sensors of {SENSORS}");
        }
        let elapsed = start.elapsed().as_secs_f64() * 1e3 / f64::from(SDR_LISTS);
        let used = usage::growth(&before, &usage::cpu_ns(&self.servers)?);
        let each = millions(used.values().sum()) / f64::from(SDR_LISTS);
        let what = format!("sdr elist of {SENSORS}{how}");
        self.record.figures.add(format!("{what}: server CPU"), "ms", target, each);
        self.record.figures.add(format!("{what}: elapsed"), "ms", Target::None, elapsed);
        self.record.raw.push(json!({ "sdr_lists": SDR_LISTS, "cpu_ns": used }));
        Ok(())
    }

    fn ipmitool(&self, words: &[&str]) -> Command {
        let about = self.stack.description();
        let mut command = Command::new("ipmitool");
        command.args([
            "-I",
            "lanplus",
            "-C",
            "17",
            "-R",
            "1",
            "-H",
            &about.host,
            "-p",
            &about.port.to_string(),
        ]);
        command.args(["-U", &about.user, "-f"]).arg(self.stack.password_file()).args(words);
        command
    }

    /// MiB of all daemons together, the bus apart from them.
    fn memory(&mut self, when: &str, target: Target) -> anyhow::Result<f64> {
        let mut pss = usage::pss_of(&self.servers)?;
        self.record.raw.push(json!({ "pss_kib": pss, "when": when }));
        let bus = pss.remove(BUS).unwrap_or(0);
        let mib = |kib: u64| millions(kib * 1_000_000 / 1024);
        let daemons = mib(pss.values().sum());
        self.record.figures.add(
            format!("memory (PSS) of {} daemons, {when}", pss.len()),
            "MiB",
            target,
            daemons,
        );
        self.record.figures.add(
            format!("memory (PSS) of dbus-daemon, {when}"),
            "MiB",
            Target::None,
            mib(bus),
        );
        Ok(daemons)
    }

    /// What the stack does while nobody asks it anything.
    fn idle(&mut self) -> anyhow::Result<()> {
        let (cpu, woken) = (usage::cpu_ns(&self.servers)?, usage::wakeups(&self.servers)?);
        sleep(IDLE);
        let cpu = usage::growth(&cpu, &usage::cpu_ns(&self.servers)?);
        let woken = usage::growth(&woken, &usage::wakeups(&self.servers)?);
        let seconds = IDLE.as_secs_f64();
        let busy = millions(cpu.values().sum()) / seconds;
        self.record.figures.add("idle: CPU of all servers", "ms/s", Target::None, busy);
        for (name, count) in &woken {
            let each = millions(count * 1_000_000) / seconds;
            self.record.figures.add(format!("idle: wakeups of {name}"), "/s", Target::None, each);
        }
        self.record.raw.push(json!({ "idle_seconds": seconds, "cpu_ns": cpu, "wakeups": woken }));
        Ok(())
    }

    fn garbage(&mut self) -> anyhow::Result<()> {
        let logs: &Path = &self.stack.description().state_dir.join("log");
        let before = usage::lines_in(logs)?;
        let login = self.client(&["garbage", "--count", "100000"])?;
        let lines = usage::lines_in(logs)?.saturating_sub(before);
        self.add("login after 100,000 mutated datagrams", "us", Target::None, &login, "p50_us")?;
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        self.record.figures.add("log lines that they caused", "", Target::None, f64::from(lines));
        // A daemon that has ended has no memory to read.
        self.memory("after 100,000 mutated datagrams", Target::None)?;
        Ok(())
    }
}

/// Millionths to units.
#[allow(clippy::cast_precision_loss, reason = "nanoseconds of a few minutes are far below 2^52")]
fn millions(value: u64) -> f64 {
    value as f64 / 1e6
}
