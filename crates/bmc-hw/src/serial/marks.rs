//! PARMRK: how the kernel puts breaks and broken characters into the data (termios(3)).

/// What a mark begins with.
const MARK: u8 = 0xff;

/// Takes the kernel's marks out of a port's input; holds one that a read cut in two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks(State);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Data,
    /// After FF.
    Mark,
    /// After FF 00.
    Broken,
}

impl Marks {
    /// Appends the data of `input` to `data`; how many breaks were among it. A character with a framing or parity error is kept as it
    /// came.
    pub fn take(&mut self, input: &[u8], data: &mut Vec<u8>) -> usize {
        // Nearly always: text has no mark in it.
        if self.0 == State::Data && !input.contains(&MARK) {
            data.extend_from_slice(input);
            return 0;
        }
        let mut breaks = 0;
        for &byte in input {
            self.0 = match (self.0, byte) {
                (State::Data, MARK) => State::Mark,
                (State::Mark, 0) => State::Broken,
                (State::Broken, 0) => {
                    breaks += 1;
                    State::Data
                }
                // FF FF is FF. Nothing else follows FF; what does is data.
                (State::Data | State::Mark | State::Broken, byte) => {
                    data.push(byte);
                    State::Data
                }
            };
        }
        breaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_is_taken_out_and_doubled_ff_is_one() {
        let (mut marks, mut data) = (Marks::default(), Vec::new());
        assert_eq!(marks.take(b"a\xff\0\0b\xff\xffc\xff\0xd\0", &mut data), 1);
        assert_eq!(data, b"ab\xffcxd\0");
    }

    #[test]
    fn a_mark_that_a_read_cut_in_two_is_still_one() {
        let input = b"\xff\0\0\xff\xff\xff\0\0";
        for cut in 0..=input.len() {
            let (mut marks, mut data) = (Marks::default(), Vec::new());
            let (first, second) = input.split_at(cut);
            assert_eq!(marks.take(first, &mut data) + marks.take(second, &mut data), 2, "cut at {cut}");
            assert_eq!(data, [0xff]);
        }
    }
}
