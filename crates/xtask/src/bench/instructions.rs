//! The hot paths of the pure crates in instructions, by callgrind: a figure that a busy machine does not change.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::{
    setup::{self, Package},
    step::step,
    workspace,
};

const COUNTER: Package = Package { name: "valgrind", purpose: "callgrind, which counts instructions" };

/// A path and how often it is taken: enough that what only the first one costs is spread thin.
const PATHS: [(&str, u32); 5] =
    [("request-in", 1000), ("response-out", 1000), ("login", 100), ("sdr-encode", 1000), ("sol-output", 300)];

/// What a path may take beyond its baseline, in hundredths.
const TOLERANCE: f64 = 5.0;

const BASELINE: &str = "tests/hot_paths/baseline.json";

/// Instructions of one passage, and what counted them. Another compiler makes other code.
#[derive(Debug, Serialize, Deserialize)]
struct Counts {
    rustc: String,
    valgrind: String,
    instructions: BTreeMap<String, f64>,
}

/// Counts, prints, and compares with the baseline, or writes it.
///
/// # Errors
/// A path that takes too much more; what could not be built or run.
pub(super) fn run(write_baseline: bool) -> anyhow::Result<()> {
    setup::install(&[COUNTER])?;
    let program = step("building the hot paths", build)?;
    let mut instructions = BTreeMap::new();
    for (path, passages) in PATHS {
        let each = step(&format!("counting {path}"), || count(&program, path, passages))?;
        instructions.insert(path.to_owned(), each);
    }
    let counts = Counts { rustc: version("rustc")?, valgrind: version("valgrind")?, instructions };
    let path = workspace::root().join(BASELINE);
    if write_baseline {
        let text = serde_json::to_string_pretty(&counts)? + "\n";
        return fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()));
    }
    let baseline = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let baseline: Counts =
        serde_json::from_slice(&baseline).with_context(|| format!("{} is no baseline", path.display()))?;
    compare(&counts, &baseline)
}

fn build() -> anyhow::Result<std::path::PathBuf> {
    let words = ["build", "--quiet", "--profile", "instructions", "--package", "system-tests", "--example"];
    workspace::run(workspace::cargo().args(words).arg("hot-paths"))?;
    Ok(workspace::target_dir(true)?.with_file_name("instructions").join("examples/hot-paths"))
}

fn count(program: &Path, path: &str, passages: u32) -> anyhow::Result<f64> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet", "--toggle-collect=hot_paths::tallied*"]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    command.arg(program).args([path, &passages.to_string()]);
    workspace::run(&mut command)?;
    let text = fs::read_to_string(&out).context("callgrind wrote nothing")?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ")).context("callgrind has no total")?;
    let total: f64 = total.trim().parse().with_context(|| format!("`{total}` is no count"))?;
    if total == 0.0 {
        bail!("callgrind counted nothing in {path}: has the function that it looks for another name?");
    }
    Ok((total / f64::from(passages)).round())
}

fn version(program: &str) -> anyhow::Result<String> {
    Ok(workspace::output(Command::new(program).arg("--version"))?.trim().to_owned())
}

fn compare(counts: &Counts, baseline: &Counts) -> anyhow::Result<()> {
    println!("{:<14} {:>12} {:>12} {:>8}", "instructions", "now", "baseline", "change");
    let mut worse = Vec::new();
    for (path, now) in &counts.instructions {
        let Some(before) = baseline.instructions.get(path) else {
            println!("{path:<14} {now:>12} {:>12}", "-");
            continue;
        };
        let change = (now - before) * 100.0 / before;
        println!("{path:<14} {now:>12} {before:>12} {change:>+7.1}%");
        if change > TOLERANCE {
            worse.push(path.as_str());
        }
    }
    if (&counts.rustc, &counts.valgrind) != (&baseline.rustc, &baseline.valgrind) {
        println!("the baseline is of {} and {}", baseline.rustc, baseline.valgrind);
    }
    if worse.is_empty() {
        return Ok(());
    }
    bail!(
        "more than {TOLERANCE} % over the baseline: {}\nhint: where that is meant, cargo xtask bench --instructions --write-baseline",
        worse.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(login: f64) -> Counts {
        let instructions = [("login".to_owned(), login)].into();
        Counts { rustc: String::new(), valgrind: String::new(), instructions }
    }

    #[test]
    fn only_a_path_that_takes_five_hundredths_more_is_refused() {
        assert!(compare(&counts(105.0), &counts(100.0)).is_ok());
        assert!(compare(&counts(50.0), &counts(100.0)).is_ok());
        let refused = compare(&counts(106.0), &counts(100.0)).unwrap_err().to_string();
        assert!(refused.contains("login"), "{refused}");
    }
}
