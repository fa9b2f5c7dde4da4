use std::path::Path;

use bmc_sim::i2c::{Eeprom, Shape, SimulatedI2c};
use ipmi_wire::record::fru::{AreaKind, Fru};

use super::{staged::LIFETIME, *};

fn file(id: u8, path: &Path) -> FruFile {
    FruFile {
        id,
        name: format!("F{id}"),
        place: Place::File { path: path.to_owned(), create: 0 },
        entity: 7,
        instance: 1,
        access: Access::Bytes,
        read_only: false,
        unchecked: false,
    }
}

/// Devices that are files, and a bus without chips.
fn files(files: Vec<FruFile>) -> FruFiles {
    let i2c: Arc<dyn I2c> = Arc::new(SimulatedI2c::default());
    FruFiles::new(files, &i2c)
}

/// FRU information with this serial number.
fn image(serial: &str) -> Vec<u8> {
    let mut fru = Fru::default();
    fru.area_mut(AreaKind::Board).unwrap().set_field("serial_number", serial).unwrap();
    fru.build(256).unwrap()
}

#[tokio::test]
async fn only_files_that_exist_are_devices_and_reads_end_where_they_end() {
    let dir = tempfile::tempdir().unwrap();
    let (there, missing) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(&there, [1, 2, 3, 4, 5]).unwrap();
    let frus = files(vec![file(3, &missing), file(1, &there), file(1, &missing), file(255, &there)]);
    assert_eq!(frus.list().iter().map(|fru| (fru.id, fru.size)).collect::<Vec<_>>(), [(1, 5)]);
    assert_eq!(frus.read(1, 3, 200).await, Ok(vec![4, 5]));
    assert_eq!(frus.read(1, 9, 1).await, Ok(vec![]));
    assert_eq!(frus.read(3, 0, 1).await, Err(PlatformError::NotPresent));
    assert_eq!(frus.read(9, 0, 1).await, Err(PlatformError::NotPresent));
}

#[tokio::test]
async fn pieces_reach_the_device_when_they_make_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("eeprom");
    std::fs::write(&path, image("before")).unwrap();
    let frus = files(vec![file(0, &path)]);
    let after = image("after!");
    for (offset, piece) in (0_u32..).step_by(16).zip(after.chunks(16)) {
        assert_eq!(frus.write(0, offset, piece.to_vec()).await, Ok(()));
        // The client that writes sees what it has written.
        assert_eq!(frus.read(0, offset, 16).await, Ok(piece.to_vec()));
        let stored = std::fs::read(&path).unwrap();
        assert!(stored == image("before") || stored == after, "torn after offset {offset}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), after);
}

#[test]
fn pieces_that_never_make_a_whole_are_dropped_and_the_device_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("eeprom");
    std::fs::write(&path, image("before")).unwrap();
    let mut device = Device::new("F0".to_owned(), Box::new(FileMedium(path.clone())), false);
    let start = Instant::now();
    assert_eq!(device.write(start, 10, &[0xff; 4]), Ok(false));
    assert_eq!(device.read(start, 10, 4), Ok(vec![0xff; 4]));
    assert_eq!(std::fs::read(&path).unwrap(), image("before"));
    let late = start + LIFETIME * 2;
    assert_eq!(device.image(late), Ok(image("before")));
    // The next one begins from what is there, not from what was dropped.
    assert_eq!(device.write(late, 16, &image("after!")[16..]), Ok(true));
    assert_eq!(std::fs::read(&path).unwrap(), image("after!"));
}

#[tokio::test]
async fn what_is_no_fru_information_is_written_where_that_is_configured_or_forced() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, raw) = (dir.path().join("plain"), dir.path().join("raw"));
    std::fs::write(&plain, image("x1")).unwrap();
    std::fs::write(&raw, [0; 32]).unwrap();
    let unchecked = FruFile { unchecked: true, ..file(1, &raw) };
    let frus = files(vec![file(0, &plain), unchecked]);
    assert_eq!(frus.write(1, 30, vec![7, 7]).await, Ok(()));
    assert_eq!(std::fs::read(&raw).unwrap()[28..], [0, 0, 7, 7]);
    assert!(matches!(frus.replace(0, vec![9; 8], false).await, Err(PlatformError::Refused(_))));
    assert!(matches!(frus.replace(0, vec![9; 300], true).await, Err(PlatformError::Refused(_))));
    assert_eq!(frus.replace(0, vec![9; 8], true).await, Ok(()));
    let stored = std::fs::read(&plain).unwrap();
    assert_eq!((stored.len(), &stored[..9]), (256, [9, 9, 9, 9, 9, 9, 9, 9, 0].as_slice()));
}

#[tokio::test]
async fn a_file_to_be_made_is_made_empty_once_and_a_read_only_one_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("internal");
    let place = Place::File { path: path.clone(), create: 64 };
    let make = FruFile { place, read_only: true, ..file(0, &path) };
    let frus = files(vec![make.clone()]);
    assert_eq!(frus.read(0, 0, 3).await, Ok(vec![1, 0, 0]));
    assert_eq!(frus.write(0, 0, vec![1]).await, Err(PlatformError::WriteProtected));
    std::fs::write(&path, image("kept")).unwrap();
    assert_eq!(files(vec![make]).image(0).await, Ok(image("kept")));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_somebody_else_uses_is_busy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slow");
    std::fs::write(&path, [0; 8]).unwrap();
    let frus = files(vec![file(0, &path)]);
    let held = Arc::clone(&frus.devices[0].device).lock_owned().await;
    assert_eq!(frus.read(0, 0, 1).await, Err(PlatformError::Busy));
    drop(held);
    assert_eq!(frus.read(0, 0, 1).await, Ok(vec![0]));
}

/// FRU 5 is an EEPROM at 4-0050 with `content`, FRU 6 none.
fn with_chip(content: &[u8]) -> (FruFiles, SimulatedI2c, Arc<std::sync::Mutex<Eeprom>>) {
    let table = "id = 5\nname = \"Riser\"\neeprom = { part = \"24c02\", bus = 4, address = 0x50 }";
    let absent = "id = 6\nname = \"Other\"\neeprom = { part = \"24c02\", bus = 4, address = 0x51 }";
    let i2c = SimulatedI2c::default();
    let shape = Shape { size: 256, address_bytes: 1, page: 8 };
    let chip = i2c.attach("/dev/i2c-4", 0x50, 1, Eeprom::new(shape, 2));
    chip.lock().unwrap().fill(content);
    let buses: Arc<dyn I2c> = Arc::new(i2c.clone());
    let settings = [table, absent].map(|text| toml::from_str(text).unwrap());
    (FruFiles::new(settings.into(), &buses), i2c, chip)
}

#[tokio::test]
async fn a_chip_without_a_driver_is_a_device_while_it_answers() {
    let (frus, i2c, chip) = with_chip(&image("before"));
    let ids = || frus.list().iter().map(|fru| (fru.id, fru.size)).collect::<Vec<_>>();
    assert_eq!(ids(), [], "nobody has looked");
    frus.look().await;
    assert_eq!(ids(), [(5, 256)]);
    assert_eq!(frus.read(5, 0, 256).await, Ok(image("before")));
    let after = image("after!");
    for (offset, piece) in (0_u32..).step_by(16).zip(after.chunks(16)) {
        assert_eq!(frus.write(5, offset, piece.to_vec()).await, Ok(()));
    }
    assert_eq!(chip.lock().unwrap().content(), after);
    chip.lock().unwrap().protect(true);
    assert_eq!(frus.replace(5, image("before"), false).await, Err(PlatformError::WriteProtected));
    i2c.detach("/dev/i2c-4", 0x50);
    assert_eq!(frus.read(5, 0, 1).await, Err(PlatformError::NotPresent));
    assert_eq!(ids(), []);
}

/// A bus that counts the bytes that are read.
struct Counted(SimulatedI2c, Arc<std::sync::atomic::AtomicUsize>);

impl I2c for Counted {
    fn transfer(
        &self,
        device: &Path,
        address: u8,
        write: &[u8],
        count: u8,
    ) -> Result<Vec<u8>, bmc_hw::i2c::I2cError> {
        self.1.fetch_add(count.into(), Ordering::Relaxed);
        self.0.transfer(device, address, write, count)
    }
}

#[tokio::test]
async fn a_large_chip_is_not_read_over_and_over_while_it_is_written_in_pieces() {
    let i2c = SimulatedI2c::default();
    let shape = Shape { size: 8192, address_bytes: 2, page: 32 };
    let chip = i2c.attach("/dev/i2c-4", 0x50, 1, Eeprom::new(shape, 0));
    let read = Arc::<std::sync::atomic::AtomicUsize>::default();
    let buses: Arc<dyn I2c> = Arc::new(Counted(i2c, read.clone()));
    let settings = ["id = 5\nunchecked = true", "id = 6"].map(|id| {
        let chip = "eeprom = { part = \"24c64\", bus = 4, address = 0x50 }";
        toml::from_str(&format!("name = \"Riser\"\n{id}\n{chip}")).unwrap()
    });
    let frus = FruFiles::new(settings.into(), &buses);
    assert_eq!(frus.write(5, 4090, vec![0xA5; 16]).await, Ok(()));
    assert_eq!(chip.lock().unwrap().content()[4088..4108][2..18], [0xA5; 16]);
    assert!(read.load(Ordering::Relaxed) < 64, "{read:?} bytes, of which 16 are compared and 16 verified");
    assert_eq!(frus.write(5, 8190, vec![0; 3]).await, Err(PlatformError::NotPresent));
    let after = image("after!");
    read.store(0, Ordering::Relaxed);
    for (offset, piece) in (0_u32..).step_by(16).zip(after.chunks(16)) {
        assert_eq!(frus.write(6, offset, piece.to_vec()).await, Ok(()));
    }
    assert_eq!(chip.lock().unwrap().content()[..256], after);
    let whole = read.load(Ordering::Relaxed);
    assert!(
        whole < 16 * (8192 + 64),
        "{whole} bytes: once for each of 16 pieces at most, and what was written"
    );
}

#[tokio::test]
async fn while_a_chips_bus_is_stuck_its_device_is_busy_and_others_are_not_kept() {
    let (frus, i2c, _chip) = with_chip(&image("before"));
    frus.look().await;
    i2c.stick("/dev/i2c-4", true);
    let frus = Arc::new(frus);
    let first = tokio::spawn({
        let frus = Arc::clone(&frus);
        async move { frus.image(5).await }
    });
    while frus.devices[0].device.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(frus.read(5, 0, 1).await, Err(PlatformError::Busy));
    frus.look().await;
    assert_eq!(frus.list().len(), 1, "a bus that is stuck does not say that the device is gone");
    i2c.stick("/dev/i2c-4", false);
    assert_eq!(first.await.unwrap(), Ok(image("before")));
}

#[test]
fn a_device_is_in_one_place() {
    let refused = |text: &str| toml::from_str::<FruFile>(text).unwrap_err().to_string();
    let chip = "eeprom = { part = \"24c02\", bus = 4, address = 0x50 }";
    let start = "id = 0\nname = \"x\"\n";
    assert!(refused(start).contains("one of `path` and `eeprom`"));
    assert!(refused(&format!("{start}path = \"/x\"\n{chip}")).contains("one of `path` and `eeprom`"));
    assert!(refused(&format!("{start}{chip}\ncreate = 64")).contains("`create` makes a file"));
    assert!(refused(&format!("{start}{chip}\nsize = 64")).contains("unknown field `size`"));
}
