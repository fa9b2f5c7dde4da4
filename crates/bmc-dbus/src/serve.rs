//! Serving an interface.

use std::pin::Pin;

use zbus::{ObjectServer, object_server::Interface};

/// Puts interfaces on paths.
pub trait Serve {
    /// [`ObjectServer::at`] as a future apart. What awaits several of them would have the whole of each compiled into itself, as no two
    /// interfaces are one type: a kilobyte of code for every one.
    fn serve<'a>(&'a self, path: &'a str, interface: impl Interface) -> Served<'a>;
}

/// Whether the interface was put there: `false` where the path has one of its name.
pub type Served<'a> = Pin<Box<dyn Future<Output = zbus::Result<bool>> + Send + 'a>>;

impl Serve for ObjectServer {
    fn serve<'a>(&'a self, path: &'a str, interface: impl Interface) -> Served<'a> {
        Box::pin(async move { Ok(self.at(path, interface).await?.is_none()) })
    }
}
