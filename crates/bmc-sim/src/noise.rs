//! Seeded randomness, so that a run can be repeated.

/// A xorshift64* generator: measurement noise, nothing that must not be guessed.
#[derive(Debug, Clone)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        // A state of zero would stay zero.
        Self(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    /// Evenly spread within `±amplitude`.
    pub(crate) fn within(&mut self, amplitude: f64) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let top = u32::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32).unwrap_or(0);
        (f64::from(top) / f64::from(u32::MAX) * 2.0 - 1.0) * amplitude
    }
}
