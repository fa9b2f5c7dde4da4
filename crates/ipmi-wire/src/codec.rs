//! Reading and writing fields, little-endian as everywhere in IPMI.
//!
//! A [`Reader`] never panics: what is not there is a [`CompletionCode::REQUEST_DATA_LENGTH_INVALID`], the answer that the
//! specification wants for a request that is too short (v2.0§5.2).

use crate::CompletionCode;

/// A type that is read from the data bytes of a message.
pub trait Decode: Sized {
    /// Reads the value, leaving `reader` behind it.
    ///
    /// # Errors
    /// The completion code that the specification gives for what is wrong.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode>;

    /// Reads the value from `bytes`, all of which it must use.
    ///
    /// # Errors
    /// As [`Decode::decode`]; bytes left over are [`CompletionCode::REQUEST_DATA_LENGTH_INVALID`].
    fn from_bytes(bytes: &[u8]) -> Result<Self, CompletionCode> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// A type that is written as the data bytes of a message.
pub trait Encode {
    /// Appends the value to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The value as bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.encode(&mut out);
        out
    }
}

/// A command without request data, or a response that is a completion code only.
impl Decode for () {
    fn decode(_: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(())
    }
}

impl Encode for () {
    fn encode(&self, _: &mut Vec<u8>) {}
}

/// A cursor over received bytes.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`CompletionCode::REQUEST_DATA_LENGTH_INVALID`] where fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], CompletionCode> {
        let (head, tail) =
            self.rest.split_at_checked(count).ok_or(CompletionCode::REQUEST_DATA_LENGTH_INVALID)?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CompletionCode> {
        let (head, tail) =
            self.rest.split_first_chunk::<N>().ok_or(CompletionCode::REQUEST_DATA_LENGTH_INVALID)?;
        self.rest = tail;
        Ok(*head)
    }

    /// The next byte.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u8(&mut self) -> Result<u8, CompletionCode> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next two bytes, least significant first.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u16(&mut self) -> Result<u16, CompletionCode> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next two bytes as a number in two's complement, least significant first.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn i16(&mut self) -> Result<i16, CompletionCode> {
        self.array().map(i16::from_le_bytes)
    }

    /// The next three bytes, least significant first (manufacturer IDs, SEL timestamps of some OEM records).
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u24(&mut self) -> Result<u32, CompletionCode> {
        self.array::<3>().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// The next four bytes, least significant first.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u32(&mut self) -> Result<u32, CompletionCode> {
        self.array().map(u32::from_le_bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`CompletionCode::REQUEST_DATA_LENGTH_INVALID`] where bytes are left over.
    pub fn finish(self) -> Result<(), CompletionCode> {
        if self.rest.is_empty() { Ok(()) } else { Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_field_is_a_length_error_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
        assert_eq!(reader.u24(), Ok(0x03_02_01));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn bytes_left_over_are_a_length_error() {
        assert_eq!(<()>::from_bytes(&[0]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    }
}
