//! System boot options (v2.0§28.12), and their mirror in OpenBMC's settings objects.

mod keeper;
mod objects;
mod options;
mod words;

pub(crate) use keeper::{Boot, keep};
pub(crate) use objects::{announce, serve};
