//! The log: what the host printed, in files whose size and number are bounded.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use bmc_daemon::utc_millis;

/// A log as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// The file that is written to; older ones have `.1`, `.2` and so on behind its name.
    pub(crate) path: PathBuf,
    /// Bytes in one file at most.
    pub(crate) size: u64,
    /// How many older files there are at most.
    pub(crate) rotations: u32,
    /// Whether each line begins with the time.
    pub(crate) timestamps: bool,
}

impl LogSettings {
    fn rotated(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    /// The files that there are, the oldest first, open for reading.
    pub(crate) fn open_all(&self) -> Vec<File> {
        let older = (1..=self.rotations).rev().map(|number| self.rotated(number));
        older.chain([self.path.clone()]).filter_map(|path| File::open(path).ok()).collect()
    }
}

/// The log, open for writing.
#[derive(Debug)]
pub(crate) struct Log {
    settings: LogSettings,
    file: File,
    written: u64,
    /// Whether the next byte begins a line.
    at_line_start: bool,
}

impl Log {
    /// Opens the file, and makes its directory where it is missing.
    pub(crate) fn open(settings: LogSettings) -> io::Result<Self> {
        if let Some(directory) = settings.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = append_to(&settings.path)?;
        let written = file.metadata()?.len();
        Ok(Self { settings, file, written, at_line_start: true })
    }

    /// Appends output that came at `now`. Where it does not fit, the file becomes the newest of the older ones.
    pub(crate) fn write(&mut self, now: SystemTime, bytes: &[u8]) -> io::Result<()> {
        let stamped;
        let mut rest = if self.settings.timestamps {
            stamped = self.stamp(now, bytes);
            stamped.as_slice()
        } else {
            self.at_line_start = bytes.last().map_or(self.at_line_start, |last| *last == b'\n');
            bytes
        };
        while !rest.is_empty() {
            let room = self.settings.size.saturating_sub(self.written);
            if room == 0 {
                self.rotate()?;
                continue;
            }
            let (part, after) = rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.file.write_all(part)?;
            self.written += part.len() as u64;
            rest = after;
        }
        Ok(())
    }

    /// Puts a note of our own on a line of its own.
    pub(crate) fn note(&mut self, now: SystemTime, text: &str) -> io::Result<()> {
        let line_end = if self.at_line_start { "" } else { "\n" };
        self.write(now, format!("{line_end}[{text}]\n").as_bytes())
    }

    fn stamp(&mut self, now: SystemTime, bytes: &[u8]) -> Vec<u8> {
        let time = format!("[{}] ", utc_millis(now.duration_since(UNIX_EPOCH).unwrap_or_default()));
        let mut stamped = Vec::with_capacity(bytes.len() + time.len());
        for &byte in bytes {
            // CR LF is one line end, and a lone CR is a progress bar's.
            if self.at_line_start && byte != b'\r' && byte != b'\n' {
                stamped.extend_from_slice(time.as_bytes());
            }
            self.at_line_start = byte == b'\n' || (self.at_line_start && byte == b'\r');
            stamped.push(byte);
        }
        stamped
    }

    fn rotate(&mut self) -> io::Result<()> {
        let settings = &self.settings;
        for number in (2..=settings.rotations).rev() {
            ignore_missing(fs::rename(settings.rotated(number - 1), settings.rotated(number)))?;
        }
        if settings.rotations == 0 {
            ignore_missing(fs::remove_file(&settings.path))?;
        } else {
            ignore_missing(fs::rename(&settings.path, settings.rotated(1)))?;
        }
        self.file = append_to(&settings.path)?;
        self.written = 0;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn log(directory: &Path, size: u64, rotations: u32, timestamps: bool) -> Log {
        let path = directory.join("deep/console.log");
        Log::open(LogSettings { path, size, rotations, timestamps }).unwrap()
    }

    fn contents(log: &Log) -> Vec<String> {
        let files = log.settings.open_all();
        files.into_iter().map(|file| io::read_to_string(file).unwrap()).collect()
    }

    #[test]
    fn files_never_grow_past_their_size_nor_beyond_their_number() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 4, 2, false);
        log.write(UNIX_EPOCH, b"abc").unwrap();
        log.write(UNIX_EPOCH, b"defghijk").unwrap();
        assert_eq!(contents(&log), ["abcd", "efgh", "ijk"]);
        log.write(UNIX_EPOCH, b"lmn").unwrap();
        assert_eq!(contents(&log), ["efgh", "ijkl", "mn"]);
        assert_eq!(fs::read_dir(dir.path().join("deep")).unwrap().count(), 3);
    }

    #[test]
    fn a_log_that_is_opened_again_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        log(dir.path(), 4, 1, false).write(UNIX_EPOCH, b"abc").unwrap();
        let mut again = log(dir.path(), 4, 1, false);
        again.write(UNIX_EPOCH, b"de").unwrap();
        assert_eq!(contents(&again), ["abcd", "e"]);
    }

    #[test]
    fn without_older_files_only_the_end_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 4, 0, false);
        log.write(UNIX_EPOCH, b"abcdef").unwrap();
        assert_eq!(contents(&log), ["ef"]);
    }

    #[test]
    fn each_line_begins_with_the_time_at_which_it_began() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = log(dir.path(), 4096, 1, true);
        let later = UNIX_EPOCH + Duration::from_millis(1_709_210_096_789);
        log.write(UNIX_EPOCH, b"one\r\ntw").unwrap();
        log.write(later, b"o\r\nthree\r\n").unwrap();
        let expected = "[1970-01-01T00:00:00.000Z] one\r\n[1970-01-01T00:00:00.000Z] two\r\n\
                        [2024-02-29T12:34:56.789Z] three\r\n";
        assert_eq!(contents(&log), [expected]);
    }
}
