//! What the tests share: a running stack, and clients for it.

mod client;
mod stack;

pub(crate) use client::{Answer, Ipmitool, freeipmi};
pub(crate) use stack::{Running, eventually, shared};
