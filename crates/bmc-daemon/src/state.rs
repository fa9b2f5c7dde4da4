//! Small state that outlives restarts and power cuts: one JSON value in one file, replaced whole.
//!
//! A write goes to a temporary file of mode 0600 beside the real one, is synced, renamed over it, and the directory is synced:
//! after a power cut at any instant the file holds the old value or the new one, never a mixture.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    marker::PhantomData,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// A file that could not be read or written, and why.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct StateError {
    path: PathBuf,
    source: io::Error,
}

impl StateError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// A value of type `T` in a file.
#[derive(Debug)]
pub struct StateFile<T> {
    path: PathBuf,
    value: PhantomData<fn() -> T>,
}

impl<T> StateFile<T> {
    /// The value at `path`, whose directory exists.
    pub fn new(path: PathBuf) -> Self {
        Self { path, value: PhantomData }
    }

    /// Where the value is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl<T: DeserializeOwned> StateFile<T> {
    /// Reads the value; `None` where none was ever written.
    ///
    /// # Errors
    /// [`StateError`] where the file cannot be read, or does not hold a `T` (its text then says line and field).
    pub fn load(&self) -> Result<Option<T>, StateError> {
        let Some(bytes) = read(&self.path)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| StateError::new(&self.path, error.into()))
    }
}

impl<T: Serialize> StateFile<T> {
    /// Replaces the value; it is on the medium when this returns.
    ///
    /// # Errors
    /// [`StateError`]; the old value is still there.
    pub fn store(&self, value: &T) -> Result<(), StateError> {
        // With room for what these files hold, so that growing leaves no copies of a secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(32 * 1024));
        serde_json::to_writer_pretty(&mut *bytes, value)
            .map_err(|error| StateError::new(&self.path, error.into()))?;
        replace_file(&self.path, &bytes).map_err(|error| StateError::new(&self.path, error))
    }
}

/// The bytes of a file; `None` where there is none. Wiped afterwards: userd keeps its secrets in such a file.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::new(path, error)),
    }
}

/// Replaces the file at `path` by one with `bytes`, of mode 0600: after a power cut at any instant it holds the old bytes or the new.
///
/// # Errors
/// What the kernel says; the old file is still there.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    // A leftover of an earlier crash could have another mode: start afresh.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_stored_value_is_read_back_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::<Vec<u32>>::new(dir.path().join("numbers.json"));
        assert_eq!(file.load().unwrap(), None);
        file.store(&vec![1, 2]).unwrap();
        file.store(&vec![3]).unwrap();
        assert_eq!(file.load().unwrap(), Some(vec![3]));
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_torn_temporary_file_of_a_crash_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::<u8>::new(dir.path().join("n.json"));
        file.store(&1).unwrap();
        fs::write(dir.path().join("n.new"), b"{torn").unwrap();
        assert_eq!(file.load().unwrap(), Some(1));
        file.store(&2).unwrap();
        assert_eq!(file.load().unwrap(), Some(2));
    }

    #[test]
    fn a_file_that_is_no_value_is_named_with_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = StateFile::<u8>::new(dir.path().join("n.json"));
        fs::write(file.path(), "\nnull").unwrap();
        let error = file.load().unwrap_err().to_string();
        assert!(error.contains("n.json") && error.contains("line 2"), "{error}");
    }
}
