//! IPMI, RMCP and RMCP+ formats: bytes to types and back.
//!
//! Pure: no I/O, no clock, no allocation that input can choose without bound. Nothing here panics on input.
//! Citations such as `v2.0§22.24` name the IPMI 2.0 specification, revision 1.1.

#[macro_use]
mod layout;

pub mod asf;
pub mod bt;
pub mod codec;
pub mod command;
mod completion;
mod frame_error;
pub mod lan_message;
mod message;
pub mod pef;
pub mod pet;
pub mod rakp;
pub mod record;
pub mod rmcp;
pub mod rmcp_plus;
pub mod session_v15;
pub mod sol;
pub mod system_interface;
pub mod vm_serial;

pub use completion::CompletionCode;
pub use frame_error::FrameError;
pub use message::{Lun, NetFn, Privilege};
