//! The command's arguments.

use std::{ffi::OsString, path::PathBuf};

use anyhow::Context as _;
use lexopt::prelude::{Long, Short, ValueExt as _};

pub(super) const USAGE: &str = "\
measures a release build on a simulated board of 100 sensors, and prints the figures beside their targets; it never judges

usage: cargo xtask load [options]

  --rounds N      how often everything is measured, interleaved; the table has the medians (default 5)
  --binaries DIR  measure the `ferrite` and `bmc-sim` in DIR, to compare builds, rather than build
  --port N        UDP port of the stack (default: 6230, or the next free one)
  --guest         measure a Linux guest's own ipmitool too; the first time, that downloads the guest of `cargo xtask demo --host`

Other work on the machine makes the figures worse: the table tells the load before and after. Raw figures: target/load.json.
CARGO_PROFILE_RELEASE_LTO=thin builds faster, for a first look.
";

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) rounds: usize,
    pub(super) port: Option<u16>,
    /// Where the executables are that are not to be built.
    pub(super) binaries: Option<PathBuf>,
    /// Whether a guest is measured too.
    pub(super) guest: bool,
}

impl Options {
    /// Reads the words after `load`; `None` where help is wanted.
    ///
    /// # Errors
    /// Words that make no sense.
    pub(super) fn parse(arguments: Vec<OsString>) -> anyhow::Result<Option<Self>> {
        let mut options = Self { rounds: 5, port: None, binaries: None, guest: false };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(None),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("binaries") => options.binaries = Some(parser.value()?.into()),
                Long("port") => options.port = Some(parser.value()?.parse()?),
                Long("guest") => options.guest = true,
                other => return Err(other.unexpected()).context("hint: cargo xtask load --help"),
            }
        }
        Ok(Some(options))
    }
}
