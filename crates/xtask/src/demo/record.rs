//! What runs, on disk: how `--stop` finds it.

use std::{fs, io, path::Path};

use anyhow::{Context as _, bail};

use super::process::Process;

const FILE: &str = "demo.json";

/// Notes what runs below `dir`.
pub(super) fn write(dir: &Path, processes: &[Process]) -> anyhow::Result<()> {
    let fresh = dir.join("demo.json.new");
    fs::write(&fresh, serde_json::to_vec_pretty(processes)?)?;
    Ok(fs::rename(fresh, dir.join(FILE))?)
}

/// What was noted; `None` where there is no demo.
fn read(dir: &Path) -> anyhow::Result<Option<Vec<Process>>> {
    let path = dir.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            let parsed = serde_json::from_slice(&bytes);
            Ok(Some(parsed.with_context(|| format!("{} makes no sense", path.display()))?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Makes sure that `dir` is free: removes what a demo that is no more left there.
pub(super) fn clear(dir: &Path) -> anyhow::Result<()> {
    match read(dir)? {
        Some(processes) if processes.iter().any(Process::is_alive) => {
            bail!("a demo runs in {}\nhint: cargo xtask demo --stop, or another --state-dir", dir.display())
        }
        Some(_) => fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display())),
        None if dir.exists() => bail!("{} is there and no demo made it", dir.display()),
        None => Ok(()),
    }
}

/// Ends what was noted, last first, and removes the directory. Where there is none, that is as it should be.
pub(super) fn stop(dir: &Path) -> anyhow::Result<()> {
    let Some(processes) = read(dir)? else {
        eprintln!("no demo runs in {}", dir.display());
        return Ok(());
    };
    end(&processes);
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}

/// Ends `processes`, last first.
pub(super) fn end(processes: &[Process]) {
    processes.iter().rev().for_each(Process::end);
}
