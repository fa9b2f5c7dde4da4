//! Waiting for a device file that is not there, without looking for it again and again.

use std::{io, os::fd::OwnedFd, path::Path};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::{Interest, unix::AsyncFd};

/// Tells when something appears beside a path.
#[derive(Debug)]
pub struct Appearance(AsyncFd<OwnedFd>);

impl Appearance {
    /// Watches the directory of `path`. What appears from now on is told of, so look for the file after this.
    ///
    /// # Errors
    /// What the kernel says, where there is no such directory for one.
    #[allow(
        deprecated,
        reason = "an OwnedFd keeps its descriptor, and what replaces this function is unsafe"
    )]
    pub fn watch(path: &Path) -> io::Result<Self> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // A device is usable once udev has set its owner.
        let events = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ATTRIB;
        inotify::add_watch(&fd, directory.unwrap_or(Path::new(".")), events)?;
        AsyncFd::with_interest(fd, Interest::READABLE).map(Self)
    }

    /// Returns once something has appeared.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn happened(&self) -> io::Result<()> {
        let mut events = [0_u8; 4096];
        self.0.async_io(Interest::READABLE, |fd| Ok(rustix::io::read(fd, &mut events)?)).await.map(drop)
    }
}
