//! FRU inventory areas.

use super::Pending;

/// The seam to the FRU devices of the board.
pub trait Inventory: Send + Sync {
    /// The FRU devices that exist now, by ID.
    fn list(&self) -> Vec<FruDevice>;
    /// At most `count` bytes of device `id` from byte `offset` on; fewer at its end.
    fn read(&self, id: u8, offset: u32, count: u16) -> Pending<'_, Vec<u8>>;
    /// Writes `data` to device `id` from byte `offset` on, as a piece of what may be more.
    fn write(&self, id: u8, offset: u32, data: Vec<u8>) -> Pending<'_, ()>;
}

/// A FRU device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FruDevice {
    /// FRU device ID, 0 to FEh.
    pub id: u8,
    /// Its name.
    pub name: String,
    /// Size of its inventory area in bytes.
    pub size: u16,
    /// Whether clients address it by words of two bytes.
    pub words: bool,
    /// Entity ID and instance of what it describes.
    pub entity: (u8, u8),
}
