//! Records that clients read and interpret themselves: sensor data records, event log records, FRU inventory areas.

pub mod conversion;
pub mod event;
pub mod fru;
pub mod sdr;
pub mod sel;

pub use conversion::Conversion;
