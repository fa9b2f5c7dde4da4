//! The host's watchdog timer (v2.0§27): a pure machine, the shell that keeps it, its objects, and its records in the event log.
//!
//! It lives here because it must act when nobody else does: on the host's power alone, whatever else runs.

mod event;
mod keeper;
mod kept;
mod machine;
mod objects;

pub(crate) use keeper::{Keeper, Watch};
pub(crate) use objects::{announce, serve};
