//! EEPROMs of the 24C family on `/dev/i2c-N`, without a driver of the kernel's.

use std::{
    io,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bmc_hw::i2c::{I2c, I2cError};

use super::medium::{Medium, differences};

/// Most bytes of one read: short enough to leave the bus to others now and then.
const CHUNK: usize = 128;
/// How often a chip is asked again that gives no acknowledge, and how long between: it gives none during a write cycle, of 5 ms and
/// 10 ms in the old ones.
const POLLS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(1);

/// `eeprom` of a `[[fru]]` in `ipmid.toml`: which chip, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Fields")]
pub struct Chip {
    part: Part,
    bus: u32,
    address: u8,
    page: u16,
}

/// A member of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    name: &'static str,
    /// Bytes that IPMI reaches: of a chip of 64 KiB all but the last.
    size: u16,
    /// Bytes of an address within the chip. Chips with more memory than that take several addresses on the bus.
    address_bytes: usize,
    /// Bytes that are written in one cycle, by the manufacturer who takes the fewest.
    page: u16,
}

/// The parts; a new one is a line.
#[rustfmt::skip]
const PARTS: [Part; 10] = [
    part("24c01", 128, 1, 8),
    part("24c02", 256, 1, 8),
    part("24c04", 512, 1, 16),
    part("24c08", 1024, 1, 16),
    part("24c16", 2048, 1, 16),
    part("24c32", 4096, 2, 32),
    part("24c64", 8192, 2, 32),
    part("24c128", 16384, 2, 64),
    part("24c256", 32768, 2, 64),
    part("24c512", 65535, 2, 128),
];

const fn part(name: &'static str, size: u16, address_bytes: usize, page: u16) -> Part {
    Part { name, size, address_bytes, page }
}

/// The fields of [`Chip`] before they are checked.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    part: String,
    bus: u32,
    address: u8,
    page: Option<u16>,
}

impl TryFrom<Fields> for Chip {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { part: name, bus, address, page } = fields;
        let part = PARTS.into_iter().find(|part| part.name == name).ok_or_else(|| {
            let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
            format!("part `{name}` is none of {}", known.join(", "))
        })?;
        let page = page.unwrap_or(part.page);
        if !page.is_power_of_two() || page > 256 || page > part.size {
            return Err(format!("page {page} is no power of two up to 256 within the part"));
        }
        let last = u32::from(address) + u32::from(part.blocks()) - 1;
        if address < 0x08 || last > 0x77 {
            return Err(format!(
                "address {address:#04x} is not within 0x08 to 0x77\nhint: it is the (first) address in seven bits"
            ));
        }
        Ok(Self { part, bus, address, page })
    }
}

impl Part {
    /// Addresses on the bus.
    fn blocks(self) -> u16 {
        if self.address_bytes == 1 { (self.size / 256).max(1) } else { 1 }
    }
}

/// A chip on its bus.
pub(super) struct Eeprom {
    chip: Chip,
    device: PathBuf,
    i2c: Arc<dyn I2c>,
    /// Whether it answered when it was last asked.
    present: Arc<AtomicBool>,
    /// Whether the log has been told why the bus cannot be used.
    told: AtomicBool,
    pause: fn(Duration),
}

impl Chip {
    /// Bytes that it has.
    pub(super) fn size(self) -> u16 {
        self.part.size
    }
}

impl Eeprom {
    /// The chip on `i2c`; `present` follows whether it answers. `pause` waits between two attempts.
    pub(super) fn new(chip: Chip, i2c: Arc<dyn I2c>, present: Arc<AtomicBool>, pause: fn(Duration)) -> Self {
        let device = format!("/dev/i2c-{}", chip.bus).into();
        Self { chip, device, i2c, present, told: AtomicBool::new(false), pause }
    }

    /// One transfer at `offset`: `data` is written there, or `count` bytes are read.
    fn once(&self, offset: usize, data: &[u8], count: u8) -> Result<Vec<u8>, I2cError> {
        let (block, within) = match self.chip.part.address_bytes {
            1 => (offset >> 8, offset & 0xff),
            _ => (0, offset),
        };
        let address = u8::try_from(block).map_or(self.chip.address, |block| self.chip.address + block);
        let within = u16::try_from(within).unwrap_or(u16::MAX).to_be_bytes();
        let within = within.get(2 - self.chip.part.address_bytes..).unwrap_or_default();
        self.i2c.transfer(&self.device, address, &[within, data].concat(), count)
    }

    /// [`Eeprom::once`], again while a write cycle keeps the chip from answering.
    fn transfer(&self, offset: usize, data: &[u8], count: u8) -> io::Result<Vec<u8>> {
        let mut polls = 0;
        loop {
            match self.once(offset, data, count) {
                Err(I2cError::NoAcknowledge | I2cError::ArbitrationLost) if polls < POLLS => {
                    polls += 1;
                    (self.pause)(PAUSE);
                }
                done => return self.conclude(done),
            }
        }
    }

    /// Remembers what a transfer says of the chip's presence. A bus that is stuck says nothing; one that cannot be used at all is
    /// told to the log once, for the chip merely seems not to be there.
    fn conclude(&self, done: Result<Vec<u8>, I2cError>) -> io::Result<Vec<u8>> {
        match &done {
            Ok(_) => {
                self.present.store(true, Ordering::Relaxed);
                self.told.store(false, Ordering::Relaxed);
            }
            Err(I2cError::NoAcknowledge) => self.present.store(false, Ordering::Relaxed),
            Err(error @ (I2cError::Held | I2cError::Failed(_)))
                if !self.told.swap(true, Ordering::Relaxed) =>
            {
                tracing::warn!("{}", self.failure(error));
            }
            Err(_) => {}
        }
        done.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &I2cError) -> io::Error {
        let at = format!("{}-{:04x}", self.chip.bus, self.chip.address);
        let (kind, hint) = match error {
            I2cError::NoAcknowledge => (io::ErrorKind::NotFound, String::new()),
            I2cError::ArbitrationLost | I2cError::Timeout => (io::ErrorKind::TimedOut, String::new()),
            I2cError::Held => {
                let file =
                    format!("\nhint: with a driver, it is `path = \"/sys/bus/i2c/devices/{at}/eeprom\"`");
                (io::ErrorKind::Other, file)
            }
            I2cError::Failed(_) => {
                let unit =
                    "\nhint: ipmid's unit hides the buses until ipmid-i2c.conf is copied to ipmid.service.d";
                (io::ErrorKind::Other, unit.to_owned())
            }
        };
        io::Error::new(kind, format!("EEPROM {at}: {error}{hint}"))
    }

    fn protected(&self) -> io::Error {
        let text = format!("EEPROM {}-{:04x} keeps what it has", self.chip.bus, self.chip.address);
        io::Error::new(io::ErrorKind::PermissionDenied, text)
    }

    /// Reads `range`, no more than [`CHUNK`] bytes at once and never across two addresses on the bus.
    fn read_range(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(range.len());
        for piece in pieces(range, CHUNK) {
            let count = u8::try_from(piece.len()).unwrap_or(u8::MAX);
            bytes.extend(self.transfer(piece.start, &[], count)?);
        }
        Ok(bytes)
    }
}

impl Medium for Eeprom {
    fn size(&self) -> io::Result<u16> {
        self.transfer(0, &[], 1)?;
        Ok(self.chip.part.size)
    }

    fn read(&self, offset: u64, count: usize) -> io::Result<Vec<u8>> {
        let size = usize::from(self.chip.part.size);
        let from = usize::try_from(offset).map_or(size, |offset| offset.min(size));
        self.read_range(from..from.saturating_add(count).min(size))
    }

    /// Only writing tells.
    fn check_writable(&self) -> io::Result<()> {
        Ok(())
    }

    /// Writes what differs, page by page, and reads it back: of chips whose write protection is on some refuse the bytes, and some
    /// acknowledge them and keep what they have.
    fn write(&self, offset: usize, stored: &[u8], new: &[u8]) -> io::Result<()> {
        for difference in differences(stored, new) {
            let range = offset + difference.start..offset + difference.end;
            for piece in pieces(range.clone(), self.chip.page.into()) {
                let data = new.get(piece.start - offset..piece.end - offset).unwrap_or_default();
                if let Err(error) = self.transfer(piece.start, data, 0) {
                    // A bus that is stuck or was lost to another says nothing of the chip.
                    let refuses = error.kind() == io::ErrorKind::NotFound && self.read_range(piece).is_ok();
                    return Err(if refuses { self.protected() } else { error });
                }
            }
            if self.read_range(range)? != new.get(difference).unwrap_or_default() {
                return Err(self.protected());
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Eeprom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Eeprom").field("chip", &self.chip).finish_non_exhaustive()
    }
}

/// `range` cut where a multiple of `length` is, which is not 0.
fn pieces(range: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let end = range.end.min((start / length + 1) * length);
        let piece = start..end;
        start = end;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests;
