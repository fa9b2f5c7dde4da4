//! PMBus: which command reads what, and what its word means (PMBus specification part II, 1.3: §7, §8.3). No I/O.

use std::fmt;

/// The page command (§11.10).
pub(crate) const PAGE: u8 = 0x00;
/// How output voltages are written (§8.3).
pub(crate) const VOUT_MODE: u8 = 0x20;
/// The last page that a device can have.
pub(crate) const LAST_PAGE: u64 = 31;

/// What one label of a record reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Channel {
    pub(crate) command: u8,
    /// The page to select first; `None` on a device of one page, which need not know the command.
    pub(crate) page: Option<u8>,
    /// Whether a packet error code is asked for, and held against the packet.
    pub(crate) pec: bool,
    pub(crate) format: Format,
    /// hwmon's numbers for one unit: 1000 for volts, amperes and degrees, 1000000 for watts, 1 for RPM.
    pub(crate) per_unit: f64,
}

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Format {
    /// LINEAR11 (§7.3).
    Linear11,
    /// As VOUT_MODE says, which is read with each value: the device may have been changed meanwhile.
    Vout,
    /// DIRECT (§7.4).
    Direct(Coefficients),
}

/// The numbers of the direct format: `value = (word * 10^-R - b) / m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coefficients {
    pub(crate) m: f64,
    pub(crate) b: f64,
    pub(crate) r: i8,
}

/// A part, or several that are read alike. A new one is one line of [`PARTS`].
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) types: &'static [&'static str],
    /// By label without its number; what is not here is linear.
    direct: &'static [(&'static str, Coefficients)],
}

/// A label, and where it stands.
struct Command {
    /// The label without its number.
    stem: &'static str,
    /// The commands of its numbers; or one for all of them, which then are pages.
    commands: &'static [u8],
    by_page: bool,
}

#[rustfmt::skip] // A line each.
const COMMANDS: &[Command] = &[
    Command { stem: "vin", commands: &[0x88], by_page: false },
    Command { stem: "iin", commands: &[0x89], by_page: false },
    Command { stem: "vcap", commands: &[0x8a], by_page: false },
    Command { stem: "vout", commands: &[0x8b], by_page: true },
    Command { stem: "iout", commands: &[0x8c], by_page: true },
    Command { stem: "temp", commands: &[0x8d, 0x8e, 0x8f], by_page: false },
    Command { stem: "fan", commands: &[0x90, 0x91, 0x92, 0x93], by_page: false },
    Command { stem: "pout", commands: &[0x96], by_page: true },
    Command { stem: "pin", commands: &[0x97], by_page: false },
];

/// Renesas' digital multiphase regulators.
const RENESAS: &[(&str, Coefficients)] = &[
    ("vin", direct(1.0, 0.0, 2)),
    ("vout", direct(1.0, 0.0, 3)),
    ("iin", direct(1.0, 0.0, 2)),
    ("iout", direct(1.0, 0.0, 1)),
    ("pin", direct(1.0, 0.0, 0)),
    ("pout", direct(1.0, 0.0, 0)),
    ("temp", direct(1.0, 0.0, 0)),
];

/// Their first generation, which counts its input in mV.
const RENESAS_1: &[(&str, Coefficients)] = &[
    ("vin", direct(1.0, 0.0, 3)),
    ("vout", direct(1.0, 0.0, 3)),
    ("iin", direct(1.0, 0.0, 2)),
    ("iout", direct(1.0, 0.0, 1)),
    ("pin", direct(1.0, 0.0, 0)),
    ("pout", direct(1.0, 0.0, 0)),
    ("temp", direct(1.0, 0.0, 0)),
];

/// Maxim's monitor counts mV, 10 mA and 1/100 °C.
const MAX34451: &[(&str, Coefficients)] =
    &[("vout", direct(1.0, 0.0, 3)), ("iout", direct(1.0, 0.0, 2)), ("temp", direct(1.0, 0.0, 2))];

/// The parts, by their data sheets. Others are `pmbus` with coefficients of their own.
#[rustfmt::skip] // A line each.
pub(crate) const PARTS: &[Part] = &[
    Part { types: &["pmbus", "PSU", "CRPS185", "DPS800", "IPSPS", "TPS546D24"], direct: &[] },
    Part { types: &["ISL68220", "ISL68223", "ISL69225", "ISL69243", "ISL69260", "RAA229001", "RAA229004"], direct: RENESAS },
    Part { types: &["ISL68137"], direct: RENESAS_1 },
    Part { types: &["MAX34451"], direct: MAX34451 },
];

const fn direct(m: f64, b: f64, r: i8) -> Coefficients {
    Coefficients { m, b, r }
}

/// The part that a record's `Type` names; `None` where it is not one that is read without a driver.
pub(crate) fn part_of(record_type: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.types.contains(&record_type))
}

/// The command that reads number `number` (from 1) of a label, and the page that it is on unless the record says otherwise.
pub(crate) fn command_of(label: &str, number: usize) -> Option<(u8, u8)> {
    let known = COMMANDS.iter().find(|command| command.stem == stem(label))?;
    let index = number.checked_sub(1)?;
    if known.by_page {
        let page = u8::try_from(index).ok().filter(|page| u64::from(*page) <= LAST_PAGE)?;
        return known.commands.first().map(|command| (*command, page));
    }
    known.commands.get(index).map(|command| (*command, 0))
}

/// A label without its number.
fn stem(label: &str) -> &str {
    label.trim_end_matches(|c: char| c.is_ascii_digit())
}

impl Part {
    /// How the part writes what `label` stands for.
    pub(crate) fn format(&self, label: &str) -> Format {
        let stem = stem(label);
        match self.direct.iter().find(|(known, _)| *known == stem) {
            Some((_, coefficients)) => Format::Direct(*coefficients),
            None if stem == "vout" => Format::Vout,
            None => Format::Linear11,
        }
    }
}

/// A LINEAR11 word (§7.3): five bits of exponent, eleven of mantissa, both two's complement.
pub(crate) fn linear11(word: u16) -> f64 {
    let exponent = word.cast_signed() >> 11;
    let mantissa = (word << 5).cast_signed() >> 5;
    f64::from(mantissa) * f64::from(exponent).exp2()
}

/// A ULINEAR16 word (§8.3.1) by VOUT_MODE; `None` where that asks for another format (VID, direct, IEEE 754).
pub(crate) fn linear16(word: u16, vout_mode: u8) -> Option<f64> {
    // Bit 7 says that limits are relative to VOUT_COMMAND, which changes no reading.
    if vout_mode & 0x60 != 0 {
        return None;
    }
    let exponent = (vout_mode << 3).cast_signed() >> 3;
    Some(f64::from(word) * f64::from(exponent).exp2())
}

impl Coefficients {
    /// A DIRECT word (§7.4).
    pub(crate) fn value(self, word: u16) -> f64 {
        (f64::from(word.cast_signed()) * 10_f64.powi(-i32::from(self.r)) - self.b) / self.m
    }
}

/// SMBus' packet error code over a whole packet with its addresses: CRC-8 by x^8 + x^2 + x + 1 (SMBus 3.2 §6.4).
pub(crate) fn packet_error_code<'a>(packet: impl IntoIterator<Item = &'a u8>) -> u8 {
    packet.into_iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 })
    })
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command {:#04x}", self.command)?;
        self.page.map_or(Ok(()), |page| write!(f, " on page {page}"))
    }
}
