//! What the vendor says of the board: what it is made of, and records that only the vendor's own software reads.

use ipmi_wire::record::sdr::{Oem, Sdr};
use serde::Deserialize;

use super::{Contains, Record};

/// Record IDs begin here, behind those of entity associations.
const FIRST_RECORD: u16 = 0x0F00;
/// How many there may be; the next IDs are sensors'.
const MOST_RECORDS: usize = 0x100;

/// The vendor's words in `ipmid.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vendor {
    /// `[[contains]]`.
    pub contains: Vec<Contains>,
    /// `[[oem_record]]`.
    pub oem_records: Vec<OemRecord>,
}

/// `[[oem_record]]`: a sensor data record of type C0h (v2.0§43.12).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, try_from = "OemRecordFields")]
pub struct OemRecord {
    /// IANA number of the manufacturer, least significant byte first.
    manufacturer: [u8; 3],
    /// What only the manufacturer knows, at most 56 bytes.
    data: Vec<u8>,
}

/// The fields of [`OemRecord`] before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OemRecordFields {
    manufacturer: u32,
    data: Vec<u8>,
}

impl TryFrom<OemRecordFields> for OemRecord {
    type Error = String;

    fn try_from(fields: OemRecordFields) -> Result<Self, String> {
        let [low, middle, high, 0] = fields.manufacturer.to_le_bytes() else {
            return Err(format!("manufacturer {} has more than 24 bits", fields.manufacturer));
        };
        if fields.data.len() > Oem::DATA_MAX {
            return Err(format!("data has {} bytes of at most {}", fields.data.len(), Oem::DATA_MAX));
        }
        Ok(Self { manufacturer: [low, middle, high], data: fields.data })
    }
}

/// The vendor's records, in the order of the file.
pub(super) fn records(said: &[OemRecord]) -> impl Iterator<Item = Record> {
    let numbered = (FIRST_RECORD..).zip(said.iter().take(MOST_RECORDS));
    numbered.map(|(record_id, OemRecord { manufacturer, data })| {
        Record::new(&Sdr::Oem(Oem { record_id, manufacturer: *manufacturer, data: data.clone() }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<OemRecord, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_vendors_record_has_its_manufacturer_and_its_bytes() {
        let said = parsed(r#"{"manufacturer": 674, "data": [1, 2, 255]}"#).unwrap();
        let bytes: Vec<_> = records(&[said.clone(), said]).map(|record| record.bytes.to_vec()).collect();
        let record = |id| vec![id, 0x0F, 0x51, 0xC0, 6, 0xA2, 0x02, 0x00, 1, 2, 255];
        assert_eq!(bytes, [record(0), record(1)]);
    }

    #[test]
    fn a_record_that_cannot_be_is_refused_with_its_reason() {
        assert!(parsed(r#"{"manufacturer": 16777216, "data": []}"#).unwrap_err().contains("24 bits"));
        let long = format!(r#"{{"manufacturer": 1, "data": {:?}}}"#, [0; 57]);
        assert!(parsed(&long).unwrap_err().contains("57 bytes of at most 56"));
    }
}
