//! FRU inventory (v2.0§34).

use super::Access::AtLeast;
use crate::{
    CompletionCode,
    Privilege::User,
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
    /// Size in bytes.
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

/// Response of [`ReadFruData`]: bytes of the area, at most 255, for a device accessed by bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruData(pub Vec<u8>);

impl Encode for FruData {
    fn encode(&self, out: &mut Vec<u8>) {
        let count = u8::try_from(self.0.len()).unwrap_or(u8::MAX);
        out.push(count);
        out.extend(self.0.iter().take(usize::from(count)));
    }
}

impl Decode for FruData {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let count = reader.u8()?;
        Ok(Self(reader.take(usize::from(count))?.to_vec()))
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
        assert_eq!(FruData(vec![9, 8]).to_bytes(), [2, 9, 8]);
    }

    proptest! {
        #[test]
        fn fru_messages_come_back(
            id: u8, offset: u16, count: u8, words: bool,
            data in proptest::collection::vec(any::<u8>(), 0..=255),
        ) {
            let request = ReadFru { id, offset, count };
            prop_assert_eq!(ReadFru::from_bytes(&request.to_bytes()), Ok(request));
            let area = FruArea { size: offset, words };
            prop_assert_eq!(FruArea::from_bytes(&area.to_bytes()), Ok(area));
            let data = FruData(data);
            prop_assert_eq!(FruData::from_bytes(&data.to_bytes()), Ok(data));
        }
    }
}
