//! I2C buses with chips on them, for daemons whose buses are a [`bmc_hw::i2c::I2c`].
//!
//! Chips come and go, answer nothing, belong to a driver, or hang their bus, as a test says.

mod eeprom;
mod pmbus;
mod registers;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use bmc_hw::i2c::{I2c, I2cError};

pub use eeprom::{Eeprom, Shape};
pub use pmbus::Pmbus;
pub use registers::Registers;

/// A chip. `block` counts from the chip's first address: chips with more memory than they have address bytes for take several.
pub trait Chip: Send {
    /// Takes what the master writes in one message; `None` where it gives no acknowledge.
    fn write(&mut self, block: u8, bytes: &[u8]) -> Option<()>;
    /// Gives `count` bytes; `None` where it gives no acknowledge.
    fn read(&mut self, block: u8, count: u8) -> Option<Vec<u8>>;
}

/// Buses by their device's path. Clones are the same buses.
#[derive(Clone, Default)]
pub struct SimulatedI2c {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    chips: Vec<Place>,
    /// Devices that a driver holds.
    held: BTreeSet<(PathBuf, u8)>,
    stuck: BTreeSet<PathBuf>,
}

struct Place {
    bus: PathBuf,
    first: u8,
    blocks: u8,
    chip: Arc<Mutex<dyn Chip>>,
}

impl SimulatedI2c {
    /// Puts `chip` at `blocks` addresses from `first` on, in place of what is there.
    pub fn attach<C: Chip + 'static>(
        &self,
        bus: impl Into<PathBuf>,
        first: u8,
        blocks: u8,
        chip: C,
    ) -> Arc<Mutex<C>> {
        let (bus, chip) = (bus.into(), Arc::new(Mutex::new(chip)));
        self.detach(&bus, first);
        self.lock().chips.push(Place { bus, first, blocks, chip: Arc::<Mutex<C>>::clone(&chip) });
        chip
    }

    /// Takes the chip away that begins at `first`.
    pub fn detach(&self, bus: impl AsRef<Path>, first: u8) {
        self.lock().chips.retain(|place| (place.bus.as_path(), place.first) != (bus.as_ref(), first));
    }

    /// Whether a driver of the kernel's has the device.
    pub fn hold(&self, bus: impl Into<PathBuf>, address: u8, held: bool) {
        let device = (bus.into(), address);
        let mut state = self.lock();
        if held {
            state.held.insert(device);
        } else {
            state.held.remove(&device);
        }
    }

    /// Whether transfers on `bus` come to no end.
    pub fn stick(&self, bus: impl Into<PathBuf>, stuck: bool) {
        let mut state = self.lock();
        if stuck {
            state.stuck.insert(bus.into());
        } else {
            state.stuck.remove(&bus.into());
            self.state.1.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chip at an address, and which of its blocks that is, once the bus is free.
    fn find(&self, bus: &Path, address: u8) -> Result<(Arc<Mutex<dyn Chip>>, u8), I2cError> {
        let waited = self.state.1.wait_while(self.lock(), |state| state.stuck.contains(bus));
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.held.contains(&(bus.to_owned(), address)) {
            return Err(I2cError::Held);
        }
        let found = state.chips.iter().find_map(|place| {
            let block = address.checked_sub(place.first).filter(|block| *block < place.blocks)?;
            (place.bus == bus).then(|| (Arc::clone(&place.chip), block))
        });
        found.ok_or(I2cError::NoAcknowledge)
    }
}

impl I2c for SimulatedI2c {
    fn transfer(&self, device: &Path, address: u8, write: &[u8], count: u8) -> Result<Vec<u8>, I2cError> {
        let (chip, block) = self.find(device, address)?;
        let mut chip = chip.lock().unwrap_or_else(PoisonError::into_inner);
        if !write.is_empty() {
            chip.write(block, write).ok_or(I2cError::NoAcknowledge)?;
        }
        if count == 0 { Ok(Vec::new()) } else { chip.read(block, count).ok_or(I2cError::NoAcknowledge) }
    }
}
