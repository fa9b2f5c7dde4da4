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
        channel: 0,
        initialization: 0,
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
    let record = FruLocator::of_the_bmc(0x100, 3, Entity { id: 7, instance: 1 }, "Board".into());
    let record = Sdr::FruLocator(record);
    let bytes =
        [0, 1, 0x51, 0x11, 16, 0x20, 3, 0x80, 0, 0, 0x10, 0, 7, 1, 0, 0xC5, b'B', b'o', b'a', b'r', b'd'];
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));
}

#[test]
fn a_compact_record_has_these_bytes() {
    let record = Sdr::CompactSensor(CompactSensor {
        record_id: 0x10F8,
        owner: BMC_ADDRESS,
        lun: 0,
        number: 0xF8,
        entity: Entity { id: 6, instance: 1 },
        initialization: 0x63,
        capabilities: 0x40,
        sensor_type: 0x23,
        event_type: 0x6F,
        assertion_mask: 0x010F,
        deassertion_mask: 0,
        reading_mask: 0x010F,
        unit: SensorUnit::default(),
        sharing: Sharing::NONE,
        hysteresis: [0, 0],
        name: "Watchdog".into(),
    });
    #[rustfmt::skip]
    let bytes = [
        0xF8, 0x10, 0x51, 0x02, 0x23, // header
        0x20, 0x00, 0xF8, // key
        0x06, 0x01, 0x63, 0x40, 0x23, 0x6F, 0x0F, 0x01, 0x00, 0x00, 0x0F, 0x01, // entity to masks
        0xC0, 0x00, 0x00, // no analog reading
        0x01, 0x00, // one sensor
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // hysteresis, reserved, the vendor's
        0xC8, b'W', b'a', b't', b'c', b'h', b'd', b'o', b'g',
    ];
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));
}

#[test]
fn an_event_only_record_has_these_bytes() {
    let record = Sdr::EventOnly(EventOnly {
        record_id: 0x10F7,
        owner: BMC_ADDRESS,
        lun: 0,
        number: 0xF7,
        entity: Entity { id: 6, instance: 1 },
        sensor_type: 0x2A,
        event_type: 0x6F,
        sharing: Sharing { direction: 1, count: 3, alphabetic: true, instances_follow: true, first: 2 },
        name: "Session".into(),
    });
    #[rustfmt::skip]
    let bytes = [
        0xF7, 0x10, 0x51, 0x03, 0x13, 0x20, 0x00, 0xF7, 0x06, 0x01, 0x2A, 0x6F, 0x53, 0x82, 0x00, 0x00,
        0xC7, b'S', b'e', b's', b's', b'i', b'o', b'n',
    ];
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));
}

#[test]
fn entity_associations_have_these_bytes() {
    let (board, none) = (Entity { id: 0x07, instance: 1 }, Entity { id: 0, instance: 0 });
    let cpu = |instance| Entity { id: 0x03, instance };
    let record = Sdr::EntityAssociation(EntityAssociation {
        record_id: 0x0201,
        container: board,
        association: Association { linked: true, always_accessible: false },
        contained: Contained { ranges: true, entities: [cpu(1), cpu(4), none, none] },
    });
    let bytes = [1, 2, 0x51, 0x08, 11, 7, 1, 0xC0, 3, 1, 3, 4, 0, 0, 0, 0];
    assert_eq!(record.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(record));

    let at = |address, channel, entity| DeviceEntity { address, channel, entity };
    let relative = Sdr::DeviceRelativeAssociation(DeviceRelativeAssociation {
        record_id: 0x0202,
        container: at(0, 0, board),
        association: Association { linked: false, always_accessible: true },
        contained: Contained {
            ranges: false,
            entities: [
                at(0x2C, 6, Entity { id: 3, instance: 0x60 }),
                at(0, 0, cpu(2)),
                at(0, 0, none),
                at(0, 0, none),
            ],
        },
    });
    #[rustfmt::skip]
    let bytes = [
        2, 2, 0x51, 0x09, 27, 7, 1, 0, 0, 0x20, // header, container, flags
        0x2C, 0x60, 3, 0x60, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, // contained
        0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(relative.to_bytes(), bytes);
    assert_eq!(Sdr::from_bytes(&bytes), Ok(relative));
}

#[test]
fn the_rarer_records_have_these_bytes() {
    let generic = Sdr::GenericLocator(GenericLocator {
        record_id: 1,
        access_address: BMC_ADDRESS,
        slave_address: 0xA0,
        bus: 0x02,
        address_span: 1,
        device_type: [0x08, 0x01],
        entity: Entity { id: 7, instance: 1 },
        name: "SEEPROM".into(),
    });
    let confirmation = Sdr::ControllerConfirmation(ControllerConfirmation {
        record_id: 2,
        address: 0x2C,
        device_id: 0x20,
        channel_and_revision: 0x61,
        versions: [1, 0x23, 0x02],
        manufacturer: [0xD9, 0x7E, 0],
        product: 0x0102,
        guid: [9; 16],
    });
    let channels = Sdr::ChannelInfo(ChannelInfo {
        record_id: 3,
        channels: [0x81, 0, 0, 0, 0, 0, 0, 0x84],
        interrupts: [0xFF, 0x5F],
    });
    let oem = Sdr::Oem(Oem { record_id: 4, manufacturer: [0x57, 1, 0], data: vec![1, 2, 3] });
    #[rustfmt::skip]
    let cases: [(Sdr, &[u8]); 4] = [
        (generic, &[1, 0, 0x51, 0x10, 18, 0x20, 0xA0, 2, 1, 0, 8, 1, 7, 1, 0,
            0xC7, b'S', b'E', b'E', b'P', b'R', b'O', b'M']),
        (confirmation, &[2, 0, 0x51, 0x13, 27, 0x2C, 0x20, 0x61, 1, 0x23, 2, 0xD9, 0x7E, 0, 2, 1,
            9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        (channels, &[3, 0, 0x51, 0x14, 11, 0x81, 0, 0, 0, 0, 0, 0, 0x84, 0xFF, 0x5F, 0]),
        (oem, &[4, 0, 0x51, 0xC0, 6, 0x57, 1, 0, 1, 2, 3]),
    ];
    for (record, bytes) in cases {
        assert_eq!(record.to_bytes(), bytes);
        assert_eq!(Sdr::from_bytes(bytes), Ok(record));
    }
}

#[test]
fn what_is_no_record_is_refused_with_its_reason() {
    let good = [4, 0, 0x51, 0xC0, 6, 0x57, 1, 0, 1, 2, 3];
    let with = |at: usize, byte| {
        let mut bytes = good;
        bytes[at] = byte;
        Sdr::from_bytes(&bytes)
    };
    assert_eq!(with(2, 0x01), Err(CompletionCode::INVALID_DATA_FIELD), "version");
    assert_eq!(with(3, 0x04), Err(CompletionCode::ILLEGAL_FOR_SENSOR), "type");
    assert_eq!(with(4, 7), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID), "too short");
    assert_eq!(with(4, 5), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID), "too long");
    let oem = [[4, 0, 0x51, 0xC0, 60].as_slice(), &[0; 60]].concat();
    assert_eq!(Sdr::from_bytes(&oem), Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID), "over 64 bytes");
    assert!(Sdr::from_bytes(&[[4, 0, 0x51, 0xC0, 59].as_slice(), &[0; 59]].concat()).is_ok());
    let locator = [1, 0, 0x51, 0x12, 12, 0x20, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0xC3, b'B'];
    assert_eq!(
        Sdr::from_bytes(&locator),
        Err(CompletionCode::REQUEST_DATA_LENGTH_INVALID),
        "a name beyond the record"
    );
}

#[test]
fn a_name_is_read_in_every_coding() {
    let name = |bytes: &[u8]| decode_name(&mut Reader::new(bytes));
    assert_eq!(name(&[0xC3, b'B', b'M', b'C']), Ok("BMC".into()));
    assert_eq!(name(&[0x04, b'H', 0, b'i', 0]), Ok("Hi".into()), "Unicode");
    assert_eq!(name(&[0x42, 0x12, 0xB3]), Ok("12-3".into()), "BCD plus");
    assert_eq!(name(&[0x83, 0x29, 0xDC, 0xA6]), Ok("IPMI".into()), "6-bit ASCII");
    assert_eq!(name(&[0xC1, b'X']), Ok("X".into()));
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

/// Every type, and the length of its body before the name.
const BODIES: [(u8, usize); 11] = [
    (0x01, 42),
    (0x02, 26),
    (0x03, 11),
    (0x08, 11),
    (0x09, 27),
    (0x10, 10),
    (0x11, 10),
    (0x12, 10),
    (0x13, 27),
    (0x14, 11),
    (0xC0, 40),
];
const NAMELESS: [u8; 5] = [0x08, 0x09, 0x13, 0x14, 0xC0];

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
    fn a_record_of_any_type_comes_back(
        (record_type, length) in proptest::sample::select(&BODIES[..]), id: u16,
        body in proptest::collection::vec(any::<u8>(), 43), name in "[ -~]{2,16}",
    ) {
        let mut bytes = id.to_le_bytes().to_vec();
        bytes.extend([VERSION, record_type, 0]);
        bytes.extend(&body[..length]);
        if !NAMELESS.contains(&record_type) {
            encode_name(&name, &mut bytes);
        }
        bytes[4] = u8::try_from(bytes.len() - HEADER_LENGTH).unwrap();
        let record = Sdr::from_bytes(&bytes).unwrap();
        let again = record.to_bytes();
        prop_assert_eq!(record.record_type(), record_type);
        prop_assert_eq!(again.len(), bytes.len());
        prop_assert!(again.len() <= MAX_LENGTH);
        prop_assert_eq!(Sdr::from_bytes(&again), Ok(record));
    }

    #[test]
    fn no_bytes_bring_the_decoder_down(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Sdr::from_bytes(&bytes);
    }
}
