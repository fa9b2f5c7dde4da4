//! `cargo xtask bench`: Ferrite beside OpenIPMI's `ipmi_sim` on the same work, turn by turn; and the hot paths in instructions.

mod contender;
mod instructions;
mod ipmi_sim;
mod options;
mod rows;
mod table;

use std::{ffi::OsString, fs, path::PathBuf, thread::sleep, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    demo,
    load::{build_client, machine},
    setup::{self, Package},
    size::{self, Weight},
    step::step,
    workspace,
};
use contender::{Contender, contenders, start_ferrite};
use ipmi_sim::IpmiSim;
use options::Options;
use table::{Column, Table};

const PEER: Package = Package { name: "openipmi", purpose: "ipmi_sim, which Ferrite is measured beside" };

/// Sensors of the board on which everything but repositories is measured.
const SENSORS: usize = 100;
/// Boards whose repository is walked, and sensord's use of the processor taken.
const LARGER: [usize; 3] = [300, 500, 1000];

/// Until sensors have been read, SDRs made and start-up is forgotten.
const SETTLE: Duration = Duration::from_secs(8);

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
    let (mut machine, load) = (machine::describe(), machine::load_average());
    machine["openipmi"] = setup::version(&PEER)?.into();
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

struct Bench {
    client: PathBuf,
    table: Table,
    raw: Vec<Value>,
}

impl Bench {
    fn run(&mut self, options: &Options) -> anyhow::Result<()> {
        self.executables(options)?;
        self.on(options, SENSORS, |bench, contenders| bench.everything(contenders, options.rounds))?;
        for sensors in LARGER {
            self.on(options, sensors, |bench, contenders| {
                for round in 1..=options.rounds {
                    step(&format!("{sensors} sensors, round {round} of {}", options.rounds), || {
                        contenders.iter().try_for_each(|contender| bench.sdr_walks(contender, sensors))
                    })?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// What the executable takes of a disk here, and of the flash.
    fn executables(&mut self, options: &Options) -> anyhow::Result<()> {
        let built = match &options.binaries {
            Some(directory) => directory.clone(),
            None => {
                step("building Ferrite", || demo::build(true))?;
                workspace::target_dir(true)?
            }
        };
        self.weigh("this machine", &size::weight(&built.join("ferrite"))?);
        if options.cross {
            self.weigh("AST2600", &size::weight_on_flash()?);
        }
        Ok(())
    }

    fn weigh(&mut self, machine: &str, weight: &Weight) {
        for (how, bytes) in [("stripped", weight.stripped), ("squashfs-xz", weight.squashfs)] {
            let what = format!("executable of all daemons, {machine}, {how}");
            self.table.add(Column::Ferrite17, &what, "KiB", whole(bytes) / 1024.0);
        }
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
        step(&format!("idle, {sensors} sensors"), || self.idle(&contenders, sensors))?;
        work(self, &contenders)?;
        drop(peer);
        stack.stop()
    }
}

/// A count as a number to reckon with.
#[allow(clippy::cast_precision_loss, reason = "bytes and nanoseconds of minutes are far below 2^52")]
fn whole(value: u64) -> f64 {
    value as f64
}
