//! The console on D-Bus. Made anew on each connection; the sockets that it gave out stay.

use std::{
    os::{fd::OwnedFd as StdFd, unix::net::UnixStream as StdStream},
    path::PathBuf,
    sync::Arc,
};

use bmc_dbus::{
    Serve as _,
    console::{DEFAULT_BACKLOG, path, service},
};
use futures_util::FutureExt as _;
use tokio::net::UnixStream;
use zbus::{Connection, OwnedFd, interface, object_server::SignalEmitter};

use crate::{
    carrier::NoHold,
    client::{self, OnLoss},
    config::Settings,
    console::{Console, Refusal},
    log::LogSettings,
    ring::Place,
    ring_indicator::{NoRing, RingIndicator},
};

/// Why a call failed, by OpenBMC's names.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "xyz.openbmc_project.Common.Error")]
enum Error {
    #[zbus(error)]
    ZBus(zbus::Error),
    /// There are as many readers as there may be, or the UART is not there.
    Unavailable(String),
    /// The host holds the UART up.
    Timeout(String),
    /// The UART does not take it.
    InvalidArgument(String),
    /// The kernel had no socket, or no GPIO line.
    InternalFailure(String),
    /// The board has no such line.
    UnsupportedRequest(String),
}

impl From<NoHold> for Error {
    fn from(no_hold: NoHold) -> Self {
        let text = no_hold.to_string();
        match no_hold {
            NoHold::TooMany => Self::Unavailable(text),
            NoHold::Socket(_) => Self::InternalFailure(text),
        }
    }
}

impl From<NoRing> for Error {
    fn from(no_ring: NoRing) -> Self {
        let text = no_ring.to_string();
        match no_ring {
            NoRing::Unconfigured => Self::UnsupportedRequest(text),
            NoRing::Gpio(_) | NoRing::CutShort => Self::InternalFailure(text),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Absent => Self::Unavailable(text),
            Refusal::HeldUp => Self::Timeout(text),
            Refusal::Refused(_) => Self::InvalidArgument(text),
        }
    }
}

/// Serves `console` until the connection or the daemon ends; `ready` is called once the name is owned.
pub(crate) async fn serve(
    connection: &Connection,
    console: &Arc<Console>,
    ring_indicator: &Arc<RingIndicator>,
    settings: &Settings,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let (mut uart, mut breaks, mut carrier) = (console.uart(), console.breaks(), console.carrier.level());
    let path = path(&settings.id);
    let server = connection.object_server();
    server.serve(path.as_str(), Access(Arc::clone(console))).await?;
    server.serve(path.as_str(), Rate(Arc::clone(console))).await?;
    let own = Own {
        console: Arc::clone(console),
        ring_indicator: Arc::clone(ring_indicator),
        tty: settings.tty.clone(),
        socket: settings.socket.clone(),
        log: settings.log.clone(),
    };
    server.serve(path.as_str(), own).await?;
    bmc_dbus::own_name(connection, &service(&settings.id)).await?;
    ready();
    let rate = server.interface::<_, Rate>(path.as_str()).boxed().await?;
    let own = server.interface::<_, Own>(path.as_str()).boxed().await?;
    let mut shown = *uart.borrow_and_update();
    loop {
        tokio::select! {
            changed = uart.changed() => {
                changed?;
                let now = *uart.borrow_and_update();
                if now.present != shown.present {
                    own.get().await.present_changed(own.signal_emitter()).boxed().await?;
                }
                if now.baud != shown.baud {
                    rate.get().await.baud_changed(rate.signal_emitter()).boxed().await?;
                }
                shown = now;
            }
            () = carrier.changed() => own.get().await.carrier_changed(own.signal_emitter()).boxed().await?,
            // Breaks that came too fast for the bus are one.
            _ = breaks.recv() => Own::break_received(own.signal_emitter()).boxed().await?,
        }
    }
}

/// A socket from `place` on.
fn open(
    console: &Arc<Console>,
    place: impl FnOnce() -> Place,
    on_loss: OnLoss,
) -> Result<(OwnedFd, Place), Error> {
    let seat = console.seat().map_err(|error| Error::Unavailable(error.to_string()))?;
    let failed = |error: std::io::Error| Error::InternalFailure(error.to_string());
    let (ours, theirs) = StdStream::pair().map_err(failed)?;
    ours.set_nonblocking(true).map_err(failed)?;
    let (stream, place) = (UnixStream::from_std(ours).map_err(failed)?, place());
    bmc_daemon::spawn(client::serve(stream, seat, Arc::clone(console), place, on_loss));
    Ok((StdFd::from(theirs).into(), place))
}

/// OpenBMC's way to the bytes.
struct Access(Arc<Console>);

#[interface(name = "xyz.openbmc_project.Console.Access")]
impl Access {
    async fn connect(&self) -> Result<OwnedFd, Error> {
        let place = || self.0.ring().place_before_end(DEFAULT_BACKLOG);
        Ok(open(&self.0, place, OnLoss::Notice)?.0)
    }
}

/// The UART's rate.
struct Rate(Arc<Console>);

#[interface(name = "xyz.openbmc_project.Console.UART")]
impl Rate {
    #[zbus(property)]
    async fn baud(&self) -> u64 {
        self.0.uart().borrow().baud.into()
    }

    #[zbus(property)]
    async fn set_baud(&self, baud: u64) -> zbus::fdo::Result<()> {
        let wrong = |text: String| zbus::fdo::Error::InvalidArgs(text);
        let baud = u32::try_from(baud).ok().filter(|baud| (50..=4_000_000).contains(baud));
        let baud = baud.ok_or_else(|| wrong("Baud: 50 to 4000000".to_owned()))?;
        self.0.set_baud(baud).await.map_err(|refusal| match refusal {
            Refusal::Refused(_) => wrong(refusal.to_string()),
            _ => zbus::fdo::Error::Failed(refusal.to_string()),
        })
    }
}

/// What the two lack.
struct Own {
    console: Arc<Console>,
    ring_indicator: Arc<RingIndicator>,
    tty: PathBuf,
    socket: Option<PathBuf>,
    log: Option<LogSettings>,
}

#[interface(name = "org.ferrite.Console")]
impl Own {
    async fn attach(&self, backlog: u64, notices: bool) -> Result<OwnedFd, Error> {
        let on_loss = if notices { OnLoss::Notice } else { OnLoss::GoOn };
        Ok(open(&self.console, || self.console.ring().place_before_end(backlog), on_loss)?.0)
    }

    async fn resume(&self, position: u64) -> Result<(OwnedFd, u64), Error> {
        let place = || self.console.ring().place_at(position);
        let (fd, place) = open(&self.console, place, OnLoss::Close)?;
        Ok((fd, place.position()))
    }

    async fn send_break(&self) -> Result<(), Error> {
        Ok(self.console.send_break().await?)
    }

    async fn ring(&self) -> Result<(), Error> {
        Ok(self.ring_indicator.ring().await?)
    }

    async fn drop_carrier(&self) -> Result<OwnedFd, Error> {
        Ok(self.console.carrier.hold_down()?.into())
    }

    async fn backlog(&self, bytes: u64) -> Vec<u8> {
        let ring = self.console.ring();
        let (mut place, mut out) = (ring.place_before_end(bytes), Vec::new());
        ring.read(&mut place, usize::MAX, &mut out);
        out
    }

    async fn open_log(&self) -> Vec<OwnedFd> {
        let files = self.log.iter().flat_map(LogSettings::open_all);
        files.map(|file| StdFd::from(file).into()).collect()
    }

    #[zbus(property)]
    async fn present(&self) -> bool {
        self.console.uart().borrow().present
    }

    #[zbus(property)]
    async fn carrier(&self) -> bool {
        self.console.carrier.level().asserted()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    async fn position(&self) -> u64 {
        self.console.ring().end()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    async fn lost(&self) -> u64 {
        self.console.lost()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    async fn readers(&self) -> u32 {
        self.console.readers()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    async fn tty(&self) -> String {
        self.tty.to_string_lossy().into_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    async fn socket(&self) -> String {
        self.socket.as_ref().map_or_else(String::new, |path| path.to_string_lossy().into_owned())
    }

    #[zbus(signal, name = "Break")]
    async fn break_received(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}
