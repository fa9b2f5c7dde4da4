//! Where the log lies: the few file operations that the store does, so that a test can cut the power at each of them.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// A file of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// The log.
    Log,
    /// The log being rewritten.
    New,
    /// The log as it was when damage was found.
    Damaged,
}

/// Files, and when they are on the medium. What is written is there for good after `sync`, what is renamed after `sync_directory`.
pub trait Medium {
    /// All of a file; `None` where there is none.
    ///
    /// # Errors
    /// The medium's, as all of these.
    fn read(&mut self, name: Name) -> io::Result<Option<Vec<u8>>>;
    /// Makes a file, empty also where it exists.
    ///
    /// # Errors
    /// The medium's.
    fn create(&mut self, name: Name) -> io::Result<()>;
    /// Writes at an offset.
    ///
    /// # Errors
    /// The medium's; any part may be written.
    fn write_at(&mut self, name: Name, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file off.
    ///
    /// # Errors
    /// The medium's.
    fn truncate(&mut self, name: Name, length: u64) -> io::Result<()>;
    /// Waits until a file's content and length are on the medium.
    ///
    /// # Errors
    /// The medium's.
    fn sync(&mut self, name: Name) -> io::Result<()>;
    /// Puts [`Name::New`] in the place of [`Name::Log`], at once or not at all.
    ///
    /// # Errors
    /// The medium's.
    fn replace(&mut self) -> io::Result<()>;
    /// Copies [`Name::Log`] to [`Name::Damaged`], for people.
    ///
    /// # Errors
    /// The medium's.
    fn put_aside(&mut self) -> io::Result<()>;
    /// Waits until files made and renamed are so on the medium.
    ///
    /// # Errors
    /// The medium's.
    fn sync_directory(&mut self) -> io::Result<()>;
}

/// Files of a directory.
#[derive(Debug)]
pub struct Directory {
    log: PathBuf,
    /// The log and its successor stay open: an event costs a write and a sync, not an open.
    open: [Option<File>; 2],
}

impl Directory {
    /// The log at `path`, and what belongs to it beside.
    pub fn new(path: &Path) -> Self {
        Self { log: path.to_owned(), open: [None, None] }
    }

    fn path(&self, name: Name) -> PathBuf {
        match name {
            Name::Log => self.log.clone(),
            Name::New => self.log.with_extension("new"),
            Name::Damaged => self.log.with_extension("damaged"),
        }
    }

    fn file(&mut self, name: Name) -> io::Result<&File> {
        let path = self.path(name);
        let slot = match name {
            Name::Log => &mut self.open[0],
            Name::New | Name::Damaged => &mut self.open[1],
        };
        match slot {
            Some(file) => Ok(file),
            None => Ok(slot.insert(OpenOptions::new().read(true).write(true).open(path)?)),
        }
    }
}

impl Medium for Directory {
    fn read(&mut self, name: Name) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&mut self, name: Name) -> io::Result<()> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.path(name))?;
        self.open[usize::from(name != Name::Log)] = Some(file);
        Ok(())
    }

    fn write_at(&mut self, name: Name, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(name)?.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, name: Name, length: u64) -> io::Result<()> {
        self.file(name)?.set_len(length)
    }

    fn sync(&mut self, name: Name) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn replace(&mut self) -> io::Result<()> {
        fs::rename(self.path(Name::New), self.path(Name::Log))?;
        self.open = [self.open[1].take(), None];
        Ok(())
    }

    fn put_aside(&mut self) -> io::Result<()> {
        fs::copy(self.path(Name::Log), self.path(Name::Damaged)).map(drop)
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.log.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}
