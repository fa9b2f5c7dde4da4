//! consoled.toml, and which file speaks of the console that is asked for.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use bmc_daemon::{Context, Located};
use serde::Deserialize;

use super::{AbstractSocket, DEFAULT_ID, Raw, Settings, obmc};

/// `consoled.toml`, as written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where obmc-console's files are; they speak of the consoles that this file does not.
    obmc_console: PathBuf,
    /// Where the VUARTs and the UART router are.
    pub(crate) sysfs: PathBuf,
    /// Where GPIO lines are, as [`bmc_hw::gpio::Source`] reads it.
    pub(crate) gpio: String,
    console: Vec<Console>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            obmc_console: "/etc/obmc-console".into(),
            sysfs: "/sys".into(),
            gpio: "cdev".to_owned(),
            console: Vec::new(),
        }
    }
}

#[cfg(test)]
impl Config {
    pub(super) fn tables(self) -> impl Iterator<Item = Console> {
        self.console.into_iter()
    }
}

/// A `[[console]]`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Console {
    id: Option<String>,
    tty: Option<String>,
    baud: Option<u64>,
    flow_control: Option<String>,
    ring_size: Option<u64>,
    readers: Option<u64>,
    abstract_socket: AbstractSocket,
    socket: Option<PathBuf>,
    log_file: Option<PathBuf>,
    log_size: Option<u64>,
    log_rotations: Option<u64>,
    log_timestamps: bool,
    lpc_address: Option<u64>,
    sirq: Option<u64>,
    sirq_polarity: Option<u64>,
    uart_routing: Vec<String>,
    ring_gpio: Option<String>,
    ring_polarity: Option<u64>,
}

impl Console {
    /// `nth`: which of the file's tables this is, for the lines of errors.
    pub(super) fn raw(self, path: &Path, text: &str, nth: usize) -> Raw {
        let line = |key: &str| line_of(text, nth, key);
        let routing = self.uart_routing.join(" ");
        Raw {
            path: path.to_owned(),
            id: self.id.map(|it| (it, line("id"))),
            tty: self.tty.map(|it| (it, line("tty"))),
            baud: self.baud.map(|it| (it, line("baud"))),
            flow_control: self.flow_control.map(|it| (it, line("flow_control"))),
            ring_size: self.ring_size.map(|it| (it, line("ring_size"))),
            readers: self.readers.map(|it| (it, line("readers"))),
            abstract_socket: self.abstract_socket,
            socket: self.socket,
            log_file: self.log_file,
            log_size: self.log_size.map(|it| (it, line("log_size"))),
            log_rotations: self.log_rotations.map(|it| (it, line("log_rotations"))),
            log_timestamps: self.log_timestamps,
            lpc_address: self.lpc_address.map(|it| (it, line("lpc_address"))),
            sirq: self.sirq.map(|it| (it, line("sirq"))),
            sirq_polarity: self.sirq_polarity.map(|it| (it, line("sirq_polarity"))),
            ring_gpio: self.ring_gpio,
            ring_polarity: self.ring_polarity.map(|it| (it, line("ring_polarity"))),
            uart_routing: (!routing.is_empty()).then(|| (routing, line("uart_routing"))),
        }
    }
}

/// The line of `key` in the `nth` `[[console]]`, from 1; that of the table where the key is not there.
fn line_of(text: &str, nth: usize, key: &str) -> usize {
    let lines = || text.lines().enumerate();
    let Some((start, _)) = lines().filter(|(_, line)| line.trim() == "[[console]]").nth(nth) else {
        return 1;
    };
    let is_key = |line: &str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    lines().skip(start).find(|(_, line)| is_key(line)).map_or(start, |(index, _)| index) + 1
}

/// The settings of the console that the instance asks for by its id or its tty's name, and consoled.toml beside them.
///
/// # Errors
/// What is wrong with which line of which file, or where a console was looked for in vain.
pub(crate) fn find(context: &Context) -> anyhow::Result<(Config, Settings)> {
    let given = context.config_path();
    let wanted = context.instance();
    if given.extension().is_some_and(|extension| extension == "conf") {
        // obmc-console-server --config FILE TTY
        let mut raw = read_obmc(&given)?.with_context(|| format!("cannot read {}", given.display()))?;
        let tty = wanted.filter(|wanted| *wanted != raw.id()).map(str::to_owned);
        name_tty(&mut raw, tty);
        return Ok((Config::default(), raw.check()?));
    }
    let config: Config = context.config()?;
    let text = fs::read_to_string(&given).unwrap_or_default();
    let tables = config.console.iter().enumerate();
    let mut candidates = tables.map(|(nth, table)| table.clone().raw(&given, &text, nth)).collect::<Vec<_>>();
    let wanted = wanted.unwrap_or(DEFAULT_ID);
    candidates.extend(obmc_files(&config.obmc_console, wanted)?);
    let is_wanted = |raw: &Raw| {
        let tty = raw.tty.as_ref().and_then(|(tty, _)| Path::new(tty).file_name());
        raw.id() == wanted || tty.is_some_and(|tty| tty == wanted)
    };
    let Some(raw) = candidates.into_iter().find(is_wanted) else {
        bail!(
            "no console `{wanted}` in {} or {}\nhint: a [[console]] with its id and tty",
            given.display(),
            config.obmc_console.display()
        );
    };
    Ok((config, raw.check()?))
}

/// obmc-console's files of a directory: `server.<tty>.conf`, in the order of their names. What is wrong with another tty's file is no
/// matter of who wants `wanted`.
fn obmc_files(directory: &Path, wanted: &str) -> anyhow::Result<Vec<Raw>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("cannot read {}", directory.display()))?,
    };
    let mut paths = entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(tty) = name.strip_prefix("server.").and_then(|rest| rest.strip_suffix(".conf")) else {
            continue;
        };
        match read_obmc(&path) {
            Ok(Some(mut raw)) => {
                // Its unit gives the name of the tty, which goes before what the file says.
                name_tty(&mut raw, Some(tty.to_owned()));
                found.push(raw);
            }
            Err(error) if tty == wanted => return Err(error),
            Err(error) => tracing::debug!("another console's file: {error:#}"),
            Ok(None) => {}
        }
    }
    Ok(found)
}

fn name_tty(raw: &mut Raw, tty: Option<String>) {
    raw.tty = tty.map(|tty| (tty, 1)).or(raw.tty.take());
}

fn read_obmc(path: &Path) -> anyhow::Result<Option<Raw>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(obmc::parse(path, &text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Located { path: path.to_owned(), line: 1, message: error.to_string() }.into()),
    }
}
