//! A remote console of our own. It shares only the formats (`ipmi-wire`) with Ferrite's server, and checks all that comes back.

mod crypto;
mod host_shell;
mod session;
mod sol;

pub use crypto::Suite;
pub use host_shell::HostShell;
pub use session::{Login, Request, Session};
pub use sol::{SolClient, SolCounts};
