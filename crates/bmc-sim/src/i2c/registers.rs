//! A chip with a pointer and registers, as temperature sensors are.

use std::collections::BTreeMap;

use super::Chip;

/// Registers of one byte or more by their number; what was never set reads as one zero. Reading past a register's end repeats its
/// last byte.
#[derive(Debug, Clone, Default)]
pub struct Registers {
    content: BTreeMap<u8, Vec<u8>>,
    pointer: u8,
}

impl Registers {
    /// A chip with these registers.
    pub fn new<const N: usize>(registers: [(u8, &[u8]); N]) -> Self {
        let content = registers.map(|(register, bytes)| (register, bytes.to_vec())).into();
        Self { content, pointer: 0 }
    }

    /// Sets a register.
    pub fn set(&mut self, register: u8, bytes: &[u8]) {
        self.content.insert(register, bytes.to_vec());
    }
}

impl Chip for Registers {
    fn write(&mut self, _: u8, bytes: &[u8]) -> Option<()> {
        let (pointer, rest) = bytes.split_first()?;
        self.pointer = *pointer;
        if !rest.is_empty() {
            self.set(*pointer, rest);
        }
        Some(())
    }

    fn read(&mut self, _: u8, count: u8) -> Option<Vec<u8>> {
        let bytes = self.content.get(&self.pointer).map_or(&[0][..], Vec::as_slice);
        let last = bytes.last().copied().unwrap_or_default();
        Some(bytes.iter().copied().chain(std::iter::repeat(last)).take(count.into()).collect())
    }
}
