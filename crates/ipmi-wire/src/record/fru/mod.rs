//! FRU information: what a board, chassis or product says of itself ("Platform Management FRU Information Storage Definition",
//! v1.0 revision 1.3, cited here as FRU v1.0).
//!
//! [`Fru::parse`] takes an image only where every part of it is right, [`Fru::build`] makes one that is. What is not understood (the
//! internal use area, OEM records, fields in any coding) is kept byte for byte.

mod area;
mod field;
mod multi_record;
#[cfg(test)]
mod tests;

pub use area::{Area, AreaKind};
pub use field::{Coding, Field};
pub use multi_record::MultiRecord;

/// Bytes of the common header (FRU v1.0§8).
const HEADER: usize = 8;
/// Offsets in the common header count groups of eight bytes, in one byte.
const MAX_OFFSET: usize = 255 * 8;

/// Why an image is not FRU information, or why it cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FruError {
    /// Bytes are missing.
    #[error("the {area} area is cut off")]
    Cut {
        /// Which part.
        area: &'static str,
    },
    /// Another format version than 1 (2 for multi-records).
    #[error("the {area} area has format version {version}")]
    Version {
        /// Which part.
        area: &'static str,
        /// What it says.
        version: u8,
    },
    /// The bytes do not add up to zero.
    #[error("the checksum of the {area} area is wrong")]
    Checksum {
        /// Which part.
        area: &'static str,
    },
    /// The fields of an area run into its end.
    #[error("the fields have no end mark")]
    NoEndMark,
    /// A field has room for 63 bytes.
    #[error("a field of {length} bytes is too long: 63 fit")]
    FieldTooLong {
        /// Its length.
        length: usize,
    },
    /// A single byte of text reads as the end mark.
    #[error("a text field cannot have a single byte")]
    OneCharacter,
    /// A character that 8-bit text has not.
    #[error("`{character}` is not in Latin 1")]
    NotLatin1 {
        /// The character.
        character: char,
    },
    /// The area has no field of that name.
    #[error("the {area} area has no field `{field}`")]
    NoSuchField {
        /// Which area.
        area: &'static str,
        /// The name.
        field: String,
    },
    /// It does not fit.
    #[error("{needed} bytes do not fit into {size}")]
    TooLarge {
        /// How many there are.
        needed: usize,
        /// How many may be.
        size: usize,
    },
}

/// FRU information as values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fru {
    /// The internal use area, with its format version byte; whatever its owner keeps there.
    pub internal: Option<Vec<u8>>,
    /// Chassis, board and product areas, at most one of each, in that order.
    pub areas: Vec<Area>,
    /// The multi-records.
    pub records: Vec<MultiRecord>,
}

impl Fru {
    /// Reads an image.
    ///
    /// # Errors
    /// What is wrong first: nothing of a wrong image can be trusted.
    pub fn parse(image: &[u8]) -> Result<Self, FruError> {
        const WHOLE: &str = "common header";
        let header = image.first_chunk::<HEADER>().ok_or(FruError::Cut { area: WHOLE })?;
        let [version, offsets @ .., _, _] = *header;
        if version & 0x0f != area::VERSION {
            return Err(FruError::Version { area: WHOLE, version });
        }
        if header.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
            return Err(FruError::Checksum { area: WHOLE });
        }
        let [internal, chassis, board, product, records] = offsets;
        let from =
            |groups: u8, name| image.get(usize::from(groups) * 8..).ok_or(FruError::Cut { area: name });
        let mut fru = Self::default();
        if internal != 0 {
            // It has no length of its own: it ends where another area begins, or with the device.
            let end = offsets.iter().filter(|other| **other > internal).min();
            let end = end.map_or(image.len(), |groups| usize::from(*groups) * 8);
            let area = image.get(usize::from(internal) * 8..end);
            fru.internal = Some(area.ok_or(FruError::Cut { area: "internal use" })?.to_vec());
        }
        for (kind, groups) in AreaKind::ALL.into_iter().zip([chassis, board, product]) {
            if groups != 0 {
                fru.areas.push(Area::parse(kind, from(groups, kind.name())?)?);
            }
        }
        if records != 0 {
            fru.records = multi_record::parse(from(records, "multi-record")?)?;
        }
        Ok(fru)
    }

    /// The image, to be written to a device of `size` bytes: the areas one after the other, the internal use area last, zeros to the
    /// end.
    ///
    /// # Errors
    /// [`FruError::TooLarge`] where it does not fit, and where an area begins further in than the header can tell.
    pub fn build(&self, size: usize) -> Result<Vec<u8>, FruError> {
        let mut image = vec![area::VERSION, 0, 0, 0, 0, 0, 0, 0];
        let mut place = |slot: usize, bytes: &[u8]| {
            let at = image.len();
            let groups =
                u8::try_from(at / 8).map_err(|_| FruError::TooLarge { needed: at, size: MAX_OFFSET })?;
            if let Some(offset) = image.get_mut(slot) {
                *offset = groups;
            }
            image.extend_from_slice(bytes);
            Ok::<_, FruError>(())
        };
        for (kind, slot) in AreaKind::ALL.into_iter().zip(2..) {
            if let Some(area) = self.area(kind) {
                place(slot, &area.build()?)?;
            }
        }
        if !self.records.is_empty() {
            place(5, &multi_record::build(&self.records)?)?;
        }
        if let Some(internal) = &self.internal {
            place(1, internal)?;
        }
        if let Some((last, offsets)) = image.get_mut(..HEADER).and_then(<[u8]>::split_last_mut) {
            *last = checksum(offsets);
        }
        if image.len() > size {
            return Err(FruError::TooLarge { needed: image.len(), size });
        }
        image.resize(size, 0);
        Ok(image)
    }

    /// The area of this kind.
    pub fn area(&self, kind: AreaKind) -> Option<&Area> {
        self.areas.iter().find(|area| area.kind == kind)
    }

    /// The area of this kind, made empty where there is none.
    ///
    /// # Errors
    /// As [`Area::empty`].
    pub fn area_mut(&mut self, kind: AreaKind) -> Result<&mut Area, FruError> {
        let index = match self.areas.binary_search_by_key(&kind, |area| area.kind) {
            Ok(index) => index,
            Err(index) => {
                self.areas.insert(index, Area::empty(kind)?);
                index
            }
        };
        self.areas.get_mut(index).ok_or(FruError::Cut { area: kind.name() })
    }
}

/// What makes the sum of `bytes` and itself zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg()
}
