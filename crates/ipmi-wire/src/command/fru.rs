//! FRU inventory (v2.0§34).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::{Operator, User},
    codec::{Decode, Encode, Reader},
};

command! {
    /// Get FRU Inventory Area Info (v2.0§34.1).
    GetFruInventoryAreaInfo = STORAGE 0x10 "Get FRU Inventory Area Info", AtLeast(User), FruDevice => FruArea
}

command! {
    /// Read FRU Data (v2.0§34.2).
    ReadFruData = STORAGE 0x11 "Read FRU Data", AtLeast(User), ReadFru => FruData
}

command! {
    /// Write FRU Data (v2.0§34.3).
    WriteFruData = STORAGE 0x12 "Write FRU Data", AtLeast(Operator), WriteFru => FruWritten
}

/// The device is write-protected (v2.0§34.3).
pub const WRITE_PROTECTED: CompletionCode = CompletionCode(0x80);
/// The device is busy (v2.0§34.2, §34.3).
pub const DEVICE_BUSY: CompletionCode = CompletionCode(0x81);

layout! {
    /// Which FRU device.
    FruDevice {
        /// FRU device ID, 0 to FEh.
        id: u8,
    }
}

/// How large a FRU inventory area is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruArea {
    /// Size in bytes, also where access is by words.
    pub size: u16,
    /// Whether offsets and counts are in words of two bytes.
    pub words: bool,
}

impl Encode for FruArea {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.size.to_le_bytes());
        out.push(u8::from(self.words));
    }
}

impl Decode for FruArea {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        Ok(Self { size: reader.u16()?, words: reader.u8()? & 1 != 0 })
    }
}

layout! {
    /// Request of [`ReadFruData`].
    ReadFru {
        /// FRU device ID.
        id: u8,
        /// Where to begin, in bytes or words as [`FruArea::words`] says.
        offset: u16,
        /// How many of them.
        count: u8,
    }
}

/// Response of [`ReadFruData`]: at most 255 bytes of the area, or 255 words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruData {
    /// What was read.
    pub data: Vec<u8>,
    /// Whether the count before the data is in words, as [`FruArea::words`] says.
    pub words: bool,
}

impl Encode for FruData {
    fn encode(&self, out: &mut Vec<u8>) {
        let unit = if self.words { 2 } else { 1 };
        let count = u8::try_from(self.data.len() / unit).unwrap_or(u8::MAX);
        out.push(count);
        out.extend(self.data.iter().take(usize::from(count) * unit));
    }
}

/// The count and the length of the data tell bytes from words.
impl Decode for FruData {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let count = usize::from(reader.u8()?);
        let data = reader.rest().to_vec();
        match data.len() {
            length if length == count => Ok(Self { data, words: false }),
            length if length == count * 2 => Ok(Self { data, words: true }),
            _ => Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID),
        }
    }
}

/// Request of [`WriteFruData`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFru {
    /// FRU device ID.
    pub id: u8,
    /// Where to begin, in bytes or words as [`FruArea::words`] says.
    pub offset: u16,
    /// What to write, at least one byte.
    pub data: Vec<u8>,
}

impl Encode for WriteFru {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.id);
        out.extend(self.offset.to_le_bytes());
        out.extend_from_slice(&self.data);
    }
}

impl Decode for WriteFru {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let (id, offset, data) = (reader.u8()?, reader.u16()?, reader.rest().to_vec());
        if data.is_empty() {
            return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
        }
        Ok(Self { id, offset, data })
    }
}

layout! {
    /// Response of [`WriteFruData`].
    FruWritten {
        /// How many bytes, or words, were written.
        count: u8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fru_messages_have_these_bytes() {
        assert_eq!(FruArea { size: 0x0800, words: false }.to_bytes(), [0, 8, 0]);
        assert_eq!(ReadFru { id: 1, offset: 0x0102, count: 16 }.to_bytes(), [1, 2, 1, 16]);
        assert_eq!(FruData { data: vec![9, 8], words: false }.to_bytes(), [2, 9, 8]);
        assert_eq!(FruData { data: vec![9, 8], words: true }.to_bytes(), [1, 9, 8]);
        assert_eq!(WriteFru { id: 1, offset: 0x0102, data: vec![7] }.to_bytes(), [1, 2, 1, 7]);
        assert_eq!(WriteFru::from_bytes(&[1, 2, 1]), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
    }

    proptest! {
        #[test]
        fn fru_messages_come_back(
            id: u8, offset: u16, count: u8, words: bool,
            data in proptest::collection::vec(any::<u8>(), 2..=127),
        ) {
            let request = ReadFru { id, offset, count };
            prop_assert_eq!(ReadFru::from_bytes(&request.to_bytes()), Ok(request));
            let area = FruArea { size: offset, words };
            prop_assert_eq!(FruArea::from_bytes(&area.to_bytes()), Ok(area));
            let write = WriteFru { id, offset, data: data.clone() };
            prop_assert_eq!(WriteFru::from_bytes(&write.to_bytes()), Ok(write));
            let whole = if words { data.len() / 2 * 2 } else { data.len() };
            let data = FruData { data: data[..whole].to_vec(), words };
            prop_assert_eq!(FruData::from_bytes(&data.to_bytes()), Ok(data));
        }
    }
}
