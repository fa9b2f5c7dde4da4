//! Directories outside the repository that are dear to make.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};

use crate::{step::step, workspace::run};

/// A directory of other inputs goes once nobody has asked for it for so long: each takes up to some gigabytes. Another clone may be at
/// another version meanwhile.
const KEPT: Duration = Duration::from_secs(14 * 24 * 3600);

/// `$XDG_CACHE_HOME/ferrite`, or `~/.cache/ferrite`.
pub(crate) fn root() -> Result<PathBuf> {
    let base = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) => Path::new(&home).join(".cache"),
        _ => bail!("neither XDG_CACHE_HOME nor HOME is set"),
    };
    let root = base.join("ferrite");
    fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    Ok(root)
}

/// A directory called `name` made from `inputs`: the one in the cache, or what `make` fills now.
///
/// A directory that was not finished (the machine lost power, a download failed) is made again. Of two processes that want the same
/// one, the second waits.
pub(crate) fn directory(
    name: &str,
    inputs: &[&str],
    title: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    inputs.hash(&mut hasher);
    let root = root()?;
    let directory = root.join(format!("{name}-{:016x}", hasher.finish()));
    let complete = directory.with_extension("complete");
    let lock = directory.with_extension("lock");
    let lock = fs::File::create(&lock).with_context(|| format!("cannot make {}", lock.display()))?;
    lock.lock().context("cannot lock the cache")?;
    if complete.exists() {
        return Ok(directory);
    }
    step(title, || {
        if directory.exists() {
            remove(&directory)?;
        }
        make(&directory)?;
        fs::write(&complete, b"").with_context(|| format!("cannot write {}", complete.display()))
    })?;
    for old in outdated(&root, name, SystemTime::now())? {
        step(&format!("removing {}, which nobody has used of late", old.display()), || {
            // Half of it is as good as none.
            fs::remove_file(old.with_extension("complete"))?;
            remove(&old)?;
            Ok(fs::remove_file(old.with_extension("lock"))?)
        })?;
    }
    Ok(directory)
}

fn remove(directory: &Path) -> Result<()> {
    run(super::as_root("rm").args(["--recursive", "--force", "--one-file-system"]).arg(directory))
}

/// Finished directories called `name` that were not asked for within [`KEPT`]: whoever asks makes the lock anew.
fn outdated(root: &Path, name: &str, now: SystemTime) -> Result<Vec<PathBuf>> {
    let mut old = Vec::new();
    for entry in fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))? {
        let complete = entry?.path();
        let stem = complete.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_of_name = stem.rsplit_once('-').is_some_and(|(its, _)| its == name);
        if complete.extension().is_none_or(|extension| extension != "complete") || !is_of_name {
            continue;
        }
        let asked = fs::metadata(complete.with_extension("lock")).and_then(|lock| lock.modified());
        if asked.is_ok_and(|asked| now.duration_since(asked).is_ok_and(|since| since > KEPT)) {
            old.push(complete.with_extension(""));
        }
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_nobody_asked_for_in_weeks_is_outdated() {
        let root = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let days = |days: u32| now - days * Duration::from_secs(24 * 3600);
        for (stem, asked, finished) in [
            ("tool-root-00000000000000aa", days(15), true),
            ("tool-root-00000000000000bb", days(13), true),
            ("tool-root-00000000000000cc", days(15), false),
            ("root-00000000000000dd", days(15), true),
        ] {
            let directory = root.path().join(stem);
            fs::create_dir(&directory).unwrap();
            fs::File::create(directory.with_extension("lock")).unwrap().set_modified(asked).unwrap();
            if finished {
                fs::write(directory.with_extension("complete"), b"").unwrap();
            }
        }
        let old = outdated(root.path(), "tool-root", now).unwrap();
        assert_eq!(old, [root.path().join("tool-root-00000000000000aa")]);
    }
}
