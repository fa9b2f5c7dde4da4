//! FRU images that other tools made (`tests/golden/fru/README.md`) say what was put into them, and are refused where they are damaged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{fs, path::Path};

use ipmi_wire::record::fru::{
    AreaKind::{self, Board, Chassis, Product},
    Coding, Field, Fru, FruError,
};

fn image(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fru").join(name)).unwrap()
}

/// Where the last area of an image ends: what follows says nothing.
fn end(image: &[u8]) -> usize {
    (0..=image.len()).find(|length| Fru::parse(&image[..*length]).is_ok()).unwrap()
}

/// Image, area, field, text.
const FIELDS: &[(&str, AreaKind, &str, &str)] = &[
    ("every-area.bin", Chassis, "part_number", "CH-4711"),
    ("every-area.bin", Chassis, "serial_number", "CHS0001"),
    ("every-area.bin", Chassis, "custom1", "rack 7"),
    ("every-area.bin", Chassis, "custom2", "bay 3"),
    ("every-area.bin", Board, "manufacturer", "Ferrite Works"),
    ("every-area.bin", Board, "name", "Mainboard Two"),
    ("every-area.bin", Board, "serial_number", "BRD0042"),
    ("every-area.bin", Board, "part_number", "PN-100-200"),
    ("every-area.bin", Board, "fru_file_id", "board.toml"),
    ("every-area.bin", Board, "custom1", "rev C"),
    ("every-area.bin", Product, "manufacturer", "Ferrite Works"),
    ("every-area.bin", Product, "name", "Server"),
    ("every-area.bin", Product, "part_number", "SRV-1"),
    ("every-area.bin", Product, "version", "2.1"),
    ("every-area.bin", Product, "serial_number", "SRV0007"),
    ("every-area.bin", Product, "asset_tag", "asset 99"),
    ("every-area.bin", Product, "fru_file_id", "product.toml"),
    ("edited.bin", Chassis, "part_number", "CH-4711"),
    ("edited.bin", Chassis, "serial_number", "CHS9999"),
    ("edited.bin", Chassis, "custom2", "bay 3"),
    ("edited.bin", Board, "serial_number", "BRD9999"),
    ("edited.bin", Board, "custom1", "rev C"),
    ("edited.bin", Product, "serial_number", "SRV9999"),
    ("edited.bin", Product, "asset_tag", "asset 99"),
    ("empty-fields.bin", Chassis, "part_number", ""),
    ("empty-fields.bin", Board, "manufacturer", ""),
    ("empty-fields.bin", Board, "name", "Only a name"),
    ("empty-fields.bin", Board, "fru_file_id", ""),
    ("empty-fields.bin", Product, "fru_file_id", ""),
    ("codings.bin", Chassis, "custom1", "12-34.56"),
    ("codings.bin", Board, "name", "Power Supply"),
    ("codings.bin", Board, "custom1", "plain text"),
    ("codings.bin", Board, "custom2", "00c1ff"),
    ("codings.bin", Board, "custom3", "0123 45-6.7 "),
    ("codings.bin", Board, "custom4", "SIX BITS"),
    ("codings.bin", Product, "version", "A1"),
    ("codings.bin", Product, "asset_tag", "77"),
    ("codings.bin", Product, "fru_file_id", ""),
    ("codings.bin", Product, "custom1", "ABCDEFG "),
];

const IMAGES: [&str; 4] = ["every-area.bin", "edited.bin", "empty-fields.bin", "codings.bin"];

#[test]
fn every_field_says_what_was_put_into_it() {
    for (name, kind, field, text) in FIELDS {
        let fru = Fru::parse(&image(name)).unwrap();
        let said = fru.area(*kind).unwrap().field(field);
        assert_eq!(said.as_deref(), Some(*text), "{name}: {kind:?} {field}");
    }
}

#[test]
fn there_are_no_fields_that_nobody_put_in() {
    for name in IMAGES {
        let fru = Fru::parse(&image(name)).unwrap();
        for area in &fru.areas {
            let custom = area.fields.len() - area.kind.fields().len();
            let listed = |(image, kind, field, _): &&(&str, AreaKind, &str, &str)| {
                *image == name && *kind == area.kind && field.starts_with("custom")
            };
            // Of the edited image not all are listed.
            assert!(
                name == "edited.bin" || FIELDS.iter().filter(listed).count() == custom,
                "{name}: {area:?}"
            );
        }
    }
}

#[test]
fn dates_types_languages_and_codings_are_read() {
    let (all, empty) =
        (Fru::parse(&image("every-area.bin")).unwrap(), Fru::parse(&image("empty-fields.bin")).unwrap());
    let board = all.area(Board).unwrap();
    assert_eq!(
        (board.made_on().as_deref(), board.made % (24 * 60), board.code),
        (Some("20240229"), 1439, 25)
    );
    assert_eq!(all.area(Chassis).unwrap().code, 23);
    assert_eq!(empty.area(Board).unwrap().made_on(), None);
    assert_eq!(all.internal.unwrap()[..8], [1, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3]);
    let codings = Fru::parse(&image("codings.bin")).unwrap();
    let board = codings.area(Board).unwrap();
    let custom = board.fields[5..].iter().map(Field::coding);
    assert!(custom.eq([Coding::Text, Coding::Binary, Coding::BcdPlus, Coding::SixBit]));
    assert_eq!(board.made_on().as_deref(), Some("20240229"));
}

#[test]
fn multi_records_are_read_with_their_bytes() {
    let records = Fru::parse(&image("codings.bin")).unwrap().records;
    assert_eq!(records.iter().map(|record| record.kind).collect::<Vec<_>>(), [0x00, 0x01]);
    // A supply's capacity (W) and peak (VA); an output's number, then its nominal voltage (10 mV), FRU v1.0§18.1 and §18.2.
    assert_eq!(records[0].data[..4], [0x40, 0x06, 0x08, 0x07]);
    assert_eq!(records[1].data[..3], [0x01, 0x78, 0x00]);
    assert_eq!(records[1].data.len(), 13);
}

#[test]
fn what_we_build_of_them_says_the_same() {
    for name in IMAGES {
        let original = image(name);
        let fru = Fru::parse(&original).unwrap();
        let rebuilt = Fru::parse(&fru.build(original.len()).unwrap()).unwrap();
        assert_eq!((&rebuilt.areas, &rebuilt.records), (&fru.areas, &fru.records), "{name}");
        // It has no length of its own: where it is the last, it ends with the device.
        let internal = rebuilt.internal.unwrap_or_default();
        assert!(internal.starts_with(&fru.internal.unwrap_or_default()), "{name}");
    }
}

#[test]
fn an_image_that_ends_early_is_refused_whole() {
    for name in IMAGES {
        let image = image(name);
        let end = end(&image);
        assert!(end > 8, "{name}");
        for length in 0..end {
            let error = Fru::parse(&image[..length]).unwrap_err();
            assert!(matches!(error, FruError::Cut { .. }), "{name} cut at {length}: {error}");
        }
    }
}

#[test]
fn a_wrong_checksum_is_told_with_its_area() {
    for name in IMAGES {
        let image = image(name);
        let [_, _, chassis, board, product, records, ..] = image[..] else { panic!("{name}") };
        let areas = [(chassis, "chassis"), (board, "board"), (product, "product"), (records, "multi-record")];
        for (groups, area) in areas.into_iter().filter(|(groups, _)| *groups != 0) {
            // Language, chassis type, or the length of the first multi-record: under the checksum, and nothing else depends on it
            // before the checksum is held against it.
            let mut damaged = image.clone();
            damaged[usize::from(groups) * 8 + 2] ^= 0x04;
            assert_eq!(Fru::parse(&damaged), Err(FruError::Checksum { area }), "{name}");
        }
        let mut damaged = image;
        damaged[7] ^= 0x01;
        assert_eq!(Fru::parse(&damaged), Err(FruError::Checksum { area: "common header" }), "{name}");
    }
}
