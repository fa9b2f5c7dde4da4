//! Where local clients connect: `@obmc-console.<id>`, as OpenBMC's do, and a socket with a path.

use std::{
    fs::Permissions,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::{SocketAddr, UnixListener as StdListener},
        },
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::net::{UnixListener, UnixStream};

use crate::{
    client::{self, OnLoss},
    config::{AbstractSocket, Settings},
    console::Console,
};

/// How long to wait where the kernel has no descriptor for a client.
const PAUSE: Duration = Duration::from_secs(1);

/// The sockets of a console, listening.
#[derive(Debug)]
pub(crate) struct Sockets {
    by_name: Option<(UnixListener, AbstractSocket)>,
    by_path: Option<UnixListener>,
}

impl Sockets {
    /// Opens what `settings` name.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let name = format!("obmc-console.{}", settings.id);
        let who = settings.abstract_socket;
        let by_name = match who {
            AbstractSocket::Off => None,
            _ => {
                let hint = "hint: does obmc-console-server run?";
                let listener =
                    bind_name(&name).with_context(|| format!("cannot listen at @{name}\n{hint}"))?;
                Some((listener, who))
            }
        };
        let bind = |path: &std::path::PathBuf| {
            bind_path(path).with_context(|| format!("cannot listen at {}", path.display()))
        };
        Ok(Self { by_name, by_path: settings.socket.as_ref().map(bind).transpose()? })
    }

    /// Serves every client that comes.
    pub(crate) async fn serve(self, console: Arc<Console>) {
        let name = async {
            match &self.by_name {
                Some((listener, who)) => accept(listener, &console, *who).await,
                None => std::future::pending().await,
            }
        };
        let path = async {
            match &self.by_path {
                // The file's mode has said who may.
                Some(listener) => accept(listener, &console, AbstractSocket::All).await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(name, path);
    }
}

fn bind_name(name: &str) -> io::Result<UnixListener> {
    let listener = StdListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn bind_path(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    // An earlier run's. The lock on the tty has settled that it is no other instance's.
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn accept(listener: &UnixListener, console: &Arc<Console>, who: AbstractSocket) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => welcome(stream, console, who),
            Err(error) => {
                tracing::warn!("cannot accept a client: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn welcome(stream: UnixStream, console: &Arc<Console>, who: AbstractSocket) {
    if who != AbstractSocket::All && !is_root_or_self(&stream) {
        bmc_daemon::spawn(async { client::turn_away(stream, "only root may connect here").await });
        return;
    }
    match console.seat() {
        Ok(seat) => {
            let place = console.ring().place_before_end(bmc_dbus::console::DEFAULT_BACKLOG);
            bmc_daemon::spawn(client::serve(stream, seat, Arc::clone(console), place, OnLoss::Notice));
        }
        Err(error) => {
            tracing::info!("a client is turned away: {error}");
            bmc_daemon::spawn(async move { client::turn_away(stream, &error.to_string()).await });
        }
    }
}

fn is_root_or_self(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}
