//! The handlers, one file per group of commands: from a typed request to a typed response or a completion code.

pub(crate) mod app;
pub(crate) mod channel;
pub(crate) mod chassis;
pub(crate) mod event;
pub(crate) mod fru;
pub(crate) mod lan;
pub(crate) mod sdr;
pub(crate) mod sel;
pub(crate) mod sensor;
pub(crate) mod session;
pub(crate) mod user;

pub(crate) use sel::PartialRecord;

#[cfg(test)]
mod tests;
