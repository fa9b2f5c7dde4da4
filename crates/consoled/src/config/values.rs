//! Values as a file has them, and what they must be.

use std::path::{Path, PathBuf};

use bmc_daemon::Located;
use bmc_hw::serial::{
    FlowControl,
    lpc::{Route, Vuart},
};

use super::{AbstractSocket, DEFAULT_ID, RingLine, Settings};
use crate::log::LogSettings;

/// 128 KiB, as obmc-console's.
const RING_SIZE: u64 = 128 * 1024;
/// A ring on a controller with 64 MB must not be its memory's end.
const RING_SIZES: std::ops::RangeInclusive<u64> = 1024..=16 * 1024 * 1024;
/// obmc-console's log.
const LOG_SIZE: u64 = 16 * 1024;
const LOG_SIZES: std::ops::RangeInclusive<u64> = 4096..=1024 * 1024 * 1024;
const READERS: u64 = 16;
/// What the kernel's serial drivers go up to.
const BAUDS: std::ops::RangeInclusive<u64> = 50..=4_000_000;

/// A console's values by their keys in consoled.toml, each with the line it stands in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Raw {
    /// The file, for errors.
    pub(crate) path: PathBuf,
    pub(crate) id: Option<(String, usize)>,
    pub(crate) tty: Option<(String, usize)>,
    pub(crate) baud: Option<(u64, usize)>,
    pub(crate) flow_control: Option<(String, usize)>,
    pub(crate) ring_size: Option<(u64, usize)>,
    pub(crate) readers: Option<(u64, usize)>,
    pub(crate) abstract_socket: AbstractSocket,
    pub(crate) socket: Option<PathBuf>,
    /// `None` where no log is kept.
    pub(crate) log_file: Option<PathBuf>,
    pub(crate) log_size: Option<(u64, usize)>,
    pub(crate) log_rotations: Option<(u64, usize)>,
    pub(crate) log_timestamps: bool,
    pub(crate) lpc_address: Option<(u64, usize)>,
    pub(crate) sirq: Option<(u64, usize)>,
    pub(crate) sirq_polarity: Option<(u64, usize)>,
    pub(crate) uart_routing: Option<(String, usize)>,
    pub(crate) ring_gpio: Option<String>,
    pub(crate) ring_polarity: Option<(u64, usize)>,
}

impl Raw {
    /// The console's id.
    pub(crate) fn id(&self) -> &str {
        self.id.as_ref().map_or(DEFAULT_ID, |(id, _)| id)
    }

    /// The settings, or what is wrong and where.
    pub(crate) fn check(self) -> Result<Settings, Located> {
        let id = self.id().to_owned();
        let (tty, _) = self.tty.clone().ok_or_else(|| self.wrong(1, "no tty is named"))?;
        let id_line = self.id.as_ref().map_or(1, |(_, line)| *line);
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(self.wrong(id_line, format!("id: `{id}` is not made of letters, digits and _")));
        }
        Ok(Settings {
            tty: device(&tty),
            baud: self.number("baud", self.baud, &BAUDS)?,
            flow_control: self.flow_control()?,
            ring_size: self
                .number("ring_size", self.ring_size.or(Some((RING_SIZE, 1))), &RING_SIZES)?
                .unwrap_or_default(),
            readers: self
                .number("readers", self.readers.or(Some((READERS, 1))), &(1..=256))?
                .unwrap_or_default(),
            abstract_socket: self.abstract_socket,
            socket: self.socket.clone(),
            log: self.log()?,
            vuart: Vuart {
                lpc_address: self.number("lpc_address", self.lpc_address, &(0..=0xffff))?,
                sirq: self.number("sirq", self.sirq, &(0..=16))?,
                sirq_polarity: self.number("sirq_polarity", self.sirq_polarity, &(0..=1))?,
            },
            routes: self.routes()?,
            ring_line: self.ring_line()?,
            id,
        })
    }

    /// An error at `line` of the file.
    pub(crate) fn wrong(&self, line: usize, message: impl Into<String>) -> Located {
        Located { path: self.path.clone(), line, message: message.into() }
    }

    fn number<T: TryFrom<u64>>(
        &self,
        key: &str,
        value: Option<(u64, usize)>,
        range: &std::ops::RangeInclusive<u64>,
    ) -> Result<Option<T>, Located> {
        let Some((value, line)) = value else { return Ok(None) };
        let fits =
            Some(value).filter(|value| range.contains(value)).and_then(|value| T::try_from(value).ok());
        let message = || format!("{key}: {value} is not {} to {}", range.start(), range.end());
        fits.map(Some).ok_or_else(|| self.wrong(line, message()))
    }

    fn flow_control(&self) -> Result<FlowControl, Located> {
        match &self.flow_control {
            None => Ok(FlowControl::None),
            Some((word, line)) => {
                match word.as_str() {
                    "none" => Ok(FlowControl::None),
                    "hardware" => Ok(FlowControl::Hardware),
                    "software" => Ok(FlowControl::Software),
                    _ => Err(self
                        .wrong(*line, format!("flow_control: `{word}` is not none, hardware or software"))),
                }
            }
        }
    }

    fn log(&self) -> Result<Option<LogSettings>, Located> {
        let size =
            self.number("log_size", self.log_size.or(Some((LOG_SIZE, 1))), &LOG_SIZES)?.unwrap_or_default();
        let rotations =
            self.number("log_rotations", self.log_rotations.or(Some((1, 1))), &(0..=99))?.unwrap_or_default();
        let timestamps = self.log_timestamps;
        Ok(self.log_file.clone().map(|path| LogSettings { path, size, rotations, timestamps }))
    }

    fn ring_line(&self) -> Result<Option<RingLine>, Located> {
        let high = self.number::<u8>("ring_polarity", self.ring_polarity.or(Some((1, 1))), &(0..=1))?;
        Ok(self.ring_gpio.clone().map(|name| RingLine { name, high: high == Some(1) }))
    }

    fn routes(&self) -> Result<Vec<Route>, Located> {
        let Some((text, line)) = &self.uart_routing else { return Ok(Vec::new()) };
        let route = |word: &str| {
            let name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match word.split_once(':') {
                // There are other files in that directory, which are not ours to write.
                Some((sink, source))
                    if name(sink) && name(source) && (sink.starts_with("io") || sink.starts_with("uart")) =>
                {
                    Ok(Route { sink: sink.to_owned(), source: source.to_owned() })
                }
                _ => Err(self.wrong(*line, format!("uart_routing: `{word}` is not `uart1:io3` or the like"))),
            }
        };
        text.split_whitespace().map(route).collect()
    }
}

/// A tty by its name in `/dev`, or by its path.
fn device(tty: &str) -> PathBuf {
    Path::new("/dev").join(tty)
}
