//! FRU devices: EEPROMs and files with FRU information, what is written to them, and what they say on the bus.

mod device;
pub mod objects;
mod staged;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OwnedMutexGuard};

use crate::platform::{
    Pending, PlatformError,
    inventory::{FruDevice, Inventory},
};
use device::Device;

/// How long a request waits for another one on the same device before it hears that the device is busy: an EEPROM writes a page in
/// 5 ms.
const PATIENCE: Duration = Duration::from_millis(500);

/// `[[fru]]` in `ipmid.toml`: an inventory area in a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FruFile {
    /// FRU device ID, 0 to FEh; 0 describes the BMC's own board.
    pub id: u8,
    /// Its name, at most 16 characters.
    pub name: String,
    /// The `eeprom` file of an at24 device in sysfs, or any file.
    pub path: PathBuf,
    /// Entity ID (v2.0 table 43-13); system board where it is not given.
    #[serde(default = "system_board")]
    pub entity: u8,
    /// Entity instance, 1 where it is not given.
    #[serde(default = "first")]
    pub instance: u8,
    /// What clients count in.
    #[serde(default)]
    pub access: Access,
    /// Bytes of a file that is made where there is none: a FRU that is no chip, but the BMC's own. 0 makes none.
    #[serde(default)]
    pub create: u16,
    /// Refuses all writes over IPMI.
    #[serde(default)]
    pub read_only: bool,
    /// Takes writes over IPMI that leave no valid FRU information too: an area of another format.
    #[serde(default)]
    pub unchecked: bool,
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

/// The devices of `ipmid.toml`. A file that does not exist is a FRU that is not there.
#[derive(Debug, Default)]
pub struct FruFiles {
    devices: Vec<Slot>,
    /// That what a device says has changed.
    changed: Notify,
}

#[derive(Debug)]
struct Slot {
    about: FruFile,
    device: Arc<tokio::sync::Mutex<Device>>,
}

impl FruFiles {
    /// These files. Of two with one ID, and for ID FFh, which is reserved, the first word counts: they are passed over with a
    /// warning.
    pub fn new(files: Vec<FruFile>) -> Self {
        let mut devices: Vec<Slot> = Vec::new();
        for about in files {
            if about.id == u8::MAX || devices.iter().any(|other| other.about.id == about.id) {
                tracing::warn!("fru `{}`: id {} is reserved or in use", about.name, about.id);
                continue;
            }
            let device = Device::new(&about);
            if let Err(error) = device.make_missing(about.create) {
                tracing::warn!("fru `{}`: cannot make {}: {error}", about.name, about.path.display());
            }
            devices.push(Slot { about, device: Arc::new(tokio::sync::Mutex::new(device)) });
        }
        devices.sort_by_key(|slot| slot.about.id);
        Self { devices, changed: Notify::new() }
    }

    /// Until a device says something else.
    pub async fn changed(&self) {
        self.changed.notified().await;
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
        let existing =
            self.devices.iter().filter_map(|slot| Some((&slot.about, device::size(&slot.about.path)?)));
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
