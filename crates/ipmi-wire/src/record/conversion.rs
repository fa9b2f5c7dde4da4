//! Reading factors: how one raw byte stands for a value (v2.0§36.3).
//!
//! `value = (M * raw + B * 10^Bexp) * 10^Rexp`, with M and B of ten bits, the exponents of four, all signed.

use crate::{
    CompletionCode,
    codec::{Decode, Encode, Reader},
};

/// The factors of a linear sensor, and whether its raw byte is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// Multiplier, -512 to 511. Those made by [`Conversion::for_range`] are 1 to 511.
    pub m: i16,
    /// Additive offset, -512 to 511.
    pub b: i16,
    /// Decimal exponent of `b`, -8 to 7.
    pub b_exponent: i8,
    /// Decimal exponent of the result, -8 to 7.
    pub r_exponent: i8,
    /// Whether the raw byte is in two's complement.
    pub signed: bool,
}

/// What M and B reach: ten bits, signed.
const FACTOR_MAX: f64 = 511.0;
const FACTOR_MIN: f64 = -512.0;
/// How many steps a raw byte has.
const STEPS: f64 = 255.0;
/// What rounding in floating point may add to a quotient; less than a hundredth of a step at the ends of any range.
const SLACK: f64 = 1e-6;
/// How much coarser a step may be for one digit less in M, or for no offset: a reading of 25.0 instead of 24.95.
const ROUNDNESS: f64 = 0.02;
/// The range of a sensor that does not say one.
const DEFAULT_RANGE: (f64, f64) = (0.0, STEPS);

impl Conversion {
    /// The factors with the finest step whose raw range covers `min` to `max`; among nearly equal ones the roundest.
    ///
    /// Ends in the wrong order are swapped. A range of one value is stretched to zero; one that is not finite is 0 to 255.
    /// A range too wide for any factors gets the widest ones, and values beyond them saturate.
    pub fn for_range(min: f64, max: f64) -> Self {
        let (min, max) = usable(min, max);
        let exponents = -8..=7_i8;
        exponents
            .clone()
            .flat_map(|r| exponents.clone().map(move |b| (r, b)))
            .flat_map(|(r, b)| [(r, b, false), (r, b, true)])
            .filter_map(|(r, b, signed)| Self::covering(min, max, r, b, signed))
            .min_by(|a, b| a.cost().total_cmp(&b.cost()))
            .unwrap_or(Self { m: 511, b: 0, b_exponent: 0, r_exponent: 7, signed: min < 0.0 })
    }

    /// The smallest M, and the B for it, that cover the range with these exponents.
    fn covering(min: f64, max: f64, r_exponent: i8, b_exponent: i8, signed: bool) -> Option<Self> {
        let unit = power_of_ten(r_exponent);
        let (min, max) = (min / unit, max / unit);
        let (low, high) = raw_range(signed);
        let scale = power_of_ten(b_exponent);
        // An offset can start below `min` by as much as its own step, which then has to be covered too.
        [max - min, max - min + scale].into_iter().find_map(|span| {
            let m = ceil(span / STEPS).max(1.0);
            let b = floor((min - m * low) / scale);
            let fits = m <= FACTOR_MAX && (FACTOR_MIN..=FACTOR_MAX).contains(&b);
            let slack = SLACK * m;
            let covers = m * low + b * scale <= min + slack && m * high + b * scale >= max - slack;
            (fits && covers).then(|| {
                let (m, b) = (ten_bits(m), ten_bits(b));
                Self { m, b, b_exponent: if b == 0 { 0 } else { b_exponent }, r_exponent, signed }
            })
        })
    }

    /// The step, made dearer by what makes readings look odd.
    fn cost(&self) -> f64 {
        let mut m = self.m;
        while m % 10 == 0 && m != 0 {
            m /= 10;
        }
        let digits = f64::from(u8::from(m > 9) + u8::from(m > 99));
        let offset = f64::from(u8::from(self.b != 0) + u8::from(self.b_exponent < 0));
        // Of equal ones (1, or 100 with an exponent of -2) the one with the plainest numbers.
        let plainness = f64::from(self.r_exponent.unsigned_abs()) * 1e-5;
        self.step() * (1.0 + ROUNDNESS * digits + 0.25 * ROUNDNESS * offset + plainness)
    }

    /// What one raw step is worth.
    pub fn step(&self) -> f64 {
        f64::from(self.m) * power_of_ten(self.r_exponent)
    }

    /// The value of `raw`.
    pub fn value(&self, raw: u8) -> f64 {
        let raw = if self.signed { f64::from(raw.cast_signed()) } else { f64::from(raw) };
        (f64::from(self.m) * raw + f64::from(self.b) * power_of_ten(self.b_exponent))
            * power_of_ten(self.r_exponent)
    }

    /// The raw byte nearest to `value`, saturated at the ends of the range; `None` for what is not a number.
    pub fn raw(&self, value: f64) -> Option<u8> {
        if value.is_nan() || self.m == 0 {
            return None;
        }
        let offset = f64::from(self.b) * power_of_ten(self.b_exponent);
        let raw = (value / power_of_ten(self.r_exponent) - offset) / f64::from(self.m);
        let (low, high) = raw_range(self.signed);
        Some(byte(raw.round().clamp(low, high)))
    }

    /// A difference of values (hysteresis) in raw steps, 0 to 255; 0 for what is not a number or negative.
    pub fn raw_difference(&self, difference: f64) -> u8 {
        byte((difference / self.step()).round().clamp(0.0, STEPS))
    }

    /// The difference of values that `raw` steps stand for.
    pub fn difference(&self, raw: u8) -> f64 {
        f64::from(raw) * self.step()
    }
}

/// The six bytes of Get Sensor Reading Factors and of a full sensor record: M with tolerance, B with accuracy, exponents.
/// Tolerance and accuracy are 0, unspecified; the raw format is elsewhere, and comes back as unsigned.
impl Encode for Conversion {
    fn encode(&self, out: &mut Vec<u8>) {
        let high_bits = |[low, high]: [u8; 2]| [low, (high & 0x03) << 6];
        out.extend(high_bits(self.m.to_le_bytes()));
        out.extend(high_bits(self.b.to_le_bytes()));
        out.push(0);
        out.push(self.r_exponent.cast_unsigned() << 4 | self.b_exponent.cast_unsigned() & 0x0F);
    }
}

impl Decode for Conversion {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, CompletionCode> {
        let [m_low, m_high, b_low, b_high, _, exponents] = reader.array()?;
        let ten_bits =
            |low: u8, high: u8| i16::from_le_bytes([low, (high.cast_signed() >> 6).cast_unsigned()]);
        Ok(Self {
            m: ten_bits(m_low, m_high),
            b: ten_bits(b_low, b_high),
            b_exponent: (exponents << 4).cast_signed() >> 4,
            r_exponent: exponents.cast_signed() >> 4,
            signed: false,
        })
    }
}

fn usable(min: f64, max: f64) -> (f64, f64) {
    if !min.is_finite() || !max.is_finite() {
        return DEFAULT_RANGE;
    }
    let (min, max) = (min.min(max), min.max(max));
    match (min < max, min == 0.0) {
        (true, _) => (min, max),
        (false, true) => DEFAULT_RANGE,
        (false, false) => (min.min(0.0), max.max(0.0)),
    }
}

fn raw_range(signed: bool) -> (f64, f64) {
    if signed { (-128.0, 127.0) } else { (0.0, STEPS) }
}

fn power_of_ten(exponent: i8) -> f64 {
    const POSITIVE: [f64; 9] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
    let power = POSITIVE.get(usize::from(exponent.unsigned_abs())).copied().unwrap_or(1e8);
    if exponent < 0 { 1.0 / power } else { power }
}

fn ceil(value: f64) -> f64 {
    (value - SLACK * value.abs().max(1.0)).ceil()
}

fn floor(value: f64) -> f64 {
    (value + SLACK * value.abs().max(1.0)).floor()
}

#[allow(clippy::cast_possible_truncation, reason = "the caller has checked the ten bits")]
fn ten_bits(value: f64) -> i16 {
    value as i16
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "-128 to 255 by the caller's clamp; a negative value keeps its two's complement"
)]
fn byte(value: f64) -> u8 {
    value as i16 as u8
}

#[cfg(test)]
mod tests;
