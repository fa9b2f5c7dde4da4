//! What the fuzzer calls, and the stable replay of its corpus too: one function a target. Each panics where a promise is broken.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken promise must stop the fuzzer")]
#![allow(unreachable_pub, reason = "a crate of its own for the fuzzer, a module for the replay")]

mod administrator;
#[path = "../../../crates/rmcp-session/src/tests/client.rs"]
#[allow(
    clippy::cast_possible_truncation,
    dead_code,
    reason = "the session crate's test client, of which only a part is used"
)]
mod client;
mod endpoint;
mod formats;
mod records;
mod sol;

pub use endpoint::session_endpoint;
pub use formats::{bt_frame, lan_message, rmcp_datagram, sensor_record, snmp_trap, vm_stream};
pub use records::{command_data, fru_image, sel_record};
pub use sol::sol_session;
