//! The life of a daemon: start, readiness, liveness, shutdown.

use std::{
    ffi::OsString,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    process::ExitCode,
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::watch,
};

use crate::{
    Arguments, ArgumentsError, ChannelTable, ConfigError,
    config::{Located, read_toml},
    journal,
    state::{StateError, StateFile},
};

/// The whole life of a daemon. Not `Send`: each daemon has one thread for its futures.
pub type RunFuture = Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// A daemon, as the `ferrite` executable knows it.
#[derive(Clone, Copy)]
pub struct Daemon {
    /// One word, everywhere the same: crate, subcommand, symlink, unit, log identifier, configuration file.
    pub name: &'static str,
    /// What it does, in one line for `--help`.
    pub about: &'static str,
    /// Runs until [`Context::shutdown`] or an error that only a restart can mend.
    pub run: fn(Context) -> RunFuture,
}

/// What a daemon is given when it starts.
#[derive(Debug, Clone)]
pub struct Context {
    name: &'static str,
    arguments: Arguments,
    shutdown: Shutdown,
}

impl Context {
    /// A context for `arguments`; [`main`] makes the one that a real daemon gets.
    pub fn new(name: &'static str, arguments: Arguments, shutdown: Shutdown) -> Self {
        Self { name, arguments, shutdown }
    }

    /// The daemon's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Which instance this is, where there are several.
    pub fn instance(&self) -> Option<&str> {
        self.arguments.instance.as_deref()
    }

    /// The directory of the configuration files.
    pub fn config_dir(&self) -> &Path {
        &self.arguments.config_dir
    }

    /// The daemon's own configuration file: that of `--config`, else `<name>.toml`.
    pub fn config_path(&self) -> PathBuf {
        let given = self.arguments.config.clone();
        given.unwrap_or_else(|| self.config_dir().join(self.name).with_extension("toml"))
    }

    /// Reads [`Context::config_path`].
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and field.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        read_toml(&self.config_path())
    }

    /// Something wrong with `field` of `<name>.toml`, which a check after [`Context::config`] found; `message` names the field.
    pub fn config_error(&self, field: &str, message: &impl std::fmt::Display) -> Located {
        let path = self.config_path();
        // A field that is not there has its default, and the file as a whole is at fault.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let sets = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == field);
        let line = text.lines().position(sets).map_or(1, |index| index + 1);
        Located { path, line, message: message.to_string() }
    }

    /// Reads `channels.toml`.
    ///
    /// # Errors
    /// As [`ChannelTable::read`].
    pub fn channels(&self) -> Result<ChannelTable, ConfigError> {
        ChannelTable::read(self.config_dir())
    }

    /// The path of `file` in the daemon's state directory, which is made if it is not there.
    ///
    /// # Errors
    /// [`StateError`] where the directory cannot be made.
    pub fn state_path(&self, file: &str) -> Result<PathBuf, StateError> {
        let dir = &self.arguments.state_dir;
        std::fs::create_dir_all(dir).map_err(|source| StateError::new(dir, source))?;
        Ok(dir.join(file))
    }

    /// A small value that outlives restarts, in `file` of the state directory.
    ///
    /// # Errors
    /// As [`Context::state_path`].
    pub fn state_file<T>(&self, file: &str) -> Result<StateFile<T>, StateError> {
        Ok(StateFile::new(self.state_path(file)?))
    }

    /// Ends when the daemon is to stop.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Tells systemd that the service answers.
    pub fn ready(&self) {
        notify([("READY", "1")]);
    }
}

/// Resolves once the daemon has been asked to stop. Cheap to clone; every task that lives as long as the daemon holds one.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A shutdown and the sender that triggers it by sending `true`, or by being dropped.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits for the request to stop.
    pub async fn requested(&mut self) {
        // An error means that the sender is gone, which is the end as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Runs `daemon` with `arguments` (without the program's name) until it ends or a SIGTERM or SIGINT comes.
pub fn main(daemon: &Daemon, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::parse(daemon.name, arguments) {
        Ok(arguments) => arguments,
        Err(ArgumentsError::Help) => {
            print!("{}", Arguments::usage(daemon.name, daemon.about));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("ferrite {}: {error}\nhint: ferrite {} --help", daemon.name, daemon.name);
            return ExitCode::from(2);
        }
    };
    crate::memory::share_one_heap();
    journal::init(daemon.name, arguments.log_level);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    // A task of its own: each wake of the future that a runtime blocks on costs a system call or two.
    let main = runtime.spawn_local(run(daemon.name, daemon.run, arguments));
    match runtime.block_on(main).map_err(anyhow::Error::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(
    name: &'static str,
    daemon: fn(Context) -> RunFuture,
    arguments: Arguments,
) -> anyhow::Result<()> {
    let (stop, shutdown) = Shutdown::channel();
    let signals = crate::task::spawn(async move {
        if let Err(error) = wait_for_signal().await {
            tracing::warn!("cannot listen for signals: {error}");
            std::future::pending::<()>().await;
        }
        notify([("STOPPING", "1")]);
        let _ = stop.send(true);
        // Held until the runtime ends: dropping it would look like a second request.
        std::future::pending::<()>().await;
    });
    let liveness = crate::task::spawn(feed_watchdog());
    let memory = crate::task::spawn(crate::memory::give_back_after_start());
    tracing::info!("starting, version {}", env!("CARGO_PKG_VERSION"));
    let result = daemon(Context::new(name, arguments, shutdown)).await;
    signals.abort();
    liveness.abort();
    memory.abort();
    if result.is_ok() {
        tracing::info!("stopped");
    }
    result
}

async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Feeds systemd's watchdog from the daemon's own runtime, so that a stalled runtime is a missed beat.
async fn feed_watchdog() {
    let Ok(microseconds @ 1..) = systemd::daemon::watchdog_enabled() else { return };
    let mut beat = tokio::time::interval(Duration::from_micros(microseconds / 2));
    loop {
        beat.tick().await;
        notify([("WATCHDOG", "1")]);
    }
}

fn notify<const N: usize>(state: [(&'static str, &'static str); N]) {
    if let Err(error) = systemd::daemon::notify(state.iter()) {
        tracing::warn!("cannot notify systemd of {state:?}: {error}");
    }
}
