//! A record that a client adds part by part (v2.0§31.7 and §33.14, which are alike).

use std::sync::{Mutex, PoisonError};

use ipmi_wire::{CompletionCode, command::sel::PartialRecord};

/// What stands for a record that is not whole yet: it has no ID before it is added.
pub(crate) const UNFINISHED: u16 = 0xFFFE;
/// The record is not as long as its parts, or as it says itself.
pub(crate) const WRONG_LENGTH: CompletionCode = CompletionCode(0x80);
/// In progress: the last part.
const LAST_PART: u8 = 1;

/// The one record that is being added; a new one takes its place.
#[derive(Debug, Default)]
pub(crate) struct Assembly(Mutex<Option<Begun>>);

#[derive(Debug, Default)]
struct Begun {
    reservation: u16,
    bytes: Vec<u8>,
}

impl Assembly {
    /// Takes a part, which begins where the one before it ended. Gives all bytes once they are there, of which there may be `most`.
    ///
    /// # Errors
    /// [`CompletionCode::NOT_PRESENT`] where no record was begun with this reservation,
    /// [`CompletionCode::PARAMETER_OUT_OF_RANGE`] for a part out of its order, [`WRONG_LENGTH`]. The record is nobody's then.
    pub(crate) fn take(&self, part: &PartialRecord, most: usize) -> Result<Option<Vec<u8>>, CompletionCode> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut begun = place.take().unwrap_or_default();
        if part.record == 0 {
            begun = Begun { reservation: part.reservation, bytes: Vec::new() };
        } else if part.record != UNFINISHED || begun.reservation != part.reservation {
            return Err(CompletionCode::NOT_PRESENT);
        }
        if usize::from(part.offset) != begun.bytes.len() {
            return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
        }
        begun.bytes.extend(&part.data);
        let length = begun.bytes.len();
        if part.progress & 0x0F == LAST_PART {
            return if length <= most { Ok(Some(begun.bytes)) } else { Err(WRONG_LENGTH) };
        }
        if length >= most {
            return Err(WRONG_LENGTH);
        }
        *place = Some(begun);
        Ok(None)
    }
}
