//! What clients have written to a FRU device and is not on it yet.
//!
//! Write FRU Data comes in pieces of a few bytes, and between the first and the last of them no checksum is right. So pieces are held,
//! and go to the device at once when they make valid FRU information: a client that stops half-way, or writes nonsense, leaves the
//! device as it was.

use std::time::{Duration, Instant};

use ipmi_wire::record::fru::{Fru, FruError};

/// How long after the last piece the next one may come. Slow clients send one in a second.
pub(super) const LIFETIME: Duration = Duration::from_secs(60);

/// An image in the making.
#[derive(Debug)]
pub(super) struct Staged {
    image: Vec<u8>,
    wrong: FruError,
    last_piece: Instant,
}

/// What a piece led to.
#[derive(Debug)]
pub(super) enum Piece {
    /// The image is whole: it belongs on the device.
    Whole(Vec<u8>),
    /// More must come.
    Held(Staged),
    /// The piece reaches over the end of the device.
    TooLong,
}

impl Staged {
    /// Puts a piece into `image`, the device's content with the pieces so far.
    pub(super) fn put(mut image: Vec<u8>, now: Instant, offset: usize, data: &[u8]) -> Piece {
        let end = offset.saturating_add(data.len());
        let Some(place) = image.get_mut(offset..end) else { return Piece::TooLong };
        place.copy_from_slice(data);
        match Fru::parse(&image) {
            Ok(_) => Piece::Whole(image),
            Err(wrong) => Piece::Held(Self { image, wrong, last_piece: now }),
        }
    }

    /// The content as the client that writes it wants it.
    pub(super) fn image(&self) -> &[u8] {
        &self.image
    }

    /// Why it is not on the device yet.
    pub(super) fn wrong(&self) -> &FruError {
        &self.wrong
    }

    /// Whether nobody goes on with it.
    pub(super) fn is_abandoned(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last_piece) > LIFETIME
    }
}
