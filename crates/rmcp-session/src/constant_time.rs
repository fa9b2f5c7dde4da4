//! Comparing codes without telling where they differ.
//!
//! A comparison that stops at the first difference takes longer the more of a guess is right, and a guesser can measure that.

use std::hint::black_box;

/// Whether `a` and `b` are equal, in a time that depends on their lengths only.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // `black_box` keeps the compiler from turning the sum back into an early exit.
    let difference = a.iter().zip(b).fold(0u8, |sum, (a, b)| black_box(sum | (a ^ b)));
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn only_the_same_bytes_are_equal() {
        assert!(equal(&[], &[]));
        assert!(equal(&[1, 2, 3], &[1, 2, 3]));
        assert!(!equal(&[1, 2, 3], &[1, 2]));
        for bit in 0..24 {
            let mut other = [1u8, 2, 3];
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!equal(&[1, 2, 3], &other), "bit {bit}");
        }
    }
}
