//! Directories outside the repository that are dear to make.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{step::step, workspace::run};

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
    let directory = root()?.join(format!("{name}-{:016x}", hasher.finish()));
    let complete = directory.with_extension("complete");
    let lock = directory.with_extension("lock");
    let lock = fs::File::create(&lock).with_context(|| format!("cannot make {}", lock.display()))?;
    lock.lock().context("cannot lock the cache")?;
    if complete.exists() {
        return Ok(directory);
    }
    step(title, || {
        if directory.exists() {
            run(super::as_root("rm").args(["--recursive", "--force", "--one-file-system"]).arg(&directory))?;
        }
        make(&directory)?;
        fs::write(&complete, b"").with_context(|| format!("cannot write {}", complete.display()))
    })?;
    Ok(directory)
}
