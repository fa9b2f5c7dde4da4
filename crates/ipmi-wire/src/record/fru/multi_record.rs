//! Records of the multi-record area (FRU v1.0§16): kept as they are, whatever their type.

use super::{FruError, checksum};

const AREA: &str = "multi-record";
/// Record format version, bits 3:0 of the second byte; bit 7 marks the last record.
const FORMAT: u8 = 0x02;
const LAST: u8 = 0x80;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiRecord {
    /// Record type: 00h power supply, 01h DC output, 02h DC load, 03h management access, C0h and above are OEM's.
    pub kind: u8,
    /// The data, at most 255 bytes.
    pub data: Vec<u8>,
}

/// Reads records up to the one that is marked as the last.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Vec<MultiRecord>, FruError> {
    let mut records = Vec::new();
    loop {
        let (header, rest) = bytes.split_first_chunk::<5>().ok_or(FruError::Cut { area: AREA })?;
        let [kind, format, length, data_checksum, _] = *header;
        if sum(header) != 0 {
            return Err(FruError::Checksum { area: AREA });
        }
        if format & 0x0f != FORMAT {
            return Err(FruError::Version { area: AREA, version: format & 0x0f });
        }
        let (data, after) = rest.split_at_checked(usize::from(length)).ok_or(FruError::Cut { area: AREA })?;
        if sum(data).wrapping_add(data_checksum) != 0 {
            return Err(FruError::Checksum { area: AREA });
        }
        records.push(MultiRecord { kind, data: data.to_vec() });
        if format & LAST != 0 {
            return Ok(records);
        }
        bytes = after;
    }
}

/// The area of `records`, of which there is at least one.
pub(super) fn build(records: &[MultiRecord]) -> Result<Vec<u8>, FruError> {
    let mut out = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let last = if index + 1 == records.len() { LAST } else { 0 };
        let too_large = FruError::TooLarge { needed: record.data.len(), size: 255 };
        let length = u8::try_from(record.data.len()).map_err(|_| too_large)?;
        let head = [record.kind, FORMAT | last, length, checksum(&record.data)];
        out.extend_from_slice(&head);
        out.push(checksum(&head));
        out.extend_from_slice(&record.data);
    }
    out.resize(out.len().next_multiple_of(8), 0);
    Ok(out)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
