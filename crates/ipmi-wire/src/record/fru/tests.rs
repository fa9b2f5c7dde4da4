use proptest::prelude::*;

use super::*;

/// A board area by hand: language 0, 1996-01-02, five fields, one of them 6-bit ASCII, one BCD plus.
fn by_hand() -> Vec<u8> {
    let mut area = vec![0x01, 0x03, 0x00, 0xa0, 0x05, 0x00];
    area.extend([0xc4, b'A', b'c', b'm', b'e']);
    area.extend([0x83, 0x29, 0xdc, 0xa6]);
    area.extend([0x42, 0x12, 0xb3]);
    area.extend([0x02, 0xbe, 0xef]);
    area.extend([0xc0, 0xc1]);
    assert_eq!(area.len(), 23);
    area.push(checksum(&area));
    let mut image = vec![0x01, 0, 0, 0x01, 0, 0, 0];
    image.push(checksum(&image));
    image.extend(area);
    image
}

#[test]
fn fields_of_every_coding_are_read() {
    let fru = Fru::parse(&by_hand()).unwrap();
    let board = fru.area(AreaKind::Board).unwrap();
    assert_eq!(board.made, 24 * 60);
    assert_eq!(board.made_on().as_deref(), Some("19960102"));
    assert_eq!(board.field("manufacturer").as_deref(), Some("Acme"));
    // The definition's own example of 6-bit ASCII.
    assert_eq!(board.field("name").as_deref(), Some("IPMI"));
    assert_eq!(board.field("serial_number").as_deref(), Some("12-3"));
    assert_eq!(board.field("part_number").as_deref(), Some("beef"));
    assert_eq!(board.field("fru_file_id").as_deref(), Some(""));
    assert_eq!(board.field("custom1"), None);
    assert_eq!(fru.build(32).unwrap(), by_hand());
}

#[test]
fn a_changed_byte_anywhere_in_an_area_is_noticed() {
    let image = by_hand();
    for index in 0..image.len() {
        let mut broken = image.clone();
        broken[index] ^= 0x10;
        assert!(Fru::parse(&broken).is_err(), "byte {index}");
    }
}

#[test]
fn a_field_is_set_by_name_and_custom_fields_come_in_their_order() {
    let mut fru = Fru::default();
    let product = fru.area_mut(AreaKind::Product).unwrap();
    product.set_field("asset_tag", "rack 7").unwrap();
    product.set_field("custom1", "x").unwrap();
    assert!(matches!(product.set_field("custom3", "y"), Err(FruError::NoSuchField { .. })));
    assert!(matches!(product.set_field("colour", "y"), Err(FruError::NoSuchField { .. })));
    assert_eq!(product.set_field("name", "\u{3a9}"), Err(FruError::NotLatin1 { character: '\u{3a9}' }));
    assert_eq!(product.set_field("name", &"n".repeat(64)), Err(FruError::FieldTooLong { length: 64 }));
    let read = Fru::parse(&fru.build(256).unwrap()).unwrap();
    let product = read.area(AreaKind::Product).unwrap();
    assert_eq!(product.field("asset_tag").as_deref(), Some("rack 7"));
    assert_eq!(product.field("custom1").as_deref(), Some("x "));
}

#[test]
fn text_of_another_language_has_two_bytes_a_character() {
    let mut fru = Fru::default();
    let board = fru.area_mut(AreaKind::Board).unwrap();
    board.code = 17;
    board.set_field("name", "Ωmega").unwrap();
    assert_eq!(board.fields[1].bytes().len(), 10);
    let read = Fru::parse(&fru.build(128).unwrap()).unwrap();
    assert_eq!(read.area(AreaKind::Board).unwrap().field("name").as_deref(), Some("Ωmega"));
}

#[test]
fn the_day_a_board_was_made_is_a_day_of_the_calendar() {
    let mut board = Area::empty(AreaKind::Board).unwrap();
    assert_eq!(board.made_on(), None);
    // 1996 is a leap year, 2025-12-31 is the 10,957th day after it began.
    for (days, day) in [(59, "19960229"), (60, "19960301"), (366, "19970101"), (10_957, "20251231")] {
        board.made = days * 24 * 60;
        assert_eq!(board.made_on().as_deref(), Some(day));
    }
}

#[test]
fn what_does_not_fit_the_device_is_not_made() {
    let mut fru = Fru::default();
    fru.area_mut(AreaKind::Chassis).unwrap().set_field("serial_number", &"s".repeat(40)).unwrap();
    assert_eq!(fru.build(32), Err(FruError::TooLarge { needed: 56, size: 32 }));
}

fn field() -> impl Strategy<Value = Field> {
    let coding =
        prop_oneof![Just(Coding::Binary), Just(Coding::BcdPlus), Just(Coding::SixBit), Just(Coding::Text)];
    let bytes = proptest::collection::vec(any::<u8>(), 0..64);
    (coding, bytes).prop_filter_map("the end mark", |(coding, bytes)| Field::new(coding, bytes).ok())
}

fn area(kind: AreaKind) -> impl Strategy<Value = Option<Area>> {
    let made = if kind == AreaKind::Board { 0..1_u32 << 24 } else { 0..1 };
    let fields = proptest::collection::vec(field(), 0..12);
    proptest::option::of((any::<u8>(), made, fields).prop_map(move |(code, made, fields)| Area {
        kind,
        code,
        made,
        fields,
    }))
}

prop_compose! {
    fn fru()(
        chassis in area(AreaKind::Chassis),
        board in area(AreaKind::Board),
        product in area(AreaKind::Product),
        records in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..=255))
                .prop_map(|(kind, data)| MultiRecord { kind, data }),
            0..3,
        ),
    ) -> Fru {
        Fru { internal: None, areas: [chassis, board, product].into_iter().flatten().collect(), records }
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(fru in fru(), internal in proptest::option::of(any::<[u8; 24]>())) {
        let mut fru = fru;
        fru.internal = internal.map(Vec::from);
        // The last area, internal use, goes to the end of the device: here that is where it ends anyway.
        let needed = match fru.build(0) {
            Err(FruError::TooLarge { needed, size: 0 }) => needed,
            // Areas that begin beyond what the header can tell.
            Err(FruError::TooLarge { .. }) => return Ok(()),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(Fru::parse(&fru.build(needed).unwrap()), Ok(fru));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Fru::parse(&bytes);
    }
}
