//! The repository's own shape: which way dependencies point, and that the documents, units and policies speak of what is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed `unwrap` here is the test failing"
)]

mod bus;
mod crates;
mod dependencies;
mod files;
mod yocto;
