//! The ring: the last output of the host, and readers' places in it. Knows no clock, file or socket.
//!
//! A position counts bytes since the ring was made and never goes back; at one byte per nanosecond it would last 584 years.

/// The last `capacity` bytes written.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: Box<[u8]>,
    /// The position of the next byte.
    end: u64,
}

/// How far a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    /// Where the next byte is that it reads.
    pub(crate) fn position(self) -> u64 {
        self.0
    }
}

impl Ring {
    /// An empty ring of `capacity` bytes, at least 1.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity.max(1)].into_boxed_slice(), end: 0 }
    }

    /// A ring that holds `tail`, of which the last byte is the one before `end`.
    pub(crate) fn restored(capacity: usize, tail: &[u8], end: u64) -> Self {
        let mut ring = Self::new(capacity);
        ring.end = end.saturating_sub(length(tail));
        ring.write(tail);
        ring
    }

    /// How many bytes it holds at most.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// The position of the next byte to come.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// The position of the oldest byte that is still there.
    pub(crate) fn start(&self) -> u64 {
        self.end.saturating_sub(length(&self.bytes))
    }

    /// Appends; what does not fit falls out at the other end.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let skipped = bytes.len().saturating_sub(self.capacity());
        self.end += length(bytes.get(..skipped).unwrap_or_default());
        let (first, second) = self.split_at(self.end, bytes.len() - skipped);
        let bytes = bytes.get(skipped..).unwrap_or_default();
        let (head, tail) = bytes.split_at(first.len());
        for (range, part) in [(first, head), (second, tail)] {
            if let Some(slot) = self.bytes.get_mut(range) {
                slot.copy_from_slice(part);
            }
        }
        self.end += length(bytes);
    }

    /// A reader's place at `position`, or at the oldest byte where that is gone, or is yet to come.
    pub(crate) fn place_at(&self, position: u64) -> Place {
        Place(if (self.start()..=self.end).contains(&position) { position } else { self.start() })
    }

    /// A reader's place before the last `bytes` bytes.
    pub(crate) fn place_before_end(&self, bytes: u64) -> Place {
        Place(self.end.saturating_sub(bytes).max(self.start()))
    }

    /// Moves a reader that fell behind to the oldest byte; how many it lost.
    pub(crate) fn catch_up(&self, place: &mut Place) -> u64 {
        let lost = self.start().saturating_sub(place.0);
        place.0 += lost;
        lost
    }

    /// Appends at most `most` bytes from `place` to `out`, and moves it on. Bytes that the reader lost are passed over:
    /// [`Ring::catch_up`] goes before this.
    pub(crate) fn read(&self, place: &mut Place, most: usize, out: &mut Vec<u8>) {
        self.catch_up(place);
        let left = usize::try_from(self.end.saturating_sub(place.0)).unwrap_or(usize::MAX);
        let (first, second) = self.split_at(place.0, left.min(most));
        for range in [first, second] {
            let part = self.bytes.get(range).unwrap_or_default();
            out.extend_from_slice(part);
            place.0 += length(part);
        }
    }

    /// Where `length` bytes (at most the capacity) from `position` on lie: up to the wall, and from the wall on.
    fn split_at(&self, position: u64, length: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let capacity = self.bytes.len();
        // The remainder is below a `usize`.
        let from = usize::try_from(position % (capacity as u64)).unwrap_or_default();
        let to_wall = length.min(capacity - from);
        (from..from + to_wall, 0..length - to_wall)
    }
}

/// A length as a position counts it.
fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(ring: &Ring, place: &mut Place) -> Vec<u8> {
        let mut out = Vec::new();
        ring.read(place, usize::MAX, &mut out);
        out
    }

    #[test]
    fn a_reader_that_keeps_up_reads_everything_and_a_slow_one_knows_what_it_lost() {
        let mut ring = Ring::new(4);
        let (mut fast, mut slow) = (ring.place_at(0), ring.place_at(0));
        ring.write(b"abc");
        assert_eq!(read_all(&ring, &mut fast), b"abc");
        ring.write(b"def");
        assert_eq!((ring.catch_up(&mut fast), read_all(&ring, &mut fast)), (0, b"def".to_vec()));
        assert_eq!((ring.catch_up(&mut slow), read_all(&ring, &mut slow)), (2, b"cdef".to_vec()));
    }

    #[test]
    fn a_place_that_the_ring_does_not_have_is_its_oldest_byte() {
        let mut ring = Ring::new(4);
        ring.write(b"abcdef");
        assert_eq!(ring.place_at(5).position(), 5);
        assert_eq!(ring.place_at(6).position(), 6, "all was read");
        assert_eq!(ring.place_at(1).position(), 2, "gone");
        assert_eq!(ring.place_at(700).position(), 2, "of another ring");
        assert_eq!(ring.place_before_end(3).position(), 3);
        assert_eq!(ring.place_before_end(u64::MAX).position(), 2);
    }

    #[test]
    fn a_restored_ring_goes_on_where_the_old_one_was() {
        let ring = Ring::restored(8, b"cdef", 6);
        let mut place = ring.place_at(3);
        assert_eq!((ring.end(), read_all(&ring, &mut place)), (6, b"def".to_vec()));
    }

    proptest! {
        #[test]
        fn the_ring_is_the_end_of_what_was_written(
            capacity in 1..40_usize,
            writes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20),
            reads in prop::collection::vec(0..50_usize, 20),
        ) {
            let (mut ring, mut written, mut seen) = (Ring::new(capacity), Vec::new(), Vec::new());
            let mut place = ring.place_at(0);
            for (bytes, most) in writes.iter().zip(reads) {
                ring.write(bytes);
                written.extend_from_slice(bytes);
                prop_assert_eq!(ring.end(), written.len() as u64);
                // What the reader loses, it knows of: with that, it is where the writer's history says.
                let lost = ring.catch_up(&mut place);
                seen.resize(seen.len() + usize::try_from(lost).unwrap(), None);
                let mut out = Vec::new();
                ring.read(&mut place, most, &mut out);
                prop_assert!(out.len() <= most);
                seen.extend(out.into_iter().map(Some));
                for (byte, original) in seen.iter().zip(&written) {
                    prop_assert!(byte.is_none_or(|byte| byte == *original));
                }
                prop_assert_eq!(place.position(), seen.len() as u64);
            }
            let mut oldest = ring.place_at(ring.start());
            let tail = &written[written.len() - written.len().min(capacity)..];
            prop_assert_eq!(read_all(&ring, &mut oldest), tail);
        }
    }
}
