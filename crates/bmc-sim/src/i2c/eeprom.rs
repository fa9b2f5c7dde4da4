//! An EEPROM of the 24C family.

use super::Chip;

/// What differs between the members of the family.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes in all.
    pub size: usize,
    /// Bytes of an address within the chip: 1 or 2.
    pub address_bytes: usize,
    /// Bytes that are written in one cycle, a power of two.
    pub page: usize,
}

/// An EEPROM. What is written beyond the end of a page goes to the page's beginning, as in the real ones.
#[derive(Debug, Clone)]
pub struct Eeprom {
    shape: Shape,
    content: Vec<u8>,
    at: usize,
    /// Messages without acknowledge that a write cycle takes.
    cycle: u32,
    busy: u32,
    protected: bool,
}

impl Eeprom {
    /// An empty chip whose write cycle lasts for `cycle` messages that it does not acknowledge.
    #[must_use]
    pub fn new(shape: Shape, cycle: u32) -> Self {
        Self { shape, content: vec![0xff; shape.size], at: 0, cycle, busy: 0, protected: false }
    }

    /// What is in it.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Puts `bytes` at its beginning.
    pub fn fill(&mut self, bytes: &[u8]) {
        for (place, byte) in self.content.iter_mut().zip(bytes) {
            *place = *byte;
        }
    }

    /// Whether its pin WP says that it takes nothing: it acknowledges and forgets.
    pub fn protect(&mut self, protected: bool) {
        self.protected = protected;
    }

    fn is_busy(&mut self) -> bool {
        let busy = self.busy > 0;
        self.busy = self.busy.saturating_sub(1);
        busy
    }
}

impl Chip for Eeprom {
    fn write(&mut self, block: u8, bytes: &[u8]) -> Option<()> {
        if self.is_busy() {
            return None;
        }
        let (address, data) = bytes.split_at_checked(self.shape.address_bytes)?;
        let within = address.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.at = (usize::from(block) << 8 | within) % self.shape.size;
        if data.is_empty() || self.protected {
            return Some(());
        }
        let page = self.at - self.at % self.shape.page;
        for (index, byte) in (self.at..).zip(data) {
            if let Some(place) = self.content.get_mut(page + index % self.shape.page) {
                *place = *byte;
            }
        }
        self.busy = self.cycle;
        Some(())
    }

    fn read(&mut self, _: u8, count: u8) -> Option<Vec<u8>> {
        if self.is_busy() {
            return None;
        }
        let bytes = (self.at..).take(count.into()).filter_map(|at| self.content.get(at % self.shape.size));
        let bytes = bytes.copied().collect();
        self.at += usize::from(count);
        Some(bytes)
    }
}
