use proptest::prelude::*;

use super::*;

fn factors(min: f64, max: f64) -> (i16, i16, i8, i8, bool) {
    let Conversion { m, b, b_exponent, r_exponent, signed } = Conversion::for_range(min, max);
    (m, b, b_exponent, r_exponent, signed)
}

#[test]
fn usual_ranges_get_round_factors() {
    assert_eq!(factors(0.0, 255.0), (1, 0, 0, 0, false));
    assert_eq!(factors(-128.0, 127.0), (1, 0, 0, 0, true));
    assert_eq!(factors(0.0, 25500.0), (100, 0, 0, 0, false));
    assert_eq!(factors(0.0, 25000.0), (10, 0, 0, 1, false));
}

#[test]
fn the_step_wastes_little_of_the_byte() {
    for (min, max) in [(0.0, 1.8), (-40.0, 125.0), (10.8, 13.2), (0.0, 3000.0), (-12.6, -11.4)] {
        let conversion = Conversion::for_range(min, max);
        let ideal = (max - min) / 255.0;
        assert!(conversion.step() < ideal * 1.1, "{min}..{max}: {conversion:?}, ideal {ideal}");
    }
}

#[test]
fn ranges_that_are_none_still_give_factors() {
    for (min, max) in [
        (f64::NAN, f64::NAN),
        (f64::NEG_INFINITY, f64::INFINITY),
        (f64::NAN, 100.0),
        (0.0, 0.0),
        (5.0, 5.0),
        (-5.0, -5.0),
        (100.0, 0.0),
        (0.0, f64::MAX),
        (f64::MIN, f64::MAX),
        (0.0, f64::MIN_POSITIVE),
    ] {
        let conversion = Conversion::for_range(min, max);
        assert!(conversion.m > 0 && conversion.step() > 0.0, "{min}..{max}: {conversion:?}");
    }
    assert_eq!(Conversion::for_range(100.0, 0.0), Conversion::for_range(0.0, 100.0));
}

#[test]
fn values_outside_saturate_and_not_a_number_has_no_raw_byte() {
    let unsigned = Conversion::for_range(0.0, 255.0);
    assert_eq!((unsigned.raw(-1.0), unsigned.raw(1e9), unsigned.raw(f64::NAN)), (Some(0), Some(255), None));
    let signed = Conversion::for_range(-128.0, 127.0);
    assert_eq!((signed.raw(-500.0), signed.raw(f64::INFINITY)), (Some(0x80), Some(0x7F)));
}

#[test]
fn factors_stand_in_six_bytes_as_the_specification_draws_them() {
    let conversion = Conversion { m: -2, b: 0x155, b_exponent: -3, r_exponent: -1, signed: false };
    assert_eq!(conversion.to_bytes(), [0xFE, 0xC0, 0x55, 0x40, 0x00, 0xFD]);
}

fn ranges() -> impl Strategy<Value = (f64, f64)> {
    let end = || prop_oneof![-1e6..1e6_f64, -100.0..100.0_f64, -1.0..1.0_f64, 0.0..1e11_f64, Just(0.0)];
    (end(), end()).prop_filter("a range", |(a, b)| (a - b).abs() > 1e-5)
}

proptest! {
    #[test]
    fn every_value_in_range_comes_back_within_half_a_step((a, b) in ranges(), at in 0.0..=1.0_f64) {
        let (min, max) = (a.min(b), a.max(b));
        let value = min + (max - min) * at;
        let conversion = Conversion::for_range(min, max);
        let back = conversion.value(conversion.raw(value).unwrap());
        prop_assert!((back - value).abs() <= conversion.step() * 0.501, "{value} -> {back}, {conversion:?}");
    }

    #[test]
    fn order_is_kept((a, b) in ranges(), mut values in proptest::collection::vec(any::<f64>(), 6)) {
        let conversion = Conversion::for_range(a, b);
        values.retain(|value| !value.is_nan());
        values.sort_by(f64::total_cmp);
        let back: Vec<_> = values.iter().map(|v| conversion.value(conversion.raw(*v).unwrap())).collect();
        prop_assert!(back.is_sorted());
    }

    #[test]
    fn a_raw_byte_comes_back_from_its_value((a, b) in ranges(), raw: u8) {
        let conversion = Conversion::for_range(a, b);
        prop_assert_eq!(conversion.raw(conversion.value(raw)), Some(raw));
    }

    #[test]
    fn any_range_gives_factors_that_fit_their_fields(min: f64, max: f64) {
        let c = Conversion::for_range(min, max);
        prop_assert!((1..=511).contains(&c.m) && (-512..=511).contains(&c.b));
        prop_assert!((-8..=7).contains(&c.b_exponent) && (-8..=7).contains(&c.r_exponent));
        prop_assert_eq!(Conversion { signed: c.signed, ..Conversion::from_bytes(&c.to_bytes()).unwrap() }, c);
    }
}

#[test]
fn a_range_that_begins_a_little_below_zero_begins_there() {
    let (min, max) = (-0.607_475_953_559_679, 49.375_942_662_250_885);
    let conversion = Conversion::for_range(min, max);
    let back = conversion.value(conversion.raw(min).unwrap());
    assert!((back - min).abs() <= conversion.step() / 2.0 * 1.001, "{back}: {conversion:?}");
}
