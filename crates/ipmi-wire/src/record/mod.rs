//! Records that clients read and interpret themselves: sensor data records and event log records.

pub mod conversion;
pub mod event;
pub mod sdr;
pub mod sel;

pub use conversion::Conversion;
