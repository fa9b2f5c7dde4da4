use proptest::prelude::*;

use super::*;

fn inlet() -> FullSensor {
    FullSensor {
        record_id: 0x1001,
        owner: BMC_ADDRESS,
        lun: 1,
        number: 1,
        entity: Entity { id: 0x37, instance: 1 },
        initialization: 0x03,
        capabilities: 0x68,
        sensor_type: 0x01,
        event_type: 0x01,
        assertion_mask: 0x3285,
        deassertion_mask: 0x3285,
        readable: 0x1B,
        settable: 0x1B,
        unit: SensorUnit { base: 1, ..SensorUnit::default() },
        conversion: Conversion { m: 1, b: 0, b_exponent: 0, r_exponent: 0, signed: true },
        characteristics: 0,
        range: [0, 0, 0, 0x7F, 0x80],
        thresholds: [5, 0, 0, 40, 45, 0],
        hysteresis: [2, 2],
        name: "Inlet Temp".into(),
    }
}

#[test]
fn a_full_record_has_these_bytes() {
    #[rustfmt::skip]
    let bytes = [
        0x01, 0x10, 0x51, 0x01, 0x35, // header
        0x20, 0x01, 0x01, // key
        0x37, 0x01, 0x03, 0x68, 0x01, 0x01, 0x85, 0x32, 0x85, 0x32, 0x1B, 0x1B, // entity to masks
        0x80, 0x01, 0x00, 0x00, // units, linear
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, // factors
        0x00, 0x00, 0x00, 0x00, 0x7F, 0x80, // range
        0x00, 0x2D, 0x28, 0x00, 0x00, 0x05, 0x02, 0x02, // thresholds from the highest, hysteresis
        0x00, 0x00, 0x00, 0xCA, b'I', b'n', b'l', b'e', b't', b' ', b'T', b'e', b'm', b'p',
    ];
    let record = Sdr::FullSensor(Box::new(inlet()));
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));
}

#[test]
fn a_controller_locator_has_these_bytes() {
    let record = Sdr::ControllerLocator(ControllerLocator {
        record_id: 1,
        address: BMC_ADDRESS,
        capabilities: 0x8F,
        entity: Entity { id: 6, instance: 1 },
        name: "BMC".into(),
    });
    let bytes = [1, 0, 0x51, 0x12, 14, 0x20, 0, 0, 0x8F, 0, 0, 0, 6, 1, 0, 0xC3, b'B', b'M', b'C'];
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));
}

#[test]
fn a_fru_locator_has_these_bytes() {
    let record = Sdr::FruLocator(FruLocator {
        record_id: 0x100,
        fru_id: 3,
        entity: Entity { id: 7, instance: 1 },
        name: "Board".into(),
    });
    let bytes =
        [0, 1, 0x51, 0x11, 16, 0x20, 3, 0x80, 0, 0, 0x10, 0, 7, 1, 0, 0xC5, b'B', b'o', b'a', b'r', b'd'];
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));
}

#[test]
fn a_name_is_cut_at_sixteen_bytes_and_never_one_byte_long() {
    let name = |name: &str| {
        let mut out = Vec::new();
        encode_name(name, &mut out);
        out
    };
    assert_eq!(name("X"), [0xC2, b'X', b' ']);
    assert_eq!(name("12345678901234567").len(), 17);
    assert_eq!(name(""), [0xC0]);
    assert_eq!(name("Grün"), [0xC4, b'G', b'r', b'?', b'n']);
}

proptest! {
    #[test]
    fn a_full_record_comes_back(
        ids: (u16, u8, u8), lun in 0..4_u8, masks: (u16, u16), readable in 0..0x40_u8,
        thresholds: [u8; 6], range: [u8; 5], signed: bool, m in -512..=511_i16, b in -512..=511_i16,
        exponents in (-8..=7_i8, -8..=7_i8), name in "[ -~]{2,16}",
    ) {
        let record = Sdr::FullSensor(Box::new(FullSensor {
            record_id: ids.0,
            number: ids.1,
            entity: Entity { id: ids.2, instance: 1 },
            lun,
            assertion_mask: masks.0,
            deassertion_mask: masks.1,
            readable,
            thresholds,
            range,
            conversion: Conversion { m, b, b_exponent: exponents.0, r_exponent: exponents.1, signed },
            name,
            ..inlet()
        }));
        prop_assert_eq!(Sdr::from_bytes(&record.to_bytes()), Ok(record));
    }

    #[test]
    fn no_bytes_bring_the_decoder_down(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Sdr::from_bytes(&bytes);
    }
}
