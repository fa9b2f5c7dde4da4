//! A remote console of our own. It shares only the formats (`ipmi-wire`) with Ferrite's server, and checks all that comes back.

mod crypto;
mod session;
mod sol;

pub use crypto::Suite;
pub use session::{Login, Request, Session};
pub use sol::{SolClient, SolCounts};
