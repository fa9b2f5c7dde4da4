//! The system info parameters: strings in blocks (v2.0§22.14a).

use std::collections::BTreeMap;

use ipmi_wire::{
    CompletionCode,
    codec::{Decode as _, Encode as _, Reader},
    command::system_info::{
        BMC_URL, HYPERVISOR_URL, OPERATING_SYSTEM, OPERATING_SYSTEM_VERSION, PRIMARY_OPERATING_SYSTEM,
        SYSTEM_FIRMWARE_VERSION, SYSTEM_NAME, StringHead, codes,
    },
};
use serde::{Deserialize, Serialize};

/// The parameters that are strings.
const STRINGS: [u8; 7] = [
    SYSTEM_FIRMWARE_VERSION,
    SYSTEM_NAME,
    PRIMARY_OPERATING_SYSTEM,
    OPERATING_SYSTEM,
    OPERATING_SYSTEM_VERSION,
    BMC_URL,
    HYPERVISOR_URL,
];

/// What only the running operating system knows: gone when the host is reset.
const VOLATILE: [u8; 2] = [OPERATING_SYSTEM, OPERATING_SYSTEM_VERSION];

/// The strings that were written, by parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SystemInfo {
    strings: BTreeMap<u8, Text>,
}

/// A string: its encoding's number and as many bytes as its length says, zeros where none were written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Text {
    encoding: u8,
    bytes: Vec<u8>,
}

impl Text {
    fn head(&self) -> StringHead {
        // As long as its length byte said.
        StringHead { encoding: self.encoding, length: u8::try_from(self.bytes.len()).unwrap_or(u8::MAX) }
    }

    /// Writes `data` from byte `start` of the string; what goes beyond its length is the padding of a block.
    fn fill(&mut self, start: usize, data: &[u8]) {
        for (byte, new) in self.bytes.iter_mut().skip(start).zip(data) {
            *byte = *new;
        }
    }
}

/// Where block `set` begins in the string.
fn start(set: u8) -> usize {
    match usize::from(set) {
        0 => 0,
        set => StringHead::FIRST + (set - 1) * StringHead::BLOCK,
    }
}

impl SystemInfo {
    /// Writes the block that `data` begins with the number of. The first block makes the string anew.
    ///
    /// # Errors
    /// [`codes::PARAMETER_NOT_SUPPORTED`]; [`CompletionCode::PARAMETER_OUT_OF_RANGE`] for a block beyond the string's length.
    pub(crate) fn write(&mut self, parameter: u8, data: &[u8]) -> Result<(), CompletionCode> {
        if !STRINGS.contains(&parameter) {
            return Err(codes::PARAMETER_NOT_SUPPORTED);
        }
        let mut reader = Reader::new(data);
        let set = reader.u8()?;
        if set == 0 {
            let StringHead { encoding, length } = StringHead::decode(&mut reader)?;
            let text = self.strings.entry(parameter).or_default();
            *text = Text { encoding, bytes: vec![0; length.into()] };
        }
        let text = self.strings.entry(parameter).or_default();
        if usize::from(set) >= text.head().blocks() {
            return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
        }
        let room = if set == 0 { StringHead::FIRST } else { StringHead::BLOCK };
        if reader.remaining() > room {
            return Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID);
        }
        text.fill(start(set), reader.rest());
        Ok(())
    }

    /// Block `set` of a string, after its number. A string that nobody wrote is empty.
    ///
    /// # Errors
    /// As [`SystemInfo::write`].
    pub(crate) fn read(&self, parameter: u8, set: u8) -> Result<Vec<u8>, CompletionCode> {
        if !STRINGS.contains(&parameter) {
            return Err(codes::PARAMETER_NOT_SUPPORTED);
        }
        let empty = Text::default();
        let text = self.strings.get(&parameter).unwrap_or(&empty);
        if usize::from(set) >= text.head().blocks() {
            return Err(CompletionCode::PARAMETER_OUT_OF_RANGE);
        }
        let mut block = vec![set];
        if set == 0 {
            text.head().encode(&mut block);
        }
        block.extend(text.bytes.iter().skip(start(set)).take(1 + StringHead::BLOCK - block.len()));
        block.resize(1 + StringHead::BLOCK, 0);
        Ok(block)
    }

    /// The host was reset.
    pub(crate) fn forget_volatile(&mut self) {
        self.strings.retain(|parameter, _| !VOLATILE.contains(parameter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parameter: u8, text: &str) -> SystemInfo {
        let mut info = SystemInfo::default();
        let bytes = text.as_bytes();
        let (first, rest) = bytes.split_at(bytes.len().min(14));
        let head = [&[0, 0, u8::try_from(bytes.len()).unwrap()], first].concat();
        info.write(parameter, &head).unwrap();
        for (set, block) in (1u8..).zip(rest.chunks(16)) {
            info.write(parameter, &[&[set], block].concat()).unwrap();
        }
        info
    }

    #[test]
    fn a_name_of_several_blocks_reads_back() {
        let name = "rack-12-unit-07.example.org, the second of two";
        let info = written(SYSTEM_NAME, name);
        let blocks = (0..4).map_while(|set| info.read(SYSTEM_NAME, set).ok()).collect::<Vec<_>>();
        assert_eq!(blocks.len(), 3);
        assert!(blocks.iter().all(|block| block.len() == 17));
        assert_eq!(blocks[0][..3], [0, 0, 46]);
        let text = [&blocks[0][3..], &blocks[1][1..], &blocks[2][1..]].concat();
        assert_eq!(text, name.as_bytes());
        assert_eq!(info.read(SYSTEM_NAME, 3), Err(CompletionCode::PARAMETER_OUT_OF_RANGE));
    }

    #[test]
    fn a_shorter_string_leaves_nothing_of_the_longer_one() {
        let mut info = written(SYSTEM_NAME, "a long name that takes two blocks");
        info.write(SYSTEM_NAME, &[0, 1, 2, b'o', b'k']).unwrap();
        let block = info.read(SYSTEM_NAME, 0).unwrap();
        assert_eq!(block[..5], [0, 1, 2, b'o', b'k']);
        assert!(block[5..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_block_needs_a_first_one_and_has_sixteen_bytes_at_most() {
        let mut info = SystemInfo::default();
        assert_eq!(info.write(SYSTEM_NAME, &[1, b'x']), Err(CompletionCode::PARAMETER_OUT_OF_RANGE));
        let long = [&[0, 0, 40][..], &[b'x'; 15]].concat();
        assert_eq!(info.write(SYSTEM_NAME, &long), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID));
        assert_eq!(info.write(8, &[0, 0, 0]), Err(codes::PARAMETER_NOT_SUPPORTED));
    }

    #[test]
    fn what_runs_on_the_host_is_forgotten_with_its_reset() {
        let mut info = written(OPERATING_SYSTEM, "Debian");
        info.write(SYSTEM_NAME, &[0, 0, 1, b'n']).unwrap();
        info.forget_volatile();
        assert_eq!(info.read(OPERATING_SYSTEM, 0).unwrap()[2], 0);
        assert_eq!(info.read(SYSTEM_NAME, 0).unwrap()[2], 1);
    }
}
