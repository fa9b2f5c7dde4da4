//! As much of ASN.1's basic encoding rules (X.690) as an SNMP message needs: one-byte tags, definite lengths, the shortest form.

use crate::{
    FrameError,
    frame_error::{array, take},
};

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Bit 7 of the first length byte: the others say how many bytes the length takes.
const LONG_FORM: u8 = 0x80;

/// A value, of parts that follow each other.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 4);
    out.push(tag);
    let bytes = length.to_be_bytes();
    let bytes = trimmed(&bytes);
    if length >= LONG_FORM.into() {
        // A `usize` has few bytes.
        out.push(LONG_FORM | u8::try_from(bytes.len()).unwrap_or_default());
    }
    out.extend(bytes);
    parts.iter().for_each(|part| out.extend(*part));
    out
}

/// A number that is never negative, with the sign bit that says so.
pub(super) fn unsigned(tag: u8, number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let bytes = trimmed(&bytes);
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    value(tag, &[if negative { &[0] } else { &[] }, bytes])
}

/// Without the zeros in front; one byte is left of zero.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros.min(bytes.len() - 1)..).unwrap_or_default()
}

/// The contents of the next value of `rest`, which must have `tag`.
pub(super) fn contents<'a>(rest: &mut &'a [u8], tag: u8) -> Result<&'a [u8], FrameError> {
    let [found, first] = array(rest)?;
    if found != tag {
        return Err(FrameError::Format);
    }
    let length =
        if first < LONG_FORM { first.into() } else { long(take(rest, (first & !LONG_FORM).into())?)? };
    take(rest, length)
}

/// A length that needs the long form; a datagram's takes two bytes at most.
fn long(bytes: &[u8]) -> Result<usize, FrameError> {
    match *bytes {
        [low] if low >= LONG_FORM => Ok(low.into()),
        [high, low] if high != 0 => Ok(u16::from_be_bytes([high, low]).into()),
        _ => Err(FrameError::Length),
    }
}

/// The next value of `rest`, a number from 0 in its shortest form.
pub(super) fn number(rest: &mut &[u8], tag: u8) -> Result<u32, FrameError> {
    let bytes = contents(rest, tag)?;
    let digits = match *bytes {
        [0, second, ..] if second & 0x80 == 0 => return Err(FrameError::Format),
        [0, ref digits @ ..] => digits,
        [first, ..] if first & 0x80 == 0 => bytes,
        _ => return Err(FrameError::Format),
    };
    if digits.len() > size_of::<u32>() {
        return Err(FrameError::Format);
    }
    Ok(digits.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
}

/// Nothing may follow.
pub(super) fn end(rest: &[u8]) -> Result<(), FrameError> {
    if rest.is_empty() { Ok(()) } else { Err(FrameError::Length) }
}
