//! FRU devices, as their readers see them.

use zbus::proxy;

/// The bytes of a FRU device; stands below [`crate::names::inventory::BOARDS`].
#[proxy(interface = "org.ferrite.Fru", default_service = "xyz.openbmc_project.Ipmi.Host")]
pub trait Fru {
    /// All bytes of the device.
    fn read(&self) -> zbus::Result<Vec<u8>>;

    /// Replaces them; a shorter image is followed by zeros. What is no valid FRU information is refused unless forced.
    fn write(&self, image: &[u8], force: bool) -> zbus::Result<()>;

    /// FRU device ID.
    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> zbus::Result<u8>;
}
