use std::sync::Mutex;

use bmc_sim::i2c::{Eeprom as Simulated, Shape, SimulatedI2c};
use proptest::prelude::*;

use super::*;

const BUS: &str = "/dev/i2c-4";

fn chip(text: &str) -> Result<Chip, String> {
    let fields: Fields = toml::from_str(text).map_err(|error| error.to_string())?;
    Chip::try_from(fields)
}

struct Rig {
    i2c: SimulatedI2c,
    simulated: Arc<Mutex<Simulated>>,
    present: Arc<AtomicBool>,
    eeprom: Eeprom,
}

impl Rig {
    /// `part` at 50h, whose write cycle lasts for `cycle` attempts.
    fn new(part: &str, cycle: u32) -> Self {
        let chip = chip(&format!("part = \"{part}\"\nbus = 4\naddress = 0x50")).unwrap();
        let i2c = SimulatedI2c::default();
        let Part { size, address_bytes, page, .. } = chip.part;
        let shape = Shape { size: size.into(), address_bytes, page: page.into() };
        let blocks = u8::try_from(chip.part.blocks()).unwrap();
        let simulated = i2c.attach(BUS, 0x50, blocks, Simulated::new(shape, cycle));
        let present = Arc::<AtomicBool>::default();
        let eeprom = Eeprom::new(chip, Arc::new(i2c.clone()), Arc::clone(&present), |_| {});
        Self { i2c, simulated, present, eeprom }
    }

    fn content(&self) -> Vec<u8> {
        self.simulated.lock().unwrap().content().to_vec()
    }

    fn size(&self) -> usize {
        self.eeprom.chip.part.size.into()
    }
}

/// Bytes that repeat at no power of two.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[test]
fn every_part_holds_what_was_written_over_all_its_pages_and_blocks() {
    for part in PARTS {
        let rig = Rig::new(part.name, 3);
        let (stored, image) = (rig.eeprom.read(0, rig.size()).unwrap(), pattern(rig.size()));
        assert_eq!(stored, vec![0xff; rig.size()], "{}", part.name);
        rig.eeprom.write(0, &stored, &image).unwrap();
        assert!(rig.content() == image, "{}: pages wrapped", part.name);
        assert!(rig.eeprom.read(0, rig.size()).unwrap() == image, "{}", part.name);
        let end = rig.eeprom.read(u64::from(part.size) - 3, 200).unwrap();
        assert_eq!(end, image[image.len() - 3..], "{}: reads end where it ends", part.name);
    }
}

proptest! {
    #[test]
    fn whatever_differs_is_written_and_nothing_else_changes(
        edits in prop::collection::vec((0usize..2048, prop::collection::vec(any::<u8>(), 1..60)), 1..6),
    ) {
        let rig = Rig::new("24c16", 2);
        let stored = pattern(2048);
        rig.simulated.lock().unwrap().fill(&stored);
        let mut image = stored.clone();
        for (start, bytes) in edits {
            for (place, byte) in image[start..].iter_mut().zip(bytes) {
                *place = byte;
            }
        }
        rig.eeprom.write(0, &stored, &image).unwrap();
        prop_assert!(rig.content() == image);
    }
}

#[test]
fn a_piece_is_written_where_it_belongs_over_pages_and_blocks() {
    let rig = Rig::new("24c16", 2);
    let mut content = pattern(2048);
    rig.simulated.lock().unwrap().fill(&content);
    rig.eeprom.write(250, &content[250..270], &[0xA5; 20]).unwrap();
    content[250..270].fill(0xA5);
    assert!(rig.content() == content);
}

#[test]
fn a_write_cycle_that_does_not_end_is_given_up() {
    let rig = Rig::new("24c02", POLLS + 50);
    let stored = vec![0xff; 256];
    let error = rig.eeprom.write(0, &stored, &pattern(256)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    assert_eq!(rig.content()[..8], pattern(8), "the first page was taken");
}

#[test]
fn a_chip_that_comes_and_goes_is_present_as_it_answers() {
    let rig = Rig::new("24c02", 0);
    let is_present = || rig.present.load(Ordering::Relaxed);
    assert!(!is_present(), "nobody has asked it");
    assert_eq!(rig.eeprom.size().unwrap(), 256);
    assert!(is_present());
    rig.i2c.detach(BUS, 0x50);
    assert_eq!(rig.eeprom.read(0, 8).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!is_present());
}

#[test]
fn a_chip_that_is_protected_says_so_instead_of_losing_what_was_written() {
    let rig = Rig::new("24c64", 1);
    rig.simulated.lock().unwrap().protect(true);
    let error = rig.eeprom.write(0, &vec![0xff; 8192], &pattern(8192)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
}

/// A bus that is lost to another master at every write.
struct Contended(SimulatedI2c);

impl I2c for Contended {
    fn transfer(
        &self,
        device: &std::path::Path,
        address: u8,
        write: &[u8],
        count: u8,
    ) -> Result<Vec<u8>, I2cError> {
        if count == 0 { Err(I2cError::Timeout) } else { self.0.transfer(device, address, write, count) }
    }
}

#[test]
fn a_write_that_the_bus_did_not_do_does_not_make_the_chip_protected() {
    let rig = Rig::new("24c64", 0);
    let contended = Arc::new(Contended(rig.i2c.clone()));
    let eeprom = Eeprom::new(rig.eeprom.chip, contended, Arc::clone(&rig.present), |_| {});
    let error = eeprom.write(0, &[0xff; 4], &[1; 4]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
}

#[test]
fn a_chip_that_a_driver_holds_is_named_with_the_drivers_file() {
    let rig = Rig::new("24c02", 0);
    rig.i2c.hold(BUS, 0x50, true);
    let error = rig.eeprom.read(0, 1).unwrap_err().to_string();
    assert!(error.contains("EEPROM 4-0050: a driver of the kernel's holds the address\nhint: "), "{error}");
    assert!(error.contains("/sys/bus/i2c/devices/4-0050/eeprom"), "{error}");
}

#[test]
fn what_cannot_be_a_chip_is_refused_with_the_reason() {
    for (text, expected) in [
        ("part = \"24c03\"\nbus = 1\naddress = 80", "part `24c03` is none of 24c01, 24c02"),
        ("part = \"24c02\"\nbus = 1\naddress = 0xa0", "address 0xa0 is not within 0x08 to 0x77"),
        ("part = \"24c16\"\nbus = 1\naddress = 0x74", "address 0x74 is not within 0x08 to 0x77"),
        ("part = \"24c02\"\nbus = 1\naddress = 80\npage = 12", "page 12 is no power of two"),
        ("part = \"24c02\"\nbus = 1\naddress = 80\nsize = 12", "unknown field `size`"),
    ] {
        let error = chip(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(chip("part = \"24c02\"\nbus = 1\naddress = 80\npage = 16").unwrap().page, 16);
}
