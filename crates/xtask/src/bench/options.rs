//! The command's arguments.

use std::{ffi::OsString, path::PathBuf};

use anyhow::Context as _;
use lexopt::prelude::{Long, Short, ValueExt as _};

pub(super) const USAGE: &str = "\
measures a release build beside OpenIPMI's ipmi_sim on the same work, and prints both; it never judges

usage: cargo xtask bench [options]

  --rounds N         how often everything is measured, turn by turn; the table has the medians (default 5)
  --binaries DIR     measure the `ferrite` and `bmc-sim` in DIR, to compare builds, rather than build
  --no-cross         leave out the executable for the AST2600, whose first build takes minutes and gigabytes
  --instructions     count instructions of the hot paths instead, and fail where one takes 5 % more than the committed baseline
  --write-baseline   with --instructions: write the baseline

Other work on the machine makes the figures worse: the table tells the load before and after. Instruction counts do not mind.
Raw figures: target/bench.json. Installs Debian's openipmi or valgrind where they are missing.
";

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) rounds: usize,
    /// Where the executables are that are not to be built.
    pub(super) binaries: Option<PathBuf>,
    /// Whether the executable for the flash is weighed too.
    pub(super) cross: bool,
    pub(super) instructions: bool,
    pub(super) write_baseline: bool,
}

impl Options {
    /// Reads the words after `bench`; `None` where help is wanted.
    ///
    /// # Errors
    /// Words that make no sense.
    pub(super) fn parse(arguments: Vec<OsString>) -> anyhow::Result<Option<Self>> {
        let mut options =
            Self { rounds: 5, binaries: None, cross: true, instructions: false, write_baseline: false };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("binaries") => options.binaries = Some(parser.value()?.into()),
                Long("no-cross") => options.cross = false,
                Long("instructions") => options.instructions = true,
                Long("write-baseline") => options.write_baseline = true,
                other => return Err(other.unexpected()).context("hint: cargo xtask bench --help"),
            }
        }
        Ok(Some(options))
    }
}
