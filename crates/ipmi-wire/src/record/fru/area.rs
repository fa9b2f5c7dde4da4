//! The chassis, board and product information areas (FRU v1.0§10 to 12): one shape, three sets of field names.

use super::{Field, FruError, checksum, field::END};

/// Format version of all areas.
pub(super) const VERSION: u8 = 0x01;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AreaKind {
    /// Chassis information.
    Chassis,
    /// Board information.
    Board,
    /// Product information.
    Product,
}

impl AreaKind {
    /// All, in the order of the common header.
    pub const ALL: [Self; 3] = [Self::Chassis, Self::Board, Self::Product];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chassis => "chassis",
            Self::Board => "board",
            Self::Product => "product",
        }
    }

    /// The predefined fields, in their order; those after them are the manufacturer's own.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Chassis => &["part_number", "serial_number"],
            Self::Board => &["manufacturer", "name", "serial_number", "part_number", "fru_file_id"],
            Self::Product => &[
                "manufacturer",
                "name",
                "part_number",
                "version",
                "serial_number",
                "asset_tag",
                "fru_file_id",
            ],
        }
    }

    /// What [`Area::field`] knows a place by: a predefined name, or `custom1` and so on.
    pub fn field_name(self, index: usize) -> String {
        match self.fields().get(index) {
            Some(name) => (*name).to_owned(),
            None => format!("custom{}", index - self.fields().len() + 1),
        }
    }

    fn index(self, name: &str) -> Option<usize> {
        let fields = self.fields();
        fields.iter().position(|field| *field == name).or_else(|| {
            let number: usize = name.strip_prefix("custom")?.parse().ok()?;
            Some(fields.len() + number.checked_sub(1)?)
        })
    }
}

/// One information area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Which one it is.
    pub kind: AreaKind,
    /// Chassis type (SMBIOS' enumeration) of a chassis area, language code (0 and 25 are English) of the others.
    pub code: u8,
    /// When a board was made, in minutes since 1996-01-01 00:00 UTC, 24 bits; 0 is "not given", and in the other areas.
    pub made: u32,
    /// All fields, the predefined ones first.
    pub fields: Vec<Field>,
}

impl Area {
    /// An area with all predefined fields empty.
    ///
    /// # Errors
    /// None that could happen: an empty field is valid.
    pub fn empty(kind: AreaKind) -> Result<Self, FruError> {
        let fields = kind.fields().iter().map(|_| Field::from_text("", false)).collect::<Result<_, _>>()?;
        Ok(Self { kind, code: 0, made: 0, fields })
    }

    /// Whether text of this area has two bytes a character. A chassis area has no language: it is English.
    pub fn is_unicode(&self) -> bool {
        self.kind != AreaKind::Chassis && self.code != 0 && self.code != 25
    }

    /// The day of [`Area::made`], as `YYYYMMDD`; `None` where it is not given.
    pub fn made_on(&self) -> Option<String> {
        (self.made != 0).then(|| day(self.made / (24 * 60)))
    }

    /// The text of the field called `name`; `None` where there is none.
    pub fn field(&self, name: &str) -> Option<String> {
        let field = self.fields.get(self.kind.index(name)?)?;
        Some(field.text(self.is_unicode()))
    }

    /// Changes the field called `name`, or adds it: `custom` fields in their order.
    ///
    /// # Errors
    /// [`FruError::NoSuchField`], and as [`Field::from_text`].
    pub fn set_field(&mut self, name: &str, text: &str) -> Result<(), FruError> {
        let unknown = || FruError::NoSuchField { area: self.kind.name(), field: name.to_owned() };
        let index = self.kind.index(name).ok_or_else(unknown)?;
        let field = Field::from_text(text, self.is_unicode())?;
        let count = self.fields.len();
        match self.fields.get_mut(index) {
            Some(place) => *place = field,
            None if index == count => self.fields.push(field),
            None => return Err(unknown()),
        }
        Ok(())
    }

    /// Reads the area at the start of `bytes`, which may go on after it.
    pub(super) fn parse(kind: AreaKind, bytes: &[u8]) -> Result<Self, FruError> {
        let area = kind.name();
        let body = body(area, bytes)?;
        let cut = FruError::Cut { area };
        let (code, rest) = body.split_first().ok_or(cut.clone())?;
        let (made, mut rest) = match kind {
            AreaKind::Board => {
                let ([low, middle, high], rest) = rest.split_first_chunk::<3>().ok_or(cut)?;
                (u32::from_le_bytes([*low, *middle, *high, 0]), rest)
            }
            _ => (0, rest),
        };
        let mut fields = Vec::new();
        while let Some(field) = Field::take(&mut rest) {
            fields.push(field?);
        }
        Ok(Self { kind, code: *code, made, fields })
    }

    /// The area with its end mark, padding and checksum.
    pub(super) fn build(&self) -> Result<Vec<u8>, FruError> {
        let mut out = vec![VERSION, 0, self.code];
        if self.kind == AreaKind::Board {
            out.extend_from_slice(self.made.to_le_bytes().get(..3).unwrap_or_default());
        }
        self.fields.iter().for_each(|field| field.push(&mut out));
        out.push(END);
        // The checksum is the last byte of the last group of eight.
        out.resize((out.len() + 1).next_multiple_of(8) - 1, 0);
        let groups = (out.len() + 1) / 8;
        let too_large = FruError::TooLarge { needed: out.len() + 1, size: 255 * 8 };
        let length = u8::try_from(groups).map_err(|_| too_large)?;
        if let Some(place) = out.get_mut(1) {
            *place = length;
        }
        out.push(checksum(&out));
        Ok(out)
    }
}

/// What stands between the length and the checksum of an area, both of which are looked at.
fn body<'a>(area: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], FruError> {
    let cut = FruError::Cut { area };
    let [version, length] = *bytes.first_chunk::<2>().ok_or(cut.clone())?;
    if version & 0x0f != VERSION {
        return Err(FruError::Version { area, version });
    }
    let whole = bytes.get(..usize::from(length) * 8).ok_or(cut.clone())?;
    if whole.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
        return Err(FruError::Checksum { area });
    }
    whole.get(2..whole.len().saturating_sub(1)).ok_or(cut)
}

/// The day that lies `days` after 1996-01-01, in the Gregorian calendar, as `YYYYMMDD`.
fn day(days: u32) -> String {
    let (mut year, mut left) = (1996, days);
    loop {
        let length = 365 + u32::from(is_leap(year));
        if left < length {
            break;
        }
        (year, left) = (year + 1, left - length);
    }
    let february = 28 + u32::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        (month, left) = (month + 1, left - length);
    }
    format!("{year}{month:02}{:02}", left + 1)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
