//! `cargo xtask test`: everything that a change must pass.

use std::{ffi::OsString, time::Instant};

use anyhow::bail;

use crate::{
    deny, qemu, setup, size,
    step::step,
    workspace::{cargo, run},
    yocto,
};

const USAGE: &str = "\
sets up what is missing, then checks formatting, lints, licences and dependencies, and runs every test, those on
the emulated board too

usage: cargo xtask test [--without-board]

  --without-board  leave out the emulated AST2600 and the executable's size, which take some minutes
";

/// One check: its name and the words after `cargo`.
const CHECKS: [(&str, &[&str]); 3] = [
    ("checking the formatting", &["fmt", "--all", "--check"]),
    ("linting", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    ("running every test", &["test", "--workspace", "--quiet"]),
];

/// Runs the command.
///
/// # Errors
/// The first check that does not pass.
pub fn main(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let mut board = true;
    match arguments.first() {
        None => {}
        Some(argument) if argument == "--without-board" => board = false,
        Some(argument) if argument == "--help" || argument == "-h" => {
            print!("{USAGE}");
            return Ok(());
        }
        Some(argument) => bail!("unexpected argument `{}`", argument.to_string_lossy()),
    }
    let start = Instant::now();
    step("setting up", setup::setup)?;
    step("checking licences and duplicates", deny::check)?;
    yocto::lint()?;
    for (what, words) in CHECKS {
        step(what, || run(cargo().args(words)))?;
    }
    if board {
        step("testing on the emulated AST2600", || qemu::main(vec!["test".into()]))?;
        step("weighing the executable", || size::main(Vec::new()))?;
    }
    println!("all checks passed in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}
