use bmc_sim::i2c::{Pmbus, Registers, SimulatedI2c};
use proptest::prelude::*;

use super::{
    pmbus::{Coefficients, Format, linear11, linear16, packet_error_code},
    temperature::{Layout, decode_pair},
    *,
};

const BUS: &str = "/dev/i2c-4";

#[test]
fn temperatures_are_those_of_the_data_sheets_tables() {
    // TMP75, table "12-bit temperature data format".
    let tmp75 = [
        (0x7ff0, 127_938),
        (0x6400, 100_000),
        (0x5000, 80_000),
        (0x4b00, 75_000),
        (0x3200, 50_000),
        (0x1900, 25_000),
        (0x0040, 250),
        (0x0000, 0),
        (0xffc0, -250),
        (0xe700, -25_000),
        (0xc900, -55_000),
        (0x8000, -128_000),
    ];
    for (word, expected) in tmp75 {
        assert_eq!(Layout::Upper(12).decode(word), expected, "{word:#06x}");
        assert_eq!(Layout::Extended.decode(word), expected, "{word:#06x}");
    }
    // TMP112, table "13-bit temperature data format", with bit EM set.
    for (word, expected) in
        [(0x4b01, 150_000), (0x4001, 128_000), (0x0c81, 25_000), (0xfff1, -125), (0xe481, -55_000)]
    {
        assert_eq!(Layout::Extended.decode(word), expected, "{word:#06x}");
    }
    // JEDEC 21-C: flags above, 1/16 °C below.
    for (word, expected) in [(0x0190, 25_000), (0xc190, 25_000), (0x1ffc, -250), (0x07d0, 125_000)] {
        assert_eq!(Layout::Jedec.decode(word), expected, "{word:#06x}");
    }
    // EMC1413 and TMP421: whole degrees and a fraction, from 0 °C or from -64 °C.
    for (high, low, extended, expected) in [
        (0x19, 0x00, false, 25_000),
        (0x7f, 0xe0, false, 127_875),
        (0xff, 0x80, false, -500),
        (0x00, 0x00, true, -64_000),
        (0x40, 0x20, true, 125),
        (0xff, 0xe3, true, 191_875),
    ] {
        assert_eq!(decode_pair(high, low, extended), expected, "{high:#04x} {low:#04x}");
    }
}

#[test]
fn power_words_are_those_of_the_specification_and_of_data_sheets() {
    assert_eq!(linear11(0xd300), 12.0);
    // LTC3880, "Linear_5s_11s".
    assert_eq!(linear11(0x9807), 7.0 / 8192.0);
    assert_eq!(linear11(0xfbff), 511.5);
    assert_eq!(linear11(0x07ff), -1.0);
    // LTC3880, "Linear_16u", VOUT_MODE 14h.
    assert_eq!(linear16(0x4c00, 0x14), Some(4.75));
    assert_eq!(linear16(0x4c00, 0x94), Some(4.75), "relative limits change no reading");
    for other in [0x20, 0x40, 0x60, 0x3e] {
        assert_eq!(linear16(0x4c00, other), None, "VID, direct and IEEE 754 are no linear formats");
    }
    // ADM1275's input voltage in its 0 to 20 V range.
    let vin = Coefficients { m: 19199.0, b: 0.0, r: -2 };
    assert!((vin.value(2304) - 12.0005).abs() < 1e-3, "{}", vin.value(2304));
    assert_eq!(Coefficients { m: 2.0, b: -10.0, r: 1 }.value(0xff9c), 0.0);
}

#[test]
fn the_packet_error_code_is_crc_8_of_smbus() {
    assert_eq!(packet_error_code(b"123456789"), 0xf4);
    assert_eq!(packet_error_code(&[]), 0);
}

proptest! {
    #[test]
    fn a_linear_word_is_its_mantissa_times_two_to_its_exponent(mantissa in -1024i16..1024, exponent in -16i16..16) {
        let word = (exponent << 11 | mantissa & 0x07ff).cast_unsigned();
        prop_assert_eq!(linear11(word), f64::from(mantissa) * 2_f64.powi(exponent.into()));
    }

    #[test]
    fn a_direct_word_reads_back_what_was_coded(value in -30.0..30.0f64, m in 1.0..500.0f64, b in -100.0..100.0f64, r in -1i8..2) {
        let coded = (m * value + b) * 10_f64.powi(r.into());
        prop_assume!(coded.abs() < 32_000.0);
        #[allow(clippy::cast_possible_truncation)]
        let word = (coded.round() as i16).cast_unsigned();
        let step = 10_f64.powi(-i32::from(r)) / m;
        let read = Coefficients { m, b, r }.value(word);
        prop_assert!((read - value).abs() <= step * 0.501, "{} for {}", read, value);
    }

    #[test]
    fn no_bit_below_a_channels_width_changes_its_temperature(word: u16, noise: u16, bits in 8u8..=16) {
        let low = u16::MAX.checked_shr(bits.into()).unwrap_or(0);
        let layout = Layout::Upper(bits);
        prop_assert_eq!(layout.decode(word), layout.decode(word & !low | noise & low));
        let celsius = layout.decode(word);
        prop_assert!((-128_000..=128_000).contains(&celsius), "{}", celsius);
    }

    #[test]
    fn every_pair_of_bytes_is_a_temperature_within_its_range(high: u8, low: u8) {
        let (plain, extended) = (decode_pair(high, low, false), decode_pair(high, low, true));
        prop_assert!((-128_000..128_000).contains(&plain), "{}", plain);
        prop_assert!((-64_000..192_000).contains(&extended), "{}", extended);
    }

    #[test]
    fn a_bit_that_was_disturbed_changes_the_packet_error_code(packet in prop::collection::vec(any::<u8>(), 1..8), bit in 0usize..64) {
        let mut disturbed = packet.clone();
        let bit = bit % (packet.len() * 8);
        disturbed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_ne!(packet_error_code(&packet), packet_error_code(&disturbed));
    }
}

fn at(address: u8) -> Location {
    Location { bus: 4, address }
}

fn temperature(record_type: &str, index: usize) -> Channel {
    let channel = temperature::part_of(record_type).unwrap().channels[index];
    Channel { location: at(0x4c), measure: Measure::Temperature(channel) }
}

fn power(channel: pmbus::Channel) -> Channel {
    Channel { location: at(0x58), measure: Measure::Pmbus(channel) }
}

/// READ_VOUT in mV.
fn vout() -> pmbus::Channel {
    pmbus::Channel { command: 0x8b, page: None, pec: false, format: Format::Vout, per_unit: 1000.0 }
}

#[test]
fn a_diode_that_is_open_is_an_error_and_no_temperature() {
    let i2c = SimulatedI2c::default();
    let chip = i2c.attach(BUS, 0x4c, 1, Registers::new([(0x00, &[25]), (0x01, &[61]), (0x10, &[0x40])]));
    assert_eq!(temperature("EMC1413", 0).read(&i2c), Ok(25_000));
    assert_eq!(temperature("EMC1413", 1).read(&i2c), Ok(61_250));
    chip.lock().unwrap().set(0x1b, &[0x02]);
    assert_eq!(temperature("EMC1413", 1).read(&i2c), Err(ChipError::Diode(at(0x4c))));
    assert_eq!(temperature("EMC1413", 0).read(&i2c), Ok(25_000), "the others have no fault");
    // Bit RANGE: the same bytes are 64 °C less.
    chip.lock().unwrap().set(0x03, &[0x04]);
    assert_eq!(temperature("EMC1413", 0).read(&i2c), Ok(-39_000));
}

#[test]
fn output_voltages_follow_vout_mode_and_what_it_cannot_say_is_refused() {
    let i2c = SimulatedI2c::default();
    let device = i2c.attach(BUS, 0x58, 1, Pmbus::new(0x58, 0).with(0, 0x8b, 0x4c00));
    device.lock().unwrap().set(0, 0x20, &[0x14]);
    assert_eq!(power(vout()).read(&i2c), Ok(4750));
    device.lock().unwrap().set(0, 0x20, &[0x21]);
    assert_eq!(power(vout()).read(&i2c), Err(ChipError::VoutMode(at(0x58), 0x21)));
    let direct = Format::Direct(Coefficients { m: 1.0, b: 0.0, r: 3 });
    assert_eq!(power(pmbus::Channel { format: direct, ..vout() }).read(&i2c), Ok(0x4c00));
}

#[test]
fn pages_are_selected_where_there_are_several_and_nowhere_else() {
    let i2c = SimulatedI2c::default();
    let word = |page| pmbus::Channel { command: 0x8c, page, format: Format::Linear11, ..vout() };
    let paged = Pmbus::new(0x58, 2).with(0, 0x8c, 0xd300).with(1, 0x8c, 0xd380);
    i2c.attach(BUS, 0x58, 1, paged);
    for (page, expected) in [(1, 14_000), (0, 12_000), (1, 14_000)] {
        assert_eq!(power(word(Some(page))).read(&i2c), Ok(expected), "page {page}");
    }
    // One page: the command is not known, and not sent.
    i2c.attach(BUS, 0x58, 1, Pmbus::new(0x58, 0).with(0, 0x8c, 0xd300));
    assert_eq!(power(word(None)).read(&i2c), Ok(12_000));
    let refused = ChipError::Transfer(at(0x58), I2cError::NoAcknowledge);
    assert_eq!(power(word(Some(1))).read(&i2c), Err(refused));
}

#[test]
fn a_disturbed_packet_is_no_reading_where_there_is_a_code_to_tell_it_by() {
    let i2c = SimulatedI2c::default();
    let device = i2c.attach(BUS, 0x58, 1, Pmbus::new(0x58, 2).with(1, 0x8c, 0xd300));
    let read = |pec| {
        power(pmbus::Channel { command: 0x8c, page: Some(1), pec, format: Format::Linear11, ..vout() })
            .read(&i2c)
    };
    assert_eq!(read(true), Ok(12_000));
    device.lock().unwrap().spoil(true);
    assert_eq!(read(true), Err(ChipError::Disturbed(at(0x58))));
    assert_eq!(read(false), Ok(12_000));
}

#[test]
fn a_chip_that_a_driver_holds_is_left_alone_and_the_error_says_what_to_do() {
    let i2c = SimulatedI2c::default();
    i2c.attach(BUS, 0x4c, 1, Registers::new([(0x00, &[0x19, 0x00])]));
    i2c.hold(BUS, 0x4c, true);
    let error = temperature("TMP105", 0).read(&i2c).unwrap_err().to_string();
    assert!(error.starts_with("4-004c: a driver of the kernel's holds the address\nhint: "), "{error}");
    assert!(error.ends_with("echo 4-004c > /sys/bus/i2c/devices/4-004c/driver/unbind"), "{error}");
    i2c.hold(BUS, 0x4c, false);
    assert_eq!(temperature("TMP105", 0).read(&i2c), Ok(25_000));
}
