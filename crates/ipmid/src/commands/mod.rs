//! The handlers, one file per group of commands: from a typed request to a typed response or a completion code.

pub(crate) mod app;
pub(crate) mod chassis;
