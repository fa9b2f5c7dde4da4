//! A PMBus device: commands of one or two bytes, by page, with or without a packet error code.

use std::collections::BTreeMap;

use super::Chip;

/// The command that selects the page.
const PAGE: u8 = 0x00;

/// Answers by page and command; a command without one gets no acknowledge.
#[derive(Debug, Clone, Default)]
pub struct Pmbus {
    address: u8,
    answers: BTreeMap<(u8, u8), Vec<u8>>,
    /// Pages that there are; a device without pages knows no PAGE command.
    pages: u8,
    page: u8,
    command: u8,
    /// Whether the bytes of the next answer are followed by a wrong code.
    spoilt: bool,
}

impl Pmbus {
    /// A device at `address` with this many pages, or with 0 none.
    #[must_use]
    pub fn new(address: u8, pages: u8) -> Self {
        Self { address, pages, ..Self::default() }
    }

    /// The word that `command` answers on `page`.
    #[must_use]
    pub fn with(mut self, page: u8, command: u8, word: u16) -> Self {
        self.set(page, command, &word.to_le_bytes());
        self
    }

    /// The bytes that `command` answers on `page`.
    pub fn set(&mut self, page: u8, command: u8, bytes: &[u8]) {
        self.answers.insert((page, command), bytes.to_vec());
    }

    /// Whether answers are disturbed on their way.
    pub fn spoil(&mut self, spoilt: bool) {
        self.spoilt = spoilt;
    }
}

impl Chip for Pmbus {
    fn write(&mut self, _: u8, bytes: &[u8]) -> Option<()> {
        let (command, rest) = bytes.split_first()?;
        if let (PAGE, [page, ..]) = (*command, rest) {
            self.page = Some(*page).filter(|page| *page < self.pages)?;
            return Some(());
        }
        self.command = *command;
        self.answers.contains_key(&(self.page, *command)).then_some(())
    }

    /// After the answer comes its code, for a master that reads so far.
    fn read(&mut self, _: u8, count: u8) -> Option<Vec<u8>> {
        let mut bytes = self.answers.get(&(self.page, self.command))?.clone();
        let header = [self.address << 1, self.command, self.address << 1 | 1];
        let code = header.iter().chain(&bytes).fold(0, |code, byte| next_code(code, *byte));
        bytes.push(if self.spoilt { !code } else { code });
        bytes.resize(count.into(), 0xff);
        Some(bytes)
    }
}

/// SMBus' CRC-8, x^8 + x^2 + x + 1, bit by bit.
fn next_code(code: u8, byte: u8) -> u8 {
    (0..8).fold(code ^ byte, |code, _| code << 1 ^ if code & 0x80 == 0 { 0 } else { 0x07 })
}
