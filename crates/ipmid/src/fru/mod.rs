//! FRU devices: EEPROMs and files with FRU information, what is written to them, and what they say on the bus.

mod device;
pub mod eeprom;
mod medium;
pub mod objects;
mod staged;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bmc_hw::i2c::I2c;
use ipmi_wire::record::fru::Fru;
use tokio::sync::{Notify, OwnedMutexGuard};

use crate::platform::{
    Pending, PlatformError,
    inventory::{FruDevice, Inventory},
};
use device::Device;
use eeprom::{Chip, Eeprom};
use medium::{FileMedium, Medium};

/// How long a request waits for another one on the same device before it hears that the device is busy: an EEPROM writes a page in
/// 5 ms.
const PATIENCE: Duration = Duration::from_millis(500);

/// `[[fru]]` in `ipmid.toml`: an inventory area.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Fields")]
pub struct FruFile {
    /// FRU device ID, 0 to FEh; 0 describes the BMC's own board.
    pub id: u8,
    /// Its name, at most 16 characters.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Entity ID (v2.0 table 43-13); system board where it is not given.
    pub entity: u8,
    /// Entity instance, 1 where it is not given.
    pub instance: u8,
    /// What clients count in.
    pub access: Access,
    /// Refuses all writes over IPMI.
    pub read_only: bool,
    /// Takes writes over IPMI that leave no valid FRU information too: an area of another format.
    pub unchecked: bool,
}

/// Where an inventory area is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the `eeprom` file of an at24 device in sysfs, or in any file.
    File {
        /// The file.
        path: PathBuf,
        /// Bytes of a file that is made where there is none: a FRU that is no chip, but the BMC's own. 0 makes none.
        create: u16,
    },
    /// In a chip that no driver of the kernel's holds.
    Eeprom(Chip),
}

/// The fields of [`FruFile`] before they are checked.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    id: u8,
    name: String,
    path: Option<PathBuf>,
    eeprom: Option<Chip>,
    #[serde(default = "system_board")]
    entity: u8,
    #[serde(default = "first")]
    instance: u8,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    create: u16,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    unchecked: bool,
}

impl TryFrom<Fields> for FruFile {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        let Fields { id, name, path, eeprom, entity, instance, access, create, read_only, unchecked } =
            fields;
        let place = match (path, eeprom) {
            (Some(path), None) => Place::File { path, create },
            (None, Some(_)) if create != 0 => return Err("`create` makes a file, and an `eeprom` is none"),
            (None, Some(chip)) => Place::Eeprom(chip),
            _ => return Err("one of `path` and `eeprom` says where it is"),
        };
        Ok(Self { id, name, place, entity, instance, access, read_only, unchecked })
    }
}

/// How a device is addressed (v2.0§34.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// By bytes.
    #[default]
    Bytes,
    /// By words of two bytes.
    Words,
}

fn system_board() -> u8 {
    0x07
}

fn first() -> u8 {
    1
}

/// The devices of `ipmid.toml`. A file that does not exist, or a chip that does not answer, is a FRU that is not there.
#[derive(Debug, Default)]
pub struct FruFiles {
    devices: Vec<Slot>,
    /// That what a device says has changed.
    changed: Notify,
}

#[derive(Debug)]
struct Slot {
    about: FruFile,
    presence: Presence,
    device: Arc<tokio::sync::Mutex<Device>>,
}

/// How it is known whether a device is there, and its size.
#[derive(Debug)]
enum Presence {
    /// A look at the file costs nothing.
    File(FileMedium),
    /// Asking a chip takes its bus' time: what it said last counts.
    Chip { size: u16, answered: Arc<AtomicBool> },
}

impl Presence {
    fn size(&self) -> Option<u16> {
        match self {
            Self::File(file) => file.size().ok(),
            Self::Chip { size, answered } => answered.load(Ordering::Relaxed).then_some(*size),
        }
    }
}

impl Slot {
    fn new(about: FruFile, i2c: &Arc<dyn I2c>) -> Self {
        let (presence, medium): (_, Box<dyn Medium>) = match &about.place {
            Place::File { path, create } => {
                let file = FileMedium(path.clone());
                if let Err(error) = make_missing(&file, *create) {
                    tracing::warn!("fru `{}`: cannot make {}: {error}", about.name, path.display());
                }
                (Presence::File(file.clone()), Box::new(file))
            }
            Place::Eeprom(chip) => {
                let answered = Arc::<AtomicBool>::default();
                let presence = Presence::Chip { size: chip.size(), answered: Arc::clone(&answered) };
                (presence, Box::new(Eeprom::new(*chip, Arc::clone(i2c), answered, std::thread::sleep)))
            }
        };
        let device = Device::new(about.name.clone(), medium, about.unchecked);
        Self { about, presence, device: Arc::new(tokio::sync::Mutex::new(device)) }
    }
}

/// Makes the file with FRU information that says nothing yet, where there is none and `size` is not 0.
fn make_missing(file: &FileMedium, size: u16) -> io::Result<()> {
    if size == 0 || file.0.exists() {
        return Ok(());
    }
    let empty = Fru::default().build(usize::from(size)).map_err(io::Error::other)?;
    bmc_daemon::replace_file(&file.0, &empty)
}

impl FruFiles {
    /// These devices, with chips on `i2c`. Of two with one ID, and for ID FFh, which is reserved, the first word counts: they are passed over with a
    /// warning.
    pub fn new(files: Vec<FruFile>, i2c: &Arc<dyn I2c>) -> Self {
        let mut devices: Vec<Slot> = Vec::new();
        for about in files {
            if about.id == u8::MAX || devices.iter().any(|other| other.about.id == about.id) {
                tracing::warn!("fru `{}`: id {} is reserved or in use", about.name, about.id);
                continue;
            }
            devices.push(Slot::new(about, i2c));
        }
        devices.sort_by_key(|slot| slot.about.id);
        Self { devices, changed: Notify::new() }
    }

    /// Until a device says something else.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Looks which chips are there. One whose bus is stuck is given up after [`PATIENCE`].
    pub async fn look(&self) {
        for slot in &self.devices {
            if matches!(slot.presence, Presence::Chip { .. }) {
                let asked = self.on(slot.about.id, |device| Ok(device.is_present()));
                // The answer stands in `presence`.
                let _ = tokio::time::timeout(PATIENCE, asked).await;
            }
        }
    }

    /// All bytes of device `id`.
    ///
    /// # Errors
    /// As [`Inventory::read`].
    pub async fn image(&self, id: u8) -> Result<Vec<u8>, PlatformError> {
        self.on(id, |device| device.image(Instant::now())).await
    }

    /// Replaces the bytes of device `id` by `image`, which may be shorter; `force` takes what is no FRU information.
    ///
    /// # Errors
    /// As [`Inventory::write`], and [`PlatformError::Refused`] with the reason.
    pub async fn replace(&self, id: u8, image: Vec<u8>, force: bool) -> Result<(), PlatformError> {
        let replaced = self.on(id, move |device| device.replace(&image, force)).await;
        self.changed.notify_one();
        replaced
    }

    fn slot(&self, id: u8) -> Result<&Slot, PlatformError> {
        self.devices.iter().find(|slot| slot.about.id == id).ok_or(PlatformError::NotPresent)
    }

    /// Runs `work` on a device, off the runtime's thread: an EEPROM on a slow bus takes tens of milliseconds.
    async fn on<T: Send + 'static>(
        &self,
        id: u8,
        work: impl FnOnce(&mut Device) -> Result<T, PlatformError> + Send + 'static,
    ) -> Result<T, PlatformError> {
        let waited = tokio::time::timeout(PATIENCE, Arc::clone(&self.slot(id)?.device).lock_owned()).await;
        let mut device: OwnedMutexGuard<Device> = waited.map_err(|_| PlatformError::Busy)?;
        let done = tokio::task::spawn_blocking(move || work(&mut device)).await;
        done.map_err(|error| PlatformError::Failed(format!("fru {id}: {error}"))).flatten()
    }
}

impl Inventory for FruFiles {
    fn list(&self) -> Vec<FruDevice> {
        let existing = self.devices.iter().filter_map(|slot| Some((&slot.about, slot.presence.size()?)));
        let device = |(about, size): (&FruFile, u16)| FruDevice {
            id: about.id,
            name: about.name.clone(),
            size,
            words: about.access == Access::Words,
            entity: (about.entity, about.instance),
        };
        existing.map(device).collect()
    }

    fn read(&self, id: u8, offset: u32, count: u16) -> Pending<'_, Vec<u8>> {
        Box::pin(self.on(id, move |device| device.read(Instant::now(), offset, count)))
    }

    fn write(&self, id: u8, offset: u32, data: Vec<u8>) -> Pending<'_, ()> {
        Box::pin(async move {
            if self.slot(id)?.about.read_only {
                return Err(PlatformError::WriteProtected);
            }
            let on_the_device =
                self.on(id, move |device| device.write(Instant::now(), offset, &data)).await?;
            if on_the_device {
                self.changed.notify_one();
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
