//! A field of an information area: its type/length byte and its bytes (FRU v1.0§13).

use super::FruError;

/// The most bytes that a type/length byte can tell of.
const MAX_LENGTH: usize = 0x3f;

/// How a field's bytes are to be read: bits 7:6 of its type/length byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Binary or unspecified.
    Binary,
    /// BCD plus: digits, space, dash and period, two to a byte.
    BcdPlus,
    /// 6-bit ASCII, packed: 20h to 5Fh, four characters in three bytes.
    SixBit,
    /// 8-bit ASCII and Latin 1; two bytes a character, UTF-16, in a language other than English.
    Text,
}

impl Coding {
    /// The coding that a type/length byte tells of.
    pub fn of(type_length: u8) -> Self {
        match type_length >> 6 {
            0 => Self::Binary,
            1 => Self::BcdPlus,
            2 => Self::SixBit,
            _ => Self::Text,
        }
    }
}

/// One field as it stands in an area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    coding: Coding,
    bytes: Vec<u8>,
}

impl Field {
    /// A field of `bytes`, at most 63.
    ///
    /// # Errors
    /// [`FruError::FieldTooLong`]; [`FruError::OneCharacter`] for a single byte of [`Coding::Text`], which is the end mark.
    pub fn new(coding: Coding, bytes: Vec<u8>) -> Result<Self, FruError> {
        if bytes.len() > MAX_LENGTH {
            return Err(FruError::FieldTooLong { length: bytes.len() });
        }
        if coding == Coding::Text && bytes.len() == 1 {
            return Err(FruError::OneCharacter);
        }
        Ok(Self { coding, bytes })
    }

    /// `text` in Latin 1 where `unicode` is false, in UTF-16 where it is true. A single character of Latin 1 gets a space after it:
    /// on its own it would read as the end of the area.
    ///
    /// # Errors
    /// [`FruError::FieldTooLong`], and [`FruError::NotLatin1`] for a character that Latin 1 has not.
    pub fn from_text(text: &str, unicode: bool) -> Result<Self, FruError> {
        let mut bytes = Vec::with_capacity(text.len());
        if unicode {
            bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        } else {
            for character in text.chars() {
                bytes.push(u8::try_from(character).map_err(|_| FruError::NotLatin1 { character })?);
            }
            if bytes.len() == 1 {
                bytes.push(b' ');
            }
        }
        Self::new(Coding::Text, bytes)
    }

    /// How the bytes are to be read.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// The bytes as they are stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the field says; binary as hexadecimal digits. `unicode` where the area's language is not English.
    pub fn text(&self, unicode: bool) -> String {
        match self.coding {
            Coding::Binary => self.bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Coding::BcdPlus => {
                self.bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).map(bcd_plus).collect()
            }
            Coding::SixBit => self.bytes.chunks(3).flat_map(six_bit).collect(),
            Coding::Text if unicode => {
                let units = self.bytes.chunks_exact(2).map(|pair| match pair {
                    [low, high] => u16::from_le_bytes([*low, *high]),
                    _ => 0,
                });
                char::decode_utf16(units)
                    .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect()
            }
            Coding::Text => self.bytes.iter().map(|byte| char::from(*byte)).collect(),
        }
    }

    /// Reads the field at the start of `rest`; `None` at the end mark C1h, which is taken too.
    pub(super) fn take(rest: &mut &[u8]) -> Option<Result<Self, FruError>> {
        let Some((head, tail)) = rest.split_first() else { return Some(Err(FruError::NoEndMark)) };
        if *head == END {
            *rest = tail;
            return None;
        }
        let length = usize::from(*head & 0x3f);
        let Some((bytes, after)) = tail.split_at_checked(length) else {
            return Some(Err(FruError::NoEndMark));
        };
        *rest = after;
        Some(Ok(Self { coding: Coding::of(*head), bytes: bytes.to_vec() }))
    }

    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let kind = match self.coding {
            Coding::Binary => 0x00,
            Coding::BcdPlus => 0x40,
            Coding::SixBit => 0x80,
            Coding::Text => 0xc0,
        };
        // A field has at most 63 bytes: `new` and `take` see to that.
        out.push(kind | (u8::try_from(self.bytes.len()).unwrap_or(0x3f) & 0x3f));
        out.extend_from_slice(&self.bytes);
    }
}

/// The type/length byte after the last field.
pub(super) const END: u8 = 0xc1;

fn bcd_plus(digit: u8) -> char {
    match digit {
        0..=9 => char::from(b'0' + digit),
        0x0a => ' ',
        0x0b => '-',
        0x0c => '.',
        // Reserved values.
        _ => '?',
    }
}

/// Characters of up to three bytes, least significant bits first.
fn six_bit(chunk: &[u8]) -> impl Iterator<Item = char> + use<> {
    let mut bits = 0_u32;
    for (index, byte) in (0_u32..).zip(chunk) {
        bits |= u32::from(*byte) << (8 * index);
    }
    let count = chunk.len() * 8 / 6;
    (0..count).map(move |index| {
        let value = bits >> (6 * index) & 0x3f;
        char::from_u32(value + 0x20).unwrap_or('?')
    })
}
