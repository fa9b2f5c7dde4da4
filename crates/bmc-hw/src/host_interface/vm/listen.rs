//! Where virtual machines connect.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    str::FromStr,
    task::{Context, Poll, ready},
};

use tokio::io::{Interest, unix::AsyncFd};

/// An address for virtual machines. Whoever connects there is the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket, for this daemon's user and root alone.
    Unix(PathBuf),
    /// A TCP port of the loopback.
    Tcp(SocketAddr),
}

/// An address that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Neither form.
    #[error(
        "`{0}` is no place to listen for a virtual machine\nhint: \"unix:PATH\" or \"tcp:127.0.0.1:PORT\""
    )]
    Form(String),
    /// An address that others than this machine reach.
    #[error("`{0}` is open to the network, and whoever connects is the host\nhint: \"tcp:127.0.0.1:PORT\"")]
    Open(String),
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let form = || ListenError::Form(text.to_owned());
        match text.split_once(':').ok_or_else(form)? {
            ("unix", path) if !path.is_empty() => Ok(Self::Unix(path.into())),
            ("tcp", address) => match address.parse::<SocketAddr>().map_err(|_| form())? {
                address if address.ip().is_loopback() => Ok(Self::Tcp(address)),
                _ => Err(ListenError::Open(text.to_owned())),
            },
            _ => Err(form()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(listener) => listener.as_raw_fd(),
            Self::Tcp(listener) => listener.as_raw_fd(),
        }
    }
}

impl Socket {
    fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Unix(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener))
            }
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
        }
    }

    fn accept(&self) -> io::Result<OwnedFd> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(stream.into())
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Messages are short, and each is waited for.
                stream.set_nodelay(true)?;
                Ok(stream.into())
            }
        }
    }
}

/// What a daemon that was killed left; a socket that somebody listens on stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() && UnixStream::connect(path).is_err() => {
            fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

/// Waits for machines.
#[derive(Debug)]
pub(super) struct Listener(AsyncFd<Socket>);

impl Listener {
    pub(super) fn bind(listen: &Listen) -> io::Result<Self> {
        #[allow(
            deprecated,
            reason = "its successor is unsafe, for types that may change their descriptor; this one does not"
        )]
        let socket = AsyncFd::with_interest(Socket::bind(listen)?, Interest::READABLE)?;
        Ok(Self(socket))
    }

    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<OwnedFd>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            match guard.try_io(|socket| socket.get_ref().accept()) {
                // Gone before it was taken, or a signal.
                Ok(Err(error))
                    if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_a_port_of_the_loopback() {
        for text in ["unix:/run/x.sock", "tcp:127.0.0.1:9002", "tcp:[::1]:9002"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in ["", "unix:", "/run/x.sock", "tcp:9002", "udp:127.0.0.1:1"] {
            assert_eq!(text.parse::<Listen>(), Err(ListenError::Form(text.to_owned())));
        }
        let open = "tcp:0.0.0.0:9002";
        assert_eq!(open.parse::<Listen>(), Err(ListenError::Open(open.to_owned())));
    }
}
