//! ID strings: a type/length byte, then the bytes (v2.0§43.15).

use super::NAME_MAX;
use crate::{
    CompletionCode,
    codec::Reader,
    record::fru::{Coding, Field},
};

/// Appends `name` in 8-bit ASCII. One byte alone is not allowed and gets a blank.
pub(super) fn encode_name(name: &str, out: &mut Vec<u8>) {
    let mut bytes: Vec<u8> = name
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { u8::try_from(c).unwrap_or(b'?') } else { b'?' })
        .take(NAME_MAX)
        .collect();
    if bytes.len() == 1 {
        bytes.push(b' ');
    }
    out.push(0xC0 | u8::try_from(bytes.len()).unwrap_or(0));
    out.extend(bytes);
}

/// Reads a name in any of the codings. Unlike in a FRU area, type 0 is Unicode, and the length has five bits.
pub(super) fn decode_name(reader: &mut Reader<'_>) -> Result<String, CompletionCode> {
    let type_length = reader.u8()?;
    let bytes = reader.take(usize::from(type_length & 0x1F))?;
    Ok(match Coding::of(type_length) {
        Coding::Text => bytes.iter().copied().map(char::from).collect(),
        Coding::Binary => text(Coding::Text, bytes, true),
        packed => text(packed, bytes, false),
    })
}

/// What the bytes say; nothing is said by what a field cannot hold (a single byte of Unicode).
fn text(coding: Coding, bytes: &[u8], unicode: bool) -> String {
    Field::new(coding, bytes.to_vec()).map_or_else(|_| String::new(), |field| field.text(unicode))
}
