//! Temperature chips: in which registers their channels stand, and what the bits mean. No I/O.

use std::fmt;

/// A part, or several that are read alike. A new one is one line of [`PARTS`].
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) types: &'static [&'static str],
    /// `temp1`, `temp2`, ….
    pub(crate) channels: &'static [Channel],
}

/// In which registers a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// In one register of two bytes, the more significant first.
    Word { register: u8, layout: Layout },
    /// Whole degrees in `high`, the fraction in the upper bits of `low`. Reading `high` first holds the fraction that belongs to it.
    Pair { high: u8, low: u8, extended: Flag, fault: Option<Flag> },
}

/// How a register of two bytes is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Two's complement in this many upper bits; the uppermost eight are whole degrees.
    Upper(u8),
    /// [`Layout::Upper`] 12, or with bit 0 set 13 bits whose uppermost nine are whole degrees.
    Extended,
    /// JEDEC 21-C §4.1.6: two's complement in the lower 13 bits, 1/16 °C each, below three flags.
    Jedec,
}

/// A register's bits that say something is so when any of them is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag {
    pub(crate) register: u8,
    pub(crate) mask: u8,
}

/// Bit RANGE of the configuration register: the range begins at -64 °C.
const RANGE: Flag = Flag { register: 0x03, mask: 0x04 };
/// The same bit where the family has it elsewhere.
const RANGE_TMP42X: Flag = Flag { register: 0x09, mask: 0x04 };
/// SMSC's and Microchip's register for diode faults, with one bit for each external diode.
const DIODE_FAULT: u8 = 0x1b;

const EMC_INTERNAL: Channel = pair(0x00, 0x29, RANGE, None);
const EMC_EXTERNAL_1: Channel = pair(0x01, 0x10, RANGE, flag(DIODE_FAULT, 0x02));
const EMC_EXTERNAL_2: Channel = pair(0x23, 0x24, RANGE, flag(DIODE_FAULT, 0x04));
const EMC_EXTERNAL_3: Channel = pair(0x2a, 0x2b, RANGE, flag(DIODE_FAULT, 0x08));

/// The parts, by their data sheets.
#[rustfmt::skip] // A line each.
pub(crate) const PARTS: &[Part] = &[
    part(&["LM75A"], &[word(0x00, Layout::Upper(9))]),
    part(&["LM75B"], &[word(0x00, Layout::Upper(11))]),
    part(&["TMP75", "TMP100", "TMP105", "TMP175", "TMP275", "TMP1075"], &[word(0x00, Layout::Upper(12))]),
    part(&["TMP112"], &[word(0x00, Layout::Extended)]),
    part(&["MAX31725"], &[word(0x00, Layout::Upper(16))]),
    part(&["JC42"], &[word(0x05, Layout::Jedec)]),
    part(&["TMP421", "TMP441"], &[pair(0x00, 0x10, RANGE_TMP42X, None), pair(0x01, 0x11, RANGE_TMP42X, flag(0x11, 0x01))]),
    part(&["TMP401", "TMP411", "TMP435", "TMP461"], &[pair(0x00, 0x15, RANGE, None), pair(0x01, 0x10, RANGE, flag(0x02, 0x04))]),
    part(&["TMP432"], &[EMC_INTERNAL, EMC_EXTERNAL_1, EMC_EXTERNAL_2]),
    part(&["EMC1412"], &[EMC_INTERNAL, EMC_EXTERNAL_1]),
    part(&["EMC1403", "EMC1413"], &[EMC_INTERNAL, EMC_EXTERNAL_1, EMC_EXTERNAL_2]),
    part(&["EMC1414"], &[EMC_INTERNAL, EMC_EXTERNAL_1, EMC_EXTERNAL_2, EMC_EXTERNAL_3]),
];

const fn part(types: &'static [&'static str], channels: &'static [Channel]) -> Part {
    Part { types, channels }
}

const fn word(register: u8, layout: Layout) -> Channel {
    Channel::Word { register, layout }
}

const fn pair(high: u8, low: u8, extended: Flag, fault: Option<Flag>) -> Channel {
    Channel::Pair { high, low, extended, fault }
}

const fn flag(register: u8, mask: u8) -> Option<Flag> {
    Some(Flag { register, mask })
}

/// The part that a record's `Type` names; `None` where it is not one that is read without a driver.
pub(crate) fn part_of(record_type: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.types.contains(&record_type))
}

impl Layout {
    /// m°C.
    pub(crate) fn decode(self, word: u16) -> i64 {
        let word = match self {
            Self::Upper(bits) => word & u16::MAX.unbounded_shl(u32::from(16_u8.saturating_sub(bits))),
            Self::Extended if word & 1 != 0 => return millidegrees((word & 0xfff8).cast_signed(), 128),
            Self::Extended => return Self::Upper(12).decode(word),
            Self::Jedec => return millidegrees((word << 3).cast_signed(), 128),
        };
        millidegrees(word.cast_signed(), 256)
    }
}

/// m°C of a [`Channel::Pair`]: whole degrees, and a fraction that is added to them whatever their sign. Bits below 1/16 °C are flags.
pub(crate) fn decode_pair(high: u8, low: u8, extended: bool) -> i64 {
    let whole = if extended { i32::from(high) - 64 } else { i32::from(high.cast_signed()) };
    millidegrees(whole * 256 + i32::from(low & 0xf0), 256)
}

/// `value / per_degree` in m°C, rounded to the nearest.
fn millidegrees(value: impl Into<i64>, per_degree: i64) -> i64 {
    (value.into() * 1000 + per_degree / 2).div_euclid(per_degree)
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { register, .. } | Self::Pair { high: register, .. } => {
                write!(f, "register {register:#04x}")
            }
        }
    }
}
